"""
The arithmetic of one position.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from poslife.testing.bybit import ExecutionKind, OrderType, Side
from poslife.testing.bybit._order_checks import OrderTicket
from poslife.testing.bybit._position_state import FLAT, as_decimal, state_after
from tests.testing.bybit.exchange import AT_ONCE, exchange, market


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


@given(
    trades=st.lists(
        st.tuples(st.sampled_from(list(Side)), st.integers(1, 10_000), st.integers(1, 100_000)), max_size=30
    )
)
def test_money_and_size_add_up(trades: list[tuple[Side, int, int]]) -> None:
    """
    After any trades, size is the sum of the fills, and profit plus open value is the sum of the cash flows.
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
    state = venue.account.position("DBRUSDT", 0)

    assert sum(quantity * side.sign for side, quantity, _ in trades) == state.size
    assert flow == state.realised_pnl - state.cost


def test_the_state_after_the_fills_is_the_state_at_the_exchange() -> None:
    """
    It can be computed from the executions alone, funding included.
    """
    venue = exchange()
    venue.place(market(Side.SELL, "900"), AT_ONCE)
    venue.set_mark_price("DBRUSDT", Decimal("0.026"))
    venue.place(market(Side.SELL, "600"), AT_ONCE)
    venue.settle_funding("DBRUSDT", Decimal("0.0001"))
    venue.place(market(Side.BUY, "500"), AT_ONCE)
    state = state_after(venue.account.fills)

    assert venue.account.position("DBRUSDT", 0) == state
    assert Decimal(-1000) == state.size
    assert Decimal("0.0254") == state.view("DBRUSDT", 0).average_price
    assert FLAT == state_after([])


def test_a_fraction_is_rounded_to_28_digits() -> None:
    """
    One that terminates earlier is exact, and zero is plain zero.
    """
    assert Decimal("0." + "3" * 28) == as_decimal(Fraction(1, 3))
    assert "0.025" == str(as_decimal(Fraction(1, 40)))
    assert "0" == str(as_decimal(Fraction(0)))
