"""
Plans: what a step would commit, before it has an id, a time and an author. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from types import EllipsisType

import msgspec
from msgspec.structs import replace

from poslife._domain.causation import EventContext
from poslife._domain.changes import Change, Revise, Transition
from poslife._domain.event_envelopes import LIFE_EVENT_SCHEMA, EventHeader, LifeEvent, Severity
from poslife._domain.events import ClosingWithdrawn, LifeBody, PositionClosing, PositionEnded
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import Account, ChangeId, EventId, PositionRef, RunId, Symbol, Venue
from poslife._domain.orders import CloseReason, Order
from poslife._domain.position_status import PositionStatus, require_transition
from poslife._domain.positions import PersistedPosition, Position
from poslife._domain.protection import Protection

__all__ = ["Plan", "PlannedEvent", "change_of", "planned_event", "replaced", "revised"]


class PlannedEvent(msgspec.Struct, frozen=True, kw_only=True):
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
    events: tuple[PlannedEvent, ...] = ()

    @property
    def empty(self) -> bool:
        """
        Whether there is nothing to commit: the step had been taken before.
        """
        return self.transition is None and not self.fills and not self.events


def planned_event(
    position: Position,
    body: LifeBody,
    *,
    version: int | None = None,
    order: int | None = None,
    severity: Severity = Severity.INFO,
    occurred_at: datetime | None = None,
) -> PlannedEvent:
    """
    An event about the next version of a position, or about *version*.
    """
    key = position.key
    return PlannedEvent(
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
    events: Sequence[PlannedEvent],
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
        events=(*events, *_status_events(position, after)),
    )


def _status_events(before: Position, after: Position) -> tuple[PlannedEvent, ...]:
    match before.status, after.status:
        case PositionStatus.PENDING, PositionStatus.ENDED:
            return (planned_event(before, PositionEnded()),)
        case PositionStatus.OPEN, PositionStatus.CLOSING:
            return (planned_event(before, PositionClosing(reason=_closing_reason(after))),)
        case PositionStatus.CLOSING, PositionStatus.OPEN:
            assert isinstance(after, PersistedPosition)  # only such a position is closing or open
            return (
                planned_event(before, ClosingWithdrawn(quantity=after.quantity), severity=Severity.WARNING),
            )
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
    around: EventContext,
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
                type=event.body.type,
                schema=LIFE_EVENT_SCHEMA,
                ref=event.ref,
                venue=event.venue,
                account=event.account,
                symbol=event.symbol,
                order=event.order,
                severity=Severity.ERROR if around.invalid else event.severity,
                occurred_at=at if event.occurred_at is None else event.occurred_at,
                run=run,
                correlation=around.correlation,
                causation=around.causation,
                actor=around.actor,
            ),
            version=event.version,
            index=index,
            body=event.body,
        )
        for index, event in enumerate(plan.events)
    ]
    transitions = () if plan.transition is None else (plan.transition,)
    return Change(id=id, run=run, at=at, transitions=transitions, fills=plan.fills, events=tuple(events))
