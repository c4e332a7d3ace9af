"""
Values as SQLite keeps them, and back; statements over the tables' columns. Pure.

Whoever opens the file with the ``sqlite3`` shell should be able to read it: numbers, times and UUIDs are text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from poslife._money import plain
from poslife._rows import Value

__all__ = ["Cell", "cells_of", "insertion", "selection", "time_of", "time_text", "values_by_column"]

Cell = int | str | bytes | None
"""
What SQLite hands out, and takes.
"""

_LAST_DIGIT: Final = len("2026-01-02T03:04:05.678901")


def time_text(at: datetime) -> str:
    """
    A time in UTC, to the microsecond, in one width: the texts sort as the times do.
    """
    return f"{at.astimezone(UTC).isoformat(timespec='microseconds')[:_LAST_DIGIT]}Z"


def time_of(text: str) -> datetime:
    """
    The time of a `time_text`.
    """
    return datetime.fromisoformat(text)


def cells_of(row: Iterable[Value]) -> tuple[Cell, ...]:
    """
    A row's values as SQLite takes them.
    """
    return tuple(
        value
        if value is None or isinstance(value, str | int | bytes)
        else plain(value)
        if isinstance(value, Decimal)
        else time_text(value)
        if isinstance(value, datetime)
        else str(value)
        for value in row
    )


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


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
