"""
The protocols of an event store: writing events, dead letters, the feeds, and reading and keeping the trail.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from poslife._domain.identifiers import EventId, RunId
from poslife._trail.records import BuriedLetter, DeadLetter, EventRecord, FeedPage, FeedToken
from poslife._trail.removals import Erasure, EventCounts, Purge
from poslife.protocols._pages import Page, PageToken

__all__ = ["BatchWriter", "DeadLetterBox", "LifeEventFeed", "RunEventFeed", "TrailKeeper", "TrailReader"]


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
        Return the host events after *after* by event id, from the beginning for ``None``.

        An event that is stored later under a lower id is not given by the pages after it: to follow what is
        written, use a further writer.

        Raises:
            InvalidValue: *limit* is not from 1 to 1000, or *after* is not the ``next`` of a page of this
                feed.
            StorageUnavailable: The store did not answer.
        """
        ...


class TrailReader(Protocol):
    """
    The reads of a verification: all that is stored, whatever a feed would give at the moment.
    """

    @abstractmethod
    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        """
        Return the life events after *after*, stream by stream, from the beginning for ``None``.

        First those of each position, by ref, version and index; then those about no position, by run and
        sequence. Every stored event is given, one that the feed does not give yet included.

        Raises:
            InvalidValue: *limit* is not from 1 to 1000, or *after* is not the ``next`` of a page of these
                reads.
            StorageUnavailable: The store did not answer.
        """
        ...

    @abstractmethod
    async def count_events(self) -> EventCounts:
        """
        Count the stored events, by looking at each.

        Raises:
            StorageUnavailable: The store did not answer.
        """
        ...

    @abstractmethod
    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        """
        Return a page of the purges, by run and number: the last one of a run is the one that counts.

        Raises:
            InvalidValue: *limit* is not from 1 to 1000, or *after* is not the ``next`` of a page.
            StorageUnavailable: The store did not answer.
        """
        ...

    @abstractmethod
    async def find_erasures(self, events: Sequence[EventId], /) -> Sequence[Erasure]:
        """
        Return the erasures of *events*, in any order; an event that was not erased has none.

        Raises:
            InvalidValue: There are more than 1000 events.
            StorageUnavailable: The store did not answer.
        """
        ...


class TrailKeeper(Protocol):
    """
    Removals from a trail on purpose, each recorded with who, when and why, so that the rest verifies.

    These are calls of the owner of the store: in PostgreSQL the role of a bot has no right to them.

    Copies elsewhere are not reached: a journal's file that holds the event still, lines of JSON, what further
    writers have stored, backups, and what the database's own files keep until they are vacuumed.
    """

    @abstractmethod
    async def erase(self, event: EventId, /, *, why: str) -> None:
        """
        Erase a host event's payload or a life event's evidence, and record that, in one transaction.

        The salt goes with it; the header, its commitment and the digests stay. A dead letter with the event
        loses the payload too, and the reason of its refusal, which may quote it; it can then no longer be
        replayed. The body of a life event is never erased, because positions are replayed from bodies.

        Repeating is safe: the first erasure stands.

        Args:
            event: The event.
            why: The reason, up to 2000 characters. It is stored, and cannot be erased.

        Raises:
            InvalidValue: *why* is blank or too long.
            EventNotFound: No event and no dead letter has this id.
            ErasureRefused: The event is a life event without evidence, or this role may not erase.
            StorageUnavailable: Unknown whether it was erased: repeat.
        """
        ...

    @abstractmethod
    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        """
        Delete the host events of a run up to a number, and record that, in one transaction.

        Its dead letters up to that number are deleted, too, those that were not replayed included. The record
        has the digest of the last deleted event, from which the next one follows; so the rest
        verifies, and a missing beginning without such a record is a fault. Life events are never purged.
        Verify the trail before: nothing can be verified of what is gone.

        A later purge of the run may go further. Repeating is safe: one that goes no further than the last
        deletes only what has been stored again since, by a journal's file that came late.

        Args:
            run: A run that has ended, or that this store does not know as a run.
            upto: The number of the last event to delete.
            why: The reason, up to 2000 characters. It is stored, and cannot be erased.

        Raises:
            InvalidValue: *why* is blank or too long, or *upto* is no number of an event.
            PurgeRefused: The run has no events, has not ended, or ends before *upto*; or this role may not
                purge.
            StorageUnavailable: Unknown whether they were deleted: repeat.
        """
        ...
