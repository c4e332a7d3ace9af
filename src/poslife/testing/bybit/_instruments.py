"""
Instruments, and the fees, margins and price band that apply to their orders. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from poslife.testing.bybit._orders import Side

__all__ = [
    "DEFAULT_INSTRUMENTS",
    "MAKER_FEE",
    "TAKER_FEE",
    "Instrument",
    "initial_margin",
    "venue_symbol",
    "worst_price",
]

MAKER_FEE = Decimal("0.0002")
TAKER_FEE = Decimal("0.00055")
MARKET_ORDER_BAND = Decimal("0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """
    One USDT perpetual.

    Attributes:
        mark_price: The mark price at the start.
    """

    symbol: str
    base: str
    mark_price: Decimal
    tick_size: Decimal
    quantity_step: Decimal
    minimum_quantity: Decimal
    maximum_quantity: Decimal = Decimal(10_000_000)
    minimum_notional: Decimal = Decimal(5)
    maximum_leverage: Decimal = Decimal(100)


def _instrument(base: str, mark_price: str, tick_size: str, quantity_step: str) -> Instrument:
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        mark_price=Decimal(mark_price),
        tick_size=Decimal(tick_size),
        quantity_step=Decimal(quantity_step),
        minimum_quantity=Decimal(quantity_step),
    )


DEFAULT_INSTRUMENTS: tuple[Instrument, ...] = (
    _instrument("BTC", "60000", "0.1", "0.001"),
    _instrument("ETH", "3000", "0.01", "0.01"),
    _instrument("SOL", "150", "0.01", "0.1"),
    _instrument("XRP", "0.5", "0.0001", "0.1"),
    _instrument("LTC", "80", "0.01", "0.1"),
    _instrument("DOGE", "0.12", "0.00001", "1"),
    _instrument("DBR", "0.025", "0.00001", "1"),
    _instrument("APT", "9.5", "0.0001", "0.01"),
    _instrument("1000PEPE", "0.0086", "0.0000001", "100"),
)
"""The instruments of a `SimulatedBybit` that is given no others."""


def venue_symbol(symbol: str) -> str:
    """
    Return the venue's symbol for *symbol*, which may be ccxt's (``DBR/USDT:USDT``).
    """
    return symbol.partition(":")[0].replace("/", "")


def initial_margin(quantity: Decimal, price: Decimal, leverage: Decimal) -> Decimal:
    """
    Return the funds that an order reserves: its initial margin and its highest fee.
    """
    return quantity * price * (1 / leverage + TAKER_FEE)


def worst_price(instrument: Instrument, mark_price: Decimal, side: Side) -> Decimal:
    """
    Return the price of a market order as the venue reports it: the worst it would have accepted.
    """
    price = mark_price * (1 + MARKET_ORDER_BAND * side.sign)
    return (price / instrument.tick_size).to_integral_value(ROUND_DOWN) * instrument.tick_size
