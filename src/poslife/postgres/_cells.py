"""
Rows as JSON: what PostgreSQL's ``json_populate_recordset`` takes and its ``row_to_json`` gives, exactly.

A number goes in as text and comes out as a JSON number of any length; a time comes out in the time zone of
the transaction, which is UTC; `UUID` and `Decimal` are Python's own, whatever the driver makes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypedDict, cast
from uuid import UUID

import msgspec

from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.fill_owner import OwnerCandidates
from poslife._domain.fills import StoredFill
from poslife._domain.orders import Order
from poslife._domain.positions import Position
from poslife._trail.records import EventRecord
from poslife.storage._event_rows import event_record_from, recorded_event_from
from poslife.storage._rows import Value, fill_from, order_from, position_from

__all__ = [
    "bytes_text",
    "candidates_of",
    "cells",
    "event_of",
    "fill_of",
    "position_of",
    "record_of",
    "recordset",
]

_encoder: Final = msgspec.json.Encoder()


class _PositionCells(TypedDict):
    ref: UUID
    id: int | None
    status: str
    version: int
    venue: str
    account: str
    symbol: str
    leg: str
    margin_mode: str
    side: str
    confidence: str | None
    origin: str | None
    requested_quantity: Decimal
    requested_price: Decimal | None
    entered_quantity: Decimal | None
    entered_cost: Decimal | None
    exited_quantity: Decimal | None
    exited_cost: Decimal | None
    stop_price: Decimal | None
    stop_order_id: str | None
    take_profit_price: Decimal | None
    take_profit_order_id: str | None
    close_reason: str | None
    created_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None


class _OrderCells(TypedDict):
    ref: UUID
    ordinal: int
    run: UUID
    purpose: str
    side: str
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    client_order_id: str
    venue_order_id: str | None
    status: str
    prepared_at: datetime
    submitted_at: datetime | None
    close_reason: str | None


class _FillCells(TypedDict):
    number: int
    venue: str
    account: str
    symbol: str
    trade_id: str
    side: str
    quantity: Decimal
    price: Decimal
    at: datetime
    venue_order_id: str | None
    client_order_id: str | None
    leg: str | None
    fees: str
    ref: UUID | None
    ordinal: int | None
    unclaimed_because: str | None


class _EventCells(TypedDict):
    event_id: UUID
    type: str
    schema: int
    ref: UUID | None
    venue: str | None
    account: str | None
    symbol: str | None
    ordinal: int | None
    severity: str
    occurred_at: datetime
    recorded_at: datetime
    run: UUID
    correlation: UUID | None
    causation: UUID | None
    actor: str
    version: int | None
    index: int | None
    sequence: int | None
    content: str
    digest: str


class _WholePosition(TypedDict):
    position: _PositionCells
    orders: list[_OrderCells]


class _Candidates(TypedDict):
    fills: list[_FillCells]
    positions: list[_WholePosition]


_position_decoder: Final = msgspec.json.Decoder(_WholePosition)
_candidates_decoder: Final = msgspec.json.Decoder(_Candidates)
_fill_decoder: Final = msgspec.json.Decoder(_FillCells)
_event_decoder: Final = msgspec.json.Decoder(_EventCells)


def cells(columns: Sequence[str], row: Iterable[Value]) -> dict[str, Value]:
    """
    A row by its columns' names.
    """
    return dict(zip(columns, row, strict=True))


def bytes_text(value: bytes) -> str:
    """
    Bytes as text that PostgreSQL reads as such.
    """
    return f"\\x{value.hex()}"


def recordset(rows: Sequence[Mapping[str, Value]]) -> str:
    """
    Rows as ``json_populate_recordset`` takes them.
    """
    return _encoder.encode(rows).decode()


def position_of(text: str) -> Position:
    """
    A position from ``{"position": …, "orders": […]}``, its orders by ordinal.
    """
    return _position_from(_position_decoder.decode(text))


def _position_from(whole: _WholePosition) -> Position:
    orders: list[Order] = [order_from(cast("dict[str, Value]", order)) for order in whole["orders"]]
    return position_from(cast("dict[str, Value]", whole["position"]), orders)


def fill_of(text: str) -> tuple[int, StoredFill]:
    """
    A fill from its row, and its number in the order of storing.
    """
    row = _fill_decoder.decode(text)
    return row["number"], fill_from(cast("dict[str, Value]", row))


def candidates_of(text: str) -> OwnerCandidates:
    """
    Fills and positions from ``{"fills": […], "positions": […]}``.
    """
    found = _candidates_decoder.decode(text)
    return OwnerCandidates(
        stored=tuple(fill_from(cast("dict[str, Value]", fill)) for fill in found["fills"]),
        positions=tuple(_position_from(whole) for whole in found["positions"]),
    )


def event_of(text: str) -> RecordedEvent:
    """
    An event from a row with the columns `EVENT_COLUMNS`, its digest in hexadecimal.
    """
    return recorded_event_from(_event_row(text))


def record_of(text: str | msgspec.Raw) -> EventRecord:
    """
    The same, its content as the bytes it was stored with.
    """
    return event_record_from(_event_row(text))


def _event_row(text: str | msgspec.Raw) -> Mapping[str, Value]:
    row = _event_decoder.decode(text)
    return {**cast("dict[str, Value]", row), "digest": bytes.fromhex(row["digest"])}
