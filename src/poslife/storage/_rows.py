"""
Positions, orders and fills as rows, and back: the columns every SQL store has. Pure.

Values are `int`, `str`, `bytes`, `Decimal`, `datetime`, `UUID` or ``None``; each store turns these into what
its driver takes. The column tuples are the tables' columns, in order; the schema check compares the tables
with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

import msgspec

from poslife._domain.fills import Fee, Fill, StoredFill
from poslife._domain.identifiers import (
    Account,
    ClientOrderId,
    Leg,
    MarginMode,
    OrderSide,
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
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import (
    ClosedPosition,
    Confidence,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._domain.protection import Protection

__all__ = [
    "FILL_COLUMNS",
    "ORDER_COLUMNS",
    "POSITION_COLUMNS",
    "Row",
    "Value",
    "cell_of",
    "fill_from",
    "fill_row",
    "key_row",
    "optional_cell",
    "order_from",
    "order_row",
    "position_from",
    "position_row",
]

Value = int | str | bytes | Decimal | datetime | UUID | None
"""
What a cell holds.
"""

Row = Mapping[str, Value]

POSITION_COLUMNS = (
    "ref",
    "id",
    "status",
    "version",
    "venue",
    "account",
    "symbol",
    "leg",
    "margin_mode",
    "side",
    "confidence",
    "origin",
    "requested_quantity",
    "requested_price",
    "entered_quantity",
    "entered_cost",
    "exited_quantity",
    "exited_cost",
    "stop_price",
    "stop_order_id",
    "take_profit_price",
    "take_profit_order_id",
    "close_reason",
    "created_at",
    "opened_at",
    "closed_at",
)
"""
A pending position's ``id`` is null, and all from ``confidence`` on but what was requested and ``created_at``.

