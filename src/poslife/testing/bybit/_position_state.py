"""
The arithmetic of one position, in exact fractions because an average price may not terminate. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction

from poslife.testing.bybit._orders import ExecutionKind, Side, SimulatedFill, SimulatedPosition

__all__ = ["FLAT", "PositionState", "as_decimal", "state_after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionState:
    """
    The running state of a position.

    Attributes:
        size: Signed.
        cost: Entry value of *size*, with the same sign.
    """

    size: Decimal = Decimal(0)
    cost: Fraction = Fraction(0)
    realised_pnl: Fraction = Fraction(0)
    fees: Decimal = Decimal(0)
    opened_at: datetime | None = None
    updated_at: datetime | None = None

    def closing(self, side: Side, quantity: Decimal) -> Decimal:
        """
        Return the part of an execution that would reduce the position.
        """
        return min(quantity, abs(self.size)) if self.size * side.sign < 0 else Decimal(0)

    def profit(self, side: Side, quantity: Decimal, price: Decimal) -> Fraction:
        """
        Return the profit of the closing part of an execution, before fees.
        """
        closed = self.closing(side, quantity)
        if not closed:
            return Fraction(0)
        return (Fraction(price) - self.cost / Fraction(self.size)) * Fraction(closed) * -side.sign

    def after(self, fill: SimulatedFill) -> PositionState:
        """
        Return the state after *fill*.
        """
        if fill.kind is ExecutionKind.FUNDING:
            return replace(self, fees=self.fees + fill.fee)
        closed = self.closing(fill.side, fill.quantity)
        opened = fill.quantity - closed
        size = self.size + closed * fill.side.sign
        cost = self.cost * Fraction(size) / Fraction(self.size) if self.size else Fraction(0)
        starts = not size and bool(opened)
        return PositionState(
            size=size + opened * fill.side.sign,
            cost=cost + Fraction(opened) * Fraction(fill.price) * fill.side.sign,
            realised_pnl=self.realised_pnl + self.profit(fill.side, fill.quantity, fill.price),
            fees=self.fees + fill.fee,
            opened_at=fill.executed_at if starts else self.opened_at,
            updated_at=fill.executed_at,
        )

    def view(self, symbol: str, position_index: int) -> SimulatedPosition:
        """
        Return the state as a `SimulatedPosition`, in decimals.
        """
        side = None if not self.size else Side.BUY if self.size > 0 else Side.SELL
        return SimulatedPosition(
            symbol=symbol,
            position_index=position_index,
            side=side,
            size=abs(self.size),
            average_price=as_decimal(self.cost / Fraction(self.size)) if self.size else None,
            realised_pnl=as_decimal(self.realised_pnl),
            fees=self.fees,
            opened_at=self.opened_at if side is not None else None,
            updated_at=self.updated_at,
        )


FLAT = PositionState()
"""The initial state of every position."""


def state_after(fills: Iterable[SimulatedFill]) -> PositionState:
    """
    Return the state after *fills* of one position.
    """
    state = FLAT
    for fill in fills:
        state = state.after(fill)
    return state


def as_decimal(number: Fraction) -> Decimal:
    """
    Return *number* rounded to 28 significant digits, exact if they suffice.
    """
    with localcontext() as context:
        context.prec = 28
        quotient = Decimal(number.numerator) / Decimal(number.denominator)
        return quotient.normalize() if quotient else Decimal(0)
