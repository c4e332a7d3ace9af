"""
Plans: changes without an id, a time and an author. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import EllipsisType

import msgspec
from msgspec.structs import replace

from poslife._domain.causation import EventContext
from poslife._domain.changes import Change, Revise, Transition
from poslife._domain.event_envelopes import LIFE_EVENT_SCHEMA, EventHeader, Json, LifeEvent, Severity
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
    A life event without an id, a run and a cause.

    Attributes:
        ref: The position, or ``None`` for a fill of none.
        venue: The venue.
        account: The account.
        symbol: The symbol.
        version: The version of the position that the plan makes; 0 without a ref.
        order: The ordinal of the order it is about, or ``None``.
        severity: Its severity.
        occurred_at: Its time, or ``None`` for the time of the change.
        body: Its body.
        evidence: The reasons and raw answers behind it, or ``None``.
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
    evidence: Mapping[str, Json] | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """
    The transitions, fills and events of one change.

    Attributes:
        transitions: At most one for each position.
        fills: Fills to store, assigned or unclaimed.
        events: The life events, in order.
    """

    transitions: tuple[Transition, ...] = ()
    fills: tuple[StoredFill, ...] = ()
    events: tuple[PlannedEvent, ...] = ()

    @property
    def empty(self) -> bool:
        """
        Nothing is to be committed: the step was taken before.
        """
        return not (self.transitions or self.fills or self.events)


def planned_event(
    position: Position,
    body: LifeBody,
    *,
    version: int | None = None,
    order: int | None = None,
    severity: Severity = Severity.INFO,
    occurred_at: datetime | None = None,
    evidence: Mapping[str, Json] | None = None,
) -> PlannedEvent:
    """
    Return an event about the next version of a position, or about *version*.
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
        evidence=evidence,
    )


def replaced(orders: Sequence[Order], touched: Sequence[Order]) -> tuple[Order, ...]:
    """
    Return the orders, by ordinal, with those in *touched* put in place of the old ones or added.
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
    Return the plan that puts *touched* orders, and *protection* where it is given, into a position.

    A change of the position's status that follows from them has its own event.

    Raises:
        IllegalTransition: `POSITION_TRANSITIONS` does not have the change of status.
    """
    orders = replaced(position.orders, touched)
    after: Position = replace(position, orders=orders, version=position.version + 1)
    if isinstance(after, PersistedPosition) and not isinstance(protection, EllipsisType):
        after = replace(after, protection=protection)
    require_transition(position.ref, position.status, after.status)
    return Plan(
        transitions=(Revise(after=after, orders=tuple(touched)),),
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
    Return the change that commits *plan*.

    Its events name their cause, as *around* says; where a cause was given that is none, all have severity
    ERROR.
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
            evidence=event.evidence,
        )
        for index, event in enumerate(plan.events)
    ]
    return Change(id=id, run=run, at=at, transitions=plan.transitions, fills=plan.fills, events=tuple(events))
