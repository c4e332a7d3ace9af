"""
Booking: the plan that puts fills into a position. Pure.

No fill is refused or dropped: it goes to its order's position if that is live, else to the key's live holder,
else it opens a position, else it is stored as unclaimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from poslife._domain.changes import Close, Promote
from poslife._domain.decimals import exact_product, exact_sum
from poslife._domain.event_envelopes import Json, Severity
from poslife._domain.events import (
    FillApplied,
    FillConflicted,
    FillUnclaimed,
    PositionClosed,
    PositionIncreased,
    PositionOpened,
    PositionReduced,
)
from poslife._domain.fill_owner import Opens, Unclaimed
from poslife._domain.fills import Fill, StoredFill
from poslife._domain.identifiers import PositionRef
from poslife._domain.order_steps import ended_body
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.plans import Plan, PlannedEvent, planned_event, replaced, revised
from poslife._domain.positions import (
    ClosedPosition,
    Confidence,
    LivePosition,
    Origin,
    PendingPosition,
    PersistedPosition,
)

__all__ = ["Booking", "book", "conflicted", "opened_by", "unclaimed"]


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """
    The plan that books fills on a position, and the fills that it leaves out.

    Attributes:
        plan: The plan to commit.
        refused: Fills that the position cannot take, each with the reason; to be stored as unclaimed.
        rest: Fills to book once the plan is committed, on the position as it is then.
    """

    plan: Plan
    refused: tuple[tuple[Fill, Unclaimed], ...] = ()
    rest: tuple[tuple[Fill, int | None], ...] = ()


def book(
    position: LivePosition, fills: Sequence[tuple[Fill, int | None]], *, before: Decimal = Decimal(0)
) -> Booking:
    """
    Book fills on a position.

    A pending position becomes persisted with the fills that enter; one that has ended does too, where its key
    is still free. A persisted one grows, shrinks, or is closed by the fill that brings it to zero.

    Args:
        position: The position, as it was read.
        fills: The fills, each with the ordinal of its order.
        before: The quantity of the first fill's order that the position has booked before it was known to be
            one of its orders.
    """
    if isinstance(position, PendingPosition):
        return _promote(position, fills, Origin.OWN)
    return _book_held(_credited(position, fills[0][1], before), fills)


def _credited(position: PersistedPosition, ordinal: int | None, before: Decimal) -> PersistedPosition:
    if ordinal is None or not before:
        return position
    order = position.orders[ordinal]
    known = replace(order, filled=exact_sum((order.filled, before)))
    return replace(position, orders=replaced(position.orders, (known,)))


def opened_by(fills: Sequence[Fill], *, ref: PositionRef, opens: Opens, at: datetime) -> Booking:
    """
    Book fills that open a position that none of our orders asked for.
    """
    made_up = PendingPosition(
        ref=ref,
        key=opens.key,
        side=fills[0].side.opens,
        requested_quantity=fills[0].quantity,
        orders=(),
        created_at=at,
    )
    return _promote(made_up, [(fill, None) for fill in fills], opens.origin, version=1)


def _promote(
    pending: PendingPosition,
    fills: Sequence[tuple[Fill, int | None]],
    origin: Origin,
    *,
    version: int | None = None,
) -> Booking:
    version = pending.version + 1 if version is None else version
    entries: list[tuple[Fill, int | None]] = []
    for fill, ordinal in fills:
        if fill.side is not pending.side.entered_by:
            break
        entries.append((fill, ordinal))
    if not entries:
        because = Unclaimed(reason=f"it would leave {pending.ref}, which has had no fill to enter")
        return Booking(plan=Plan(), refused=((fills[0][0], because),), rest=tuple(fills[1:]))
    touched = _filled(pending.orders, entries)
    promote = Promote(
        pending=pending,
        entered_quantity=exact_sum(fill.quantity for fill, _ in entries),
        entered_cost=exact_sum(exact_product(fill.price, fill.quantity) for fill, _ in entries),
        opened_at=min(fill.at for fill, _ in entries),
        origin=origin,
        confidence=Confidence.UNCONFIRMED if origin is Origin.ADOPTED else Confidence.CONFIRMED,
        all_orders=replaced(pending.orders, touched),
        orders=touched,
        version=version,
    )
    opened = PositionOpened(
        side=pending.side,
        quantity=promote.entered_quantity,
        entry_price=promote.entry_price,
        origin=origin,
    )
    events = [
        *_fill_events(pending, entries, version),
        *_end_events(pending, touched, version),
        planned_event(pending, opened, version=version, occurred_at=promote.opened_at),
    ]
    plan = Plan(transitions=(promote,), fills=_stored(pending.ref, entries), events=tuple(events))
    return Booking(plan=plan, rest=tuple(fills[len(entries) :]))


def _book_held(position: PersistedPosition, fills: Sequence[tuple[Fill, int | None]]) -> Booking:
    taken: list[tuple[Fill, int | None]] = []
    refused: list[tuple[Fill, Unclaimed]] = []
    entered, exited = position.entered_quantity, position.exited_quantity
    entered_cost, exited_cost = position.entered_cost, position.exited_cost
    closed = False
    for fill, ordinal in fills:
        if closed:
            break
        cost = exact_product(fill.price, fill.quantity)
        if fill.side is position.side.entered_by:
            entered, entered_cost = exact_sum((entered, fill.quantity)), exact_sum((entered_cost, cost))
        elif exact_sum((exited, fill.quantity)) > entered:
            refused.append((fill, Unclaimed(reason=f"it would bring {position.ref} through zero")))
            continue
        else:
            exited, exited_cost = exact_sum((exited, fill.quantity)), exact_sum((exited_cost, cost))
            closed = exited == entered
        taken.append((fill, ordinal))
    rest = tuple(fills[len(taken) + len(refused) :])
    if not taken:
        return Booking(plan=Plan(), refused=tuple(refused), rest=rest)
    sums = _Sums(entered, entered_cost, exited, exited_cost)
    plan = _close(position, taken, sums) if closed else _resize(position, taken, sums)
    return Booking(plan=plan, refused=tuple(refused), rest=rest)


@dataclass(frozen=True, slots=True)
class _Sums:
    entered_quantity: Decimal
    entered_cost: Decimal
    exited_quantity: Decimal
    exited_cost: Decimal


def _resize(position: PersistedPosition, taken: Sequence[tuple[Fill, int | None]], sums: _Sums) -> Plan:
    touched = _filled(position.orders, taken)
    before = replace(
        position,
        entered_quantity=sums.entered_quantity,
        entered_cost=sums.entered_cost,
        exited_quantity=sums.exited_quantity,
        exited_cost=sums.exited_cost,
        opened_at=_opened_at(position, taken),
    )
    events = [*_fill_events(position, taken), *_end_events(position, touched)]
    if sums.entered_quantity != position.entered_quantity:
        larger = PositionIncreased(quantity=before.quantity, entry_price=before.entry_price)
        events.append(planned_event(position, larger, occurred_at=taken[-1][0].at))
    if sums.exited_quantity != position.exited_quantity:
        events.append(
            planned_event(position, PositionReduced(quantity=before.quantity), occurred_at=taken[-1][0].at)
        )
    return replace(revised(before, touched, events), fills=_stored(position.ref, taken))


def _close(position: PersistedPosition, taken: Sequence[tuple[Fill, int | None]], sums: _Sums) -> Plan:
    touched = _filled(position.orders, taken)
    last, ordinal = taken[-1]
    opened_at = _opened_at(position, taken)
    closed = ClosedPosition(
        id=position.id,
        ref=position.ref,
        key=position.key,
        side=position.side,
        reason=_reason(position, last, ordinal),
        origin=position.origin,
        requested_quantity=position.requested_quantity,
        requested_price=position.requested_price,
        entered_quantity=sums.entered_quantity,
        entered_cost=sums.entered_cost,
        exited_cost=sums.exited_cost,
        orders=replaced(position.orders, touched),
        created_at=position.created_at,
        opened_at=opened_at,
        # A venue's clock may go back between two fills; a position is never closed before it was opened.
        closed_at=max(opened_at, *(fill.at for fill, _ in taken)),
        version=position.version + 1,
    )
    body = PositionClosed(
        reason=closed.reason,
        entry_price=closed.entry_price,
        exit_price=closed.exit_price,
        opened_at=closed.opened_at,
        closed_at=closed.closed_at,
    )
    events = (
        *_fill_events(position, taken),
        *_end_events(position, touched),
        planned_event(position, body, occurred_at=closed.closed_at),
    )
    return Plan(
        transitions=(Close(after=closed, orders=touched),), fills=_stored(position.ref, taken), events=events
    )


def _opened_at(position: PersistedPosition, taken: Sequence[tuple[Fill, int | None]]) -> datetime:
    """
    Return the time of the earliest entry fill; fills come in any order.
    """
    entries = (fill.at for fill, _ in taken if fill.side is position.side.entered_by)
    return min((position.opened_at, *entries))


def _reason(position: PersistedPosition, fill: Fill, ordinal: int | None) -> CloseReason:
    if ordinal is not None and (reason := position.orders[ordinal].close_reason) is not None:
        return reason
    protection = position.protection
    if protection is not None and fill.venue_order_id is not None:
        if fill.venue_order_id == protection.stop_order_id:
            return CloseReason.STOP_LOSS
        if fill.venue_order_id == protection.take_profit_order_id:
            return CloseReason.TAKE_PROFIT
    if ordinal is not None and position.orders[ordinal].purpose is OrderPurpose.REDUCE:
        return CloseReason.STRATEGY
    return CloseReason.EXTERNAL


def _filled(orders: Sequence[Order], taken: Sequence[tuple[Fill, int | None]]) -> tuple[Order, ...]:
    touched: dict[int, Order] = {}
    for fill, ordinal in taken:
        if ordinal is not None:
            touched[ordinal] = _with_fill(touched.get(ordinal, orders[ordinal]), fill)
    return tuple(touched.values())


def _with_fill(order: Order, fill: Fill) -> Order:
    after = replace(
        order,
        filled=exact_sum((order.filled, fill.quantity)),
        venue_order_id=order.venue_order_id or fill.venue_order_id,
    )
    if after.filled >= order.quantity:
        return (
            after if order.status is OrderStatus.FILLED else after.moved(OrderStatus.FILLED, by_evidence=True)
        )
    if order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.WORKING, OrderStatus.FILLED):
        return after
    return after.moved(OrderStatus.WORKING, by_evidence=True)


def _fill_events(
    position: LivePosition, taken: Sequence[tuple[Fill, int | None]], version: int | None = None
) -> list[PlannedEvent]:
    return [
        planned_event(
            position,
            FillApplied(
                trade_id=fill.trade_id,
                side=fill.side,
                quantity=fill.quantity,
                price=fill.price,
                venue_order_id=fill.venue_order_id,
                late=ordinal is not None and position.orders[ordinal].status.ended,
            ),
            version=version,
            order=ordinal,
            occurred_at=fill.at,
        )
        for fill, ordinal in taken
    ]


def _end_events(
    position: LivePosition, touched: Sequence[Order], version: int | None = None
) -> list[PlannedEvent]:
    return [
        planned_event(
            position,
            ended_body(order, OrderStatus.FILLED),
            version=version,
            order=order.ordinal,
            severity=Severity.ERROR if order.overfilled else Severity.INFO,
        )
        for order in touched
        if order.status is OrderStatus.FILLED
        and (order.overfilled or position.orders[order.ordinal].status is not OrderStatus.FILLED)
    ]


def _stored(ref: PositionRef, taken: Sequence[tuple[Fill, int | None]]) -> tuple[StoredFill, ...]:
    return tuple(StoredFill(fill=fill, ref=ref, ordinal=ordinal) for fill, ordinal in taken)


def unclaimed(fill: Fill, because: Unclaimed) -> Plan:
    """
    Plan to store a fill that could not be assigned, with an event of severity ERROR.
    """
    body = FillUnclaimed(
        trade_id=fill.trade_id,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        venue_order_id=fill.venue_order_id,
    )
    return Plan(
        fills=(StoredFill(fill=fill, ref=None, unclaimed_because=because.reason),),
        events=(_fill_event(fill, body, {"reason": because.reason}),),
    )


def conflicted(stored: Fill, seen: Fill) -> Plan:
    """
    Plan an event of severity ERROR: a stored fill was shown again with other numbers. The stored ones stand.
    """
    body = FillConflicted(
        trade_id=seen.trade_id,
        stored_side=stored.side,
        stored_quantity=stored.quantity,
        stored_price=stored.price,
        seen_side=seen.side,
        seen_quantity=seen.quantity,
        seen_price=seen.price,
    )
    return Plan(events=(_fill_event(seen, body),))


def _fill_event(
    fill: Fill, body: FillUnclaimed | FillConflicted, evidence: dict[str, Json] | None = None
) -> PlannedEvent:
    return PlannedEvent(
        ref=None,
        venue=fill.venue,
        account=fill.account,
        symbol=fill.symbol,
        version=0,
        severity=Severity.ERROR,
        occurred_at=fill.at,
        body=body,
        evidence=evidence,
    )
