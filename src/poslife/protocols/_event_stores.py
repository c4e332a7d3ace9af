"""
The protocols of an event store: `BatchWriter`, `DeadLetterBox`, `LifeEventFeed` and `RunEventFeed`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from poslife._domain.identifiers import EventId
from poslife._trail.records import BuriedLetter, DeadLetter, EventRecord, FeedPage, FeedToken
from poslife.protocols._pages import Page, PageToken

__all__ = ["BatchWriter", "DeadLetterBox", "LifeEventFeed", "RunEventFeed"]


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
