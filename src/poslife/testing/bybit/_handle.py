"""
What a test holds of the simulated venue, in its own process or in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from poslife.testing.bybit._faults import Fault, Injection
from poslife.testing.bybit._values import (
    ExecutionKind,
    ReceivedRequest,
    Side,
    SimulatedFill,
    SimulatedOrder,
    SimulatedPosition,
)

__all__ = ["VenueHandle"]


class VenueHandle(Protocol):
    """
    The truth about the venue, and the means to change it.

    `SimulatedBybit` is one, `VenueControl` another. A symbol may be the venue's (``DBRUSDT``) or
    ccxt's (``DBR/USDT:USDT``); an order is named by its order id or its order link id. An unknown one
    raises `LookupError`, a value that makes no sense `ValueError`.
    """

    @property
    def url(self) -> str:
        """
        Where clients connect to.
        """
        ...

    @property
    def orders(self) -> Sequence[SimulatedOrder]:
        """
        Every order ever accepted, as it truly stands, oldest first.
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
        Venue time.
        """
        ...

    def order(self, identifier: str, /) -> SimulatedOrder:
        """
        One order as it truly stands.
        """
        ...

    def position(self, symbol: str, position_index: int = 0, /) -> SimulatedPosition:
        """
        One position as it truly is, flat or not.
        """
        ...

    def inject(self, fault: Fault, /, *, times: int | None = 1, symbol: str | None = None) -> Injection:
        """
        Switch *fault* on for the next *times* requests it applies to, or until withdrawn for ``None``.

        Faults of different kinds meet the same request together; of one kind the first injected goes first.
        """
        ...

    def withdraw(self, injection: Injection, /) -> None:
        """
        Switch a fault off, whether or not it has met a request.
        """
        ...

    def advance(self, seconds: float, /) -> datetime:
        """
        Move venue time on and do what has become due. Returns the new time.
        """
        ...

    def set_mark_price(self, symbol: str, price: Decimal, /) -> None:
        """
        Move the mark price; resting limit orders that it reaches fill.
        """
        ...

    def fill(
        self, identifier: str, /, *, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> SimulatedOrder:
        """
        Fill an open order: all that is open of it, or *quantity*.
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
        Execute what no request asked for: a trade by hand, a liquidation, a deleveraging.
        """
        ...

    def settle_funding(self, symbol: str, rate: Decimal, /) -> Sequence[SimulatedFill]:
        """
        Charge longs and pay shorts *rate* of their value.
        """
        ...
