"""
The journal: where events wait, safe from the death of the process, until a store has them.

`poslife.connect` makes one by itself; by hand it is given to a `BatchingSink`.
"""

from __future__ import annotations

from poslife._journal import FileJournal, MemoryJournal, default_journal_directory

__all__ = ["FileJournal", "MemoryJournal", "default_journal_directory"]
