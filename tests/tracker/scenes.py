"""
What the tracker's tests share: a key, fills, requests, a store that fails on demand, a venue that answers as
told.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from typing_extensions import override

from poslife import (
    Account,
    BatchingSink,
    ClientOrderId,
    EventId,
    Fill,
    Opening,
    OrderSide,
    OrderStatus,
    PersistedPosition,
    PositionKey,
    PositionRef,
    PositionTracker,
    Side,
    Symbol,
    Timings,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.changes import Change, Committed
from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
    VenuePosition,
)
from poslife.errors import StorageUnavailable, VenueUnavailable
from poslife.events import EventHeader
from poslife.memory import MemoryStore
from poslife.protocols import Clock, SubmitClassifier, SubmitContext, SubmitVerdict

KEY = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=Symbol("DBR/USDT:USDT"))
OTHER_KEY = replace(KEY, symbol=Symbol("BTC/USDT:USDT"))
HUNDRED = Decimal(100)
AT = datetime(2026, 1, 1, tzinfo=UTC)
_trades = itertools.count(1)


class Refused(Exception):
    """
    What a venue's client raises when the venue has refused.
    """


def refuses(error: BaseException, _: SubmitContext, /) -> SubmitVerdict:
    """
    A classifier that knows `Refused`.
    """
    return SubmitVerdict.REFUSED if isinstance(error, Refused) else SubmitVerdict.UNKNOWN


def fill(
    side: OrderSide,
    quantity: str,
    price: str,
    *,
    order: str | None = None,
    client_order_id: str | None = None,
    trade_id: str | None = None,
) -> Fill:
    """
    A fill of `KEY`.
    """
    return Fill(
        venue=KEY.venue,
        account=KEY.account,
        symbol=KEY.symbol,
        trade_id=TradeId(f"trade-{next(_trades)}" if trade_id is None else trade_id),
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        at=AT,
        venue_order_id=None if order is None else VenueOrderId(order),
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
    )


def bought(quantity: str, price: str = "1", *, order: str | None = None, trade_id: str | None = None) -> Fill:
    """
    A buy.
    """
    return fill(OrderSide.BUY, quantity, price, order=order, trade_id=trade_id)


def sold(quantity: str, price: str = "1", *, order: str | None = None, trade_id: str | None = None) -> Fill:
    """
    A sale.
    """
    return fill(OrderSide.SELL, quantity, price, order=order, trade_id=trade_id)


async def answer(value: str = "ack") -> str:
    """
    A request that succeeds.
    """
    await asyncio.sleep(0)
    return value


async def fail(error: BaseException) -> str:
    """
    A request that does not.
    """
    await asyncio.sleep(0)
    raise error


class UnreliableStore(MemoryStore):
    """
    A store whose commits fail as told: ``before`` they happen, or ``after`` they did, the reply lost.

    Attributes:
        down: Every call raises `StorageUnavailable`.
        plan: For each commit that is attempted: ``None`` for success, ``before``, or ``after``.
        pause: Set for commits to wait until it is set.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self.down = False
        self.lose_replies = 0
        self.commits: list[Change] = []
        self.pause: asyncio.Event | None = None

    @override
    async def commit(self, change: Change, /) -> Committed:
        if self.pause is not None:
            await self.pause.wait()
        if self.down:
            raise StorageUnavailable("the test has switched the store off")
        self.commits.append(change)
        committed = await super().commit(change)
        if self.lose_replies:
            self.lose_replies -= 1
            raise StorageUnavailable("the test has lost the reply")
        return committed


class ToldVenue:
    """
    A `VenueSource` that answers as told.
    """

    venue = KEY.venue
    account = KEY.account

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.orders: dict[ClientOrderId, OrderSeen] = {}
        self.executed: list[Fill] = []
        self.held: VenuePosition | None = None
        self.unreachable = False
        self.shows_everything = True
        self.conclusive = True
        self.lookups = 0

    def _ask(self, question: str) -> None:
        if self.unreachable:
            raise VenueUnavailable(self.venue, question, "the test has cut the line")

    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        """
        See `VenueSource.find_order`.
        """
        self.lookups += 1
        self._ask("an order")
        known = self.orders.get(query.client_order_id)
        if known is not None:
            return known
        return OrderNotSeen(at=self.clock.now(), conclusive_since=AT if self.conclusive else None)

    async def fills(self, query: FillQuery, /) -> FillPage:
        """
        See `VenueSource.fills`.
        """
        self._ask("fills")
        shown = tuple(
            one
            for one in self.executed
            if query.client_order_id in (None, one.client_order_id)
            and query.venue_order_id in (None, one.venue_order_id)
        )
        return FillPage(fills=shown, complete=self.shows_everything, next_cursor=None, at=self.clock.now())

    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        """
        See `VenueSource.snapshot`.
        """
        self._ask("positions")
        now = self.clock.now()
        held = () if self.held is None else (self.held,)
        return Snapshot(
            scope=scope, covers=scope.symbols, complete=True, positions=held, asked_at=now, at=now
        )


QUICK = Timings(commit=0.2, lookup_interval=0.01, fills_within=0.05, shutdown=2.0)


@asynccontextmanager
async def tracking(
    store: MemoryStore,
    *,
    clock: Clock | None = None,
    classify: SubmitClassifier = refuses,
    timings: Timings = QUICK,
    recovered: bool = True,
) -> AsyncGenerator[PositionTracker]:
    """
    A started tracker over *store*.
    """
    tracker = PositionTracker(
        repository=store, sink=BatchingSink(store), classify=classify, clock=clock, timings=timings
    )
    async with tracker:
        if recovered:
            await tracker.recover()
        yield tracker


def block_tasks() -> list[str]:
    """
    The running tasks of blocks that were entered or left.
    """
    names = (task.get_name() for task in asyncio.all_tasks())
    return [
        name for name in names if name.startswith(("poslife prepares", "poslife abandons", "poslife settles"))
    ]


async def eventually(condition: Callable[[], bool]) -> None:
    """
    Give the event loop turns until *condition* holds.
    """
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


def open_long(tracker: PositionTracker, quantity: str = "100") -> Opening:
    return tracker.opening(KEY, side=Side.LONG, quantity=Decimal(quantity))


async def status_of(tracker: PositionTracker, opening: Opening, ordinal: int = 0) -> OrderStatus:
    return (await tracker.get(opening.ref)).orders[ordinal].status


async def opened(tracker: PositionTracker, quantity: str = "100") -> PersistedPosition:
    opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(quantity))
    async with opening:
        await opening.submit(answer())
        held = await opening.acknowledged(VenueOrderId("entry"), bought(quantity, order="entry"))
    assert isinstance(held, PersistedPosition)
    return held


async def working(tracker: PositionTracker, quantity: str = "100") -> tuple[ClientOrderId, PositionRef]:
    async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(quantity))):
        await opening.submit(answer())
        await opening.acknowledged(VenueOrderId("entry"))
    return opening.client_order_id, opening.ref


async def life_of(tracker: PositionTracker, ref: PositionRef) -> list[EventHeader]:
    """
    The headers of a position's life events.
    """
    return [event.header async for event in tracker.history(ref) if event.version is not None]


def causes(headers: list[EventHeader]) -> set[tuple[EventId | None, object]]:
    """
    The causes and correlations among them.
    """
    return {(header.causation, header.correlation) for header in headers}
