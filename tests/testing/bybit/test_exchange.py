"""
The simulated exchange itself: what it takes, and how it matches.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from poslife.testing.bybit import (
    DEFAULT_INSTRUMENTS,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from poslife.testing.bybit._order_checks import OrderTicket, Refused, check_ticket
from tests.testing.bybit.exchange import AT_ONCE, exchange, limit, market


def test_a_market_order_fills_whole_at_the_mark_price() -> None:
    """
    A market order fills at the mark price, takes the taker's fee, and is shown with a worse price.
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


def test_reduce_only_is_cut_to_the_position() -> None:
    """
    A reduce-only order takes what is there, and never opens the other side.
    """
    venue = exchange()
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    order = venue.place(market(Side.SELL, "5000", reduce_only=True), AT_ONCE)

    assert (Decimal(1000), OrderStatus.FILLED) == (order.filled_quantity, order.status)
    assert Decimal(0) == venue.account.position("DBRUSDT", 0).size


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL], ids=lambda side: str(side.value))
def test_reduce_only_without_a_position_is_refused(side: Side) -> None:
    """
    There is nothing to reduce: 110017.
    """
    with pytest.raises(Refused) as refused:
        exchange().place(market(side, "1000", reduce_only=True), AT_ONCE)

    assert 110017 == refused.value.code


def test_reduce_only_on_the_positions_own_side_is_refused() -> None:
    """
    A buy cannot reduce a long: 110017.
    """
    venue = exchange()
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    with pytest.raises(Refused) as refused:
        venue.place(market(Side.BUY, "1000", reduce_only=True), AT_ONCE)

    assert 110017 == refused.value.code


def test_resting_reduce_only_orders_end_with_their_position() -> None:
    """
    When the position is gone, its resting reduce-only orders are cancelled.
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


def test_crossing_zero_flips_a_one_way_position() -> None:
    """
    Selling more than is held realises the profit of the long and opens a short at the new price.
    """
    venue = exchange()
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    venue.set_mark_price("DBRUSDT", Decimal("0.03"))
    venue.place(market(Side.SELL, "1500"), AT_ONCE)
    position = venue.account.position("DBRUSDT", 0).view("DBRUSDT", 0)

    assert (Side.SELL, Decimal(500)) == (position.side, position.size)
    assert Decimal("0.03") == position.average_price
    assert Decimal(5) == position.realised_pnl


def test_hedge_mode_holds_two_legs() -> None:
    """
    In hedge mode the legs live apart, and an order against its leg only reduces it.
    """
    venue = exchange(hedged=True)
    venue.place(market(Side.BUY, "1000", position_index=1), AT_ONCE)
    venue.place(market(Side.SELL, "700", position_index=2), AT_ONCE)
    closing = venue.place(market(Side.SELL, "5000", position_index=1), AT_ONCE)

    assert Decimal(1000) == closing.filled_quantity
    assert Decimal(0) == venue.account.position("DBRUSDT", 1).size
    assert Decimal(-700) == venue.account.position("DBRUSDT", 2).size


@pytest.mark.parametrize(
    "hedged, position_index",
    [pytest.param(True, 0, id="hedged"), pytest.param(False, 1, id="one-way")],
)
def test_the_position_index_must_match_the_mode(*, hedged: bool, position_index: int) -> None:
    """
    A position index of the other mode is refused with 10001.
    """
    with pytest.raises(Refused) as refused:
        exchange(hedged=hedged).place(market(Side.BUY, "1000", position_index=position_index), AT_ONCE)

    assert (10001, "position idx not match position mode") == (refused.value.code, refused.value.message)


@pytest.mark.parametrize(
    "ticket, code",
    [
        pytest.param(market(Side.BUY, "0"), 10001, id="no-quantity"),
        pytest.param(market(Side.BUY, "1000.5"), 10001, id="off-step"),
        pytest.param(market(Side.BUY, "100"), 110094, id="below-minimum-value"),
        pytest.param(market(Side.BUY, "20000000"), 10001, id="above-maximum"),
        pytest.param(limit(Side.BUY, "1000", "0.0250001"), 10001, id="off-tick"),
        pytest.param(market(Side.BUY, "9000000"), 110007, id="no-funds"),
        pytest.param(replace(market(Side.BUY, "1000"), symbol="NONEUSDT"), 10001, id="unlisted"),
        pytest.param(replace(limit(Side.BUY, "1000", "1"), price=None), 10001, id="no-price"),
        pytest.param(
            replace(market(Side.BUY, "1000"), time_in_force=TimeInForce.POST_ONLY),
            10001,
            id="post-only-market",
        ),
    ],
)
def test_what_is_refused_leaves_no_order(ticket: OrderTicket, code: int) -> None:
    """
    A refusal carries the venue's code and changes nothing.
    """
    venue = exchange(balance=Decimal(1000))
    with pytest.raises(Refused) as refused:
        venue.place(ticket, AT_ONCE)

    assert code == refused.value.code
    assert () == venue.account.orders


def test_a_minimum_above_the_step_is_kept() -> None:
    """
    A quantity may be whole steps and still too small.
    """
    dear = replace(DEFAULT_INSTRUMENTS[0], minimum_quantity=Decimal("0.005"))
    ticket = replace(market(Side.BUY, "0.004"), symbol="BTCUSDT")
    with pytest.raises(Refused, match="less than the minimum"):
        check_ticket(ticket, dear, Decimal(60_000))


def test_reduce_only_orders_never_follow_a_flip() -> None:
    """
    A resting reduce-only order that would now enlarge the position is cancelled when its price comes.
    """
    venue = exchange()
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    resting = venue.place(replace(limit(Side.SELL, "1000", "0.03"), reduce_only=True), AT_ONCE)
    venue.place(market(Side.SELL, "3000"), AT_ONCE)
    venue.set_mark_price("DBRUSDT", Decimal("0.031"))

    assert OrderStatus.CANCELLED is venue.account.order(resting.order_id).status
    assert Decimal(-2000) == venue.account.position("DBRUSDT", 0).size


def test_closing_needs_no_funds() -> None:
    """
    A position can be closed when no money is left for another.
    """
    venue = exchange(balance=Decimal(26))
    venue.place(market(Side.BUY, "10000"), AT_ONCE)
    closing = venue.place(market(Side.SELL, "10000"), AT_ONCE)

    assert OrderStatus.FILLED is closing.status


def test_open_orders_bind_money() -> None:
    """
    What resting orders bind is not there for others.
    """
    venue = exchange(balance=Decimal(30))
    venue.place(limit(Side.BUY, "10000", "0.024"), AT_ONCE)
    with pytest.raises(Refused) as refused:
        venue.place(limit(Side.BUY, "10000", "0.024"), AT_ONCE)

    assert 110007 == refused.value.code
