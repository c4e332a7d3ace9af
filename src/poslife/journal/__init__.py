"""
The journal: where events wait, safe from the death of the process, until a store has them.

`poslife.connect` makes one by itself; by hand it is given to a `BatchingSink`.

From below: `_segments` says how frames lie in a file, `_cursor` up to where they were let go of, `_directory`
what one process's directory holds, `_adoption` whose it is; `_appending` writes, `_reading` reads, and
`_file` puts them together.
"""

from __future__ import annotations

from poslife.journal._file import FileJournal
from poslife.journal._memory import MemoryJournal
from poslife.journal._place import default_journal_directory

__all__ = ["FileJournal", "MemoryJournal", "default_journal_directory"]
