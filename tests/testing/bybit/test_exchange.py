"""
The exchange: what it accepts, position modes, funds and funding.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from poslife.testing.bybit import ExecutionKind, OrderStatus, Side, TimeInForce
from poslife.testing.bybit._order_checks import OrderTicket, Refused
from tests.testing.bybit.exchange import AT_ONCE, exchange, limit, market


def test_hedge_mode_holds_two_legs() -> None:
    """
    In hedge mode the legs are independent, and an order against its leg only reduces it.
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
def test_a_refusal_leaves_no_order(ticket: OrderTicket, code: int) -> None:
    """
    A refusal carries the venue's code and changes nothing.
    """
    venue = exchange(balance=Decimal(1000))
    with pytest.raises(Refused) as refused:
        venue.place(ticket, AT_ONCE)

    assert code == refused.value.code
    assert () == venue.account.orders


def test_closing_needs_no_funds() -> None:
    """
    A position can be closed when no funds are left.
    """
    venue = exchange(balance=Decimal(26))
    venue.place(market(Side.BUY, "10000"), AT_ONCE)
    closing = venue.place(market(Side.SELL, "10000"), AT_ONCE)

    assert OrderStatus.FILLED is closing.status


def test_open_orders_reserve_funds() -> None:
    """
    Funds reserved by resting orders are not available to others.
    """
    venue = exchange(balance=Decimal(30))
    venue.place(limit(Side.BUY, "10000", "0.024"), AT_ONCE)
    with pytest.raises(Refused) as refused:
        venue.place(limit(Side.BUY, "10000", "0.024"), AT_ONCE)

    assert 110007 == refused.value.code


def test_a_flat_leg_pays_no_funding() -> None:
    """
    Only legs with a position pay funding.
    """
    venue = exchange(hedged=True)
    venue.place(market(Side.SELL, "1000", position_index=2), AT_ONCE)
    [payment] = venue.settle_funding("DBRUSDT", Decimal("0.0001"))

    assert (2, Decimal("-0.0025")) == (payment.position_index, payment.fee)


def test_funding_is_paid_by_longs() -> None:
    """
    A funding payment is an execution that changes the wallet and no position.
    """
    venue = exchange()
    venue.place(market(Side.BUY, "1000"), AT_ONCE)
    before = venue.account.visible_cash()
    [payment] = venue.settle_funding("DBRUSDT", Decimal("0.0001"))

    assert ExecutionKind.FUNDING is payment.kind
    assert Decimal("0.0025") == before - venue.account.visible_cash()
    assert Decimal(1000) == venue.account.position("DBRUSDT", 0).size
