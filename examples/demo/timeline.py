"""
A position's history as lines to read: one for each transaction, one for each event of the bot's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal

from poslife import ClosedPosition, PendingPosition, PersistedPosition, Position, RunId
from poslife.events import (
    Actor,
    FillApplied,
    HostBody,
    LifeBody,
    OrderAbandoned,
    OrderAcknowledged,
    OrderEnded,
    OrderInDoubt,
    OrderPrepared,
    OrderRejected,
    OrderSeenAtVenue,
    OrderSubmitting,
    OrderTakenOver,
    PositionClaimed,
    PositionClosed,
    PositionClosing,
    PositionIncreased,
    PositionOpened,
    PositionProtected,
    RecordedEvent,
    UnknownBody,
)

__all__ = ["Line", "Timeline", "draw_timeline"]


LATE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    What happened at one moment.

    Attributes:
        after: Seconds since the position's first event.
        own: It is the bot's own event, and no change of the position.
        by: Who did it, where it was not the strategy.
        told: What happened.
    """

    after: float
    own: bool
    by: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """
    A position's life.

    Attributes:
        title: What it is.
        now: What became of it.
        lines: How.
    """

    title: str
    now: str
    lines: tuple[Line, ...]


async def draw_timeline(position: Position, history: AsyncIterator[RecordedEvent]) -> Timeline:
    """
    The timeline of *position*.
    """
    events = [event async for event in history]
    lines: list[Line] = []
    group: list[RecordedEvent] = []
    for event in events:
        if group and not _belongs(event, group):
            lines.append(_line(group, events))
            group = []
        group.append(event)
    if group:
        lines.append(_line(group, events))
    return Timeline(title=f"{position.key.symbol}", now=_now(position), lines=tuple(lines))


def _belongs(event: RecordedEvent, group: list[RecordedEvent]) -> bool:
    """
    Whether it is told in one line with the events before it: of one transaction, or many of a kind.
    """
    before = group[-1]
    if event.version is None:
        return before.version is None and event.header.type == before.header.type
    return event.version == before.version


def _line(group: list[RecordedEvent], events: list[RecordedEvent]) -> Line:
    first, header = events[0].header, group[0].header
    return Line(
        after=(group[0].recorded_at - events[0].recorded_at).total_seconds(),
        own=group[0].version is None,
        by=_by(header.actor, header.run, first.run),
        told=_told_in_sum(group) if len(group) > 1 and group[0].version is None else _told_together(group),
    )


def _told_together(group: list[RecordedEvent]) -> str:
    return "; ".join(filter(None, (_told(event) for event in group)))


def _told_in_sum(group: list[RecordedEvent]) -> str:
    took = (group[-1].recorded_at - group[0].recorded_at).total_seconds()
    return f"{group[0].header.type}, {len(group)} times within {took:.3f} s"


def _by(actor: Actor, run: RunId, first: RunId) -> str:
    who = "" if actor is Actor.STRATEGY else actor.value
    return ", ".join(filter(None, (who, "next run" if run != first else "")))


def _now(position: Position) -> str:
    match position:
        case PendingPosition():
            return f"no position: its order is {position.orders[-1].status.value}"
        case PersistedPosition():
            return (
                f"{position.status.value}: position {position.id}, {position.side.value} "
                f"{_number(position.quantity)} at {_number(position.entry_price)}"
            )
        case ClosedPosition():
            return (
                f"closed: position {position.id}, {position.side.value} {_number(position.entered_quantity)},"
                f" in at {_number(position.entry_price)}, out at {_number(position.exit_price)}"
            )


def _told(event: RecordedEvent) -> str:
    body = event.body
    if isinstance(body, HostBody):
        shown = ", ".join(_facts(body))
        return f"{event.header.type}{f' ({shown})' if shown else ''}"
    if isinstance(body, UnknownBody):
        return event.header.type
    return _told_of_life(body, event)


def _facts(body: HostBody) -> list[str]:
    facts: list[str] = []
    for name, value in body.payload.items():
        # An error is kept with its message and traceback; its class says enough here.
        shown = value["type"] if name == "error" and isinstance(value, dict) else value
        facts.append(f"{name} {str(shown).rpartition('.')[2] if name == 'error' else shown}")
    return facts


def _told_of_life(body: LifeBody, event: RecordedEvent) -> str:  # noqa: C901 - a case for each event
    kind, order = event.header.type, f"order {event.header.order}"
    match body:
        case PositionClaimed():
            return f"claimed: {body.side.value} {_number(body.requested_quantity)}"
        case OrderPrepared():
            price = "" if body.price is None else f" at {_number(body.price)}"
            return (
                f"{order} prepared: {body.side.value} {_number(body.quantity)}{price}, {body.purpose.value}"
            )
        case OrderSubmitting():
            return f"{order} about to be sent"
        case OrderAcknowledged():
            return f"{order} taken by the exchange"
        case OrderSeenAtVenue():
            return f"{order} seen at the exchange"
        case OrderRejected() | OrderInDoubt() | OrderAbandoned():
            return f"{order} {kind.partition('.')[2].replace('_', ' ')}: {body.reason}"
        case OrderTakenOver():
            return f"{order} taken over from the run that died"
        case OrderEnded():
            return f"{order} {body.status.value}"
        case FillApplied():
            late = (event.recorded_at - event.header.occurred_at).total_seconds()
            heard = f", executed {late:.1f} s before" if late > LATE else ""
            return f"fill of {_number(body.quantity)} at {_number(body.price)}{heard}"
        case PositionOpened():
            return "open"
        case PositionIncreased():
            return f"now {_number(body.quantity)} at {_number(body.entry_price)}"
        case PositionProtected():
            if body.protection is None:
                return "protection withdrawn"
            return f"protected: take profit at {_number(body.protection.take_profit_price)}"
        case PositionClosing():
            return f"closing: {body.reason.value}"
        case PositionClosed():
            return "closed"
        case _:
            return kind.replace("_", " ").replace(".", " ")


def _number(value: Decimal | None) -> str:
    return "?" if value is None else f"{value.normalize():f}"
