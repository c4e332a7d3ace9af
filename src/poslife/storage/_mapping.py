"""
Functions that turn values into rows and back, made from columns. Pure.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar, cast
from uuid import UUID

import msgspec

from poslife._domain.decimals import canonical
from poslife.storage._columns import Column, Encoded, Kind

__all__ = [
    "UNREADABLE",
    "VALUE_TYPES",
    "Row",
    "Value",
    "canonical_numbers",
    "reader_of",
    "value_of",
    "writer_of",
]

Value = int | str | bytes | Decimal | datetime | UUID | None
"""
A value of a row. Each store turns it into what its driver takes.
"""

Row = Mapping[str, Value]
"""
A row by the names of its columns.
"""

VALUE_TYPES: Final[Mapping[Kind, type]] = {
    Kind.UUID: UUID,
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.NUMBER: Decimal,
    Kind.TIME: datetime,
    Kind.TEXT: str,
    Kind.BYTES: bytes,
}
"""
The type of a column's values in a row.
"""

UNREADABLE: Final = (ValueError, TypeError, ArithmeticError, LookupError, msgspec.MsgspecError)
"""
The errors of reading a row that was altered, or that another release has written.
"""

ResultT = TypeVar("ResultT")
ValueT = TypeVar("ValueT")


def writer_of(
    columns: Sequence[Column], kind: type[ValueT], **others: str
) -> Callable[[ValueT], tuple[Value, ...]]:
    """
    Return the function that makes a row of a value of *kind*.

    Args:
        columns: The columns of the row.
        kind: The type of the values.
        **others: By the name of a column, the attributes to take in place of `Column.get`.
    """
    names: dict[str, object] = {}
    cells = [
        _expression(column, others.get(column.name, column.get or column.name), kind, names)
        for column in columns
    ]
    # One compiled expression, as dataclasses compile their methods: every commit makes rows, and one getter
    # called for each column takes three times as long.
    write: object = eval(f"lambda value: ({', '.join(cells)},)", names)  # noqa: S307 - of our columns alone
    return cast("Callable[[ValueT], tuple[Value, ...]]", write)


def _expression(column: Column, get: str, kind: type, names: dict[str, object]) -> str:
    """
    Return the expression for one cell of the row of ``value``, and add the functions it calls to *names*.
    """
    if not hasattr(kind, get.partition(".")[0].removesuffix("?")):
        return "None"
    found = cell = f"value.{get.replace('?', '')}"
    if isinstance(column.kind, Encoded):
        names[f"write_{column.name}"] = column.kind.write
        cell = f"write_{column.name}({found})"
        if column.null:
            cell = f"(None if {found} is None else {cell})"
    elif not isinstance(column.kind, Kind):
        cell = f"{found}._value_"
        if column.null or column.none is not None:
            cell = f"({column.none!r} if {found} is None else {cell})"
    optional, is_optional, _ = get.partition("?")
    return f"(None if value.{optional} is None else {cell})" if is_optional else cell


class _Source(NamedTuple):
    """
    The column of a field.
    """

    field: str
    column: str
    null: bool
    kind: type
    read: Callable[[Any], object] | None


def reader_of(
    columns: Sequence[Column], kind: Callable[..., ResultT], **parts: Callable[..., object]
) -> Callable[..., ResultT]:
    """
    Return the function that makes a value of *kind* of a row, and of the fields it is given by keyword.

    A column that is no field of *kind* is left out.

    Args:
        columns: The columns of the row.
        kind: The dataclass of the values.
        **parts: By the name of a field that has several columns, its type.
    """
    fields = {field.name for field in dataclasses.fields(cast("Any", kind))}
    plain = [_source_of(column) for column in columns if column.path[0] in fields - parts.keys()]
    composed = [
        (field, part, [_source_of(column) for column in columns if column.path[0] == field])
        for field, part in parts.items()
    ]

    def read(row: Row, **others: object) -> ResultT:
        values = _values(row, plain)
        for field, part, sources in composed:
            values[field] = part(**_values(row, sources))
        return kind(**values, **others)

    return read


class _Members(dict[str, enum.Enum | None]):
    """
    The members of an enumeration by their texts: asking the enumeration itself takes five times as long.
    """

    def __init__(self, members: type[enum.Enum], none: str | None) -> None:
        super().__init__({member.value: member for member in members})
        if none is not None:
            self[none] = None
        self._members = members

    def __missing__(self, text: str) -> enum.Enum:
        return self._members(text)  # which says that there is none


def _source_of(column: Column) -> _Source:
    read: Callable[[Any], object] | None = None
    if isinstance(column.kind, Encoded):
        read = column.kind.read
    elif not isinstance(column.kind, Kind):
        read = _Members(column.kind, column.none).__getitem__
    return _Source(column.path[-1], column.name, column.null, VALUE_TYPES[column.cells], read)


def _values(row: Row, sources: Sequence[_Source]) -> dict[str, object]:
    """
    Return the values of fields by their names.

    Raises:
        TypeError: A value is of another type than its column: the store has read it wrongly.
    """
    values: dict[str, object] = {}
    for field, column, null, kind, read in sources:
        value = row[column]
        if isinstance(value, kind):
            values[field] = value if read is None else read(value)
        elif value is None and null:
            values[field] = None
        else:
            raise _wrong_type(column, value, kind)
    return values


def canonical_numbers(row: Row) -> Row:
    """
    Return the row with its numbers in their canonical form.
    """
    return {name: canonical(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def value_of(row: Row, column: str, kind: type[ValueT]) -> ValueT:
    """
    Return one value of a row.

    Raises:
        TypeError: It is of another type than *kind*.
    """
    value = row[column]
    if not isinstance(value, kind):
        raise _wrong_type(column, value, kind)
    return value


def _wrong_type(column: str, value: object, kind: type) -> TypeError:
    return TypeError(f"column {column} holds {value!r}, expected {kind.__name__}: a defect of the store")
