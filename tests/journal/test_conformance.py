"""
Both journals do what the contract says, and what does not is caught.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from typing_extensions import override

from poslife.conformance import JournalConformance, examine
from poslife.errors import PoslifeError
from poslife.journal import FileJournal, MemoryJournal
from poslife.protocols import Journal, JournalPage, JournalStatus
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


class HonestJournal(MemoryJournal):
    """
    What liars are made from: it can fill up, and be found again.
    """

    lost: HonestJournal

    def __init__(self) -> None:
        super().__init__()
        self.inherited = 0

    @override
    def status(self) -> JournalStatus:
        return replace(super().status(), recovered=self.inherited)

    def next(self) -> HonestJournal:
        """
        The same for the next process.
        """
        again = type(self)()
        again._frames, again._forgotten, again._marks = self._frames, self._forgotten, self._marks
        again._bytes = self._bytes
        again.inherited = len(again._frames)
        return again


class JournalSuite(TestMemoryJournal):
    __test__ = False
    journal_class: type[HonestJournal] = HonestJournal

    @override
    @contextmanager
    def journal(self) -> Generator[Journal]:
        yield self.journal_class()

    @override
    def reopened(self, journal: Journal, /) -> Journal:
        assert isinstance(journal, HonestJournal)
        return journal.next()


class CountsFromZero(HonestJournal):
    """Numbers frames from 0."""

    @override
    def append(self, frame: bytes, /) -> int:
        return super().append(frame) - 1


class EmptiesAtOpening(HonestJournal):
    """Begins anew when it is opened again."""

    @override
    def open(self) -> JournalStatus:
        self._frames.clear()
        return super().open()


class RemembersAnother(HonestJournal):
    """Has frames nobody appended."""

    def __init__(self) -> None:
        super().__init__()
        super().append(b"mine")


class StopsAtNewlines(HonestJournal):
    """Takes a frame for a line."""

    @override
    def append(self, frame: bytes, /) -> int:
        return super().append(frame.rstrip(b"\n"))


class ReadsLate(HonestJournal):
    """Does not give the newest frame."""

    @override
    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        page = super().read(after, most_bytes=most_bytes)
        kept = tuple(pair for pair in page.frames if pair[0] < self.status().last)
        return replace(page, frames=kept, last=kept[-1][0] if kept else after)


class ReadsForwardOnly(HonestJournal):
    """Gives each frame once."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    @override
    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        page = super().read(max(after, self.given), most_bytes=most_bytes)
        self.given = page.last
        return page


class ForgetsNothing(HonestJournal):
    """Keeps what it was to let go of."""

    @override
    def forget(self, upto: int, /) -> None:
        pass


class ForgetsOneMore(HonestJournal):
    """Lets go of one frame too many."""

    @override
    def forget(self, upto: int, /) -> None:
        super().forget(upto + 1)


class NumbersAgain(HonestJournal):
    """Counts from 1 again when it is empty."""

    @override
    def forget(self, upto: int, /) -> None:
        super().forget(upto)
        if not self._frames:
            self._forgotten = 0


class OneMark(HonestJournal):
    """Has one mark for all lanes."""

    @override
    def marks(self) -> Mapping[str, int]:
        return dict.fromkeys(super().marks(), max(self._marks.values(), default=0))


class NumbersInThreads(HonestJournal):
    """Looks for a number, and then takes it."""

    @override
    def append(self, frame: bytes, /) -> int:
        number = len(self._frames) + self._forgotten + 1
        with self._lock:
            if frame.startswith(b"249 in"):
                return number - 1
            self._frames.append(frame)
        return number


class ReturnsTrue(HonestJournal):
    """Says by what it returns that it has synced."""

    @override
    def sync(self) -> None:
        return cast("None", True)


class TakesWhenClosed(HonestJournal):
    """Takes frames after its end."""

    @override
    def close(self) -> None:
        pass


class DropsWhenFull(HonestJournal):
    """Says that it kept what it had no room for."""

    @override
    def append(self, frame: bytes, /) -> int:
        try:
            return super().append(frame)
        except PoslifeError:
            return self.status().last + 1


class LeavesAGap(HonestJournal):
    """Gives the number of a refused frame to nobody."""

    @override
    def append(self, frame: bytes, /) -> int:
        try:
            return super().append(frame)
        except PoslifeError:
            self._frames.append(b"")
            raise


class LeavesNothing(HonestJournal):
    """Begins anew in each process."""

    @override
    def next(self) -> HonestJournal:
        return type(self)()


class LeavesNoMarks(HonestJournal):
    """Has no marks for the next process."""

    @override
    def next(self) -> HonestJournal:
        again = super().next()
        again._marks = {}
        return again


LIES: tuple[tuple[type[HonestJournal], str], ...] = (
    (CountsFromZero, "test_append_numbers_frames"),
    (EmptiesAtOpening, "test_append_numbers_frames"),
    (RemembersAnother, "test_open_finds_nothing_in_a_fresh_journal"),
    (StopsAtNewlines, "test_read_gives_what_was_appended"),
    (ReadsLate, "test_read_gives_what_was_appended"),
    (ReadsForwardOnly, "test_read_in_pages"),
    (ForgetsNothing, "test_forget"),
    (ForgetsOneMore, "test_forget"),
    (NumbersAgain, "test_forget"),
    (OneMark, "test_marks"),
    (NumbersInThreads, "test_threads"),
    (ReturnsTrue, "test_sync_and_status"),
    (TakesWhenClosed, "test_closed"),
    (DropsWhenFull, "test_full"),
    (LeavesAGap, "test_full"),
    (LeavesNothing, "test_next_process_finds_it"),
    (LeavesNoMarks, "test_next_process_finds_it"),
)


def told(lie: tuple[type[object], str]) -> str:
    return " ".join((inspect.getdoc(lie[0]) or "").split())


def test_each_test_has_its_lie() -> None:
    """No test of the suite is there without a lie that it catches."""
    tests = {name for name in dir(JournalSuite) if name.startswith("test_")}

    assert tests == {test for _, test in LIES}


async def test_truth() -> None:
    """A truthful journal passes every test."""
    report = await examine(JournalSuite())

    assert report.failed == (), str(report)


@pytest.mark.parametrize("lie", LIES, ids=told)
async def test_lying_journal(lie: tuple[type[HonestJournal], str]) -> None:
    """A journal's lie is caught, by the test that is there for it."""
    suite = JournalSuite()
    suite.journal_class, test = lie

    with pytest.raises((AssertionError, PoslifeError)):
        await getattr(suite, test)()
