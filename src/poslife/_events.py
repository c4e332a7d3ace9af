"""
Events: a header, and one body class per life event; a host's events are a name and a payload. Pure.

Life events change a position and are committed with the change. Everything else goes through an `EventSink`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

import msgspec

from poslife._identifiers import (
    Account,
    ClientOrderId,
    EventId,
    OrderSide,
    PositionRef,
    RunId,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
    aware,
    count,
    instance,
    member,
    name,
    position_ref,
    uuid,
)
from poslife._orders import CloseReason, OrderPurpose, OrderStatus
from poslife._position import Origin, Protection
from poslife._structs import as_dataclass_too
from poslife.errors import InvalidValue

__all__ = [
    "LIFE_EVENTS",
    "Actor",
    "ClosingWithdrawn",
    "EventHeader",
    "FillApplied",
    "FillConflicted",
    "FillUnclaimed",
    "HostBody",
    "HostEvent",
    "Json",
    "LifeBody",
    "LifeEvent",
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
    "RecordedEvent",
    "Severity",
    "UnknownBody",
]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""
What JSON can hold.
"""


class Severity(enum.Enum):
    """
    How much an event matters to whoever watches.
    """

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Actor(enum.Enum):
    """
    Who caused an event.
    """

    STRATEGY = "strategy"
    RECONCILER = "reconciler"
    RECOVERY = "recovery"
    OPERATOR = "operator"


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

LIFE_EVENT_SCHEMA = 1

UNLINKED: Final = bytes(32)
"""
The digest before the first event of a stream, and of an event that is in none.
"""


class EventHeader(msgspec.Struct, frozen=True, kw_only=True):
    """
    What every event says.

    Attributes:
        id: A UUIDv7, increasing within a run.
        type: For example ``position.opened``; a host chooses its own.
        schema: The version of the body's shape.
        ref: The position it is about, or ``None``.
        venue: Where, or ``None``.
        account: In which account, or ``None``.
        symbol: Of which symbol, or ``None``.
        order: The ordinal of the order it is about, or ``None``.
        severity: How much it matters.
        occurred_at: When it happened.
        run: The host process that tells it.
        correlation: What it belongs to, in the host's own terms.
        causation: The event that caused it.
        actor: Who caused it.

    Raises:
        InvalidValue: For a field that cannot be: naming field and value.
    """

    id: EventId
    type: str
    schema: int = LIFE_EVENT_SCHEMA
    ref: PositionRef | None = None
    venue: Venue | None = None
    account: Account | None = None
    symbol: Symbol | None = None
    order: int | None = None
    severity: Severity = Severity.INFO
    occurred_at: datetime
    run: RunId
    correlation: UUID | None = None
    causation: EventId | None = None
    actor: Actor = Actor.STRATEGY

    def __post_init__(self) -> None:
        # Every event passes here: what is as it should be is seen at a glance, and only the rest looked into.
        kind = self.type
        if (
            type(self.id) is not UUID
            or type(kind) is not str
            or not 0 < len(kind) <= 255
            or not kind.isprintable()
            or kind[0] == " "
            or kind[-1] == " "
            or type(self.occurred_at) is not datetime
            or self.occurred_at.tzinfo is not UTC
            or type(self.severity) is not Severity
            or type(self.run) is not UUID
            or type(self.actor) is not Actor
        ):
            uuid("EventHeader.id", self.id)
            name("EventHeader.type", self.type)
            member("EventHeader.severity", self.severity, Severity)
            aware("EventHeader.occurred_at", self.occurred_at)
            uuid("EventHeader.run", self.run)
            member("EventHeader.actor", self.actor, Actor)
        if self.schema is not LIFE_EVENT_SCHEMA:
            count("EventHeader.schema", self.schema)
        if self.ref is not None:
            position_ref("EventHeader.ref", self.ref)
        if self.venue is not None:
            name("EventHeader.venue", self.venue)
        if self.account is not None:
            name("EventHeader.account", self.account)
        if self.symbol is not None:
            name("EventHeader.symbol", self.symbol)
        if self.order is not None:
            count("EventHeader.order", self.order)
        if self.correlation is not None:
            uuid("EventHeader.correlation", self.correlation)
        if self.causation is not None:
            uuid("EventHeader.causation", self.causation)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeEvent:
    """
    An event that changes a position, committed with the change.

    Attributes:
        header: What every event says.
        version: The position's version that the change makes, or 0 where the event is about no position.
        index: Its place among the events of that version.
        body: What happened.
    """

    header: EventHeader
    version: int
    index: int
    body: LifeBody

    def __post_init__(self) -> None:
        instance("LifeEvent.header", self.header, EventHeader)
        count("LifeEvent.version", self.version)
        count("LifeEvent.index", self.index)
        if not isinstance(self.body, _BODIES):
            raise InvalidValue("LifeEvent.body", self.body, "the body of a life event")


class HostEvent(msgspec.Struct, frozen=True, kw_only=True):
    """
    An event of the host: a name and a payload of any kind.

    Attributes:
        header: What every event says.
        payload: Whatever the host wants to keep; encoding it never fails.
        error: An exception to keep with its traceback, or ``None``.
    """

    header: EventHeader
    payload: Mapping[str, object]
    error: BaseException | None = None

    def __post_init__(self) -> None:
        instance("HostEvent.header", self.header, EventHeader)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostBody:
    """
    A host's event as it was stored.
    """

    payload: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownBody:
    """
    A life event of a newer release, whole.
    """

    content: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """
    An event as it was stored.

    Attributes:
        header: What every event says.
        body: What happened.
        recorded_at: When it was accepted for storage.
        version: For a life event: the position's version it made.
        index: For a life event: its place among the events of that version.
        sequence: For a host event: its number within its run, from 1, without gaps.
        digest: What links it to the event before it in its stream; see `verify_trail`.
    """

    header: EventHeader
    body: LifeBody | HostBody | UnknownBody
    recorded_at: datetime
    version: int | None = None
    index: int | None = None
    sequence: int | None = None
    digest: bytes = UNLINKED


as_dataclass_too(EventHeader)
as_dataclass_too(HostEvent)
