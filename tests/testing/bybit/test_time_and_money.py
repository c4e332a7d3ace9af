"""
The simulated exchange itself: what comes later, and what it costs.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from poslife.testing.bybit import (
    ExecutionKind,
    OrderStatus,
    OrderType,
    Side,
)
from poslife.testing.bybit._matching import Handling
from poslife.testing.bybit._order_checks import OrderTicket
from tests.testing.bybit.exchange import AT_ONCE, Clock, exchange, limit, market
from tests.testing.bybit.simulated import START


def test_what_was_due_for_an_order_that_has_ended_is_left() -> None:
    """
    A cancelled order does not fill late.
    """
    clock = Clock()
    venue = exchange(clock)
    order = venue.place(market(Side.BUY, "1000"), Handling(hold=True, fill_after=timedelta(seconds=3)))
    venue.cancel(order.order_id)
    clock.time += timedelta(seconds=3)
    venue.settle()

    assert OrderStatus.CANCELLED is venue.account.order(order.order_id).status
    assert () == venue.account.fills


def test_a_flat_leg_pays_no_funding() -> None:
    """
    Funding is settled for legs that hold something.
    """
    venue = exchange(hedged=True)
    venue.place(market(Side.SELL, "1000", position_index=2), AT_ONCE)
    [payment] = venue.settle_funding("DBRUSDT", Decimal("0.0001"))

    assert (2, Decimal("-0.0025")) == (payment.position_index, payment.fee)


def test_late_fills_and_rejections_come_with_time() -> None:
    """
    What is scheduled happens at its time, at the price of that moment, however late one looks.
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


def test_hidden_fills_are_true_and_not_seen() -> None:
    """
    Until a fill is visible, order, position, wallet and executions show the time before it.
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


def test_a_partial_fill_is_rounded_to_the_step_and_the_rest_waits() -> None:
    """
    A share of an order fills, in whole steps; price moves do not fill the rest.
    """
    venue = exchange()
    order = venue.place(limit(Side.BUY, "1001", "0.025"), Handling(fill_ratio=Decimal("0.5")))

    assert (Decimal(500), OrderStatus.PARTIALLY_FILLED) == (order.filled_quantity, order.status)
    venue.set_mark_price("DBRUSDT", Decimal("0.01"))
    assert Decimal(501) == venue.account.order(order.order_id).open_quantity
    filled = venue.fill(order.order_id, quantity=None, price=Decimal("0.024"))
    assert OrderStatus.FILLED is filled.status
    assert Decimal(500) * Decimal("0.025") + Decimal(501) * Decimal("0.024") == filled.filled_value


def test_funding_is_paid_by_longs() -> None:
    """
    A funding payment is an execution that moves money and no position.
    """
    venue = exchange()
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    before = venue.account.visible_cash()
    [payment] = venue.settle_funding("DBRUSDT", Decimal("0.0001"))

    assert ExecutionKind.FUNDING is payment.kind
    assert Decimal("0.0025") == before - venue.account.visible_cash()
    assert Decimal(1000) == venue.account.position("DBRUSDT", 0).size


@given(
    trades=st.lists(
        st.tuples(st.sampled_from(list(Side)), st.integers(1, 10_000), st.integers(1, 100_000)), max_size=30
    )
)
def test_money_and_size_add_up(trades: list[tuple[Side, int, int]]) -> None:
    """
    Whatever is traded: size is the sum of fills, and profit plus open value is what the cash flows say.
    """
    venue = exchange()
    flow = Fraction(0)
    for side, quantity, price in trades:
        ticket = OrderTicket(
            symbol="DBRUSDT",
            side=side,
            type=OrderType.MARKET,
            quantity=Decimal(quantity),
            price=Decimal(price) / 1000,
        )
        venue.trade(ticket, ExecutionKind.TRADE)
        flow -= Fraction(quantity * side.sign) * Fraction(price, 1000)
    holding = venue.account.position("DBRUSDT", 0)

    assert sum(quantity * side.sign for side, quantity, _ in trades) == holding.size
    assert flow == holding.realised_pnl - holding.cost
