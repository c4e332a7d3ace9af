"""
A venue on paper, and a truthful source that asks it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from poslife._domain.fills import Fill
from poslife._domain.identifiers import (
    Account,
    ClientOrderId,
    OrderSide,
    PositionKey,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.orders import OrderStatus
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
from poslife.errors import InvalidValue, VenueUnavailable

VENUE, ACCOUNT, SYMBOL = Venue("bybit"), Account("main"), Symbol("BTC/USDT:USDT")
QUANTITY, PART = Decimal(100), Decimal("0.5")
PER_PAGE = 2


@dataclass
class PaperVenue:
    """
    A venue's orders by client order id, and its fills in order.
    """

    orders: dict[ClientOrderId, VenueOrderId] = field(default_factory=dict[ClientOrderId, VenueOrderId])
    fills: list[Fill] = field(default_factory=list[Fill])
    away: bool = False
    garbled: bool = False
    time: datetime = datetime(2026, 1, 2, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def place(self, order: ClientOrderId) -> VenueOrderId:
        self.orders[order] = VenueOrderId(f"venue-{len(self.orders)}")
        return self.orders[order]

    def execute(self, order: ClientOrderId) -> TradeId:
        trade = TradeId(f"trade-{len(self.fills)}")
        self.fills.append(
            Fill(
                venue=VENUE,
                account=ACCOUNT,
                symbol=SYMBOL,
                trade_id=trade,
                side=OrderSide.BUY,
                quantity=PART,
                price=Decimal("60000.5"),
                at=self.now(),
                venue_order_id=self.orders[order],
                client_order_id=order,
            )
        )
        return trade

    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        self.away = True
        try:
            yield
        finally:
            self.away = False

    @asynccontextmanager
    async def answering_nonsense(self) -> AsyncGenerator[None]:
        self.garbled = True
        try:
            yield
        finally:
            self.garbled = False


class HonestSource:
    """
    A `VenueSource` on a `PaperVenue`.
    """

    def __init__(self, paper: PaperVenue) -> None:
        self.paper = paper

    @property
    def venue(self) -> Venue:
        return VENUE

    @property
    def account(self) -> Account:
        return ACCOUNT

    def ask(self, query: SnapshotScope | OrderQuery | FillQuery) -> None:
        if (query.venue, query.account) != (self.venue, self.account):
            raise InvalidValue("query", query, f"{self.venue} {self.account}")
        if self.paper.away:
            raise VenueUnavailable(self.venue, type(query).__name__, "timed out")
        if self.paper.garbled:
            raise VenueUnavailable(self.venue, type(query).__name__, "no JSON")

    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        self.ask(scope)
        asked_at = self.paper.now()
        held = sum((fill.quantity for fill in self.paper.fills), Decimal(0))
        key = PositionKey(venue=VENUE, account=ACCOUNT, symbol=SYMBOL)
        positions = (VenuePosition(key=key, side=Side.LONG if held else None, quantity=held),)
        return Snapshot(
            scope=scope,
            covers=scope.symbols,
            complete=True,
            positions=positions,
            asked_at=asked_at,
            at=self.paper.now(),
        )

    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        self.ask(query)
        name = self.paper.orders.get(query.client_order_id)
        if name is None:
            return OrderNotSeen(at=self.paper.now(), conclusive_since=None)
        mine = [fill.quantity for fill in self.paper.fills if fill.venue_order_id == name]
        return OrderSeen(
            venue_order_id=name,
            client_order_id=query.client_order_id,
            side=OrderSide.BUY,
            quantity=QUANTITY,
            filled=sum(mine, Decimal(0)),
            status=OrderStatus.WORKING,
            at=self.paper.now(),
        )

    async def fills(self, query: FillQuery, /) -> FillPage:
        self.ask(query)
        wanted = [
            fill
            for fill in self.paper.fills
            if (query.since is None or fill.at >= query.since)
            and query.client_order_id in (None, fill.client_order_id)
            and query.venue_order_id in (None, fill.venue_order_id)
        ]
        begin = int(query.cursor or 0)
        end = begin + PER_PAGE
        return FillPage(
            fills=tuple(wanted[begin:end]),
            complete=True,
            next_cursor=str(end) if end < len(wanted) else None,
            at=self.paper.now(),
        )
