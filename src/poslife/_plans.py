"""
Plans: what a step would commit, before it has an id, a time and an author. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from types import EllipsisType

import msgspec
from msgspec.structs import replace

from poslife._causing import Circumstances
from poslife._changes import Change, Revise, Transition
from poslife._events import (
    LIFE_EVENT_SCHEMA,
    ClosingWithdrawn,
    EventHeader,
    LifeBody,
    LifeEvent,
    PositionClosing,
    PositionEnded,
    Severity,
)
from poslife._fills import StoredFill
from poslife._identifiers import Account, ChangeId, EventId, PositionRef, RunId, Symbol, Venue
from poslife._orders import CloseReason, Order
from poslife._position import PersistedPosition, Position, PositionStatus, Protection, require_transition

__all__ = ["Note", "Plan", "change_of", "note_about", "replaced", "revised"]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """
    A life event to be: what happened to which version of a position.

    Attributes:
        ref: The position, or ``None`` for a fill that none has claimed.
        venue: Where.
        account: In which account.
        symbol: Of which symbol.
        version: The version the plan makes, 0 without a ref.
        order: The ordinal of the order it is about, or ``None``.
        severity: How much it matters.
        occurred_at: When it happened, or ``None`` for the time of the change.
        body: What happened.
    """

    ref: PositionRef | None
    venue: Venue
    account: Account
    symbol: Symbol
    version: int
    order: int | None = None
    severity: Severity = Severity.INFO
    occurred_at: datetime | None = None
    body: LifeBody


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a step would commit. One without a transition and without fills changes nothing.
    """

    transition: Transition | None = None
    fills: tuple[StoredFill, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def empty(self) -> bool:
        """
        Whether there is nothing to commit: the step had been taken before.
        """
        return self.transition is None and not self.fills and not self.notes


def note_about(
    position: Position,
    body: LifeBody,
    *,
    version: int | None = None,
    order: int | None = None,
    severity: Severity = Severity.INFO,
    occurred_at: datetime | None = None,
) -> Note:
    """
    A note about the next version of a position, or about *version*.
    """
    key = position.key
    return Note(
        ref=position.ref,
        venue=key.venue,
        account=key.account,
        symbol=key.symbol,
        version=position.version + 1 if version is None else version,
        order=order,
        severity=severity,
        occurred_at=occurred_at,
        body=body,
    )


def replaced(orders: Sequence[Order], touched: Sequence[Order]) -> tuple[Order, ...]:
    """
    The orders, by ordinal, with those in *touched* put in place of the old ones or added.
    """
    by_ordinal = {order.ordinal: order for order in (*orders, *touched)}
    return tuple(by_ordinal[ordinal] for ordinal in sorted(by_ordinal))


def revised(
    position: Position,
    touched: Sequence[Order],
    notes: Sequence[Note],
    *,
    protection: Protection | EllipsisType | None = ...,
) -> Plan:
    """
    The position with *touched* orders, and what this makes of its status.

    Raises:
        IllegalTransition: Its status would go where `POSITION_TRANSITIONS` has no way.
    """
    orders = replaced(position.orders, touched)
    after: Position = replace(position, orders=orders, version=position.version + 1)
    if isinstance(after, PersistedPosition) and not isinstance(protection, EllipsisType):
        after = replace(after, protection=protection)
    require_transition(position.ref, position.status, after.status)
    return Plan(
        transition=Revise(after=after, orders=tuple(touched)),
        notes=(*notes, *_status_notes(position, after)),
    )


def _status_notes(before: Position, after: Position) -> tuple[Note, ...]:
    match before.status, after.status:
        case PositionStatus.PENDING, PositionStatus.ENDED:
            return (note_about(before, PositionEnded()),)
        case PositionStatus.OPEN, PositionStatus.CLOSING:
            return (note_about(before, PositionClosing(reason=_closing_reason(after))),)
        case PositionStatus.CLOSING, PositionStatus.OPEN:
            assert isinstance(after, PersistedPosition)  # only such a position is closing or open
            return (note_about(before, ClosingWithdrawn(quantity=after.quantity), severity=Severity.WARNING),)
        case _:
            return ()


def _closing_reason(position: Position) -> CloseReason:
    reasons = [order.close_reason for order in position.orders if order.closes and order.close_reason]
    return reasons[-1] if reasons else CloseReason.EXTERNAL


def change_of(
    plan: Plan,
    *,
    id: ChangeId,
    run: RunId,
    at: datetime,
    around: Circumstances,
    new_event_id: Callable[[], EventId],
) -> Change:
    """
    The change that commits *plan*.

    Its events say what they were caused by; where that was told wrongly, they have severity ERROR.
    """
    events = [
        LifeEvent(
            header=EventHeader(
                id=new_event_id(),
                type=note.body.type,
                schema=LIFE_EVENT_SCHEMA,
                ref=note.ref,
                venue=note.venue,
                account=note.account,
                symbol=note.symbol,
                order=note.order,
                severity=Severity.ERROR if around.wrong else note.severity,
                occurred_at=at if note.occurred_at is None else note.occurred_at,
                run=run,
                correlation=around.correlation,
                causation=around.causation,
                actor=around.actor,
            ),
            version=note.version,
            index=index,
            body=note.body,
        )
        for index, note in enumerate(plan.notes)
    ]
    transitions = () if plan.transition is None else (plan.transition,)
    return Change(id=id, run=run, at=at, transitions=transitions, fills=plan.fills, events=tuple(events))
