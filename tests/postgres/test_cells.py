from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from poslife._domain.fills import StoredFill
from poslife.postgres._cells import bytes_text, cells_by_name, fill_of, position_of, recordset
from poslife.storage._columns import FILLS, ORDERS, POSITIONS, Column, Kind
from poslife.storage._rows import fill_row, order_row, position_row
from tests.values import REF, persisted, sold


def text_of(value: Any) -> str:
    """
    JSON as the server writes it: numbers as numbers, of any length.
    """
    return msgspec.json.Encoder(decimal_format="number").encode(value).decode()


def test_a_row_is_named_by_its_columns() -> None:
    """
    A row has its values under the names of its columns, and one of another length is an error.
    """
    named = cells_by_name([Column("ref", Kind.UUID), Column("price", Kind.NUMBER)])

    assert {"ref": 1, "price": 2} == named((1, 2))
    with pytest.raises(ValueError, match="shorter"):
        named((1,))


def test_a_number_goes_in_as_text() -> None:
    """
    A number is sent with all its digits, whatever JSON makes of numbers elsewhere.
    """
    digits = "0.1234567890123456789012345678901234567890"

    assert [{"price": digits}] == json.loads(recordset([{"price": Decimal(digits)}]))
    assert [{"ref": str(REF)}] == json.loads(recordset([{"ref": UUID(str(REF))}]))


def test_bytes_are_hexadecimal() -> None:
    """
    Bytes are sent as PostgreSQL reads them.
    """
    assert r"\x00ff" == bytes_text(b"\x00\xff")


def test_a_position_is_read_with_its_orders() -> None:
    """
    A position comes back from the JSON of its row and its orders, whatever columns a host has added.
    """
    position = replace(persisted(), requested_price=Decimal("0.1234567890123456789012345678901234567890"))
    row = cells_by_name(POSITIONS)(position_row(position)) | {"note_of_the_host": "x"}
    orders = [cells_by_name(ORDERS)(order_row(order)) for order in position.orders]

    assert position == position_of(text_of({"position": row, "orders": orders}))


def test_a_fill_is_read_with_its_number() -> None:
    """
    A fill comes back from the JSON of its row, with its number.
    """
    stored = StoredFill(fill=sold("1.5"), ref=REF)

    assert (7, stored) == fill_of(text_of(cells_by_name(FILLS)(fill_row(stored)) | {"number": 7}))


def test_a_column_of_another_type_is_an_error() -> None:
    """
    A column whose type was changed is an error that names it.
    """
    row = cells_by_name(FILLS)(fill_row(StoredFill(fill=sold("1.5"), ref=REF))) | {"number": 7, "venue": 3}

    with pytest.raises(msgspec.ValidationError, match=r"Expected `str`, got `int` - at `\$\.venue`"):
        fill_of(text_of(row))
