"""
Filling, resting and ending of accepted orders.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from poslife.testing.bybit import OrderStatus, OrderType, Side, TimeInForce
from poslife.testing.bybit._matching import Handling
from poslife.testing.bybit._order_checks import OrderTicket
from tests.testing.bybit.exchange import AT_ONCE, Clock, exchange, limit, market
from tests.testing.bybit.simulated import START


def test_a_market_order_fills_whole_at_the_mark_price() -> None:
    """
    A market order fills at the mark price, pays the taker's fee, and is reported with its worst price.
    """
    venue = exchange()
    order = venue.place(market(Side.BUY, "1000"), AT_ONCE)

    assert order.status is OrderStatus.FILLED
    assert Decimal("0.02625") == order.price
    [fill] = venue.account.fills
    assert (Decimal(1000), Decimal("0.025")) == (fill.quantity, fill.price)
    assert Decimal("0.01375") == fill.fee
    assert not fill.is_maker


def test_a_limit_order_rests_until_the_mark_price_reaches_it() -> None:
    """
    A limit order that is not marketable rests, and fills at its own price as a maker.
    """
    venue = exchange()
    order = venue.place(limit(Side.BUY, "1000", "0.02"), AT_ONCE)

    assert order.status is OrderStatus.NEW
    venue.set_mark_price("DBRUSDT", Decimal("0.021"))
    assert venue.account.order(order.order_id).status is OrderStatus.NEW
    venue.set_mark_price("DBRUSDT", Decimal("0.019"))
    [fill] = venue.account.fills
    assert Decimal("0.02") == fill.price
    assert fill.is_maker


def test_a_marketable_limit_order_takes_the_mark_price() -> None:
    """
    A marketable limit order fills at once, at the better price.
    """
    venue = exchange()
    venue.place(limit(Side.BUY, "1000", "0.03"), AT_ONCE)

    assert [Decimal("0.025")] == [fill.price for fill in venue.account.fills]


@pytest.mark.parametrize(
    "time_in_force, price, status, reason",
    [
        pytest.param(
            TimeInForce.POST_ONLY, "0.03", OrderStatus.CANCELLED, "EC_PostOnlyWillTakeLiquidity", id="po"
        ),
        pytest.param(TimeInForce.POST_ONLY, "0.02", OrderStatus.NEW, "EC_NoError", id="po-rests"),
        pytest.param(TimeInForce.IOC, "0.02", OrderStatus.CANCELLED, "EC_NoImmediateQtyToFill", id="ioc"),
        pytest.param(TimeInForce.FOK, "0.02", OrderStatus.CANCELLED, "EC_NoImmediateQtyToFill", id="fok"),
    ],
)
def test_time_in_force(time_in_force: TimeInForce, price: str, status: OrderStatus, reason: str) -> None:
    """
    Post-only never takes; immediate-or-cancel and fill-or-kill never rest.
    """
    order = exchange().place(limit(Side.BUY, "1000", price, time_in_force), AT_ONCE)

    assert (status, reason) == (order.status, order.reject_reason)


def test_resting_reduce_only_orders_end_with_their_position() -> None:
    """
    Once the position is flat, its resting reduce-only orders are cancelled.
    """
    venue = exchange()
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    resting = OrderTicket(
        symbol="DBRUSDT",
        side=Side.SELL,
        type=OrderType.LIMIT,
        quantity=Decimal(1000),
        price=Decimal("0.03"),
        reduce_only=True,
    )
    order = venue.place(resting, AT_ONCE)
    venue.place(market(Side.SELL, "1000"), AT_ONCE)

    assert OrderStatus.CANCELLED is venue.account.order(order.order_id).status


def test_reduce_only_orders_never_follow_a_flip() -> None:
    """
    A resting reduce-only order that would now enlarge the position is cancelled at its price.
    """
    venue = exchange()
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    resting = venue.place(replace(limit(Side.SELL, "1000", "0.03"), reduce_only=True), AT_ONCE)
    venue.place(market(Side.SELL, "3000"), AT_ONCE)
    venue.set_mark_price("DBRUSDT", Decimal("0.031"))

    assert OrderStatus.CANCELLED is venue.account.order(resting.order_id).status
    assert Decimal(-2000) == venue.account.position("DBRUSDT", 0).size


def test_a_late_fill_of_an_ended_order_is_dropped() -> None:
    """
    A cancelled order does not fill when its time comes.
    """
    clock = Clock()
    venue = exchange(clock)
    order = venue.place(market(Side.BUY, "1000"), Handling(hold=True, fill_after=timedelta(seconds=3)))
    venue.cancel(order.order_id)
    clock.time += timedelta(seconds=3)
    venue.settle()

    assert OrderStatus.CANCELLED is venue.account.order(order.order_id).status
    assert () == venue.account.fills


def test_late_fills_and_rejections_come_with_time() -> None:
    """
    Each happens at its due time, even if the venue is only asked later.
    """
    clock = Clock()
    venue = exchange(clock)
    late = venue.place(market(Side.BUY, "1000"), Handling(hold=True, fill_after=timedelta(seconds=3)))
    doomed = venue.place(
        market(Side.BUY, "1000"), Handling(reject_reason="EC_Others", reject_after=timedelta(seconds=2))
    )

    assert (OrderStatus.NEW, OrderStatus.NEW) == (late.status, doomed.status)
    clock.time += timedelta(seconds=10)
    venue.settle()
    assert OrderStatus.FILLED is venue.account.order(late.order_id).status
    assert START + timedelta(seconds=3) == venue.account.order(late.order_id).updated_at
    assert OrderStatus.REJECTED is venue.account.order(doomed.order_id).status


def test_a_partial_fill_is_rounded_to_the_step_and_the_rest_waits() -> None:
    """
    A share of the order fills, in whole steps; price moves do not fill the rest.
    """
    venue = exchange()
    order = venue.place(limit(Side.BUY, "1001", "0.025"), Handling(fill_ratio=Decimal("0.5")))

    assert (Decimal(500), OrderStatus.PARTIALLY_FILLED) == (order.filled_quantity, order.status)
    venue.set_mark_price("DBRUSDT", Decimal("0.01"))
    assert Decimal(501) == venue.account.order(order.order_id).open_quantity
    filled = venue.fill(order.order_id, quantity=None, price=Decimal("0.024"))
    assert OrderStatus.FILLED is filled.status
    assert Decimal(500) * Decimal("0.025") + Decimal(501) * Decimal("0.024") == filled.filled_value
