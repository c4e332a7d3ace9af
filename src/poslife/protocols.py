"""
The four contracts: `Repository`, `EventSink`, `VenueSource`, `Clock`; and what they speak in.

Their docstrings are the contract. `poslife.conformance` holds a suite for each that a host runs against its
own adapter.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Protocol

from poslife._changes import Change, Committed
from poslife._events import HostEvent, RecordedEvent
from poslife._fills import StoredFill
from poslife._identifiers import (
    Account,
    EventId,
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._paging import Page, PageToken
from poslife._position import ClosedPosition, LivePosition, PersistedPosition, Position
from poslife._records import BuriedLetter, DeadLetter, EventRecord, FeedPage, FeedToken
from poslife._runs import NewRun, Run
from poslife._snapshot import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
)
from poslife._submits import SubmitContext, SubmitVerdict
from poslife._writers import (
    BatchWriter,
    DeadLetterBox,
    Journal,
    JournalGap,
    JournalPage,
    JournalStatus,
    LifeEventFeed,
    RunEventFeed,
)

__all__ = [
    "BatchWriter",
    "BuriedLetter",
    "Clock",
    "DeadLetter",
    "DeadLetterBox",
    "EventRecord",
    "EventSink",
    "FeedPage",
    "FeedToken",
    "Journal",
    "JournalGap",
    "JournalPage",
    "JournalStatus",
    "LifeEventFeed",
    "NewRun",
    "Page",
    "PageToken",
    "Repository",
    "Run",
    "RunEventFeed",
    "Store",
    "SubmitClassifier",
    "SubmitContext",
    "SubmitVerdict",
    "VenueSource",
]


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
    async def holders_of(self, venue: Venue, account: Account, symbol: Symbol, /) -> tuple[LivePosition, ...]:
        """
        Every live position of a symbol: at most one for each leg and margin mode.
        """
        ...

    @abstractmethod
    async def find_by_venue_order(
        self, venue: Venue, account: Account, symbol: Symbol, order: VenueOrderId, /
    ) -> Position | None:
        """
        The position that has an order with this venue order id.
        """
        ...

    @abstractmethod
    async def find_fill(
        self, venue: Venue, account: Account, symbol: Symbol, trade: TradeId, /
    ) -> StoredFill | None:
        """
        The stored fill with this trade id, assigned or unclaimed.
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
    async def list_unsettled(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
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


class EventSink(Protocol):
    """
    Where events go that are committed with no change.
    """

    @abstractmethod
    def emit(self, event: HostEvent, /) -> EventId:
        """
        Accept an event and return its id at once.

        From any coroutine or thread, also before the store is connected. Never waits for a network or a
        database, never raises because of what the event holds, and never forgets one in silence. Events of
        one run are numbered from 1 without gaps, in the order they were emitted, and are stored in that
        order.
        """
        ...

    @abstractmethod
    async def flush(self, timeout: float | None = None, /) -> None:
        """
        Return when every event emitted before is stored, or kept as a dead letter.

        Raises:
            FlushTimeout: *timeout* seconds went by first. Nothing is lost; the sink goes on.
        """
        ...

    @abstractmethod
    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        Flush for at most *deadline* seconds and stop. Closing a closed sink does nothing.

        Raises:
            FlushTimeout: Says how many events were not stored by then.
        """
        ...


class VenueSource(Protocol):
    """
    What can be asked of one account at one venue.

    It raises when it could not ask; an empty answer is only ever a true answer.
    """

    @property
    @abstractmethod
    def venue(self) -> Venue:
        """
        The venue that is asked.
        """
        ...

    @property
    @abstractmethod
    def account(self) -> Account:
        """
        The account that is asked about.
        """
        ...

    @abstractmethod
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        """
        The positions the venue holds, and what the answer covers.

        Raises:
            VenueUnavailable: The venue could not be asked, or its answer not be read.
            InvalidValue: The scope is of another venue or account than this source's.
        """
        ...

    @abstractmethod
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        """
        One order, by our name or the venue's.

        Raises:
            VenueUnavailable: The venue could not be asked. That is no `OrderNotSeen`.
            InvalidValue: The query is of another venue or account than this source's.
        """
        ...

    @abstractmethod
    async def fills(self, query: FillQuery, /) -> FillPage:
        """
        A page of fills, oldest first.

        Raises:
            VenueUnavailable: The venue could not be asked, or its answer not be read.
            InvalidValue: The query is of another venue or account than this source's.
        """
        ...


class Clock(Protocol):
    """
    Where time comes from.
    """

    @abstractmethod
    def now(self) -> datetime:
        """
        The time, in UTC.
        """
        ...

    @abstractmethod
    def monotonic(self) -> float:
        """
        Seconds that never go back.
        """
        ...

    @abstractmethod
    async def sleep(self, seconds: float, /) -> None:
        """
        Wait.
        """
        ...


class SubmitClassifier(Protocol):
    """
    Tells a definitive refusal from everything else.
    """

    @abstractmethod
    def __call__(self, error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
        """
        What *error*, which came out of the submit, says about the order. In doubt: `SubmitVerdict.UNKNOWN`.
        """
        ...
