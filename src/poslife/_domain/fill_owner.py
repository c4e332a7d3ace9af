"""
The position that a fill belongs to. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from poslife._domain.fills import Fill
from poslife._domain.identifiers import Leg, PositionKey, Side
from poslife._domain.positions import (
    LivePosition,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
)

__all__ = ["Opens", "Owner", "Unclaimed", "find_owner"]


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """
    The position a fill goes to, and the ordinal of its order there; ``None`` where the order is not ours.
    """

    position: LivePosition
    ordinal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opens:
    """
    The fill opens a position that nobody holds.
    """

    key: PositionKey
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """
    Why nothing can be said of the fill.
    """

    reason: str


def find_owner(
    fill: Fill, *, ordered_by: Position | None, ordinal: int | None, holders: Sequence[LivePosition]
) -> Owner | Opens | Unclaimed:
    """
    Whose a fill is.

    Args:
        fill: What the venue said.
        ordered_by: The position that has the fill's order, if that is known.
        ordinal: The order's ordinal there.
        holders: The live positions of the symbol.
    """
    if isinstance(ordered_by, PendingPosition | PersistedPosition) and (
        ordered_by.live or not any(holder.key == ordered_by.key for holder in holders)
    ):
        return Owner(position=ordered_by, ordinal=ordinal)
    key = _key_of(fill) if ordered_by is None else ordered_by.key
    named = [holder for holder in holders if holder.key == key]
    if not named and ordered_by is None:  # a fill says nothing of margin modes
        named = [holder for holder in holders if holder.key.leg is key.leg]
    if len(named) == 1:
        return Owner(position=named[0], ordinal=None)
    if named:
        return Unclaimed(reason="the symbol is held in several margin modes; the venue does not say which")
    if ordered_by is None and fill.leg is None and holders:
        return Unclaimed(
            reason="the venue does not say which leg it belongs to, and the symbol is held in hedge mode"
        )
    if ordered_by is not None and ordinal is not None and ordered_by.orders[ordinal].purpose.reduce_only:
        return Unclaimed(
            reason=f"it is of a reduce-only order of {ordered_by.ref}, which holds nothing any more"
        )
    if (key.leg, fill.side.opens) in ((Leg.LONG, Side.SHORT), (Leg.SHORT, Side.LONG)):
        return Unclaimed(reason=f"it leaves the {key.leg.value} leg, of which nothing is held")
    return Opens(key=key, origin=Origin.ADOPTED if ordered_by is None else Origin.OWN)


def _key_of(fill: Fill) -> PositionKey:
    leg = Leg.NET if fill.leg is None else fill.leg
    return PositionKey(venue=fill.venue, account=fill.account, symbol=fill.symbol, leg=leg)
