"""
`VenueHandle`: the protocol of a simulated venue, in the test's own process or in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from poslife.testing.bybit._faults import Fault, Injection
from poslife.testing.bybit._orders import (
    ExecutionKind,
    Side,
    SimulatedFill,
    SimulatedOrder,
    SimulatedPosition,
)
from poslife.testing.bybit._requests import ReceivedRequest

__all__ = ["VenueHandle"]


class VenueHandle(Protocol):
    """
    The true state of the venue, and the calls that change it.

    `SimulatedBybit` and `VenueControl` implement it. A symbol may be the venue's (``DBRUSDT``) or ccxt's
    (``DBR/USDT:USDT``); an order is identified by its order id or its order link id. An unknown symbol or
    order raises `LookupError`, an invalid value `ValueError`.
    """

    @property
    def url(self) -> str:
        """
        The URL for clients.
        """
        ...

    @property
    def orders(self) -> Sequence[SimulatedOrder]:
        """
        Every accepted order in its true state, oldest first.
        """
        ...

    @property
    def fills(self) -> Sequence[SimulatedFill]:
        """
        Every execution, visible or not, oldest first.
        """
        ...

    @property
    def requests(self) -> Sequence[ReceivedRequest]:
        """
        Every request received, answered or not, oldest first.
        """
        ...

    @property
    def injections(self) -> Sequence[Injection]:
        """
        The faults that are switched on.
        """
        ...

    def now(self) -> datetime:
        """
        Return the venue time.
        """
        ...

    def order(self, identifier: str, /) -> SimulatedOrder:
        """
        Return one order in its true state.
        """
        ...

    def position(self, symbol: str, position_index: int = 0, /) -> SimulatedPosition:
        """
        Return one position in its true state, flat or not.
        """
        ...

    def inject(self, fault: Fault, /, *, times: int | None = 1, symbol: str | None = None) -> Injection:
        """
        Switch *fault* on for the next *times* requests it applies to, or, with ``None``, until withdrawn.

        Faults of different kinds apply to the same request together; of one kind, the first injected applies
        first.
        """
        ...

    def withdraw(self, injection: Injection, /) -> None:
        """
        Switch a fault off, used or not.
        """
        ...

    def advance(self, seconds: float, /) -> datetime:
        """
        Advance venue time, execute what is due, and return the new time.
        """
        ...

    def set_mark_price(self, symbol: str, price: Decimal, /) -> None:
        """
        Set the mark price, and fill the resting limit orders that it reaches.
        """
        ...

    def fill(
        self, identifier: str, /, *, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> SimulatedOrder:
        """
        Fill an open order: all of its open quantity, or *quantity*.
        """
        ...

    def reject(self, identifier: str, /, *, reason: str = "EC_NoImmediateQtyToFill") -> SimulatedOrder:
        """
        Reject an open order after its acknowledgement.
        """
        ...

    def cancel(self, identifier: str, /) -> SimulatedOrder:
        """
        Cancel an open order without a request.
        """
        ...

    def trade(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal,
        /,
        *,
        kind: ExecutionKind = ExecutionKind.TRADE,
        price: Decimal | None = None,
        position_index: int = 0,
    ) -> SimulatedFill:
        """
        Execute a trade without a request: by hand, a liquidation, a deleveraging.
        """
        ...

    def settle_funding(self, symbol: str, rate: Decimal, /) -> Sequence[SimulatedFill]:
        """
        Charge longs and pay shorts *rate* of their value.
        """
        ...
