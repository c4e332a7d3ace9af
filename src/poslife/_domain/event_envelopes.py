"""
An event's header, and the envelopes around its body: `LifeEvent`, `HostEvent`, `RecordedEvent`. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from poslife._domain.checks import (
    require_count,
    require_instance,
    require_member,
    require_name,
    require_position_ref,
    require_utc,
    require_uuid,
)
from poslife._domain.events import LifeBody
from poslife._domain.identifiers import Account, EventId, PositionRef, RunId, Symbol, Venue
from poslife._domain.structs import as_dataclass_too
from poslife.errors import InvalidValue

__all__ = [
    "Actor",
    "EventHeader",
    "HostBody",
    "HostEvent",
    "Json",
    "LifeEvent",
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
            require_uuid("EventHeader.id", self.id)
            require_name("EventHeader.type", self.type)
            require_member("EventHeader.severity", self.severity, Severity)
            require_utc("EventHeader.occurred_at", self.occurred_at)
            require_uuid("EventHeader.run", self.run)
            require_member("EventHeader.actor", self.actor, Actor)
        if self.schema is not LIFE_EVENT_SCHEMA:
            require_count("EventHeader.schema", self.schema)
        if self.ref is not None:
            require_position_ref("EventHeader.ref", self.ref)
        if self.venue is not None:
            require_name("EventHeader.venue", self.venue)
        if self.account is not None:
            require_name("EventHeader.account", self.account)
        if self.symbol is not None:
            require_name("EventHeader.symbol", self.symbol)
        if self.order is not None:
            require_count("EventHeader.order", self.order)
        if self.correlation is not None:
            require_uuid("EventHeader.correlation", self.correlation)
        if self.causation is not None:
            require_uuid("EventHeader.causation", self.causation)


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
        require_instance("LifeEvent.header", self.header, EventHeader)
        require_count("LifeEvent.version", self.version)
        require_count("LifeEvent.index", self.index)
        if not isinstance(self.body, LifeBody):
            raise InvalidValue("LifeEvent.body", self.body, "a life event body")


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
        require_instance("HostEvent.header", self.header, EventHeader)


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
