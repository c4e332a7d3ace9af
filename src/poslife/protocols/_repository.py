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
)
from poslife.protocols._pages import Page, PageToken

__all__ = ["Repository", "Store"]


class Repository(Protocol):
    """
    Where positions, orders, fills, life events and runs are kept.

    A value that cannot be kept exactly is refused with `StorageRejected`, never rounded, cut or replaced.
    ``get_*`` raises where there is nothing, ``find_*`` returns ``None``, ``list_*`` returns a page of at most
    *limit* items, 1 to 1000; another limit, a token of no page, or a naive time is an `InvalidValue`. Every
    method may raise `StorageUnavailable`, and `StorageBusy` where somebody else holds a lock for too long. No
    method reports failure by what it returns.
    """

    @abstractmethod
    async def open(self) -> None:
        """
        Connect, bring the schema up to date under a lock, and check it.

        Opening an open repository does nothing.

        Raises:
            SchemaVersionError: The database was migrated by a newer release, or a migration was edited.
            SchemaMismatch: A table, column or constraint is not as needed; lists every difference.
            StorageUnavailable: The store cannot be reached.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """
        Let go of the store. Closing a closed repository does nothing; what was lent (a pool) stays open.
        """
        ...

    @abstractmethod
    async def ping(self) -> None:
        """
        Ask the store, really, whether it answers.

        Raises:
            StorageUnavailable: It does not.
        """
        ...

    @abstractmethod
    async def describe(self) -> str:
        """
        Server, database and schema, or the file: so that nobody wonders which one is written.
        """
        ...

    @abstractmethod
    async def commit(self, change: Change, /) -> Committed:
        """
        Write all of *change* or nothing: transitions, orders, fills, life events, in one transaction.

        The same change again, under its id, writes nothing and returns the first result with
        ``repeated=True``, whatever has happened since; so a lost reply is answered by repeating. The first
        fill's `Promote` mints the `PositionId`; an id is never used twice.

        Raises:
            ChangeIdReused: The id was used before for a change with other contents.
            RunLost: The change opens or increases a position, and its run is unknown, ended, or its lease has
                run out. Checked in the same transaction, before everything below.
            PositionNotFound: A transition is about a position that is not there. From here on: in this order
                of precedence over the whole change.
            AlreadyClosed: A transition would change a closed position other than its orders; carries the
                stored exit.
            StaleVersion: A transition was not planned from the stored version.
            InvalidValue: A transition gives a position another id than the stored one.
            IllegalTransition: A transition leads where `POSITION_TRANSITIONS` has no way.
            DuplicatePosition: A live position, pending or open, holds the key; carries it. `KeyInDoubt` where
                one of its orders is in doubt. Of any number of concurrent claims of a key exactly one
                succeeds.
            FillAlreadyStored: A fill of the same venue, account, symbol and trade id is stored; carries it.
            StorageRejected: The store refuses the change for good.
            StorageUnavailable: Unknown whether it was written: repeat the same change. So does cancellation.
        """
        ...

    @abstractmethod
    async def get(self, ref: PositionRef, /) -> Position:
        """
        The position with this ref, as of the last commit.

        Raises:
            PositionNotFound: There is none.
        """
        ...

    @abstractmethod
    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        """
        The position with this id.

        Raises:
            PositionNotFound: There is none.
        """
        ...

    @abstractmethod
    async def find_live(self, key: PositionKey, /) -> LivePosition | None:
        """
        The live position that holds *key*, pending or open.
        """
        ...

    @abstractmethod
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        """
        Return the fills of *query* that are stored, and the positions that they may belong to.

        Fills are found by trade id, assigned or unclaimed, and come in any order. Positions come by ref, each
        once: those that are live, pending ones included, the one with the ref, and those that have an order
        with the venue order id, the last two in any phase. All are of the venue, account and symbol. Fills
        and positions are as of one commit: a stored fill never comes with its position from before it.
        """
        ...

    @abstractmethod
    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        """
        The positions that hold a key, pending ones included, by ref.
        """
        ...

    @abstractmethod
    async def list_in_doubt(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
        """
        The positions with an order in doubt, by ref.

        Among them those with an order submitting whose run has ended.
        """
        ...

    @abstractmethod
    async def list_left_by_ended_runs(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[Position]:
        """
        The positions with an order that has not ended and whose run has, or is unknown, by ref.

        This is what a recovery settles.
        """
        ...

    @abstractmethod
    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        """
        The positions closed from *since* (included) to *until* (not included), by time of closing.
        """
        ...

    @abstractmethod
    async def list_fills(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        """
        The fills applied to a position, in the order they were stored.
        """
        ...

    @abstractmethod
    async def list_unclaimed(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        """
        The fills that could not be assigned, in the order they were stored.
        """
        ...

    @abstractmethod
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        """
        The events of a position, its time as a pending one included, by event id; so in order within a run.

        Life events, host events that the store has, and events of a newer release, whole.
        """
        ...

    @abstractmethod
    async def start_run(self, run: NewRun, /) -> Run:
        """
        Begin a run and its lease. Starting the same run again returns it.

        Raises:
            RunLost: The run has ended.
        """
        ...

    @abstractmethod
    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        """
        Renew the lease for *lease* seconds from now, by the store's clock.

        Raises:
            RunLost: The run is unknown, was ended, or its lease has run out: then it stays lost.
        """
        ...

    @abstractmethod
    async def end_run(self, run: RunId, /) -> None:
        """
        End a run, for good; ending an ended or unknown one does nothing.
        """
        ...

    @abstractmethod
    async def list_runs(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Run]:
        """
        The runs that were not ended by `end_run`, those with a lease that ran out included, by id.
        """
        ...


class Store(Repository, BatchWriter, DeadLetterBox, LifeEventFeed, RunEventFeed, Protocol):
    """
    What every store of poslife is: positions, events, dead letters, and feeds of its events.
    """
