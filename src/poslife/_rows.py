"""
Positions, orders, fills and events as rows, and back: the columns every SQL store has. Pure.

Values are `int`, `str`, `bytes`, `Decimal`, `datetime`, `UUID` or ``None``; each store turns these into what
its driver takes. The column tuples are the tables' columns, in order; the schema check compares the tables
with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar
from uuid import UUID

import msgspec

from poslife._changes import Heads
from poslife._encoding import decode_body, encode_body
from poslife._events import UNLINKED, Actor, EventHeader, LifeEvent, RecordedEvent, Severity
from poslife._fills import Fee, Fill, StoredFill
from poslife._identifiers import (
    Account,
    ClientOrderId,
    EventId,
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
from poslife._orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._position import (
    ClosedPosition,
    Confidence,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionStatus,
    Protection,
)
from poslife._records import EventRecord, content_of, linked

__all__ = [
    "EVENT_COLUMNS",
    "FILL_COLUMNS",
    "HEADER_COLUMNS",
    "LIFE_EVENT_COLUMNS",
    "ORDER_COLUMNS",
    "POSITION_COLUMNS",
    "RUN_EVENT_COLUMNS",
    "LifeEventRow",
    "Value",
    "event_record_from",
    "fill_from",
    "fill_row",
    "key_row",
    "life_digests",
    "life_event_rows",
    "order_from",
    "order_row",
    "position_from",
    "position_row",
    "recorded_event_from",
    "run_event_row",
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

HEADER_COLUMNS = (
    "event_id",
    "type",
    "schema",
    "ref",
    "venue",
    "account",
    "symbol",
    "ordinal",
    "severity",
    "occurred_at",
    "recorded_at",
    "run",
    "correlation",
    "causation",
    "actor",
)

LIFE_EVENT_COLUMNS = (*HEADER_COLUMNS, "version", "index", "body", "digest")
"""
``body`` is the event's JSON text, byte for byte.
"""

RUN_EVENT_COLUMNS = (*HEADER_COLUMNS, "sequence", "payload", "digest")
"""
``payload`` is the event's JSON text, byte for byte.
"""

EVENT_COLUMNS = (*HEADER_COLUMNS, "version", "index", "sequence", "content", "digest")
"""
What reading the history of a position selects, from both event tables.

``version`` and ``index`` are null for a host's event, ``sequence`` for a life event; ``content`` is ``body``
or ``payload``.
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
        venue=Venue(_cell(row, "venue", str)),
        account=Account(_cell(row, "account", str)),
        symbol=Symbol(_cell(row, "symbol", str)),
        leg=Leg(_cell(row, "leg", str)),
        margin_mode=MarginMode(mode) if (mode := _cell(row, "margin_mode", str)) else None,
    )
    ref = PositionRef(_cell(row, "ref", UUID))
    side = Side(_cell(row, "side", str))
    requested_quantity = _cell(row, "requested_quantity", Decimal)
    requested_price = _optional(row, "requested_price", Decimal)
    created_at = _cell(row, "created_at", datetime)
    version = _cell(row, "version", int)
    status = PositionStatus(_cell(row, "status", str))
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
            id=PositionId(_cell(row, "id", int)),
            ref=ref,
            key=key,
            side=side,
            reason=CloseReason(_cell(row, "close_reason", str)),
            origin=Origin(_cell(row, "origin", str)),
            requested_quantity=requested_quantity,
            requested_price=requested_price,
            entered_quantity=_cell(row, "entered_quantity", Decimal),
            entered_cost=_cell(row, "entered_cost", Decimal),
            exited_cost=_cell(row, "exited_cost", Decimal),
            orders=tuple(orders),
            created_at=created_at,
            opened_at=_cell(row, "opened_at", datetime),
            closed_at=_cell(row, "closed_at", datetime),
            version=version,
        )
    return PersistedPosition(
        id=PositionId(_cell(row, "id", int)),
        ref=ref,
        key=key,
        side=side,
        confidence=Confidence(_cell(row, "confidence", str)),
        origin=Origin(_cell(row, "origin", str)),
        requested_quantity=requested_quantity,
        requested_price=requested_price,
        entered_quantity=_cell(row, "entered_quantity", Decimal),
        entered_cost=_cell(row, "entered_cost", Decimal),
        exited_quantity=_cell(row, "exited_quantity", Decimal),
        exited_cost=_cell(row, "exited_cost", Decimal),
        orders=tuple(orders),
        protection=_protection_from(row),
        created_at=created_at,
        opened_at=_cell(row, "opened_at", datetime),
        version=version,
    )


