"""
Rows as JSON, exactly as ``json_populate_recordset`` takes them and ``row_to_json`` gives them.

A number goes in as text and comes out as a JSON number of any length; a time comes out in the time zone of
the transaction, which is UTC. No codec of the driver takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import GenericAlias
from typing import Any, Final, TypedDict, cast

import msgspec

from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.fill_owner import OwnerCandidates
from poslife._domain.fills import StoredFill
from poslife._domain.positions import Position
from poslife._trail.records import EventRecord
from poslife.errors import PositionUnreadable
from poslife.storage._columns import EVENTS, FILLS, ORDERS, POSITIONS, Column, Kind, names_of
from poslife.storage._event_rows import event_record_from, recorded_event_from
from poslife.storage._mapping import UNREADABLE, VALUE_TYPES, Row, Value, canonical_numbers
from poslife.storage._rows import fill_from, order_from, position_from

__all__ = [
    "bytes_text",
    "candidates_of",
    "cells_by_name",
    "event_of",
    "fill_of",
    "position_of",
    "record_of",
    "recordset",
]

_encoder: Final = msgspec.json.Encoder()

# Type checkers accept the functional form only with a literal.
_typed_dict: Final = cast("Callable[[str, Mapping[str, Any]], type[dict[str, Any]]]", TypedDict)


def _row_type(name: str, columns: Sequence[Column], **others: Any) -> type[dict[str, Any]]:
    """
    Return the type that a row of *columns* and *others* is decoded to.
    """
    return _typed_dict(name, {column.name: _cell_type(column) for column in columns} | others)


def _cell_type(column: Column) -> Any:
    kind: Any = str if column.cells is Kind.BYTES else VALUE_TYPES[column.cells]
    return kind | None if column.null else kind


_order_row: Final = _row_type("OrderRow", ORDERS)
_position_row: Final = _row_type("PositionRow", POSITIONS)
_whole_position: Final = _typed_dict(
    "WholePosition", {"position": _position_row, "orders": GenericAlias(list, _order_row)}
)
_fill_row: Final = _row_type("FillRow", FILLS, number=int)
_candidates: Final = _typed_dict(
    "Candidates", {"fills": GenericAlias(list, _fill_row), "positions": GenericAlias(list, _whole_position)}
)

_position_decoder: Final = msgspec.json.Decoder(_whole_position)
_candidates_decoder: Final = msgspec.json.Decoder(_candidates)
_fill_decoder: Final = msgspec.json.Decoder(_fill_row)
_EVENT_BYTES: Final = tuple(column.name for column in EVENTS if column.cells is Kind.BYTES)
_event_decoder: Final = msgspec.json.Decoder(_row_type("EventRow", EVENTS))


def cells_by_name(columns: Sequence[Column]) -> Callable[[Iterable[Value]], dict[str, Value]]:
    """
    Return the function that gives a row of *columns* by their names.
    """
    names = names_of(columns)
    of_bytes = tuple(column.name for column in columns if column.cells is Kind.BYTES)

    def named(row: Iterable[Value]) -> dict[str, Value]:
        cells = dict(zip(names, row, strict=True))
        for name in of_bytes:
            value = cells[name]
            if isinstance(value, bytes):
                cells[name] = bytes_text(value)
        return cells

    return named


def bytes_text(value: bytes) -> str:
    """
    Return bytes as the text that PostgreSQL reads as such.
    """
    return f"\\x{value.hex()}"


def recordset(rows: Sequence[Mapping[str, Value]]) -> str:
    """
    Return rows as ``json_populate_recordset`` takes them.
    """
    return _encoder.encode(rows).decode()


def position_of(text: str) -> Position:
    """
    Return the position of ``{"position": …, "orders": […]}``, its orders by ordinal.
    """
    try:
        return _position_from(_position_decoder.decode(text))
    except UNREADABLE as error:
        # Read without the types of the columns, which may be what it does not have.
        row: dict[str, Any] = msgspec.json.decode(text)["position"]
        raise PositionUnreadable(str(row.get("ref")), str(error)) from error


def _position_from(whole: Mapping[str, Any]) -> Position:
    # The server keeps trailing zeros.
    orders = [order_from(canonical_numbers(order)) for order in whole["orders"]]
    return position_from(canonical_numbers(whole["position"]), orders)


def fill_of(text: str) -> tuple[int, StoredFill]:
    """
    Return the fill of a row, and its number in the order of storing.
    """
    row = _fill_decoder.decode(text)
    return row["number"], fill_from(canonical_numbers(row))


def candidates_of(text: str) -> OwnerCandidates:
    """
    Return the fills and positions of ``{"fills": […], "positions": […]}``.
    """
    try:
        found = _candidates_decoder.decode(text)
        return OwnerCandidates(
            stored=tuple(fill_from(canonical_numbers(fill)) for fill in found["fills"]),
            positions=tuple(_position_from(whole) for whole in found["positions"]),
        )
    except UNREADABLE:
        for whole in msgspec.json.decode(text, type=dict[str, list[msgspec.Raw]])["positions"]:
            position_of(bytes(whole).decode())  # raises for the one that cannot be read
        raise


def event_of(text: str) -> RecordedEvent:
    """
    Return the event of a row with the columns `EVENTS`, its body decoded.
    """
    return recorded_event_from(_event_row(text))


def record_of(text: str | msgspec.Raw) -> EventRecord:
    """
    Return the event of a row with the columns `EVENTS`.
    """
    return event_record_from(_event_row(text))


def _event_row(text: str | msgspec.Raw) -> Row:
    row: dict[str, Value] = _event_decoder.decode(text)
    for name in _EVENT_BYTES:
        if (text_of_bytes := row[name]) is not None:
            row[name] = bytes.fromhex(str(text_of_bytes))
    return row
