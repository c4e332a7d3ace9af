"""
Statements in SQLite's SQL, made from columns. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from poslife.storage._columns import EVENTS, Column

__all__ = ["insertion", "listed", "listed_events", "selection", "update"]


def insertion(table: str, columns: Sequence[Column]) -> str:
    """
    Return the statement that inserts a row.
    """
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({listed(columns)}) VALUES ({marks})"  # noqa: S608 - made of constants


def selection(table: str, columns: Sequence[Column]) -> str:
    """
    Return the beginning of a statement that selects rows.
    """
    return f"SELECT {listed(columns)} FROM {table} "  # noqa: S608 - made of constants


def update(table: str, columns: Sequence[Column], key: str) -> str:
    """
    Return the statement that updates a row: its columns, then its key.
    """
    changes = ", ".join(f'"{column.name}" = ?' for column in columns)
    return f"UPDATE {table} SET {changes} WHERE {key} = ?"  # noqa: S608 - made of constants


def listed(columns: Sequence[Column]) -> str:
    """
    Return the names of columns as a list.
    """
    return ", ".join(f'"{column.name}"' for column in columns)


def listed_events(columns: Sequence[Column]) -> str:
    """
    Return the list that selects the columns `EVENTS` from a table of events with *columns*.
    """
    by_path = {column.path: column.name for column in columns}
    return ", ".join(f'{_source(by_path.get(column.path))} AS "{column.name}"' for column in EVENTS)


def _source(name: str | None) -> str:
    return "NULL" if name is None else f'"{name}"'
