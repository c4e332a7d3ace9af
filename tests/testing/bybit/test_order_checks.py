"""
The venue's checks of a new order.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from poslife.testing.bybit import DEFAULT_INSTRUMENTS, OrderStatus, Side, TimeInForce
from poslife.testing.bybit._order_checks import (
    OrderTicket,
    Refused,
    check_position_index,
    check_ticket,
    cut_to_position,
)
from poslife.testing.bybit._position_state import FLAT
from tests.testing.bybit.exchange import AT_ONCE, exchange, limit, market


def test_reduce_only_is_cut_to_the_position() -> None:
    """
    A reduce-only order never opens the other side.
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


def test_a_minimum_above_the_step_is_checked() -> None:
    """
    A multiple of the step may still be below the minimum.
    """
    dear = replace(DEFAULT_INSTRUMENTS[0], minimum_quantity=Decimal("0.005"))
    ticket = replace(market(Side.BUY, "0.004"), symbol="BTCUSDT")
    with pytest.raises(Refused, match="less than the minimum"):
        check_ticket(ticket, dear, Decimal(60_000))


DBR = next(instrument for instrument in DEFAULT_INSTRUMENTS if instrument.base == "DBR")


@pytest.mark.parametrize(
    "ticket, code, message",
    [
        pytest.param(market(Side.BUY, "0"), 10001, "Qty invalid", id="no-quantity"),
        pytest.param(market(Side.BUY, "1000.5"), 10001, "Qty invalid", id="off-step"),
        pytest.param(market(Side.BUY, "20000000"), 10001, "too large", id="above-maximum"),
        pytest.param(limit(Side.BUY, "1000", "0"), 10001, "price invalid", id="no-price"),
        pytest.param(limit(Side.BUY, "1000", "0.0250001"), 10001, "tick size", id="off-tick"),
        pytest.param(
            replace(market(Side.BUY, "1000"), time_in_force=TimeInForce.POST_ONLY),
            10001,
            "timeInForce",
            id="post-only-market",
        ),
        pytest.param(
            replace(market(Side.BUY, "1000"), order_link_id="x" * 37), 10001, "longer than 36", id="link-id"
        ),
        pytest.param(market(Side.BUY, "199"), 110094, "minimum order value 5USDT", id="below-minimum-value"),
    ],
)
def test_a_refused_ticket(ticket: OrderTicket, code: int, message: str) -> None:
    """
    The refusal has the venue's code and message.
    """
    with pytest.raises(Refused, match=message) as refused:
        check_ticket(ticket, DBR, Decimal("0.025"))

    assert code == refused.value.code


@pytest.mark.parametrize(
    "ticket",
    [
        pytest.param(market(Side.BUY, "200"), id="the-minimum-value"),
        pytest.param(market(Side.BUY, "1", reduce_only=True), id="reduce-only"),
        pytest.param(market(Side.SELL, "1", position_index=1), id="closes-its-leg"),
        pytest.param(replace(market(Side.BUY, "200"), order_link_id="x" * 36), id="longest-link-id"),
    ],
)
def test_an_accepted_ticket(ticket: OrderTicket) -> None:
    """
    The minimum value holds only for an order that opens.
    """
    check_ticket(ticket, DBR, Decimal("0.025"))


@pytest.mark.parametrize(
    "position_index, hedged, valid",
    [
        (0, False, True),
        (1, True, True),
        (2, True, True),
        (0, True, False),
        (1, False, False),
        (3, True, False),
    ],
)
def test_a_position_index(position_index: int, *, hedged: bool, valid: bool) -> None:
    """
    One-way mode has 0, hedge mode 1 and 2.
    """
    ticket = market(Side.BUY, "1000", position_index=position_index)
    if valid:
        check_position_index(ticket, hedged=hedged)
    else:
        with pytest.raises(Refused, match="position idx not match"):
            check_position_index(ticket, hedged=hedged)


def test_an_order_against_its_leg_is_reduce_only() -> None:
    """
    It is cut to the leg, whatever it says; an order that opens is not touched.
    """
    long = replace(FLAT, size=Decimal(300))
    closing = market(Side.SELL, "1000", position_index=1)
    opening = market(Side.BUY, "1000", position_index=1)

    assert replace(closing, quantity=Decimal(300), reduce_only=True) == cut_to_position(closing, long)
    assert opening == cut_to_position(opening, long)
