"""
The journal: files that keep events through the death of the process until a store has them.

`poslife.connect` makes one by itself; by hand it is given to a `BatchingSink`.

Files rather than SQLite: an append costs 2.7 us, an INSERT into SQLite's write-ahead log 13.4 us
(``python -m benchmarks.journal``), and forgetting events is removing a file rather than deleting rows.

From below: `_segments` is the format of a file of frames, `_cursor` the file that says up to where they are
forgotten, `_directory` the contents of one process's directory, `_adoption` which directory a process gets;
`_appending` writes, `_reading` reads, `_opened` is a journal while it is open, and `_file` is the whole.
"""

from __future__ import annotations

from poslife.journal._file import FileJournal
from poslife.journal._memory import MemoryJournal
from poslife.journal._place import default_journal_directory

__all__ = ["FileJournal", "MemoryJournal", "default_journal_directory"]
