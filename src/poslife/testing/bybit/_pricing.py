"""
What the venue charges, binds and allows. Pure.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from poslife.testing.bybit._values import Instrument, Side

__all__ = ["MAKER_FEE", "TAKER_FEE", "margin", "worst_price"]

MAKER_FEE = Decimal("0.0002")
TAKER_FEE = Decimal("0.00055")
MARKET_ORDER_BAND = Decimal("0.05")


def margin(quantity: Decimal, price: Decimal, leverage: Decimal) -> Decimal:
    """
    What an order binds: its initial margin and the fee it may cost.
    """
    return quantity * price * (1 / leverage + TAKER_FEE)


def worst_price(instrument: Instrument, mark_price: Decimal, side: Side) -> Decimal:
    """
    The price a market order is shown with: the worst it would have taken.
    """
    price = mark_price * (1 + MARKET_ORDER_BAND * side.sign)
    return (price / instrument.tick_size).to_integral_value(ROUND_DOWN) * instrument.tick_size
