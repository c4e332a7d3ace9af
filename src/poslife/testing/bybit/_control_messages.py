"""
The messages of the control endpoint: a command for each method of `VenueHandle` that changes something. Pure.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from poslife.testing.bybit._faults import FAULTS, Fault, Injection
from poslife.testing.bybit._orders import ExecutionKind, Side

__all__ = [
    "Advance",
    "Cancel",
    "Command",
    "Fill",
    "Inject",
    "Injected",
    "Reject",
    "SetMarkPrice",
    "SettleFunding",
    "Trade",
    "Withdraw",
]


class Inject(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Switch a fault on.

    Attributes:
        kind: The fault's class name.
        fault: The fault's fields.
    """

    kind: str
    fault: dict[str, object]
    times: int | None = 1
    symbol: str | None = None

    @classmethod
    def of(cls, fault: Fault, times: int | None, symbol: str | None) -> Inject:
        """
        Return the command for *fault*.
        """
        return cls(kind=type(fault).__name__, fault=msgspec.to_builtins(fault), times=times, symbol=symbol)

    def decoded(self) -> Fault:
        """
        Return the fault.

        Raises:
            ValueError: There is no such fault, or its fields are invalid.
        """
        if self.kind not in FAULTS:
            raise ValueError(f"kind: expected one of {', '.join(FAULTS)}, got {self.kind!r}")
        try:
            return msgspec.convert(self.fault, FAULTS[self.kind])
        except msgspec.ValidationError as error:  # a ValueError only since msgspec 0.21
            raise ValueError(str(error)) from error


class Withdraw(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Switch a fault off.
    """

    number: int


class Advance(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Advance venue time.
    """

    seconds: float


class SetMarkPrice(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Set a mark price.
    """

    symbol: str
    price: Decimal


class Fill(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Fill an open order.
    """

    identifier: str
    quantity: Decimal | None
    price: Decimal | None


class Reject(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Reject an open order.
    """

    identifier: str
    reason: str


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Cancel an open order.
    """

    identifier: str


class Trade(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Execute a trade without a request.
    """

    symbol: str
    side: Side
    quantity: Decimal
    kind: ExecutionKind
    price: Decimal | None
    position_index: int


class SettleFunding(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """
    Charge funding.
    """

    symbol: str
    rate: Decimal


Command: TypeAlias = (
    Inject | Withdraw | Advance | SetMarkPrice | Fill | Reject | Cancel | Trade | SettleFunding
)
"""Any command."""


class Injected(msgspec.Struct, frozen=True, kw_only=True):
    """
    An injection as a message.
    """

    number: int
    kind: str
    fault: dict[str, object]
    times: int | None
    symbol: str | None

    @classmethod
    def of(cls, injection: Injection) -> Injected:
        """
        Return the message for *injection*.
        """
        return cls(
            number=injection.number,
            kind=type(injection.fault).__name__,
            fault=msgspec.to_builtins(injection.fault),
            times=injection.times,
            symbol=injection.symbol,
        )

    def decoded(self) -> Injection:
        """
        Return the injection.
        """
        fault = msgspec.convert(self.fault, FAULTS[self.kind])
        return Injection(number=self.number, fault=fault, times=self.times, symbol=self.symbol)
