"""
Parts of statements in PostgreSQL's SQL, made from columns. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from poslife.storage._columns import EVENTS, Column, Kind

__all__ = ["TYPES", "insertion", "listed", "listed_events", "replacement"]

TYPES: Final = {
    Kind.UUID: "uuid",
    Kind.INTEGER: "integer",
    Kind.BIGINT: "bigint",
    Kind.NUMBER: "numeric",
    Kind.TIME: "timestamp with time zone",
    Kind.TEXT: "text",
    Kind.BYTES: "bytea",
}
"""
The types of columns.
"""


def listed(columns: Sequence[Column], of: str = "") -> str:
    """
    Return the names of columns as a list, qualified with the relation *of* if one is given.
    """
    return ", ".join(f"{of}.{column.name}" if of else column.name for column in columns)


def insertion(table: str, columns: Sequence[Column], argument: int, **others: str) -> str:
    """
    Return the statement that inserts the rows ``r`` of a JSON text.

    Args:
        table: The table.
        columns: The columns to write.
        argument: The number of the argument with the text.
        **others: By the name of a column, the expression to write in place of ``r``'s cell. It may be a
            column that rows do not have.
    """
    cells = {column.name: f"r.{column.name}" for column in columns} | others
    return (
        f"INSERT INTO poslife.{table} AS t ({', '.join(cells)}) "  # noqa: S608 - made of constants
        f"SELECT {', '.join(cells.values())} "
        f"FROM json_populate_recordset(NULL::poslife.{table}, ${argument}::text::json) AS r"
    )


def replacement(columns: Sequence[Column]) -> str:
    """
    Return the part of an ``ON CONFLICT`` clause that overwrites *columns*.
    """
    return f"DO UPDATE SET ({listed(columns)}) = ROW ({listed(columns, 'excluded')})"


def listed_events(columns: Sequence[Column], of: str) -> str:
    """
    Return the list that selects the columns `EVENTS` from a relation *of* with *columns*.

    Bytes are hexadecimal text, as JSON has none.
    """
    by_path = {column.path: column for column in columns}
    return ", ".join(f"{_cell(by_path.get(column.path), of, column)} AS {column.name}" for column in EVENTS)


def _cell(column: Column | None, of: str, wanted: Column) -> str:
    if column is None:
        return f"NULL::{'text' if wanted.cells is Kind.BYTES else TYPES[wanted.cells]}"
    cell = f"{of}.{column.name}"
    return f"encode({cell}, 'hex')" if column.cells is Kind.BYTES else cell
