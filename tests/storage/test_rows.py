from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from poslife import (
    ClientOrderId,
    ClosedPosition,
    CloseReason,
    Confidence,
    Fee,
    Fill,
    Leg,
    MarginMode,
    Order,
    OrderSide,
    OrderStatus,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionId,
    PositionKey,
    Protection,
    Side,
    StoredFill,
)
from poslife._trail.records import EventRecord
from poslife.events import EventHeader, LifeEvent, RecordedEvent
from poslife.storage._columns import (
    EVENTS,
    FILLS,
    LIFE_EVENTS,
    ORDERS,
    POSITIONS,
    RUN_EVENTS,
    Column,
    names_of,
)
from poslife.storage._mapping import Value
from poslife.storage._rows import (
    fill_from,
    fill_row,
    key_row,
    order_from,
    order_row,
    position_from,
    position_row,
)
from poslife.venues import Trigger
from tests.values import (
    KEY,
    OTHER_RUN,
    REF,
    closed,
    exit_order,
    later,
    order,
    pending,
    persisted,
    sold,
    venue_order,
)

FULL_KEY = dataclasses.replace(KEY, leg=Leg.SHORT, margin_mode=MarginMode.ISOLATED)
STOP = Protection(
    stop_price=Decimal("3.1766"),
    stop_order_id=venue_order("s-1"),
    take_profit_price=Decimal("4.5"),
    take_profit_order_id=venue_order("p-1"),
)
ENTRY = order(
    OrderStatus.EXPIRED,
    side=OrderSide.SELL,
    quantity=Decimal("1.234e-9"),
    filled=Decimal("1.1e-9"),
    price=Decimal("123456789.012345678"),
    venue_order_id=venue_order("v-1"),
    run=OTHER_RUN,
    prepared_at=later(1),
    submitted_at=later(2),
)
EXIT = exit_order(OrderStatus.WORKING, side=OrderSide.BUY, close_reason=CloseReason.TAKE_PROFIT)
# Every field is something else than its default, and no two numbers or times of one value are alike.
SHARED: dict[str, Any] = {
    "key": FULL_KEY,
    "side": Side.SHORT,
    "requested_quantity": Decimal("1e13"),
    "requested_price": Decimal("0.1000"),
    "created_at": later(3),
}
PENDING = pending(**SHARED, orders=(dataclasses.replace(ENTRY, filled=Decimal(0)),), version=2**30)
PERSISTED = persisted(
    ENTRY,
    EXIT,
    **SHARED,
    id=PositionId(2**63 - 1),
    confidence=Confidence.SUSPECT,
    origin=Origin.IMPORTED,
    entered_quantity=Decimal("5.5"),
    entered_cost=Decimal("6.6"),
    exited_quantity=Decimal("2.2"),
    exited_cost=Decimal("3.3"),
    protection=STOP,
    opened_at=later(4),
    version=9,
)
CLOSED = closed(
    ENTRY,
    EXIT,
    **SHARED,
    id=PositionId(11),
    reason=CloseReason.LIQUIDATION,
    origin=Origin.ADOPTED,
    entered_quantity=Decimal("7.7"),
    entered_cost=Decimal("8.8"),
    exited_cost=Decimal("9.9"),
    opened_at=later(4),
    closed_at=later(5),
    version=12,
)
FILL = sold(
    "1.5",
    "2.5",
    at=later(6),
    venue_order_id=venue_order("v-2"),
    client_order_id=ClientOrderId("c-1"),
    leg=Leg.LONG,
    fees=(Fee(cost=Decimal("0.10"), currency="USDT"), Fee(cost=Decimal("-1e-18"), currency="BNB")),
)


def row(columns: Sequence[Column], cells: tuple[Value, ...]) -> dict[str, Value]:
    return dict(zip(names_of(columns), cells, strict=True))


# ------------------------------------------------------------------------------------ every field, every time


@pytest.mark.parametrize("position", [PENDING, PERSISTED, CLOSED], ids=["pending", "persisted", "closed"])
def test_a_position_comes_back_whole(position: Position) -> None:
    """
    A position with every field set comes back with its orders and every digit (incidents 36, 44).
    """
    cells = row(POSITIONS, position_row(position))
    orders = [order_from(row(ORDERS, order_row(one))) for one in position.orders]
    again = position_from(cells, orders)

    assert position == again
    assert repr(position) == repr(again)


@pytest.mark.parametrize(
    "position",
    [pending(), pending(OrderStatus.REJECTED), persisted(), persisted(orders=()), closed()],
    ids=["pending", "ended", "open", "without orders", "closed"],
)
def test_what_is_not_there_comes_back_as_nothing(position: Position) -> None:
    """
    A field that is ``None`` comes back as ``None``, and not as 0 or an empty text (incident 34).
    """
    orders = [order_from(row(ORDERS, order_row(one))) for one in position.orders]

    assert position == position_from(row(POSITIONS, position_row(position)), orders)


@pytest.mark.parametrize("status", list(OrderStatus), ids=str)
def test_an_order_of_any_status_comes_back(status: OrderStatus) -> None:
    """
    An order comes back with its status.
    """
    given = order(status)

    assert given == order_from(row(ORDERS, order_row(given)))


