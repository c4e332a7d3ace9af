"""
What an adapter's author writes for a sink: a batch writer, a journal, and what goes with them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from poslife._domain.identifiers import EventId
from poslife._trail.records import BuriedLetter, DeadLetter, EventRecord, FeedPage, FeedToken
from poslife.protocols._pages import Page, PageToken

__all__ = [
    "BatchWriter",
    "DeadLetterBox",
    "Journal",
    "JournalGap",
    "JournalPage",
    "JournalStatus",
    "LifeEventFeed",
    "RunEventFeed",
]


class BatchWriter(Protocol):
    """
    How a sink reaches a store.

    By what it raises, it tells what to do: a row that is bad, a store that somebody must put right, a lock,
    or an outage. Whatever else it raises is taken for a fault of its own, and the batch is repeated.
    """

    @abstractmethod
    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        Store all of *records* or none.

        An event id that is stored already is passed over, so repeating is safe.

        Raises:
            StorageRejected: One of them is refused for good, at ``row`` where that is known. The sink finds
                out which by itself.
            StorageNotReady: Nothing is wrong with them; the store must be put right first.
            StorageBusy: A lock was not to be had: repeat.
            StorageUnavailable: Unknown whether they were stored: repeat.
        """
        ...

    @abstractmethod
    async def probe(self) -> None:
        """
        Ask the store, really, whether it would take a good event now: a write that leaves nothing behind.

        Where a batch fails again and again while this succeeds, one of its events is the cause.

        Raises:
            StorageNotReady: As for `write`.
            StorageUnavailable: As for `write`.
        """
        ...

    @abstractmethod
    async def bury(self, letter: DeadLetter, /) -> None:
        """
        Keep an event the store refused, as bytes no store refuses; not where the event is stored after all.

        Repeating is safe.

        Raises:
            StorageRejected: Even that is refused: the sink keeps it in a file.
            StorageUnavailable: Unknown whether it was kept: repeat.
        """
        ...


class DeadLetterBox(Protocol):
    """
    The events a store refused, to look at and to try again when the cause is gone.
    """

    @abstractmethod
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        """
        The dead letters that were not replayed, by event id.

        Raises:
            InvalidValue: A limit outside 1 to 1000, or a token of no page.
            StorageUnavailable: The store did not answer.
        """
        ...

    @abstractmethod
    async def replay(self, event: EventId, /) -> None:
        """
        Store the event of a dead letter, and mark the letter as replayed, in one transaction.

        Raises:
            DeadLetterNotFound: There is none with this id, or it was replayed before.
            StorageRejected: The event is refused again; the letter stays as it is.
            StorageUnavailable: Unknown whether it was done: repeat, and take `DeadLetterNotFound` for a yes.
        """
        ...


class LifeEventFeed(Protocol):
    """
    The life events of a store, for those who follow it.
    """

    @abstractmethod
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        """
        The life events that were committed after the point *after*, from the beginning for ``None``.

        Whoever goes on from page to page gets each exactly once, those of one position in order, whatever is
        committed meanwhile and however long it takes: an event of a transaction that began earlier and ended
        later is not passed over.

        Raises:
            InvalidValue: A limit outside 1 to 1000, or a token of no feed.
            StorageUnavailable: The store did not answer.
        """
        ...


class RunEventFeed(Protocol):
    """
    The host events of a store, as they were written to it.
    """

    @abstractmethod
    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        """
        The host events by run and sequence, after the point *after*, from the beginning for ``None``.

        Raises:
            InvalidValue: A limit outside 1 to 1000, or a token of no feed of this kind.
            StorageUnavailable: The store did not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalGap:
    """
    Frames that a journal had accepted and cannot give back.

    Attributes:
        after: The number of the last good frame before.
        before: The number of the next good frame, or ``None`` where that is not known.
        reason: What is wrong, and in which file.
    """

    after: int
    before: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """
    A part of a journal.

    Attributes:
        frames: The frames with their numbers, ascending.
        gaps: What is missing among them.
        last: The number up to which this page tells; where to read on.
    """

    frames: tuple[tuple[int, bytes], ...]
    gaps: tuple[JournalGap, ...] = ()
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStatus:
    """
    How a journal is.

    Attributes:
        root: The directory that it shares with other processes' journals, and that outlives them; ``None``
            for one in memory.
        directory: Where in it this one is; ``None`` for one in memory, and while it is not open.
        first: The number of the oldest frame that is kept, or of the next one where none is.
        last: The number of the newest frame, 0 before the first.
        recovered: How many of the frames an earlier process had left.
        bytes_kept: What the kept frames take.
        segments: Files.
        torn_tails: Half-written frames that were cut off when the journal was opened.
        gaps: Damaged places found so far.
        synced_at: When all that was appended by then was on the disk, or ``None`` before the first time.
        failure: Why the last append failed, or ``None`` when it did not.
    """

    root: Path | None
    directory: Path | None
    first: int
    last: int
    recovered: int
    bytes_kept: int
    segments: int
    torn_tails: int
    gaps: int
    synced_at: datetime | None
    failure: str | None


class Journal(Protocol):
    """
    Where events wait between `emit` and the store, so that a killed process loses none.

    Its methods are synchronous and may be called from any thread. Frames are bytes it does not look into.
    """

    @abstractmethod
    def open(self) -> JournalStatus:
        """
        Find what an earlier process left. `append` opens by itself; opening an open journal does nothing.

        Raises:
            JournalUnavailable: It cannot be read or written.
        """
        ...

    @abstractmethod
    def append(self, frame: bytes, /) -> int:
        """
        Keep *frame* and return its number: one more than the one before, from 1.

        When this returns, the frame survives the death of the process. One bounded write, no waiting for the
        disk.

        Raises:
            JournalUnavailable: It cannot; nothing of the frame was kept, and a later one may succeed.
        """
        ...

    @abstractmethod
    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        """
        The frames after the number *after*, in order: at least one where there is one, about *most_bytes*.

        Raises:
            JournalUnavailable: It cannot be read.
        """
        ...

    @abstractmethod
    def mark(self, lane: str, upto: int, /) -> None:
        """
        Note that *lane* needs nothing up to this number. A crash may set it back to an earlier mark.
        """
        ...

    @abstractmethod
    def marks(self) -> Mapping[str, int]:
        """
        The mark of each lane.
        """
        ...

    @abstractmethod
    def forget(self, upto: int, /) -> None:
        """
        Let go of frames up to this number: marks are made durable first, then files removed.

        Raises:
            JournalUnavailable: That failed; nothing is lost, and it may be tried again.
        """
        ...

    @abstractmethod
    def sync(self) -> None:
        """
        Wait until what was appended before is on the disk, and survives a loss of power.

        Raises:
            JournalUnavailable: The disk says no.
        """
        ...

    @abstractmethod
    def status(self) -> JournalStatus:
        """
        How it is, now.
        """
        ...

    @abstractmethod
    def close(self) -> None:
        """
        Sync and let go of it. Closing a closed journal does nothing.
        """
        ...
