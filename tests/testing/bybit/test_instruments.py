"""
Instruments, fees, margins and the price band.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from poslife.testing.bybit import DEFAULT_INSTRUMENTS, Instrument, Side
from poslife.testing.bybit._instruments import TAKER_FEE, initial_margin, venue_symbol, worst_price

DBR = next(instrument for instrument in DEFAULT_INSTRUMENTS if instrument.base == "DBR")


@pytest.mark.parametrize("instrument", DEFAULT_INSTRUMENTS, ids=lambda instrument: instrument.symbol)
def test_a_default_instrument_follows_its_own_rules(instrument: Instrument) -> None:
    """
    Its price is a multiple of the tick, its minimum quantity one of the step, and its symbol that of ccxt's.
    """
    assert not instrument.mark_price % instrument.tick_size
    assert not instrument.minimum_quantity % instrument.quantity_step
    assert (
        instrument.symbol == venue_symbol(f"{instrument.base}/USDT:USDT") == venue_symbol(instrument.symbol)
    )


def test_the_symbols_are_unique() -> None:
    """
    An exchange keeps its instruments by symbol.
    """
    assert len(DEFAULT_INSTRUMENTS) == len({instrument.symbol for instrument in DEFAULT_INSTRUMENTS})


def test_the_worst_price_is_five_percent_away_on_a_tick() -> None:
    """
    A buyer's is above the mark price, a seller's below, rounded down.
    """
    assert Decimal("0.02625") == worst_price(DBR, Decimal("0.025"), Side.BUY)
    assert Decimal("0.02375") == worst_price(DBR, Decimal("0.025"), Side.SELL)
    assert Decimal("0.02418") == worst_price(DBR, Decimal("0.02303"), Side.BUY)


def test_an_order_reserves_its_margin_and_its_highest_fee() -> None:
    """
    The taker's fee is reserved even if the order will rest.
    """
    assert Decimal(30) + 300 * TAKER_FEE == initial_margin(Decimal(100), Decimal(3), Decimal(10))
