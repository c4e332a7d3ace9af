"""
Orders, executions and positions of one account, true and visible.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from poslife.testing.bybit import OrderStatus, Side
from poslife.testing.bybit._matching import Handling
from tests.testing.bybit.exchange import AT_ONCE, Clock, exchange, limit, market


def test_a_hidden_fill_is_true_and_not_visible() -> None:
    """
    Until it is visible, order, position, wallet and executions are those before it.
    """
    clock = Clock()
    venue = exchange(clock)
    venue.place(market(Side.BUY, "400"), AT_ONCE)
    order = venue.place(market(Side.BUY, "600"), Handling(show_after=timedelta(seconds=4)))

    assert OrderStatus.FILLED is order.status
    assert Decimal(1000) == venue.account.position("DBRUSDT", 0).size
    assert OrderStatus.NEW is venue.account.as_visible(order).status
    assert Decimal(400) == venue.account.visible_position("DBRUSDT", 0).size
    assert 1 == len(venue.account.visible_fills())
    clock.time += timedelta(seconds=4)
    venue.settle()
    assert OrderStatus.FILLED is venue.account.as_visible(order).status
    assert Decimal(1000) == venue.account.visible_position("DBRUSDT", 0).size
    assert 2 == len(venue.account.visible_fills())


def test_an_order_is_found_by_either_id() -> None:
    """
    An unknown id is an error, and an order without a link id has only one.
    """
    venue = exchange()
    named = venue.place(replace(market(Side.BUY, "1000"), order_link_id="a1"), AT_ONCE)
    unnamed = venue.place(market(Side.BUY, "1000"), AT_ONCE)

    assert named == venue.account.order("a1") == venue.account.order(named.order_id)
    assert unnamed == venue.account.order(unnamed.order_id)
    assert venue.account.has_link_id("a1")
    assert not venue.account.has_link_id("")
    assert venue.account.find_order("a2") is None
    with pytest.raises(LookupError, match="no order 'a2'"):
        venue.account.order("a2")


def test_open_orders_are_those_that_may_fill() -> None:
    """
    An order whose last fill is hidden is visibly open, and in truth not.
    """
    venue = exchange()
    resting = venue.place(limit(Side.BUY, "1000", "0.02"), AT_ONCE)
    hidden = venue.place(market(Side.BUY, "1000"), Handling(show_after=timedelta(seconds=4)))
    venue.place(market(Side.BUY, "1000"), AT_ONCE)

    assert [resting.order_id] == [order.order_id for order in venue.account.open_orders]
    assert [resting.order_id, hidden.order_id] == [
        order.order_id for order in venue.account.visible_open_orders()
    ]
    assert 3 == len(venue.account.orders)


def test_the_visible_wallet_is_the_balance_with_profit_and_fees() -> None:
    """
    An open position changes it only by its fees.
    """
    venue = exchange(balance=Decimal(100))
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    fee = venue.account.fills[0].fee
    venue.set_mark_price("DBRUSDT", Decimal("0.035"))

    assert Decimal(100) - fee == venue.account.visible_cash()

    venue.place(market(Side.SELL, "1000"), AT_ONCE)

    assert Decimal(110) - fee - venue.account.fills[1].fee == venue.account.visible_cash()
