"""
Example identifiers, positions, orders, fills and events: no two alike, the same at every run.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from poslife._domain.client_order_ids import client_order_id
from poslife._domain.event_envelopes import EventHeader, LifeEvent
from poslife._domain.events import LifeBody
from poslife._domain.fills import Fee, Fill
from poslife._domain.identifiers import (
    Account,
    ChangeId,
    EventId,
    OrderSide,
    PositionKey,
    PositionRef,
    RunId,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
    event_id_at,
    position_ref_at,
)
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife.protocols import NewRun

__all__ = ["ACCOUNT", "LONG_LEASE", "PRICE", "QUANTITY", "START", "VENUE", "Examples"]

VENUE = Venue("bybit")
ACCOUNT = Account("main")
START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LONG_LEASE = 3600.0

PRICE = Decimal("0.0123")
QUANTITY = Decimal("100.5")

_UNSENT = frozenset({OrderStatus.PREPARED, OrderStatus.ABANDONED})
_SHOWN_BY_VENUE = frozenset(
    {
        OrderStatus.WORKING,
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
    }
)

PositionT = TypeVar("PositionT", PendingPosition, PersistedPosition, ClosedPosition)


class Examples:
    """
    A source of valid values. Each call makes a new one, and every run of a suite makes the same ones.

    Attributes:
        run: The run that the orders and events are of.
    """

    def __init__(self) -> None:
        self._random = random.Random(20260102)  # noqa: S311 - the same values at every run
        self._count = 0
        self.run = self.run_id()

    # ------------------------------------------------------------------------------------------ names

    def at(self) -> datetime:
        """
        Return a later time than every one before, to the microsecond.
        """
        return START + timedelta(seconds=self.number(), microseconds=self._count)

    def ref(self) -> PositionRef:
        """
        Return a ref. Refs do not come in order, so that a list by ref shows.
        """
        return position_ref_at(START - timedelta(hours=self._random.randrange(10_000)), self._entropy())

    def run_id(self) -> RunId:
        """
        Return a run id.
        """
        return RunId(event_id_at(START, self._entropy()))

    def change_id(self) -> ChangeId:
        """
        Return a change id.
        """
        return ChangeId(UUID(int=self._random.getrandbits(128), version=4))

    def event_id(self) -> EventId:
        """
        Return an event id, greater than every one before.
        """
        return event_id_at(self.at(), self._entropy())

    def key(self) -> PositionKey:
        """
        Return a key.
        """
        return PositionKey(venue=VENUE, account=ACCOUNT, symbol=self.symbol())

    def symbol(self) -> Symbol:
        """
        Return a symbol.
        """
        return Symbol(f"C{self.number()}/USDT:USDT")

    def venue_order(self) -> VenueOrderId:
        """
        Return a venue order id.
        """
        return VenueOrderId(f"venue-order-{self.number()}")

    def trade(self) -> TradeId:
        """
        Return a trade id.
        """
        return TradeId(f"trade-{self.number()}")

    # ------------------------------------------------------------------------------------------ values

    def new_run(self, lease: float = LONG_LEASE) -> NewRun:
        """
        Return a run to be started.
        """
        number = self.number()
        return NewRun(
            id=self.run_id(),
            machine=f"machine-{number}",
            pid=1000 + number,
            process_started=f"boot+{number}",
            lease=lease,
        )

    def order(
        self,
        ref: PositionRef,
        ordinal: int = 0,
        *,
        purpose: OrderPurpose = OrderPurpose.ENTRY,
        status: OrderStatus = OrderStatus.PREPARED,
        run: RunId | None = None,
    ) -> Order:
        """
        Return an order of a long position.
        """
        prepared_at = self.at()
        return Order(
            ref=ref,
            ordinal=ordinal,
            run=self.run if run is None else run,
            purpose=purpose,
            side=OrderSide.SELL if purpose.reduce_only else OrderSide.BUY,
            quantity=QUANTITY,
            client_order_id=client_order_id(ref, ordinal, venue=VENUE),
            venue_order_id=self.venue_order() if status in _SHOWN_BY_VENUE else None,
            status=status,
            prepared_at=prepared_at,
            submitted_at=None if status in _UNSENT else self.at(),
            close_reason=CloseReason.STRATEGY if purpose is OrderPurpose.EXIT else None,
        )

    def pending(
        self,
        key: PositionKey | None = None,
        *,
        status: OrderStatus = OrderStatus.PREPARED,
        run: RunId | None = None,
    ) -> PendingPosition:
        """
        Return a long position with one entry order, as it is claimed.
        """
        ref = self.ref()
        return PendingPosition(
            ref=ref,
            key=self.key() if key is None else key,
            side=Side.LONG,
            requested_quantity=QUANTITY,
            requested_price=PRICE,
            orders=(self.order(ref, status=status, run=run),),
            created_at=self.at(),
        )

    def fill(
        self,
        key: PositionKey,
        *,
        side: OrderSide = OrderSide.BUY,
        quantity: Decimal = QUANTITY,
        order: Order | None = None,
    ) -> Fill:
        """
        Return a fill.
        """
        return Fill(
            venue=key.venue,
            account=key.account,
            symbol=key.symbol,
            trade_id=self.trade(),
            side=side,
            quantity=quantity,
            price=PRICE,
            at=self.at(),
            venue_order_id=None if order is None else order.venue_order_id,
            client_order_id=None if order is None else order.client_order_id,
            fees=(Fee(cost=Decimal("0.00012"), currency="USDT"),),
        )

    def event(self, position: Position, index: int, body: LifeBody) -> LifeEvent:
        """
        Return a life event of the version that *position* has.
        """
        return LifeEvent(
            header=EventHeader(
                id=self.event_id(),
                type=body.type,
                ref=position.ref,
                venue=position.key.venue,
                account=position.key.account,
                symbol=position.key.symbol,
                occurred_at=self.at(),
                run=self.run,
            ),
            version=position.version,
            index=index,
            body=body,
        )

    def number(self) -> int:
        """
        Return a number that none of the values has yet.
        """
        self._count += 1
        return self._count

    def _entropy(self) -> int:
        return self._random.getrandbits(74)
