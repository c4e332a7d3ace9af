"""
The header of an event, and the envelopes around its body: `LifeEvent`, `HostEvent`, `RecordedEvent`.
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
    require_label,
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
    "ErasedBody",
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
A value that JSON can hold.
"""


class Severity(enum.Enum):
    """
    The severity of an event.
    """

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Actor(enum.Enum):
    """
    The acting party behind an event.
    """

    STRATEGY = "strategy"
    RECONCILER = "reconciler"
    RECOVERY = "recovery"
    OPERATOR = "operator"


LIFE_EVENT_SCHEMA = 1

UNLINKED: Final = bytes(32)
"""
The digest before the first event of a digest chain, and of an event that is in none.
"""


class EventHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    The fields that every event has.

    Attributes:
        id: The event's id, a UUIDv7, increasing within a run.
        type: The kind of event, for example ``position.opened``; hosts choose their own.
        schema: The version of the body's fields.
        ref: The position that it is about, or ``None``.
        venue: The venue that it is about, or ``None``.
        account: The account that it is about, or ``None``.
        symbol: The symbol that it is about, or ``None``.
        order: The ordinal of the order that it is about, or ``None``.
        severity: Its severity.
        occurred_at: The time at which it happened.
        run: The run that recorded it.
        correlation: The event, or the host's own id, to which its chain of causes goes back; or ``None``.
        causation: The event that caused it, or ``None``.
        actor: The acting party.

    Raises:
        InvalidValue: A field is not as above.
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
        # Fast path, for every event passes here: skip the field checks when all types are exact.
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
            require_label("EventHeader.type", self.type)
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
        header: The fields that every event has.
        version: The version of the position that the change makes, or 0 for an event about no position.
        index: Its index among the events of that version.
        body: The body, one of the classes in `LIFE_EVENTS`.
        evidence: The reasons and raw answers behind it, or ``None``. They can be erased later; the body
            cannot, so it holds no free text.
    """

    header: EventHeader
    version: int
    index: int
    body: LifeBody
    evidence: Mapping[str, Json] | None = None

    def __post_init__(self) -> None:
        require_instance("LifeEvent.header", self.header, EventHeader)
        require_count("LifeEvent.version", self.version)
        require_count("LifeEvent.index", self.index)
        if not isinstance(self.body, LifeBody):
            raise InvalidValue("LifeEvent.body", self.body, "a life event body")
        if self.evidence is not None:
            require_instance("LifeEvent.evidence", self.evidence, dict)


class HostEvent(msgspec.Struct, frozen=True, kw_only=True):
    """
    An event of the host: a type and a payload.

    Attributes:
        header: The fields that every event has.
        payload: Values of any kind; encoding them never fails.
        error: An exception to store with its traceback, or ``None``.
    """

    header: EventHeader
    payload: Mapping[str, object]
    error: BaseException | None = None

    def __post_init__(self) -> None:
        require_instance("HostEvent.header", self.header, EventHeader)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostBody:
    """
    The payload of a host's event as stored.
    """

    payload: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedBody:
    """
    The absence of a host event's payload that was erased; its header and digest are still verified.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownBody:
    """
    The body of a life event that a newer release wrote, complete.
    """

    content: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """
    An event as stored.

    Attributes:
        header: The fields that every event has.
        body: The body.
        recorded_at: The time at which it was accepted for storage.
        version: The version of the position that its change made; ``None`` for a host event.
        index: Its index among the events of that version; ``None`` for a host event.
        sequence: Its number within its run, from 1, without gaps; ``None`` for a life event of a position.
        evidence: The reasons and raw answers behind a life event; ``None`` where there are none, or they were
            erased.
        digest: Its digest, which covers the digest of the event before it; `poslife.events.verify_trail`
            checks the chain.
    """

    header: EventHeader
    body: LifeBody | HostBody | ErasedBody | UnknownBody
    recorded_at: datetime
    version: int | None = None
    index: int | None = None
    sequence: int | None = None
    evidence: dict[str, Json] | None = None
    digest: bytes = UNLINKED


as_dataclass_too(EventHeader)
as_dataclass_too(HostEvent)
