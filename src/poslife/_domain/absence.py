"""
The proof that an order is absent. Pure.

Not seeing an order proves nothing by itself: it may still be on its way, or out of the look-up's reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from poslife._domain.fills import Fill
from poslife._domain.orders import Order
from poslife._domain.venue_answers import OrderNotSeen

__all__ = ["CLOCKS_APART", "Absence", "judge_absence", "latest_arrival"]

CLOCKS_APART: Final = timedelta(hours=1)
"""
The difference of the clocks of host and venue that hides no fill.

By the clock of a host that is ahead, a fill is older than its order.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """
    The evidence about an order that was not seen.

    Attributes:
        misses: The look-ups that did not see it.
        trades_complete: All trades since the order was prepared were read.
        foreign_trades: The trades among them that belong to no known order.
        held: The quantity that the venue holds of the key, signed; ``None`` where it does not say.
        believed: The quantity that is stored for the key, signed.
    """

    misses: Sequence[OrderNotSeen]
    trades_complete: bool
    foreign_trades: Sequence[Fill]
    held: Decimal | None
    believed: Decimal


def latest_arrival(order: Order, *, quiet: float) -> datetime:
    """
    Return the last moment at which the venue may still take the order's request.
    """
    return (order.submitted_at or order.prepared_at) + timedelta(seconds=quiet)


def judge_absence(order: Order, found: Absence, *, quiet: float, lookups: int) -> tuple[str, ...]:
    """
    Return the reasons why *order* is not proven absent, one sentence each; none when it is.

    Args:
        order: The order in doubt.
        found: The evidence.
        quiet: The seconds after SUBMITTING in which its request may still reach the venue.
        lookups: The look-ups after that which must not have seen it.
    """
    arrival = latest_arrival(order, quiet=quiet)
    late = [miss for miss in found.misses if miss.at >= arrival]
    conclusive = [
        miss
        for miss in late
        if miss.conclusive_since is not None and miss.conclusive_since <= order.prepared_at
    ]
    reasons: list[str] = []
    if len(late) < lookups:
        reasons.append(
            f"{len(late)} of {lookups} look-ups came after {arrival.isoformat()}, "
            "when the request could no longer arrive"
        )
    elif len(conclusive) < lookups:
        unpromised = next((miss.reason for miss in late if miss.reason is not None), None)
        reasons.append(unpromised or "the venue no longer promises to find an order that old")
    if not found.trades_complete:
        reasons.append("the venue did not show all trades since the order was prepared")
    if found.foreign_trades:
        reasons.append(f"{len(found.foreign_trades)} trades since then belong to no order that is known")
    if found.held is None:
        reasons.append("the venue does not say how much it holds")
    elif found.held != found.believed:
        reasons.append(f"the venue holds {found.held}, the store has {found.believed}")
    return tuple(reasons)
