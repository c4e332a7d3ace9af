from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import pytest

from poslife.storage._columns import Column, Encoded, Kind, names_of
from poslife.storage._mapping import reader_of, value_of, writer_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    colour: Colour | None = None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cup:
    name: str
    colour: Colour
    handle: Handle | None = None
    marks: tuple[str, ...] = ()
    note: str | None = None

    @property
    def letters(self) -> int:
        return len(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    name: str
    content: str


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


COLUMNS = (
    Column("name", Kind.TEXT),
    Column("colour", Colour, null=True),
    Column("handle_colour", Colour, get="handle?.colour", null=True),
    Column("handle_size", Kind.INTEGER, get="handle?.size", null=True),
    Column("marks", Encoded(",".join, _split)),
    Column("letters", Kind.INTEGER),
    Column("remark", Kind.TEXT, get="note", none=None, null=True),
)
HANDLE = (Column("colour", Colour, none=""), Column("size", Kind.INTEGER))
FULL = Cup(name="mug", colour=Colour.RED, handle=Handle(colour=Colour.BLUE, size=3), marks=("a", "b"))


def test_a_row_has_a_cell_for_each_column() -> None:
    """
    Paths are followed, enumerations and encoded values are text, and a property is written as a field is.
    """
    assert ("mug", "red", "blue", 3, "a,b", 3, None) == writer_of(COLUMNS, Cup)(FULL)


def test_nothing_is_behind_an_attribute_that_is_none() -> None:
    """
    A path with ``?.`` is null if the attribute before it is ``None``.
    """
    bare = Cup(name="cup", colour=Colour.BLUE, marks=("x",))

    assert ("cup", "blue", None, None, "x", 3, None) == writer_of(COLUMNS, Cup)(bare)


def test_a_class_without_an_attribute_has_null() -> None:
    """
    A column whose attribute a class does not have is null, unless another attribute is named for it.
    """
    columns = [column for column in COLUMNS if column.name in ("name", "letters", "remark")]
    glass = Glass(name="pint", content="water")

    assert ("pint", None, None) == writer_of(columns, Glass)(glass)
    assert ("pint", None, "water") == writer_of(columns, Glass, remark="content")(glass)


@pytest.mark.parametrize("handle", [Handle(size=1), Handle(size=2, colour=Colour.RED)], ids=["none", "red"])
def test_a_text_stands_for_none(handle: Handle) -> None:
    """
    In a column without nulls a text stands for ``None``, and is read as ``None``.
    """
    row = writer_of(HANDLE, Handle)(handle)

    assert ("" if handle.colour is None else "red") == row[0]
    assert handle == reader_of(HANDLE, Handle)({"colour": row[0], "size": row[1]})


def test_a_value_comes_back_from_its_row() -> None:
    """
    A reader makes the value with its parts, and ignores columns that are no fields.
    """
    row = dict(zip(names_of(COLUMNS), writer_of(COLUMNS, Cup)(FULL), strict=True))

    assert FULL == reader_of(COLUMNS, Cup, handle=Handle)(row)
    assert FULL == reader_of([COLUMNS[0], *COLUMNS[2:]], Cup, handle=Handle)(row, colour=Colour.RED)


@pytest.mark.parametrize(
    "column, cell",
    [("name", None), ("name", 3), ("handle_size", "3"), ("marks", None)],
)
def test_a_cell_of_another_type_is_an_error(column: str, cell: Any) -> None:
    """
    A cell of another type than its column is refused with the column and the value (incident 44).
    """
    row = dict(zip(names_of(COLUMNS), writer_of(COLUMNS, Cup)(FULL), strict=True)) | {column: cell}

    with pytest.raises(TypeError, match=f"column {column} holds {cell!r}, expected "):
        reader_of(COLUMNS, Cup, handle=Handle)(row)


def test_a_text_that_is_no_member_is_an_error() -> None:
    """
    A text that is no member of an enumeration is refused as the enumeration refuses it.
    """
    with pytest.raises(ValueError, match="'green' is not a valid"):
        reader_of(HANDLE, Handle)({"colour": "green", "size": 1})


def test_one_value_of_a_row() -> None:
    """
    A single value of a row is checked in the same way.
    """
    assert 3 == value_of({"size": 3}, "size", int)
    with pytest.raises(TypeError, match="column size holds '3', expected int"):
        value_of({"size": "3"}, "size", int)
