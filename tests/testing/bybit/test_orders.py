"""
Orders and positions as a test sees them.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from poslife.testing.bybit import OrderStatus, Side
from poslife.testing.bybit._matching import Handling
from poslife.testing.bybit._position_state import FLAT
from tests.testing.bybit.exchange import exchange, market


@pytest.mark.parametrize(
    "status, expected",
    [
        (OrderStatus.NEW, Decimal(600)),
        (OrderStatus.PARTIALLY_FILLED, Decimal(600)),
        (OrderStatus.CANCELLED, Decimal(0)),
        (OrderStatus.REJECTED, Decimal(0)),
    ],
    ids=str,
)
def test_only_an_open_order_has_an_open_quantity(status: OrderStatus, expected: Decimal) -> None:
    """
    The unfilled rest of an ended order will never fill.
    """
    order = exchange().place(market(Side.BUY, "1000"), Handling(fill_ratio=Decimal("0.4")))

    assert expected == replace(order, status=status).open_quantity
    assert status.is_open is bool(expected)


def test_a_signed_size_is_negative_for_a_short() -> None:
    """
    A flat position has no side and the size 0.
    """
    short = replace(FLAT, size=Decimal(-5)).view("DBRUSDT", 0)
    flat = FLAT.view("DBRUSDT", 0)

    assert (Side.SELL, Decimal(5), Decimal(-5)) == (short.side, short.size, short.signed_size)
    assert (None, Decimal(0)) == (flat.side, flat.signed_size)