``margin_mode`` is ``''`` for none, so that the unique index over live keys holds.
"""

ORDER_COLUMNS = (
    "ref",
    "ordinal",
    "run",
    "purpose",
    "side",
    "quantity",
    "filled",
    "price",
    "client_order_id",
    "venue_order_id",
    "status",
    "prepared_at",
    "submitted_at",
    "close_reason",
)

FILL_COLUMNS = (
    "venue",
    "account",
    "symbol",
    "trade_id",
    "side",
    "quantity",
    "price",
    "at",
    "venue_order_id",
    "client_order_id",
    "leg",
    "fees",
    "ref",
    "ordinal",
    "unclaimed_because",
)
"""
``fees`` is a JSON list of ``{"cost": text, "currency": text}``.
"""

ValueT = TypeVar("ValueT", bound=Value)


def key_row(key: PositionKey) -> tuple[str, str, str, str, str]:
    """
    Venue, account, symbol, leg and margin mode.
    """
    return (
        key.venue,
        key.account,
        key.symbol,
        key.leg.value,
        "" if key.margin_mode is None else key.margin_mode.value,
    )


def position_row(position: Position) -> tuple[Value, ...]:
    """
    The row, in the order of `POSITION_COLUMNS`.
    """
    # Of every commit's path: laid out by hand, as `POSITION_COLUMNS` has it.
    named = (position.version, *key_row(position.key), position.side.value)
    asked = (position.requested_quantity, position.requested_price)
    ref, status = position.ref, position.status.value
    match position:
        case PendingPosition():
            return (
                *(ref, None, status, *named, None, None, *asked),
                *_NO_SUMS,
                *_NO_PROTECTION,
                *(None, position.created_at, None, None),
            )
        case PersistedPosition():
            return (
                *(ref, position.id, status, *named, position.confidence.value, position.origin.value, *asked),
                *(position.entered_quantity, position.entered_cost),
                *(position.exited_quantity, position.exited_cost),
                *_protection_cells(position.protection),
                *(None, position.created_at, position.opened_at, None),
            )
        case ClosedPosition():
            return (
                *(ref, position.id, status, *named, None, position.origin.value, *asked),
                *(position.entered_quantity, position.entered_cost),
                *(position.entered_quantity, position.exited_cost),
                *_NO_PROTECTION,
                *(position.reason.value, position.created_at, position.opened_at, position.closed_at),
            )


_NO_SUMS = (None,) * 4
_NO_PROTECTION = (None,) * 4


def _protection_cells(protection: Protection | None) -> tuple[Value, ...]:
    if protection is None:
        return _NO_PROTECTION
    return (
        protection.stop_price,
        protection.stop_order_id,
        protection.take_profit_price,
        protection.take_profit_order_id,
    )


def position_from(row: Row, orders: Sequence[Order]) -> Position:
    """
    The position of a row with the columns `POSITION_COLUMNS`, and its orders by ordinal.
    """
    key = PositionKey(
        venue=Venue(cell_of(row, "venue", str)),
        account=Account(cell_of(row, "account", str)),
        symbol=Symbol(cell_of(row, "symbol", str)),
        leg=Leg(cell_of(row, "leg", str)),
        margin_mode=MarginMode(mode) if (mode := cell_of(row, "margin_mode", str)) else None,
    )
    ref = PositionRef(cell_of(row, "ref", UUID))
    side = Side(cell_of(row, "side", str))
    requested_quantity = cell_of(row, "requested_quantity", Decimal)
    requested_price = optional_cell(row, "requested_price", Decimal)
    created_at = cell_of(row, "created_at", datetime)
    version = cell_of(row, "version", int)
    status = PositionStatus(cell_of(row, "status", str))
    if status in (PositionStatus.PENDING, PositionStatus.ENDED):
        return PendingPosition(
            ref=ref,
            key=key,
            side=side,
            requested_quantity=requested_quantity,
            requested_price=requested_price,
            orders=tuple(orders),
            created_at=created_at,
            version=version,
        )
    if status is PositionStatus.CLOSED:
        return ClosedPosition(
            id=PositionId(cell_of(row, "id", int)),
            ref=ref,
            key=key,
            side=side,
            reason=CloseReason(cell_of(row, "close_reason", str)),
            origin=Origin(cell_of(row, "origin", str)),
            requested_quantity=requested_quantity,
            requested_price=requested_price,
            entered_quantity=cell_of(row, "entered_quantity", Decimal),
            entered_cost=cell_of(row, "entered_cost", Decimal),
            exited_cost=cell_of(row, "exited_cost", Decimal),
            orders=tuple(orders),
            created_at=created_at,
            opened_at=cell_of(row, "opened_at", datetime),
            closed_at=cell_of(row, "closed_at", datetime),
            version=version,
        )
    return PersistedPosition(
        id=PositionId(cell_of(row, "id", int)),
        ref=ref,
        key=key,
        side=side,
        confidence=Confidence(cell_of(row, "confidence", str)),
        origin=Origin(cell_of(row, "origin", str)),
        requested_quantity=requested_quantity,
        requested_price=requested_price,
        entered_quantity=cell_of(row, "entered_quantity", Decimal),
        entered_cost=cell_of(row, "entered_cost", Decimal),
        exited_quantity=cell_of(row, "exited_quantity", Decimal),
        exited_cost=cell_of(row, "exited_cost", Decimal),
        orders=tuple(orders),
        protection=_protection_from(row),
        created_at=created_at,
        opened_at=cell_of(row, "opened_at", datetime),
        version=version,
    )


def _protection_from(row: Row) -> Protection | None:
    stop_price = optional_cell(row, "stop_price", Decimal)
    take_profit_price = optional_cell(row, "take_profit_price", Decimal)
    if stop_price is None and take_profit_price is None:
        return None
    return Protection(
        stop_price=stop_price,
        stop_order_id=_venue_order(row, "stop_order_id"),
        take_profit_price=take_profit_price,
        take_profit_order_id=_venue_order(row, "take_profit_order_id"),
    )


def order_row(order: Order) -> tuple[Value, ...]:
    """
    The row, in the order of `ORDER_COLUMNS`.
    """
    return (
        order.ref,
        order.ordinal,
        order.run,
        order.purpose.value,
        order.side.value,
        order.quantity,
        order.filled,
        order.price,
        order.client_order_id,
        order.venue_order_id,
        order.status.value,
        order.prepared_at,
        order.submitted_at,
        None if order.close_reason is None else order.close_reason.value,
    )


def order_from(row: Row) -> Order:
    """
    The order of a row with the columns `ORDER_COLUMNS`.
    """
    close_reason = optional_cell(row, "close_reason", str)
    return Order(
        ref=PositionRef(cell_of(row, "ref", UUID)),
        ordinal=cell_of(row, "ordinal", int),
        run=RunId(cell_of(row, "run", UUID)),
        purpose=OrderPurpose(cell_of(row, "purpose", str)),
        side=OrderSide(cell_of(row, "side", str)),
        quantity=cell_of(row, "quantity", Decimal),
        filled=cell_of(row, "filled", Decimal),
        price=optional_cell(row, "price", Decimal),
        client_order_id=ClientOrderId(cell_of(row, "client_order_id", str)),
        venue_order_id=_venue_order(row, "venue_order_id"),
        status=OrderStatus(cell_of(row, "status", str)),
        prepared_at=cell_of(row, "prepared_at", datetime),
        submitted_at=optional_cell(row, "submitted_at", datetime),
        close_reason=None if close_reason is None else CloseReason(close_reason),
    )


def fill_row(stored: StoredFill) -> tuple[Value, ...]:
    """
    The row, in the order of `FILL_COLUMNS`.
    """
    fill = stored.fill
    return (
        fill.venue,
        fill.account,
        fill.symbol,
        fill.trade_id,
        fill.side.value,
        fill.quantity,
        fill.price,
        fill.at,
        fill.venue_order_id,
        fill.client_order_id,
        None if fill.leg is None else fill.leg.value,
        msgspec.json.encode(fill.fees).decode(),
        stored.ref,
        stored.ordinal,
        stored.unclaimed_because,
    )


def fill_from(row: Row) -> StoredFill:
    """
    The fill of a row with the columns `FILL_COLUMNS`.
    """
    leg = optional_cell(row, "leg", str)
    client_order_id = optional_cell(row, "client_order_id", str)
    ref = optional_cell(row, "ref", UUID)
    return StoredFill(
        fill=Fill(
            venue=Venue(cell_of(row, "venue", str)),
            account=Account(cell_of(row, "account", str)),
            symbol=Symbol(cell_of(row, "symbol", str)),
            trade_id=TradeId(cell_of(row, "trade_id", str)),
            side=OrderSide(cell_of(row, "side", str)),
            quantity=cell_of(row, "quantity", Decimal),
            price=cell_of(row, "price", Decimal),
            at=cell_of(row, "at", datetime),
            venue_order_id=_venue_order(row, "venue_order_id"),
            client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
            leg=None if leg is None else Leg(leg),
            fees=msgspec.json.decode(cell_of(row, "fees", str), type=tuple[Fee, ...]),
        ),
        ref=None if ref is None else PositionRef(ref),
        ordinal=optional_cell(row, "ordinal", int),
        unclaimed_because=optional_cell(row, "unclaimed_because", str),
    )


def _venue_order(row: Row, column: str) -> VenueOrderId | None:
    value = optional_cell(row, column, str)
    return None if value is None else VenueOrderId(value)


def cell_of(row: Row, column: str, kind: type[ValueT]) -> ValueT:
    """
    What a cell holds, which is of that kind.
    """
    value = row[column]
    if not isinstance(value, kind):
        raise TypeError(
            f"column {column} holds {value!r}, not a {kind.__name__}: the store has turned it wrongly"
        )
    return value


def optional_cell(row: Row, column: str, kind: type[ValueT]) -> ValueT | None:
    """
    The same of a cell that may be null.
    """
    return None if row[column] is None else cell_of(row, column, kind)
