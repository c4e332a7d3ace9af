"""
Values as SQLite keeps them, and back; statements over the tables' columns. Pure.

Whoever opens the file with the ``sqlite3`` shell should be able to read it: so numbers, times and UUIDs are
text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from poslife._domain.decimals import canonical_text
from poslife.errors import StorageRejected
from poslife.storage._rows import Value

__all__ = ["Cell", "cells_of", "insertion", "selection", "time_of", "time_text", "update", "values_by_column"]

Cell = int | str | bytes | None
"""
What SQLite hands out, and takes.
"""

# As far from the point as PostgreSQL keeps a digit after it.
_MOST_DIGITS: Final = 16_383


def time_text(at: datetime) -> str:
    """
    A time in UTC, to the microsecond, in one width: the texts sort as the times do.
    """
    parts = at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % parts  # noqa: UP031 - twice as fast as an f-string


def time_of(text: str) -> datetime:
    """
    The time of a `time_text`.
    """
    return datetime.fromisoformat(text)


def cells_of(row: Iterable[Value]) -> tuple[Cell, ...]:
    """
    A row's values as SQLite takes them.

    Raises:
        StorageRejected: For a number that would fill a book.
    """
    # On the path of every commit: a look-up by class serves all but subclasses, which are looked into.
    turned = [turn(value) if (turn := _TURNS.get(value.__class__, _cell)) else value for value in row]
    return cast("tuple[Cell, ...]", tuple(turned))


def _cell(value: Value) -> Cell:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Decimal):
        return _number_text(value)
    return value


def _number_text(number: Decimal) -> str:
    if abs(number.adjusted()) > _MOST_DIGITS:
        raise StorageRejected(f"{number} has more than {_MOST_DIGITS} digits before or after its point")
    return canonical_text(number)


# What `str` gives of a UUID and `time_text` of a time, in a quarter of the time; but not of subclasses.
_text: Final[Callable[[UUID | datetime], str]] = msgspec.to_builtins


def _time_text(at: datetime) -> str:
    text = _text(at)
    return text if at.microsecond else f"{text[:-1]}.000000Z"


_TURNS: Final[Mapping[type, Callable[[Any], Cell] | None]] = {
    str: None,
    int: None,
    bytes: None,
    type(None): None,
    UUID: _text,
    datetime: _time_text,
    Decimal: _number_text,
}


_VALUES: Final[Mapping[str, Callable[[str], Value]]] = {
    **dict.fromkeys(("ref", "run", "event_id", "correlation", "causation"), UUID),
    **dict.fromkeys(
        (
            "created_at",
            "opened_at",
            "closed_at",
            "prepared_at",
            "submitted_at",
            "at",
            "occurred_at",
            "recorded_at",
        ),
        time_of,
    ),
    **dict.fromkeys(
        (
            "requested_quantity",
            "requested_price",
            "entered_quantity",
            "entered_cost",
            "exited_quantity",
            "exited_cost",
            "stop_price",
            "take_profit_price",
            "quantity",
            "filled",
            "price",
        ),
        Decimal,
    ),
}


def values_by_column(columns: Sequence[str]) -> Callable[[Sequence[Cell]], dict[str, Value]]:
    """
    What makes values of a row of cells that has these columns.
    """
    turns = tuple((column, _VALUES.get(column)) for column in columns)

    def values_of(cells: Sequence[Cell]) -> dict[str, Value]:
        return {
            column: turn(cell) if turn is not None and isinstance(cell, str) else cell
            for (column, turn), cell in zip(turns, cells, strict=True)
        }

    return values_of


def insertion(table: str, columns: Sequence[str]) -> str:
    """
    The statement that inserts a row.
    """
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({_listed(columns)}) VALUES ({marks})"  # noqa: S608 - names of our own


def selection(table: str, columns: Sequence[str]) -> str:
    """
    The beginning of a statement that selects rows.
    """
    return f"SELECT {_listed(columns)} FROM {table} "  # noqa: S608 - names of our own


def update(table: str, columns: Sequence[str], key: str) -> str:
    """
    The statement that updates a row: its columns, then its key.
    """
    changes = ", ".join(f'"{column}" = ?' for column in columns)
    return f"UPDATE {table} SET {changes} WHERE {key} = ?"  # noqa: S608 - names of our own


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
