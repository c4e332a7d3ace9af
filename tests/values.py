"""
Values for tests: one key, and valid orders, fills and positions of all three kinds.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from poslife import (
    Account,
    ClientOrderId,
    ClosedPosition,
    CloseReason,
    Fill,
    Order,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.causation import EventContext
from poslife._domain.changes import Change, Promote
from poslife._domain.client_order_ids import client_order_id
from poslife._domain.events import LifeBody
from poslife._domain.identifiers import ChangeId, event_id_at, position_ref_at
from poslife._domain.order_preparation import claim
from poslife._domain.plans import Plan, change_of

if TYPE_CHECKING:
    from poslife import EventId

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
VENUE = Venue("bybit")
KEY = PositionKey(venue=VENUE, account=Account("main"), symbol=Symbol("DBR/USDT:USDT"))
REF = position_ref_at(AT, 0x0123456789ABCDEF012)
OTHER_REF = position_ref_at(AT, 0x2BCDEF0123456789000)
RUN = RunId(event_id_at(AT, 1))
OTHER_RUN = RunId(event_id_at(AT, 2))

_trades = itertools.count(1)
_events = itertools.count(1)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def new_event_id() -> EventId:
    return event_id_at(AT, next(_events))


def name_of(ordinal: int, ref: PositionRef = REF) -> ClientOrderId:
    return client_order_id(ref, ordinal, venue=VENUE)


def order(status: OrderStatus = OrderStatus.PREPARED, **fields: Any) -> Order:
    """
    A market order to buy 100 contracts.
    """
    ordinal = fields.get("ordinal", 0)
    values: dict[str, Any] = {
        "ref": REF,
        "ordinal": 0,
        "run": RUN,
        "purpose": OrderPurpose.ENTRY,
        "side": OrderSide.BUY,
        "quantity": Decimal(100),
        "client_order_id": name_of(ordinal if type(ordinal) is int and 0 <= ordinal < 65_536 else 0),
        "prepared_at": AT,
    }
    if status is not OrderStatus.PREPARED:
        values["submitted_at"] = AT
    return Order(**(values | fields), status=status)


def exit_order(status: OrderStatus = OrderStatus.PREPARED, **fields: Any) -> Order:
    """
    A market order to sell 100 contracts and close the position.
    """
    values: dict[str, Any] = {
        "ordinal": 1,
        "purpose": OrderPurpose.EXIT,
        "side": OrderSide.SELL,
        "close_reason": CloseReason.STRATEGY,
    }
    return order(status, **(values | fields))


def pending(*statuses: OrderStatus, **fields: Any) -> PendingPosition:
    """
    A pending long position with an entry order for each status; by default one prepared order.
    """
    entries = statuses or (OrderStatus.PREPARED,)
    values: dict[str, Any] = {
        "ref": REF,
        "key": KEY,
        "side": Side.LONG,
        "requested_quantity": Decimal(100),
        "orders": tuple(order(status, ordinal=ordinal) for ordinal, status in enumerate(entries)),
        "created_at": AT,
    }
    return PendingPosition(**(values | fields))


def persisted(*orders: Order, **fields: Any) -> PersistedPosition:
    """
    A long position of 100 contracts bought at 2; by default with its filled entry order.
    """
    values: dict[str, Any] = {
        "id": PositionId(7),
        "ref": REF,
        "key": KEY,
        "side": Side.LONG,
        "requested_quantity": Decimal(100),
        "entered_quantity": Decimal(100),
        "entered_cost": Decimal(200),
        "orders": orders or (order(OrderStatus.FILLED, filled=Decimal(100)),),
        "created_at": AT,
        "opened_at": later(1),
        "version": 4,
    }
    return PersistedPosition(**(values | fields))


def with_orders(position: PersistedPosition, *orders: Order) -> PersistedPosition:
    """
    The position with further orders, in the order of their ordinals.
    """
    return replace(position, orders=(*position.orders, *orders))


def closed(*orders: Order, **fields: Any) -> ClosedPosition:
    """
    A long position of 100 contracts that was bought at 2 and sold at 3.
    """
    values: dict[str, Any] = {
        "id": PositionId(7),
        "ref": REF,
        "key": KEY,
        "side": Side.LONG,
        "reason": CloseReason.STRATEGY,
        "requested_quantity": Decimal(100),
        "entered_quantity": Decimal(100),
        "entered_cost": Decimal(200),
        "exited_cost": Decimal(300),
        "orders": orders or (order(OrderStatus.FILLED, filled=Decimal(100)),),
        "created_at": AT,
        "opened_at": later(1),
        "closed_at": later(2),
        "version": 6,
    }
    return ClosedPosition(**(values | fields))


def fill(side: OrderSide, quantity: str | Decimal, price: str | Decimal = "2", **fields: Any) -> Fill:
    """
    A fill of `KEY` with a new trade id.
    """
    values: dict[str, Any] = {
        "venue": KEY.venue,
        "account": KEY.account,
        "symbol": KEY.symbol,
        "trade_id": TradeId(f"trade-{next(_trades)}"),
        "side": side,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "at": later(1),
    }
    return Fill(**(values | fields))


def bought(quantity: str | Decimal, price: str | Decimal = "2", **fields: Any) -> Fill:
    return fill(OrderSide.BUY, quantity, price, **fields)


def sold(quantity: str | Decimal, price: str | Decimal = "2", **fields: Any) -> Fill:
    return fill(OrderSide.SELL, quantity, price, **fields)


def promote(**fields: Any) -> Promote:
    values: dict[str, Any] = {
        "pending": pending(OrderStatus.WORKING),
        "entered_quantity": Decimal(100),
        "entered_cost": Decimal(200),
        "opened_at": AT,
        "version": 2,
    }
    return Promote(**(values | fields))


def claimed(**fields: Any) -> Plan:
    values: dict[str, Any] = {
        "ref": REF,
        "key": KEY,
        "side": Side.LONG,
        "quantity": Decimal(100),
        "price": None,
        "run": RUN,
        "client_order_id": name_of(0),
        "at": AT,
    }
    return claim(**(values | fields))


def change_from(plan: Plan) -> Change:
    """
    The change that commits *plan*; making it checks that every event is of the version that is made.
    """
    return change_of(
        plan, id=ChangeId(uuid4()), run=RUN, at=later(5), around=EventContext(), new_event_id=new_event_id
    )


def position_after(plan: Plan) -> Position:
    """
    The position as it is stored, once the plan is committed.
    """
    (transition,) = change_from(plan).transitions
    return transition.result(PositionId(7))


def bodies(plan: Plan) -> list[LifeBody]:
    return [event.body for event in plan.events]


def venue_order(name: str) -> VenueOrderId:
    return VenueOrderId(name)


# Values that constructors refuse, by the kind of field. Only a limit price may be zero.
BAD_MONEY: tuple[Any, ...] = (
    1.5,
    1,
    True,
    "1.5",
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("-Infinity"),
    Decimal("1e40"),
    Decimal("1e-41"),
)
BAD_QUANTITIES: tuple[Any, ...] = (*BAD_MONEY, None, Decimal(0), Decimal(-1))
BAD_TIMES: tuple[Any, ...] = (
    datetime(2026, 1, 1),  # noqa: DTZ001 - naive on purpose
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=3))),
    "2026-01-01T00:00:00Z",
    1767225600.0,
)
BAD_NAMES: tuple[Any, ...] = ("", " padded ", "a\x00b", "a\nb", "a\ud800b", "a" * 256, 7, b"bytes")
BAD_REFS: tuple[Any, ...] = ("pending", str(REF), uuid4(), UUID(int=REF.int | 1), 7, None)
BAD_COUNTS: tuple[Any, ...] = (-1, 1 << 31, True, 1.0, "1", None)


def cases(**bad: tuple[Any, ...]) -> pytest.MarkDecorator:
    """
    Parametrize a test with every field and each value that it must refuse.
    """
    return pytest.mark.parametrize(
        "field, value",
        [
            pytest.param(field, value, id=f"{field}-{number}-{type(value).__name__}")
            for field, values in bad.items()
            for number, value in enumerate(values)
        ],
    )
