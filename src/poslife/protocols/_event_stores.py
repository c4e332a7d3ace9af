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
    The way in which a sink writes to a store.

    The exception it raises decides what the sink does: set the row aside, wait for an operator, or repeat.
    Any exception other than those below counts as a fault of the writer, and the batch is repeated.
    """

    @abstractmethod
    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        Store all of *records* or none.

        A record whose event id is stored already is skipped, so repeating is safe.

        Raises:
            StorageRejected: One of them is refused for good, at index ``row`` where that is known. Where it
                is not, the sink finds it by itself.
            StorageNotReady: Nothing is wrong with them; the store needs an operator first.
            StorageBusy: A lock was not released in time: repeat.
            StorageUnavailable: Unknown whether they were stored: repeat.
        """
        ...

    @abstractmethod
    async def probe(self) -> None:
        """
        Check that the store would take a valid event now, by a write that leaves nothing behind.

        Where a batch keeps failing while this succeeds, one of its events is the cause.

        Raises:
            StorageNotReady: As for `write`.
            StorageUnavailable: As for `write`.
        """
        ...

    @abstractmethod
    async def bury(self, letter: DeadLetter, /) -> None:
        """
        Store a dead letter, as bytes that no store refuses, unless its event is stored after all.

        Repeating is safe.

        Raises:
            StorageRejected: The letter is refused, too: the sink keeps it in a file.
            StorageUnavailable: Unknown whether it was stored: repeat.
        """
        ...


class DeadLetterBox(Protocol):
    """
    The dead letters of a store: events it refused, to inspect, and to replay once the cause is gone.
    """

    @abstractmethod
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        """
        Return a page of the dead letters that were not replayed, by event id.

        Raises:
            InvalidValue: *limit* is not from 1 to 1000, or *after* is not the ``next`` of a page.
            StorageUnavailable: The store did not answer.
        """
        ...

    @abstractmethod
    async def replay(self, event: EventId, /) -> None:
        """
        Store the event of a dead letter and mark the letter as replayed, in one transaction.

        Raises:
            DeadLetterNotFound: No dead letter has this event id, or it was replayed before.
            StorageRejected: The event is refused again; the letter stays as it is.
            StorageUnavailable: Unknown whether it was replayed: repeat. `DeadLetterNotFound` then means that
                it was.
        """
        ...


class LifeEventFeed(Protocol):
    """
    A feed of a store's life events, for further writers.
    """

    @abstractmethod
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        """
        Return the life events that were committed after *after*, from the beginning for ``None``.

        Reading page after page gives each event exactly once, and those of one position in order, whatever is
        committed meanwhile and however long it takes: an event of a transaction that began earlier and ended
        later is not skipped.

        Raises:
            InvalidValue: *limit* is not from 1 to 1000, or *after* is not the ``next`` of a page of this
                feed.
            StorageUnavailable: The store did not answer.
        """
        ...


class RunEventFeed(Protocol):
    """
    A feed of a store's host events.
    """

    @abstractmethod
    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        """
        Return the host events after *after* by run and sequence, from the beginning for ``None``.

        Raises:
            InvalidValue: *limit* is not from 1 to 1000, or *after* is not the ``next`` of a page of this
                feed.
            StorageUnavailable: The store did not answer.
        """
        ...
