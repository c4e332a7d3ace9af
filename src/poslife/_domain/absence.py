"""
When an order is proven absent. Pure.

Not seeing an order proves nothing by itself: it may still be on its way, or out of the look-up's reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from poslife._domain.fills import Fill
from poslife._domain.orders import Order
from poslife._domain.venue_answers import OrderNotSeen

__all__ = ["Absence", "judge_absence", "latest_arrival"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """
    What was found out about an order that was not seen.

    Attributes:
        misses: The look-ups that did not see it.
        trades_complete: The trades since it was prepared were all read.
        foreign_trades: Those among them that belong to no order we know.
        held: What the venue holds of the key, signed; ``None`` where it does not say.
        believed: What we hold of the key, signed.
    """

    misses: Sequence[OrderNotSeen]
    trades_complete: bool
    foreign_trades: Sequence[Fill]
    held: Decimal | None
    believed: Decimal


def latest_arrival(order: Order, *, quiet: float) -> datetime:
    """
    The last moment at which the venue may still take the order's request.
    """
    return (order.submitted_at or order.prepared_at) + timedelta(seconds=quiet)


def judge_absence(order: Order, found: Absence, *, quiet: float, lookups: int) -> tuple[str, ...]:
    """
    Why *order* is not proven absent: one sentence for each reason, none when it is.

    Args:
        order: The order in doubt.
        found: What was found out.
        quiet: For how many seconds after SUBMITTING its request may still reach the venue.
        lookups: How many look-ups after that must not have seen it.
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
            "when it could no longer arrive"
        )
    elif len(conclusive) < lookups:
        reasons.append("the venue no longer promises to find an order of that time")
    if not found.trades_complete:
        reasons.append("the venue did not show all trades since it was prepared")
    if found.foreign_trades:
        reasons.append(f"{len(found.foreign_trades)} trades since then belong to no order we know")
    if found.held is None:
        reasons.append("the venue does not say what it holds")
    elif found.held != found.believed:
        reasons.append(f"the venue holds {found.held}, we believe {found.believed}")
    return tuple(reasons)
