"""
Correlation, causation and actor of the current context: they go into the header of every event.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from poslife._domain.event_envelopes import Actor, EventHeader, HostEvent, LifeEvent, RecordedEvent
from poslife._domain.identifiers import EventId

__all__ = ["EventContext", "acting_as", "acting_without_cause", "causing", "current_context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """
    The part of an event's header that comes from the context it is made in.

    Attributes:
        causation: The event that caused it.
        correlation: The event, or the host's own id, to which a chain of causes goes back.
        actor: The acting party.
        invalid: The arguments of `causing` and `acting_as` that are no event and no actor. Events made in the
            context report them.
    """

    causation: EventId | None = None
    correlation: UUID | None = None
    actor: Actor = Actor.STRATEGY
    invalid: tuple[object, ...] = ()


_NONE: Final = EventContext()

_current: Final[ContextVar[EventContext]] = ContextVar("poslife_event_context", default=_NONE)


def current_context() -> EventContext:
    """
    Return the context of the running code.
    """
    return _current.get()


@contextmanager
def causing(event: EventId | RecordedEvent | HostEvent | LifeEvent) -> Generator[None]:
    """
    Record *event* as the cause of every event within the block: of `record`, and of the steps taken.

    In nested blocks an event's causation is the innermost *event*. Its correlation comes from the outermost:
    the correlation of that event, or else its id.

    Tasks started within the block inherit it, as they do every context variable; so does `asyncio.to_thread`.
    A thread you start yourself does so through ``contextvars.copy_context()``. Callbacks and consumers of a
    queue do not: pass the id on, and open another ``with causing(id)`` there. `PositionTracker.recover` does
    not inherit it either, for the orders it settles may belong to another signal or another run.

    An argument that is no event raises nothing, so that no trade breaks: events within the block, life events
    included, are stored with severity ERROR, and a `PoslifeMisuseWarning` is issued.

    Args:
        event: An event, or the id that `PositionTracker.record` returned.
    """
    outer = _current.get()
    found = _identity(event)
    if found is None:
        inner = replace(outer, invalid=(*outer.invalid, event))
    else:
        cause, correlation = found
        inner = replace(outer, causation=cause, correlation=outer.correlation or correlation)
    with _in_context(inner):
        yield


@contextmanager
def acting_as(actor: Actor) -> Generator[None]:
    """
    Record *actor* as the acting party of every event within the block: of `record`, and of the steps taken.

    For example an operator's command and all that it sets off. Tasks and threads inherit it as for `causing`.
    A step that is given an actor of its own keeps that one. An argument that is no `Actor` is reported as for
    `causing`.

    Args:
        actor: The acting party; `Actor.STRATEGY` outside of any block.
    """
    outer = _current.get()
    valid = type(actor) is Actor
    inner = replace(outer, actor=actor) if valid else replace(outer, invalid=(*outer.invalid, actor))
    with _in_context(inner):
        yield


def acting_without_cause(actor: Actor) -> AbstractContextManager[None]:
    """
    Record *actor* as the acting party within the block, and no cause or correlation from outside of it.
    """
    return _in_context(EventContext(actor=actor))


@contextmanager
def _in_context(inner: EventContext) -> Generator[None]:
    token: Token[EventContext] = _current.set(inner)
    try:
        yield
    finally:
        # Another task may close a coroutine or generator; there is no such token in its context.
        with suppress(ValueError):
            _current.reset(token)


def _identity(event: object) -> tuple[EventId, UUID] | None:
    """
    Return the id of an event and the correlation it passes on, or ``None`` for anything else.
    """
    # By `type`: `isinstance` believes a `__class__` that an object claims.
    if type(event) is UUID:
        return EventId(event), event
    if type(event) in (RecordedEvent, HostEvent, LifeEvent):
        header: object = getattr(event, "header", None)
        if type(header) is EventHeader:
            return header.id, header.correlation or header.id
    return None
