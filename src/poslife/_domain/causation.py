"""
What is going on while events come about: which event caused them, and what they belong to. Pure.
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

__all__ = ["Circumstances", "acting_as", "causing", "circumstances", "unprompted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """
    What an event's header says of how it came about.

    Attributes:
        causation: The event that caused it.
        correlation: What it belongs to.
        actor: Who is acting.
        wrong: What was given to `causing` or `acting_as` and is neither; told with the events.
    """

    causation: EventId | None = None
    correlation: UUID | None = None
    actor: Actor = Actor.STRATEGY
    wrong: tuple[object, ...] = ()


_NONE: Final = Circumstances()

_current: Final[ContextVar[Circumstances]] = ContextVar("poslife_circumstances", default=_NONE)


def circumstances() -> Circumstances:
    """
    The circumstances here and now.
    """
    return _current.get()


@contextmanager
def causing(event: EventId | RecordedEvent | HostEvent | LifeEvent) -> Generator[None]:
    """
    Within it, what is recorded is caused by *event*, and so are the life events of steps that are taken.

    Nested, an event's causation is the innermost one, its correlation that of the outermost: the correlation
    which that event has itself, or its id.

    Tasks started within it inherit it, as they do every context variable; so does `asyncio.to_thread`. A
    thread of your own does so with ``contextvars.copy_context()``. A callback or a queue's consumer does not:
    hand the id over, and open another ``with causing(id)`` there. `PositionTracker.recover` does not either:
    what it settles may be another signal's, or another run's.

    What is no event raises nothing, for a trade may be going on: the events within, life events too, are
    stored with severity ERROR, and a `PoslifeMisuseWarning` is given.

    Args:
        event: An event, or the id that `PositionTracker.record` returned.
    """
    outer = _current.get()
    found = _identity(event)
    if found is None:
        inner = replace(outer, wrong=(*outer.wrong, event))
    else:
        cause, belongs_to = found
        inner = replace(outer, causation=cause, correlation=outer.correlation or belongs_to)
    with _as_of_now(inner):
        yield


@contextmanager
def acting_as(actor: Actor) -> Generator[None]:
    """
    Within it, what is recorded and every step that is taken is the doing of *actor*.

    An operator's command, say, and all that it sets off. It reaches as far as `causing` does; where a step is
    told its actor, that one it is.

    Args:
        actor: Who; `Actor.STRATEGY` where nobody says.
    """
    outer = _current.get()
    known = type(actor) is Actor
    with _as_of_now(replace(outer, actor=actor) if known else replace(outer, wrong=(*outer.wrong, actor))):
        yield


def unprompted(actor: Actor) -> AbstractContextManager[None]:
    """
    Within it, *actor* acts for reasons of its own: whatever is going on around it is no cause.
    """
    return _as_of_now(Circumstances(actor=actor))


@contextmanager
def _as_of_now(inner: Circumstances) -> Generator[None]:
    token: Token[Circumstances] = _current.set(inner)
    try:
        yield
    finally:
        # A coroutine or a generator may be closed by another task, where nothing was set.
        with suppress(ValueError):
            _current.reset(token)


def _identity(event: object) -> tuple[EventId, UUID] | None:
    # By `type`, for an object may only say that it is an event.
    if type(event) is UUID:
        return EventId(event), event
    if type(event) in (RecordedEvent, HostEvent, LifeEvent):
        header: object = getattr(event, "header", None)
        if type(header) is EventHeader:
            return header.id, header.correlation or header.id
    return None
