"""
The suite for a `Journal`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from poslife.conformance._assertions import check, narrowed, same, together
from poslife.conformance._promises import promised_by
from poslife.errors import JournalUnavailable
from poslife.protocols import Journal, JournalPage, JournalStatus

__all__ = ["JournalConformance"]


class JournalConformance(ABC):
    """
    The tests of `Journal`, one for each sentence of its contract.

    Say how a fresh one is made, and how it is opened again::

        class TestMyJournal(JournalConformance):
            @contextmanager
            def journal(self) -> Generator[Journal]:
                self.journal_made = MyJournal(fresh_directory())
                yield self.journal_made
                self.journal_made.close()

            def reopened(self, journal: Journal) -> Journal:
                journal.close()
                return MyJournal(self.journal_made.directory)

    A hook that returns ``None`` leaves the tests that need it without effect.
    """

    @abstractmethod
    def journal(self) -> AbstractContextManager[Journal]:
        """
        Make a fresh and empty journal, not opened. Each test asks once.
        """

    def reopened(self, journal: Journal, /) -> Journal | None:
        """
        Return the journal as the next process finds it. *Default*: ``None``, if it ends with its process.
        """
        del journal
        return None

    def full(self, journal: Journal, /) -> AbstractContextManager[None] | None:
        """
        Leave the journal no room, while it is entered. *Default*: ``None``.
        """
        del journal
        return None

    @promised_by(Journal.append, Journal.open)
    async def test_append_numbers_frames(self) -> None:
        """
        ``append`` opens by itself and returns the frame's number: one more than the one before, from 1.
        """
        with self.journal() as journal:
            same([1, 2, 3], [journal.append(_frame(number)) for number in (1, 2, 3)], "the numbers")
            status = journal.open()
            same(3, status.last, "the last number, after opening an open journal")
            same(4, journal.append(_frame(4)), "the number after opening an open journal")

    @promised_by(Journal.open)
    async def test_open_finds_nothing_in_a_fresh_journal(self) -> None:
        """
        ``open`` of a fresh journal finds no frames, no marks and no failure.
        """
        with self.journal() as journal:
            status = narrowed(journal.open(), JournalStatus, "the return value of open")
            same((1, 0, 0, None), (status.first, status.last, status.recovered, status.failure), "the status")
            page = narrowed(journal.read(0), JournalPage, "the return value of read")
            same(JournalPage(frames=(), last=0), page, "the page")
            same({}, dict(journal.marks()), "the marks")

    @promised_by(Journal.read)
    async def test_read_gives_what_was_appended(self) -> None:
        """
        ``read`` gives frames of any bytes back whole, in order, with their numbers.
        """
        with self.journal() as journal:
            frames = [
                b"",
                bytes(range(256)) * 4,
                b"\x00" * 300,
                b"\xf5\xc1\xa7J" * 9,
                b"x" * (1 << 20),
                b"\n",
            ]
            wanted: list[tuple[int, bytes]] = []
            for frame in frames:
                wanted.append((journal.append(frame), frame))
                same(tuple(wanted[-1:]), journal.read(len(wanted) - 1).frames, "the frame just appended")
            same(wanted, list(_pages(journal, 0)), "the frames")

    @promised_by(Journal.read)
    async def test_read_in_pages(self) -> None:
        """
        ``read`` gives the frames after a number, at least one if there is one, and about as much as asked.
        """
        with self.journal() as journal:
            wanted = [(journal.append(_frame(number)), _frame(number)) for number in range(1, 501)]
            same(wanted, list(_pages(journal, 0, most_bytes=1)), "the frames, in the smallest pages")
            same(wanted, list(_pages(journal, 0, most_bytes=10_000)), "the frames, in pages")
            page = journal.read(0, most_bytes=1 << 30)
            same(page.frames[-1][0], page.last, "where to read on")
            same((), journal.read(500).frames, "the frames after the last")
            same(500, journal.read(500).last, "where to read on after the last")
            # Reading goes back, as after a failure.
            same(wanted[100:], list(_pages(journal, 100)), "the frames after 100")

    @promised_by(Journal.forget)
    async def test_forget(self) -> None:
        """
        ``forget`` removes the frames up to a number and no later one, and numbers go on.
        """
        with self.journal() as journal:
            wanted = [(journal.append(_frame(number)), _frame(number)) for number in range(1, 51)]
            journal.forget(20)
            same(wanted[20:], list(_pages(journal, 0)), "the frames after forget")
            same((21, 50), (journal.status().first, journal.status().last), "the first and the last number")
            journal.forget(10)
            same(wanted[20:], list(_pages(journal, 0)), "the frames after forget of a lower number")
            journal.forget(50)
            same((), journal.read(0).frames, "the frames after forget of all")
            same(51, journal.append(_frame(51)), "the number after forget of all")
            same([(51, _frame(51))], list(_pages(journal, 0)), "the frames appended since")
            same(51, journal.status().first, "the first number")

    @promised_by(Journal.mark, Journal.marks)
    async def test_marks(self) -> None:
        """
        ``marks`` has the latest mark of each lane.
        """
        with self.journal() as journal:
            for number in range(1, 11):
                journal.append(_frame(number))
            journal.mark("store", 3)
            journal.mark("lines", 1)
            journal.mark("store", 7)
            same({"lines": 1, "store": 7}, dict(sorted(journal.marks().items())), "the marks")
            journal.forget(1)
            same({"lines": 1, "store": 7}, dict(sorted(journal.marks().items())), "the marks")

    @promised_by(Journal)
    async def test_threads(self) -> None:
        """
        Methods may be called from any thread: each frame has its number, and none is missing.
        """
        with self.journal() as journal:

            def append(thread: int) -> list[tuple[int, bytes]]:
                frames = [b"%d in thread %d" % (count, thread) for count in range(250)]
                return [(journal.append(frame), frame) for frame in frames]

            def read() -> list[tuple[int, bytes]]:
                frames: list[tuple[int, bytes]] = []
                # An empty page may only mean that reading is faster than appending.
                for _ in range(100_000):
                    page = journal.read(len(frames), most_bytes=2000)
                    frames += page.frames
                    journal.sync()
                    if len(frames) >= 1000:
                        break
                return frames

            reading = asyncio.to_thread(read)
            *appended, frames = await together(*(asyncio.to_thread(append, n) for n in range(4)), reading)
            wanted = sorted(pair for pairs in appended for pair in pairs)
            same(list(range(1, 1001)), [number for number, _ in wanted], "the numbers")
            same(wanted, frames, "the frames, read meanwhile")
            check(
                all(pairs == sorted(pairs) for pairs in appended),
                "the frames of a thread are not in the order it appended them",
            )

    @promised_by(Journal.sync, Journal.status)
    async def test_sync_and_status(self) -> None:
        """
        ``sync`` returns ``None`` when all is on the disk, and ``status`` says how the journal is now.
        """
        with self.journal() as journal:
            for number in range(1, 4):
                journal.append(_frame(number))
            sync: Callable[[], object] = journal.sync
            same(None, sync(), "the return value of sync")
            status = narrowed(journal.status(), JournalStatus, "the return value of status")
            same((1, 3, 0, 0), (status.first, status.last, status.torn_tails, status.gaps), "the status")
            size = 3 * len(_frame(1))
            check(status.bytes_kept >= size, f"bytes_kept: expected at least {size}, got {status.bytes_kept}")

    @promised_by(Journal.close)
    async def test_closed(self) -> None:
        """
        A closed journal refuses frames, and closing it again does nothing.
        """
        with self.journal() as journal:
            journal.append(_frame(1))
            journal.close()
            journal.close()
            _refused(lambda: journal.append(_frame(2)), "an append to a closed journal")

    @promised_by(Journal.append)
    async def test_full(self) -> None:
        """
        A frame that ``append`` refuses leaves nothing and takes no number, and a later one may succeed.
        """
        with self.journal() as journal:
            wanted = [(journal.append(_frame(1)), _frame(1))]
            full = self.full(journal)
            if full is None:
                return
            with full:
                for _ in range(3):
                    _refused(lambda: journal.append(_frame(0)), "an append without room")
                check(
                    journal.status().failure is not None,
                    "JournalStatus.failure: expected the reason, got None",
                )
                same(wanted, list(_pages(journal, 0)), "the frames, while there is no room")
            wanted.append((journal.append(_frame(2)), _frame(2)))
            same(None, journal.status().failure, "JournalStatus.failure after an append that succeeded")
            same([(1, _frame(1)), (2, _frame(2))], wanted, "the numbers")
            same(wanted, list(_pages(journal, 0)), "the frames")

    @promised_by(Journal.open, Journal.forget, Journal.mark)
    async def test_next_process_finds_it(self) -> None:
        """
        The next process finds the frames, marks and numbers as they were left.
        """
        with self.journal() as journal:
            wanted = [(journal.append(_frame(number)), _frame(number)) for number in range(1, 31)]
            journal.mark("store", 12)
            journal.forget(10)
            again = self.reopened(journal)
            if again is None:
                return
            try:
                status = again.open()
                same((11, 30, 20), (status.first, status.last, status.recovered), "first, last and recovered")
                same({"store": 12}, dict(again.marks()), "the marks")
                same(wanted[10:], list(_pages(again, 0)), "the frames")
                same(31, again.append(_frame(31)), "the next number")
                same([*wanted[10:], (31, _frame(31))], list(_pages(again, 0)), "the frames, and the new one")
                same(20, again.status().recovered, "JournalStatus.recovered after an append")
            finally:
                again.close()


def _frame(number: int) -> bytes:
    return b"frame %d, " % number + b"\x00\xff" * (number % 97)


def _pages(journal: Journal, after: int, *, most_bytes: int = 1 << 20) -> Iterator[tuple[int, bytes]]:
    """
    Yield all frames after a number, read page by page.
    """
    while True:
        page = journal.read(after, most_bytes=most_bytes)
        same((), page.gaps, "the gaps")
        if not page.frames:
            return
        check(
            page.last > after,
            f"JournalPage.last of a page with frames: expected more than {after}, got {page.last}",
        )
        check(
            len(page.frames) == 1 or sum(len(frame) for _, frame in page.frames) <= most_bytes + (2 << 20),
            f"a page: expected about {most_bytes} bytes, got {sum(len(frame) for _, frame in page.frames)}",
        )
        after = page.last
        yield from page.frames


def _refused(call: Callable[[], object], name: str) -> None:
    try:
        result = call()
    except JournalUnavailable:
        return
    except Exception as error:
        raise AssertionError(
            f"{name}: expected JournalUnavailable, got {type(error).__name__}: {error}"
        ) from error
    raise AssertionError(f"{name}: expected JournalUnavailable, got {result!r} returned")