@pytest.mark.parametrize(
    "stored",
    [
        StoredFill(fill=FILL, ref=REF, ordinal=3),
        StoredFill(fill=FILL, ref=None, unclaimed_because="nobody's"),
        StoredFill(fill=sold("1"), ref=REF),
    ],
    ids=["assigned", "unclaimed", "sparse"],
)
def test_a_fill_comes_back_whole(stored: StoredFill) -> None:
    """
    A fill comes back with its fees in any number of currencies (incident 36).
    """
    again = fill_from(row(FILLS, fill_row(stored)))

    assert stored == again
    assert repr(stored) == repr(again)


# --------------------------------------------------------------------------------- no field without a column

PROTECTION_FIELDS = {"stop_price", "stop_order_id", "take_profit_price", "take_profit_order_id"}
PARTS: dict[str, type] = {
    "key": PositionKey,
    "protection": Protection,
    "trigger": Trigger,
    "fill": Fill,
    "header": EventHeader,
}


def fields_of(kind: type) -> set[tuple[str, ...]]:
    """
    Return the fields of a class, with those of its parts in place of the parts.
    """
    found: set[tuple[str, ...]] = set()
    for field in dataclasses.fields(kind):
        if field.name in PARTS:
            found |= {(field.name, *rest) for rest in fields_of(PARTS[field.name])}
        elif field.name != "orders":
            found.add((field.name,))
    return found


def in_columns(columns: Sequence[Column]) -> set[tuple[str, ...]]:
    return {column.path for column in columns}


def test_every_field_has_a_column() -> None:
    """
    Every field of a class has a column: an INSERT once dropped 15 of 25 (incident 36).
    """
    positions = set[tuple[str, ...]]().union(
        *map(fields_of, (PendingPosition, PersistedPosition, ClosedPosition))
    )

    assert in_columns(POSITIONS) - {("status",)} == positions
    assert in_columns(ORDERS) == fields_of(Order)
    assert in_columns(FILLS) == fields_of(StoredFill)
    assert in_columns(EVENTS) == fields_of(EventRecord)
    assert in_columns(LIFE_EVENTS) == fields_of(EventRecord)
    of_life_events = {("version",), ("index",), ("evidence",), ("evidence_salt",)}
    assert in_columns(RUN_EVENTS) == fields_of(EventRecord) - of_life_events
    assert in_columns(EVENTS) >= (fields_of(LifeEvent) | fields_of(RecordedEvent)) - {("body",)}


@pytest.mark.parametrize(
    "value, columns, to_row",
    [
        pytest.param(PENDING, POSITIONS, position_row, id="pending"),
        pytest.param(PERSISTED, POSITIONS, position_row, id="persisted"),
        pytest.param(CLOSED, POSITIONS, position_row, id="closed"),
        pytest.param(EXIT, ORDERS, order_row, id="order"),
    ],
)
def test_a_row_has_a_cell_for_each_column(
    value: Any, columns: Sequence[Column], to_row: Callable[[Any], tuple[Value, ...]]
) -> None:
    """
    A row has one cell for each column, of a type that every driver can store.
    """
    cells = to_row(value)

    assert len(set(names_of(columns))) == len(columns) == len(cells)
    kinds = (int, str, bytes, Decimal, datetime, UUID, type(None))
    assert all(type(cell) in kinds for cell in cells)


def test_a_pending_row_has_no_id() -> None:
    """
    A value that a pending position does not have is null, and no sentinel (incident 22).
    """
    cells = row(POSITIONS, position_row(PENDING))
    empty = {"id", "confidence", "origin", "entered_quantity", "entered_cost", "exited_quantity"}
    empty |= {"exited_cost", *PROTECTION_FIELDS, "close_reason", "opened_at", "closed_at"}

    assert empty == {column for column, cell in cells.items() if cell is None}


def test_a_closed_row_says_when_and_why() -> None:
    """
    A closed position has its reason and its time: 177 rows once had neither (incident 56).
    """
    cells = row(POSITIONS, position_row(CLOSED))

    assert ("liquidation", later(5)) == (cells["close_reason"], cells["closed_at"])
    assert cells["entered_quantity"] == cells["exited_quantity"]


def test_keys_of_different_positions_differ_in_their_row() -> None:
    """
    A missing margin mode is an empty text, so that one constraint sees every key (incidents 10, 38).
    """
    keys = [KEY, *(dataclasses.replace(KEY, leg=leg) for leg in (Leg.LONG, Leg.SHORT)), FULL_KEY]

    assert len(keys) == len({key_row(key) for key in keys})
    assert ("bybit", "main", "DBR/USDT:USDT", "net", "") == key_row(KEY)


@pytest.mark.parametrize(
    "column, cell",
    [
        ("id", "pending"),
        ("id", Decimal(7)),
        ("ref", str(REF)),
        ("requested_quantity", 1.5),
        ("requested_price", "0.1"),
        ("created_at", "2026-01-01"),
        ("venue", None),
        ("version", "1"),
    ],
)
def test_a_store_that_turns_a_cell_wrongly_is_found_out(column: str, cell: Any) -> None:
    """
    A cell of another type is refused with its column and its value, and not converted (incident 44).
    """
    cells: dict[str, Any] = row(POSITIONS, position_row(PERSISTED)) | {column: cell}

    with pytest.raises(TypeError, match=f"column {column} holds"):
        position_from(cells, PERSISTED.orders)
