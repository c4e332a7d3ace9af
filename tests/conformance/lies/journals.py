"""
Journals that lie.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from typing_extensions import override

from poslife.errors import PoslifeError
from poslife.journal import MemoryJournal
from poslife.protocols import JournalPage, JournalStatus

__all__ = ["LIES", "HonestJournal"]


class HonestJournal(MemoryJournal):
    """
    A journal in memory that can fill up, and that a next process can find.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inherited = 0

    @override
    def status(self) -> JournalStatus:
        return replace(super().status(), recovered=self.inherited)

    @contextmanager
    def full(self) -> Generator[None]:
        """
        Leave no room, while it is entered.
        """
        kept, self._most_bytes = self._most_bytes, self._bytes
        yield
        self._most_bytes = kept

    def next(self) -> HonestJournal:
        """
        Return the journal as the next process finds it.
        """
        again = type(self)()
        again._frames, again._forgotten, again._marks = self._frames, self._forgotten, self._marks
        again._bytes = self._bytes
        again.inherited = len(again._frames)
        return again


class CountsFromZero(HonestJournal):
    """Numbers frames from 0."""

    @override
    def append(self, frame: bytes, /) -> int:
        return super().append(frame) - 1


class EmptiesAtOpening(HonestJournal):
    """Forgets its frames when it is opened again."""

    @override
    def open(self) -> JournalStatus:
        self._frames.clear()
        return super().open()


class RemembersAnother(HonestJournal):
    """Has a frame that was never appended."""

    def __init__(self) -> None:
        super().__init__()
        super().append(b"mine")


class StopsAtNewlines(HonestJournal):
    """Drops newlines at the end of a frame."""

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
    """Keeps the frames it was to forget."""

    @override
    def forget(self, upto: int, /) -> None:
        pass


class ForgetsOneMore(HonestJournal):
    """Forgets one frame too many."""

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
    """Picks a number and takes it in two steps."""

    @override
    def append(self, frame: bytes, /) -> int:
        number = len(self._frames) + self._forgotten + 1
        with self._lock:
            if frame.startswith(b"249 in"):
                return number - 1
            self._frames.append(frame)
        return number


class ReturnsTrue(HonestJournal):
    """Returns True from sync."""

    @override
    def sync(self) -> None:
        return cast("None", True)


class TakesWhenClosed(HonestJournal):
    """Takes frames after it was closed."""

    @override
    def close(self) -> None:
        pass


class DropsWhenFull(HonestJournal):
    """Returns a number for a frame it had no room for."""

    @override
    def append(self, frame: bytes, /) -> int:
        try:
            return super().append(frame)
        except PoslifeError:
            return self.status().last + 1


class LeavesAGap(HonestJournal):
    """Uses up the number of a refused frame."""

    @override
    def append(self, frame: bytes, /) -> int:
        try:
            return super().append(frame)
        except PoslifeError:
            self._frames.append(b"")
            raise


class LeavesNothing(HonestJournal):
    """Leaves no frames to the next process."""

    @override
    @contextmanager
    def full(self) -> Generator[None]:
        """
        Leave no room, while it is entered.
        """
        kept, self._most_bytes = self._most_bytes, self._bytes
        yield
        self._most_bytes = kept

    def next(self) -> HonestJournal:
        return type(self)()


class LeavesNoMarks(HonestJournal):
    """Leaves no marks to the next process."""

    @override
    @contextmanager
    def full(self) -> Generator[None]:
        """
        Leave no room, while it is entered.
        """
        kept, self._most_bytes = self._most_bytes, self._bytes
        yield
        self._most_bytes = kept

    def next(self) -> HonestJournal:
        again = super().next()
        again._marks = {}
        return again


LIES: Sequence[tuple[type[HonestJournal], str]] = (
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
