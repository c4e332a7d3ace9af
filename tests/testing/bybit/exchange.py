"""
A simulated exchange without HTTP, and orders for it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from poslife.testing.bybit import DEFAULT_INSTRUMENTS, OrderType, Side, TimeInForce
from poslife.testing.bybit._exchange import Exchange
from poslife.testing.bybit._matching import Handling
from poslife.testing.bybit._order_checks import OrderTicket
from tests.testing.bybit.simulated import START

AT_ONCE = Handling()


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time


def exchange(
    clock: Clock | None = None, *, hedged: bool = False, balance: Decimal = Decimal(100_000)
) -> Exchange:
    return Exchange(
        instruments=DEFAULT_INSTRUMENTS,
        balance=balance,
        leverage=Decimal(10),
        hedged=hedged,
        now=(clock or Clock()).now,
        seed=1,
    )


def market(side: Side, quantity: str, *, reduce_only: bool = False, position_index: int = 0) -> OrderTicket:
    return OrderTicket(
        symbol="DBRUSDT",
        side=side,
        type=OrderType.MARKET,
        quantity=Decimal(quantity),
        reduce_only=reduce_only,
        position_index=position_index,
    )


def limit(side: Side, quantity: str, price: str, time_in_force: TimeInForce = TimeInForce.GTC) -> OrderTicket:
    return OrderTicket(
        symbol="DBRUSDT",
        side=side,
        type=OrderType.LIMIT,
        quantity=Decimal(quantity),
        price=Decimal(price),
        time_in_force=time_in_force,
    )
