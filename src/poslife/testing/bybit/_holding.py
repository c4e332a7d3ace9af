"""
The arithmetic of one position: exact, by fractions, because an average price need not end. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction

from poslife.testing.bybit._values import ExecutionKind, Side, SimulatedFill, SimulatedPosition

__all__ = ["FLAT", "Holding", "fold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """
    The running state of a position.

    Attributes:
        size: Signed.
        cost: Entry value of *size*, signed like it.
    """

    size: Decimal = Decimal(0)
    cost: Fraction = Fraction(0)
    realised_pnl: Fraction = Fraction(0)
    fees: Decimal = Decimal(0)
    opened_at: datetime | None = None
    updated_at: datetime | None = None

    def closing(self, side: Side, quantity: Decimal) -> Decimal:
        """
        How much of an execution would make the position smaller.
        """
        return min(quantity, abs(self.size)) if self.size * side.sign < 0 else Decimal(0)

    def profit(self, side: Side, quantity: Decimal, price: Decimal) -> Fraction:
        """
        What the closing part of an execution realises, before fees.
        """
        closed = self.closing(side, quantity)
        if not closed:
            return Fraction(0)
        return (Fraction(price) - self.cost / Fraction(self.size)) * Fraction(closed) * -side.sign

    def after(self, fill: SimulatedFill) -> Holding:
        """
        The state after *fill*.
        """
        if fill.kind is ExecutionKind.FUNDING:
            return replace(self, fees=self.fees + fill.fee)
        closed = self.closing(fill.side, fill.quantity)
        opened = fill.quantity - closed
        size = self.size + closed * fill.side.sign
        cost = self.cost * Fraction(size) / Fraction(self.size) if self.size else Fraction(0)
        starts = not size and bool(opened)
        return Holding(
            size=size + opened * fill.side.sign,
            cost=cost + Fraction(opened) * Fraction(fill.price) * fill.side.sign,
            realised_pnl=self.realised_pnl + self.profit(fill.side, fill.quantity, fill.price),
            fees=self.fees + fill.fee,
            opened_at=fill.executed_at if starts else self.opened_at,
            updated_at=fill.executed_at,
        )

    def seen(self, symbol: str, position_index: int) -> SimulatedPosition:
        """
        The state as the truth log tells it.
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


FLAT = Holding()
"""Where every position begins."""


def fold(fills: Iterable[SimulatedFill]) -> Holding:
    """
    The state that *fills* of one position lead to.
    """
    holding = FLAT
    for fill in fills:
        holding = holding.after(fill)
    return holding


def as_decimal(number: Fraction) -> Decimal:
    """
    *number* in at most 28 digits, exact where they suffice.
    """
    with localcontext() as context:
        context.prec = 28
        quotient = Decimal(number.numerator) / Decimal(number.denominator)
        return quotient.normalize() if quotient else Decimal(0)