def _protection_from(row: Row) -> Protection | None:
    stop_price = _optional(row, "stop_price", Decimal)
    take_profit_price = _optional(row, "take_profit_price", Decimal)
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
    close_reason = _optional(row, "close_reason", str)
    return Order(
        ref=PositionRef(_cell(row, "ref", UUID)),
        ordinal=_cell(row, "ordinal", int),
        run=RunId(_cell(row, "run", UUID)),
        purpose=OrderPurpose(_cell(row, "purpose", str)),
        side=OrderSide(_cell(row, "side", str)),
        quantity=_cell(row, "quantity", Decimal),
        filled=_cell(row, "filled", Decimal),
        price=_optional(row, "price", Decimal),
        client_order_id=ClientOrderId(_cell(row, "client_order_id", str)),
        venue_order_id=_venue_order(row, "venue_order_id"),
        status=OrderStatus(_cell(row, "status", str)),
        prepared_at=_cell(row, "prepared_at", datetime),
        submitted_at=_optional(row, "submitted_at", datetime),
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
    leg = _optional(row, "leg", str)
    client_order_id = _optional(row, "client_order_id", str)
    ref = _optional(row, "ref", UUID)
    return StoredFill(
        fill=Fill(
            venue=Venue(_cell(row, "venue", str)),
            account=Account(_cell(row, "account", str)),
            symbol=Symbol(_cell(row, "symbol", str)),
            trade_id=TradeId(_cell(row, "trade_id", str)),
            side=OrderSide(_cell(row, "side", str)),
            quantity=_cell(row, "quantity", Decimal),
            price=_cell(row, "price", Decimal),
            at=_cell(row, "at", datetime),
            venue_order_id=_venue_order(row, "venue_order_id"),
            client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
            leg=None if leg is None else Leg(leg),
            fees=msgspec.json.decode(_cell(row, "fees", str), type=tuple[Fee, ...]),
        ),
        ref=None if ref is None else PositionRef(ref),
        ordinal=_optional(row, "ordinal", int),
        unclaimed_because=_optional(row, "unclaimed_because", str),
    )


def _header_row(header: EventHeader, recorded_at: datetime) -> tuple[Value, ...]:
    return (
        header.id,
        header.type,
        header.schema,
        header.ref,
        header.venue,
        header.account,
        header.symbol,
        header.order,
        header.severity.value,
        header.occurred_at,
        recorded_at,
        header.run,
        header.correlation,
        header.causation,
        header.actor.value,
    )


class LifeEventRow(NamedTuple):
    """
    A life event before it is known which one it follows.

    Attributes:
        ref: The position it is about.
        content: What its digest is taken over, with the digest before it.
        cells: The row, in the order of `LIFE_EVENT_COLUMNS`, but for the digest.
    """

    ref: PositionRef | None
    content: bytes
    cells: tuple[Value, ...]


def life_event_rows(events: Sequence[LifeEvent], recorded_at: datetime) -> list[LifeEventRow]:
    """
    The rows of a change's events.
    """
    rows: list[LifeEventRow] = []
    for event in events:
        header, body = event.header, encode_body(event.body)
        content = content_of(header, recorded_at, None, event.version, event.index, body)
        cells = (*_header_row(header, recorded_at), event.version, event.index, body.decode())
        rows.append(LifeEventRow(header.ref, content, cells))
    return rows


def life_digests(rows: Sequence[LifeEventRow], heads: Heads) -> list[bytes]:
    """
    The digests of a change's events, which go on from what is stored of each position.
    """
    trails = {ref: head.trail for ref, head in heads.items()}
    digests: list[bytes] = []
    for ref, content, _ in rows:
        digest = linked(UNLINKED if ref is None else trails.get(ref, UNLINKED), content)
        if ref is not None:
            trails[ref] = digest
        digests.append(digest)
    return digests


def run_event_row(record: EventRecord) -> tuple[Value, ...]:
    """
    The row, in the order of `RUN_EVENT_COLUMNS`.
    """
    return (
        *_header_row(record.header, record.recorded_at),
        record.sequence,
        record.payload.decode(),
        record.digest,
    )


def recorded_event_from(row: Row) -> RecordedEvent:
    """
    The event of a row with the columns `EVENT_COLUMNS`.
    """
    record = event_record_from(row)
    header = record.header
    return RecordedEvent(
        header=header,
        body=decode_body(header.type, header.schema, record.payload, life=record.version is not None),
        recorded_at=record.recorded_at,
        version=record.version,
        index=record.index,
        sequence=record.sequence,
        digest=record.digest,
    )


def event_record_from(row: Row) -> EventRecord:
    """
    The same, its content as the bytes it was stored with.
    """
    ref = _optional(row, "ref", UUID)
    venue, account, symbol = (_optional(row, column, str) for column in ("venue", "account", "symbol"))
    causation = _optional(row, "causation", UUID)
    header = EventHeader(
        id=EventId(_cell(row, "event_id", UUID)),
        type=_cell(row, "type", str),
        schema=_cell(row, "schema", int),
        ref=None if ref is None else PositionRef(ref),
        venue=None if venue is None else Venue(venue),
        account=None if account is None else Account(account),
        symbol=None if symbol is None else Symbol(symbol),
        order=_optional(row, "ordinal", int),
        severity=Severity(_cell(row, "severity", str)),
        occurred_at=_cell(row, "occurred_at", datetime),
        run=RunId(_cell(row, "run", UUID)),
        correlation=_optional(row, "correlation", UUID),
        causation=None if causation is None else EventId(causation),
        actor=Actor(_cell(row, "actor", str)),
    )
    return EventRecord(
        header=header,
        recorded_at=_cell(row, "recorded_at", datetime),
        sequence=_optional(row, "sequence", int),
        version=_optional(row, "version", int),
        index=_optional(row, "index", int),
        payload=_cell(row, "content", str).encode(),
        digest=_cell(row, "digest", bytes),
    )


def _venue_order(row: Row, column: str) -> VenueOrderId | None:
    value = _optional(row, column, str)
    return None if value is None else VenueOrderId(value)


def _cell(row: Row, column: str, kind: type[ValueT]) -> ValueT:
    value = row[column]
    if not isinstance(value, kind):
        raise TypeError(
            f"column {column} holds {value!r}, not a {kind.__name__}: the store has turned it wrongly"
        )
    return value


def _optional(row: Row, column: str, kind: type[ValueT]) -> ValueT | None:
    return None if row[column] is None else _cell(row, column, kind)
