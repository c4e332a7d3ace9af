"""
The bodies of life events: one class per kind of event, named in the past tense.

A life event changes a position and is committed with the change. Every other event goes through an
`EventSink`. Headers and envelopes are in `poslife._domain.event_envelopes`.

A position can be replayed from the bodies of its life events for ever. So a body cannot be erased, and holds
no free text and no raw answer: these are the event's evidence.
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
    "OrderAmended",
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
    A pending position was stored, and holds its key.
    """

    type: ClassVar[str] = "position.claimed"

    side: Side
    requested_quantity: Decimal
    requested_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPrepared:
    """
    An order was committed; no request was made.
    """

    type: ClassVar[str] = "order.prepared"

    purpose: OrderPurpose
    side: OrderSide
    quantity: Decimal
    price: Decimal | None
    client_order_id: ClientOrderId
    trigger_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSubmitting:
    """
    The order was committed as submitting; the request follows.
    """

    type: ClassVar[str] = "order.submitting"

    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAcknowledged:
    """
    The venue accepted the order. This is no fill.
    """

    type: ClassVar[str] = "order.acknowledged"

    venue_order_id: VenueOrderId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended:
    """
    The order has another quantity or price at the venue.
    """

    type: ClassVar[str] = "order.amended"

    quantity_before: Decimal
    quantity: Decimal
    price_before: Decimal | None
    price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeenAtVenue:
    """
    A look-up at the venue showed the order.
    """

    type: ClassVar[str] = "order.seen_at_venue"

    venue_order_id: VenueOrderId | None
    before: OrderStatus
    after: OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """
    The venue refused the order.
    """

    type: ClassVar[str] = "order.rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInDoubt:
    """
    It became unknown whether the order exists at the venue.
    """

    type: ClassVar[str] = "order.in_doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAbandoned:
    """
    The order was never submitted, or was proven absent.
    """

    type: ClassVar[str] = "order.abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEnded:
    """
    The order was filled or canceled, or expired.
    """

    type: ClassVar[str] = "order.ended"

    status: OrderStatus
    filled: Decimal
    overfilled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTakenOver:
    """
    A recovery took over the order of an ended run.
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
    A fill could not be assigned to a position, and was stored unclaimed.
    """

    type: ClassVar[str] = "fill.unclaimed"

    trade_id: TradeId
    side: OrderSide
    quantity: Decimal
    price: Decimal
    venue_order_id: VenueOrderId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FillConflicted:
    """
    A stored fill was reported again with other numbers; the stored ones stand.
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
    All entry orders ended without a fill, and the key became free.
    """

    type: ClassVar[str] = "position.ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpened:
    """
    The first fill gave the position its id and a quantity.
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
    The stop loss or take profit at the venue was placed, changed or removed.
    """

    type: ClassVar[str] = "position.protected"

    protection: Protection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosing:
    """
    An exit became the owner of the position.
    """

    type: ClassVar[str] = "position.closing"

    reason: CloseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingWithdrawn:
    """
    The exit did not close the position, and it became open again.
    """

    type: ClassVar[str] = "position.closing_withdrawn"

    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosed:
    """
    The position's fills sum to zero.
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
    | OrderAmended
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
The classes of life event bodies, by type.
"""
