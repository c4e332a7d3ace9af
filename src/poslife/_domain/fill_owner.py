"""
The position that a fill belongs to, and what a store is asked to find it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from poslife._domain.checks import require_name, require_names, require_position_ref, require_tuple_of
from poslife._domain.fills import Fill, StoredFill
from poslife._domain.identifiers import (
    Account,
    Leg,
    PositionKey,
    PositionRef,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.positions import (
    ClosedPosition,
    LivePosition,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife.errors import InvalidValue

__all__ = ["Opens", "Owner", "OwnerCandidates", "OwnerQuery", "Unclaimed", "find_order", "find_owner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerQuery:
    """
    A question to a store: which fills of one order are stored, and which positions may they belong to?

    Attributes:
        venue: ccxt's exchange id.
        account: The host's name for the account.
        symbol: ccxt's unified symbol.
        trade_ids: The venue's names for the fills.
        venue_order_id: The venue's name for their order, where it is known.
        ref: The position that has their order, where it is known.

    Raises:
        InvalidValue: For a field that cannot be: naming field and value.
    """

    venue: Venue
    account: Account
    symbol: Symbol
    trade_ids: tuple[TradeId, ...]
    venue_order_id: VenueOrderId | None = None
    ref: PositionRef | None = None

    def __post_init__(self) -> None:
        require_name("OwnerQuery.venue", self.venue)
        require_name("OwnerQuery.account", self.account)
        require_name("OwnerQuery.symbol", self.symbol)
        require_names("OwnerQuery.trade_ids", self.trade_ids)
        if self.venue_order_id is not None:
            require_name("OwnerQuery.venue_order_id", self.venue_order_id)
        if self.ref is not None:
            require_position_ref("OwnerQuery.ref", self.ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerCandidates:
    """
    A store's answer to an `OwnerQuery`, as of one commit.

    Attributes:
        stored: The fills that are stored, assigned or unclaimed, in any order.
        positions: The positions that the fills may belong to, by ref.

    Raises:
        InvalidValue: For a field that is no tuple of such values.
    """

    stored: tuple[StoredFill, ...] = ()
    positions: tuple[Position, ...] = ()

    def __post_init__(self) -> None:
        require_tuple_of("OwnerCandidates.stored", self.stored, StoredFill)
        kinds = PendingPosition | PersistedPosition | ClosedPosition
        if type(self.positions) is not tuple or not all(isinstance(one, kinds) for one in self.positions):
            raise InvalidValue("OwnerCandidates.positions", self.positions, "a tuple of positions")

    @property
    def holders(self) -> tuple[LivePosition, ...]:
        """
        The positions that hold a key.
        """
        return tuple(one for one in self.positions if not isinstance(one, ClosedPosition) and one.live)


def find_order(
    fill: Fill, positions: Sequence[Position], *, named: tuple[PositionRef, int] | None
) -> tuple[Position, int] | None:
    """
    Return the position and the ordinal of the fill's order: by our name for it, else by the venue's.

    Args:
        fill: The fill, as the venue shows it.
        positions: The candidates, all of the fill's venue, account and symbol.
        named: The ref and ordinal that our name for the order gives. No candidate has them where it is
            another store's order, or a text that only looks like one of our names.
    """
    if named is not None:
        ref, ordinal = named
        for position in positions:
            if position.ref == ref and ordinal < len(position.orders):
                return position, ordinal
    if fill.venue_order_id is None:
        return None
    for position in positions:
        for order in position.orders:
            if order.venue_order_id == fill.venue_order_id:
                return position, order.ordinal
    return None


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """
    The position that a fill goes to.

    Attributes:
        position: The position.
        ordinal: The ordinal of the fill's order there; ``None`` where it is no order of the position.
    """

    position: LivePosition
    ordinal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opens:
    """
    The answer for a fill that opens a position: its key is free.

    Attributes:
        key: The key of the position.
        origin: The origin of the position.
    """

    key: PositionKey
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """
    The answer for a fill that cannot be assigned.

    Attributes:
        reason: The reason, as it is stored with the fill.
    """

    reason: str


def find_owner(
    fill: Fill, *, ordered_by: Position | None, ordinal: int | None, holders: Sequence[LivePosition]
) -> Owner | Opens | Unclaimed:
    """
    Return the position that a fill goes to.

    Args:
        fill: The fill, as the venue shows it.
        ordered_by: The position that has the fill's order, if that is known.
        ordinal: The ordinal of the order there.
        holders: The live positions of the symbol.
    """
    if isinstance(ordered_by, PendingPosition | PersistedPosition) and (
        ordered_by.live or not any(holder.key == ordered_by.key for holder in holders)
    ):
        return Owner(position=ordered_by, ordinal=ordinal)
    key = _key_of(fill, holders) if ordered_by is None else ordered_by.key
    named = [holder for holder in holders if holder.key == key]
    if not named and ordered_by is None:  # a fill names a leg at most, never a margin mode
        named = [holder for holder in holders if holder.key.leg is key.leg]
    if len(named) == 1:
        return Owner(position=named[0], ordinal=None)
    if named:
        return Unclaimed(reason="the symbol is held in several margin modes; the venue does not say which")
    if ordered_by is None and fill.leg is None and key.leg is Leg.NET and holders:
        return Unclaimed(
            reason="the venue does not say which leg it belongs to, and the symbol is held in hedge mode"
        )
    if ordered_by is not None and ordinal is not None and ordered_by.orders[ordinal].purpose.reduce_only:
        return Unclaimed(
            reason=f"it is of a reduce-only order of {ordered_by.ref}, which holds nothing any more"
        )
    if (key.leg, fill.side.opens) in ((Leg.LONG, Side.SHORT), (Leg.SHORT, Side.LONG)):
        return Unclaimed(reason=f"it leaves the {key.leg.value} leg, of which nothing is held")
    if ordered_by is None and key.leg is Leg.NET and fill.closed:
        return Unclaimed(reason=f"it closed {fill.closed} of a position of which nothing is held")
    return Opens(key=key, origin=Origin.ADOPTED if ordered_by is None else Origin.OWN)


def _key_of(fill: Fill, holders: Sequence[LivePosition]) -> PositionKey:
    leg = (_leg_by_effect(fill, holders) or Leg.NET) if fill.leg is None else fill.leg
    return PositionKey(venue=fill.venue, account=fill.account, symbol=fill.symbol, leg=leg)


def _leg_by_effect(fill: Fill, holders: Sequence[LivePosition]) -> Leg | None:
    """
    Return the leg by what the fill closed, where the symbol is held in hedge mode; else ``None``.

    A fill that closed only a part of its quantity went through zero, which no leg of hedge mode does.
    """
    if not holders or any(holder.key.leg is Leg.NET for holder in holders):
        return None
    if fill.closed is None or fill.closed not in (0, fill.quantity):
        return None
    opens_long = fill.side.opens is Side.LONG
    return Leg.LONG if opens_long is not bool(fill.closed) else Leg.SHORT
