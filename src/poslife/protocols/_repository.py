"""
The `Repository` protocol, and `Store`, which every store of poslife implements.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Protocol

from poslife._domain.changes import Change, Committed
from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.fill_owner import OwnerCandidates, OwnerQuery
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import PositionId, PositionKey, PositionRef, RunId
from poslife._domain.positions import ClosedPosition, LivePosition, PersistedPosition, Position
from poslife._domain.runs import NewRun, Run
from poslife.protocols._event_stores import (
    BatchWriter,
    DeadLetterBox,
    LifeEventFeed,
    RunEventFeed,
    TrailKeeper,
    TrailReader,
)
from poslife.protocols._pages import Page, PageToken

__all__ = ["Repository", "Store"]


class Repository(Protocol):
    """
    A store of positions, orders, fills, life events and runs.

    A value that cannot be stored exactly is refused with `StorageRejected`; it is never rounded, cut or
    replaced.

    ``get*`` raises if there is nothing, ``find_*`` returns ``None``, and ``list_*`` returns a page of at most
    *limit* items. A limit that is not from 1 to 1000, a token that is not the ``next`` of a page of the same
    list, and a naive time raise `InvalidValue`. Every method may raise `StorageUnavailable`, or `StorageBusy`
    if another transaction holds a lock for too long. No method reports failure by its return value.
    """

    @abstractmethod
    async def open(self) -> None:
        """
        Connect, migrate the schema under a lock, and check it. Opening an open repository does nothing.

        Raises:
            SchemaVersionError: A newer release migrated the database, or a migration was edited.
            SchemaMismatch: A table, column or constraint is not as needed; lists every difference.
            StorageUnavailable: The store cannot be reached.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """
        Disconnect. Closing a closed repository does nothing; a pool that the host lent stays open.
        """
        ...

    @abstractmethod
    async def ping(self) -> None:
        """
        Check that the store answers, by asking it.

        Raises:
            StorageUnavailable: It does not answer.
        """
        ...

    @abstractmethod
    async def describe(self) -> str:
        """
        Return server, database and schema, or the file, for people to see which one is written.
        """
        ...

    @abstractmethod
    async def commit(self, change: Change, /) -> Committed:
        """
        Write all of *change* or nothing: transitions, orders, fills and life events, in one transaction.

        The same change again, under its id, writes nothing and returns the first result with
        ``repeated=True``, whatever has happened since. So if the reply is lost, repeat the change. A
        `Promote`, made by the first fill, mints the `PositionId`; no id is ever used twice.

        Each rule below is checked for the whole change before the next, and the first that is broken raises.

        Raises:
            ChangeIdReused: The id was used before, for a change with other contents.
            RunLost: The change opens or increases a position, and its run is unknown or ended, or its lease
                has run out. Checked in the same transaction.
            PositionNotFound: A transition is about a position that is not stored.
            AlreadyClosed: A transition would change more than the orders of a closed position; carries the
                position as stored.
            StaleVersion: A transition was not planned from the stored version.
            InvalidValue: A transition gives a position another id than the stored one.
            IllegalTransition: A transition makes a change of status that `POSITION_TRANSITIONS` does not
                have.
            DuplicatePosition: A live position, pending or open, holds the key; carries it. `KeyInDoubt` if
                one of its orders is in doubt. Of any number of concurrent claims of a key exactly one
                succeeds.
            FillAlreadyStored: A fill of the same `FillId` is stored; carries it.
            StorageRejected: The store refuses the change for good.
            StorageUnavailable: Unknown whether the change was written: repeat the same change. The same holds
                if the call is cancelled.
        """
        ...

    @abstractmethod
    async def get(self, ref: PositionRef, /) -> Position:
        """
        Return the position with this ref, as of the last commit.

        Raises:
            PositionNotFound: No position has it.
        """
        ...

    @abstractmethod
    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        """
        Return the position with this id, as of the last commit.

        Raises:
            PositionNotFound: No position has it.
        """
        ...

    @abstractmethod
    async def find_live(self, key: PositionKey, /) -> LivePosition | None:
        """
        Return the live position that holds *key*, pending or open, or ``None``.
        """
        ...

    @abstractmethod
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        """
        Return the fills of *query* that are stored, and the positions that they may belong to.

        Fills are found by trade id, of either side, assigned or unclaimed, and come in any order. Positions
        come by ref, each once: those that are live, pending ones included, the one with the ref, and those
        that have an order with the venue order id, the last two in any phase. All are of the venue, account
        and symbol. Fills and positions are as of one commit: a stored fill never comes with its position from
        before it.
        """
        ...

    @abstractmethod
    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        """
        Return a page of the positions that hold a key, pending ones included, by ref.
        """
        ...

    @abstractmethod
    async def list_in_doubt(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
        """
        Return a page of the positions with an order in doubt, by ref.

        An order that is submitting and whose run has ended counts as in doubt.
        """
        ...

    @abstractmethod
    async def list_left_by_ended_runs(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[Position]:
        """
        Return a page of the positions with an order for a recovery to settle, by ref.

        That is an order that has not ended, of a run that has ended or is unknown.
        """
        ...

    @abstractmethod
    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        """
        Return a page of the positions closed from *since* (inclusive) to *until* (exclusive), by that time.
        """
        ...

    @abstractmethod
    async def list_fills(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        """
        Return a page of the fills applied to a position, in the order in which they were stored.
        """
        ...

    @abstractmethod
    async def list_unclaimed(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        """
        Return a page of the fills that could not be assigned, in the order in which they were stored.
        """
        ...

    @abstractmethod
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        """
        Return a page of the events of a position by event id, and so in order within a run.

        These are its life events from its claim on, host events about it that are stored, and events of a
        newer release, complete. A store may leave out host events whose id is more than an hour older than
        the ref: the clocks of hosts may differ by an hour.
        """
        ...

    @abstractmethod
    async def start_run(self, run: NewRun, /) -> Run:
        """
        Start a run and its lease. Starting the same run again returns it as stored.

        Raises:
            RunLost: The run has ended.
        """
        ...

    @abstractmethod
    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        """
        Renew the lease for *lease* seconds from now, by the store's clock.

        Raises:
            RunLost: The run is unknown or was ended, or its lease has run out; it cannot be renewed any more.
        """
        ...

    @abstractmethod
    async def end_run(self, run: RunId, /) -> None:
        """
        End a run for good. Ending an ended or unknown one does nothing.
        """
        ...

    @abstractmethod
    async def list_runs(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Run]:
        """
        Return a page of the runs that `end_run` has not ended, by id. Their leases may have run out.
        """
        ...


class Store(
    Repository,
    BatchWriter,
    DeadLetterBox,
    LifeEventFeed,
    RunEventFeed,
    TrailReader,
    TrailKeeper,
    Protocol,
):
    """
    A store of positions, events and dead letters, with feeds. Every store of poslife is one.
    """
