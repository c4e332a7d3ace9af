"""
Events: a header, and one body class per life event; a host's events are a name and a payload. Pure.

Life events change a position and are committed with the change. Everything else goes through an `EventSink`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar

from poslife._domain.identifiers import (
    ClientOrderId,
    OrderSide,
    RunId,
    Side,
    TradeId,
    VenueOrderId,
)
from poslife._domain.orders import CloseReason, OrderPurpose, OrderStatus
from poslife._domain.positions import Origin
from poslife._domain.protection import Protection

__all__ = [
    "LIFE_EVENTS",
    "ClosingWithdrawn",
    "FillApplied",
    "FillConflicted",
    "FillUnclaimed",
    "LifeBody",
    "OrderAbandoned",
    "OrderAcknowledged",
    "OrderEnded",
    "OrderInDoubt",
    "OrderPrepared",
    "OrderRejected",
    "OrderSeenAtVenue",
    "OrderSubmitting",
    "OrderTakenOver",
    "PositionClaimed",
    "PositionClosed",
    "PositionClosing",
    "PositionEnded",
    "PositionIncreased",
    "PositionOpened",
    "PositionProtected",
    "PositionReduced",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClaimed:
    """
    A position is intended, and its key is ours.
    """

    type: ClassVar[str] = "position.claimed"

    side: Side
    requested_quantity: Decimal
    requested_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPrepared:
    """
    An order is committed; no request was made.
    """

    type: ClassVar[str] = "order.prepared"

    purpose: OrderPurpose
    side: OrderSide
    quantity: Decimal
    price: Decimal | None
    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSubmitting:
    """
    The request is about to be made.
    """

    type: ClassVar[str] = "order.submitting"

    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAcknowledged:
    """
    The venue has taken the order. This is no fill.
    """

    type: ClassVar[str] = "order.acknowledged"

    venue_order_id: VenueOrderId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeenAtVenue:
    """
    The venue was asked, and showed the order.
    """

    type: ClassVar[str] = "order.seen_at_venue"

    venue_order_id: VenueOrderId | None
    before: OrderStatus
    after: OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """
    The venue has refused the order.
    """

    type: ClassVar[str] = "order.rejected"

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInDoubt:
    """
    The order may or may not exist.
    """

    type: ClassVar[str] = "order.in_doubt"

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAbandoned:
    """
    The order was never submitted, or is proven absent.
    """

    type: ClassVar[str] = "order.abandoned"

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEnded:
    """
    The venue is done with the order: filled, canceled or expired.
    """

    type: ClassVar[str] = "order.ended"

    status: OrderStatus
    filled: Decimal
    overfilled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTakenOver:
    """
    A recovery answers for the order of an ended run from now on.
    """

    type: ClassVar[str] = "order.taken_over"

    from_run: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class FillApplied:
    """
    A fill changed the position.
    """

    type: ClassVar[str] = "fill.applied"

    trade_id: TradeId
    side: OrderSide
    quantity: Decimal
    price: Decimal
    venue_order_id: VenueOrderId | None
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FillUnclaimed:
    """
    A fill could not be assigned; it is stored until evidence or an operator assigns it.
    """

    type: ClassVar[str] = "fill.unclaimed"

    trade_id: TradeId
    side: OrderSide
    quantity: Decimal
    price: Decimal
    venue_order_id: VenueOrderId | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillConflicted:
    """
    A stored fill was seen again with other numbers; the stored ones stand.
    """

    type: ClassVar[str] = "fill.conflicted"

    trade_id: TradeId
    stored_side: OrderSide
    stored_quantity: Decimal
    stored_price: Decimal
    seen_side: OrderSide
    seen_quantity: Decimal
    seen_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEnded:
    """
    All entry orders ended without a fill; the key is free.
    """

    type: ClassVar[str] = "position.ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpened:
    """
    The first fill: the position has an id and holds a quantity.
    """

    type: ClassVar[str] = "position.opened"

    side: Side
    quantity: Decimal
    entry_price: Decimal
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionIncreased:
    """
    Entry fills made the position larger.
    """

    type: ClassVar[str] = "position.increased"

    quantity: Decimal
    entry_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReduced:
    """
    Exit fills made the position smaller.
    """

    type: ClassVar[str] = "position.reduced"

    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionProtected:
    """
    The venue's orders that close the position without us were placed, changed or removed.
    """

    type: ClassVar[str] = "position.protected"

    protection: Protection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosing:
    """
    One exit owns the position.
    """

    type: ClassVar[str] = "position.closing"

    reason: CloseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingWithdrawn:
    """
    The exit did not close the position; it is open again.
    """

    type: ClassVar[str] = "position.closing_withdrawn"

    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosed:
    """
    The position's fills have reached zero.
    """

    type: ClassVar[str] = "position.closed"

    reason: CloseReason
    entry_price: Decimal
    exit_price: Decimal
    opened_at: datetime
    closed_at: datetime


LifeBody = (
    PositionClaimed
    | OrderPrepared
    | OrderSubmitting
    | OrderAcknowledged
    | OrderSeenAtVenue
    | OrderRejected
    | OrderInDoubt
    | OrderAbandoned
    | OrderEnded
    | OrderTakenOver
    | FillApplied
    | FillUnclaimed
    | FillConflicted
    | PositionEnded
    | PositionOpened
    | PositionIncreased
    | PositionReduced
    | PositionProtected
    | PositionClosing
    | ClosingWithdrawn
    | PositionClosed
)
"""
The body of a life event.
"""

_BODIES: tuple[type[LifeBody], ...] = LifeBody.__args__

LIFE_EVENTS: Mapping[str, type[LifeBody]] = MappingProxyType({body.type: body for body in _BODIES})
"""
Life event bodies by type.
"""
