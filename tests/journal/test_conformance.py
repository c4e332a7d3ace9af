"""
Both journals keep the contract of a journal.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from typing_extensions import override

from poslife.conformance import JournalConformance
from poslife.journal import FileJournal, MemoryJournal
from poslife.protocols import Journal
from tests.journal.disks import Faults


class TestFileJournal(JournalConformance):
    @override
    @contextmanager
    def journal(self) -> Generator[Journal]:
        self.faults = Faults()
        with tempfile.TemporaryDirectory() as folder:
            self.root = Path(folder) / "journal"
            journal = self.made()
            yield journal
            journal.close()

    def made(self) -> Journal:
        return FileJournal(self.root, segment_bytes=4096, _disk=self.faults.disk)

    @override
    def reopened(self, journal: Journal, /) -> Journal:
        journal.close()
        return self.made()

    @override
    def full(self, journal: Journal, /) -> AbstractContextManager[None]:
        return self.faults.full(room=5)


class TestFileJournalWithOneLargeSegment(TestFileJournal):
    @override
    def made(self) -> Journal:
        return FileJournal(self.root, _disk=self.faults.disk)


class TestMemoryJournal(JournalConformance):
    @override
    @contextmanager
    def journal(self) -> Generator[Journal]:
        yield MemoryJournal()

    @override
    @contextmanager
    def full(self, journal: Journal, /) -> Generator[None]:
        assert isinstance(journal, MemoryJournal)
        journal._most_bytes, kept = journal.status().bytes_kept, journal._most_bytes
        yield
        journal._most_bytes = kept
