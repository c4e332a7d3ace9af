"""
A position's history as lines to read: one for each transaction, and for the bot's own events of a type.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from poslife.events import (
    Actor,
    FillApplied,
    OrderAbandoned,
    OrderInDoubt,
    OrderRejected,
    PositionClaimed,
    RecordedEvent,
)


def draw_timeline(history: Sequence[RecordedEvent]) -> list[tuple[str, str]]:
    """
    Return the seconds since the first event and what happened, for each line.
    """
    began = history[0].recorded_at
    lines: list[tuple[str, str]] = []
    for version, group in groupby(history, lambda event: event.version or event.header.type):
        events = list(group)
        times = f", {len(events)} times" if len(events) > 1 else ""
        shown = f". {version}{times}" if isinstance(version, str) else "; ".join(map(_shown, events))
        by = "" if events[0].header.actor is Actor.STRATEGY else f" [{events[0].header.actor.value}]"
        lines.append((f"+{(events[0].recorded_at - began).total_seconds():.3f}", shown + by))
    return lines


def _shown(event: RecordedEvent) -> str:
    kind, order, body = event.header.type, event.header.order, event.body
    shown = kind if order is None else f"{kind} {order}"
    match body:
        case PositionClaimed():
            return f"{shown}: {body.side.value} {body.requested_quantity.normalize():f}"
        case FillApplied():
            return f"{shown}: {body.quantity.normalize():f} at {body.price.normalize():f}"
        case OrderRejected() | OrderInDoubt() | OrderAbandoned():
            return f"{shown}: {(event.evidence or {}).get('reason')}"
        case _:
            return shown
