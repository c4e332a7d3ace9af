"""
Single fields of ccxt's dictionaries: read exactly, or refused with the field's name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import CLIENT_ORDER_IDS, ClientOrderId, Leg, OrderSide, Venue
from poslife.ccxt import VENUE_RULES
from poslife.ccxt._fields import (
    Raw,
    client_order_id_in,
    info_of,
    is_hedged,
    is_same_client_order_id,
    leg_in,
    next_page_cursor,
    number,
    optional_text,
    order_side,
    row,
    rows,
    text,
    time,
)
from poslife.errors import InvalidValue

BITGET = VENUE_RULES[Venue("bitget")]


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_text_is_read_to_its_last_digit(value: Decimal) -> None:
    """
    The host's decimal context does not round it.
    """
    with localcontext() as context:
        context.prec = 3

        assert value == number("size", str(value))


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 12))
def test_a_float_of_15_digits_is_exact(digits: int, places: int) -> None:
    """
    Its shortest repr has those digits.
    """
    written = Decimal(f"{digits}e-{places}")

    assert written == number("size", float(written))


@pytest.mark.parametrize(
    "read, value, expected",
    [
        (row, [], "a dict"),
        (rows, {}, "a list of dicts"),
        (rows, [1], "a dict"),
        (number, None, "a number"),
        (number, True, "a number"),
        (number, "", "a number"),
        (number, "NaN", "a finite number"),
        (number, float("inf"), "a finite number"),
        (text, None, "a non-empty str"),
        (text, "", "a non-empty str"),
        (text, 5, "a non-empty str"),
        (time, None, "a number of milliseconds"),
        (time, True, "a number of milliseconds"),
        (time, "1767225600000", "a number of milliseconds"),
        (time, 10**30, "a number of milliseconds"),
        (time, float("nan"), "a number of milliseconds"),
        (order_side, "both", "'buy' or 'sell'"),
        (order_side, None, "'buy' or 'sell'"),
    ],
)
def test_any_other_value_is_refused(
    read: Callable[[str, object], object], value: object, expected: str
) -> None:
    """
    The error names the field, what was expected and what came.
    """
    with pytest.raises(InvalidValue, match=rf"^trade\.x: expected {expected}.*, got "):
        read("trade.x", value)


def test_a_time_and_a_side() -> None:
    """
    A time is aware and exact to the millisecond.
    """
    assert datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC) == time("at", 1767225600123)
    assert (OrderSide.BUY, OrderSide.SELL) == (order_side("side", "buy"), order_side("side", "sell"))


@pytest.mark.parametrize("value", [None, "", 5], ids=repr)
def test_a_text_that_is_not_there_is_none(value: object) -> None:
    """
    An empty text counts as absent.
    """
    assert optional_text(value) is None


def test_without_info_there_are_no_fields_of_the_venue() -> None:
    """
    Its absence is no error: ccxt does not always have it.
    """
    assert {} == info_of({}) == info_of({"info": None}) == info_of({"info": []})
    assert {"a": 1} == info_of({"info": {"a": 1}})


def test_the_position_mode_decides_whether_a_word_names_a_leg() -> None:
    """
    In one-way mode the word is a direction; where the mode is not given, the word names the leg.
    """
    assert (None, True, False) == tuple(
        is_hedged(info, BITGET) for info in ({}, {"posMode": "HEDGE_MODE"}, {"holdMode": "one_way_mode"})
    )
    assert Leg.NET is leg_in("trade", {"posMode": "one_way_mode", "holdSide": "long"}, BITGET)
    assert Leg.LONG is leg_in("trade", {"posMode": "hedge_mode", "holdSide": "", "posSide": "LONG"}, BITGET)
    assert Leg.SHORT is leg_in("trade", {"holdSide": "short"}, BITGET)
    assert leg_in("trade", {"holdSide": ""}, BITGET) is None
    with pytest.raises(InvalidValue, match=r"trade\.info\.holdSide: expected one of both"):
        leg_in("trade", {"holdSide": "sideways"}, BITGET)


@pytest.mark.parametrize(
    "venue, returned, sent, same",
    [
        ("gate", "t-abc", "abc", True),
        ("gate", "t-abc", "abd", False),
        ("bingx", "abc", "ABC", True),
        ("okx", "t-abc", "abc", False),
        ("woo", "abc", "abc", True),
    ],
)
def test_a_returned_client_order_id_is_compared_without_prefix_and_case(
    venue: str, returned: str, sent: str, *, same: bool
) -> None:
    """
    Only the venue's own prefix is left out; a venue without a known format has none.
    """
    assert same is is_same_client_order_id(
        returned, ClientOrderId(sent), venue=Venue(venue), formats=CLIENT_ORDER_IDS
    )


def test_a_client_order_id_is_given_as_it_was_sent() -> None:
    """
    Nothing, and an empty text, are none.
    """
    assert "abc" == client_order_id_in("t-abc", venue=Venue("gate"))
    assert client_order_id_in("", venue=Venue("gate")) is None
    assert client_order_id_in(None, venue=Venue("gate")) is None


def test_the_cursor_of_the_next_page_is_in_any_of_the_rows() -> None:
    """
    An empty one is the end.
    """
    page: list[Raw] = [{"info": {}}, {"info": {"nextPageCursor": "c7"}}, {}]

    assert "c7" == next_page_cursor(page)
    assert next_page_cursor([{"info": {"nextPageCursor": ""}}]) is None
    assert next_page_cursor([]) is None
