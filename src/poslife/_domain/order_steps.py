"""
The steps of orders that are prepared, each as a plan. Pure.

A step takes the position as it was read. One that the transition tables do not have raises, before anything
is written; one that was taken before gives an empty plan.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from poslife._domain.decimals import exact_sum
from poslife._domain.event_envelopes import Json, Severity
from poslife._domain.events import (
    LifeBody,
    OrderAbandoned,
    OrderAcknowledged,
    OrderAmended,
    OrderEnded,
    OrderInDoubt,
    OrderRejected,
    OrderSeenAtVenue,
    OrderSubmitting,
    OrderTakenOver,
    PositionProtected,
)
from poslife._domain.identifiers import (
    RunId,
    VenueOrderId,
)
from poslife._domain.orders import ORDER_EVIDENCE, Order, OrderStatus
from poslife._domain.plans import Plan, PlannedEvent, planned_event, revised
from poslife._domain.positions import ClosedPosition, PersistedPosition, Position
from poslife._domain.protection import Protection
from poslife._domain.text import clean_text
from poslife._domain.venue_answers import OrderSeen
from poslife.errors import AlreadyClosed, IllegalTransition, InvalidValue

__all__ = [
    "abandoned",
    "acknowledged",
    "amended",
    "doubted",
    "ended",
    "order_of",
    "protected",
    "rejected",
    "seen",
    "submitting",
    "taken_over",
]

_LONGEST_REASON = 2000


def order_of(position: Position, ordinal: int) -> Order:
    """
    Return the order with this ordinal.

    Raises:
        InvalidValue: The position has no such order.
    """
    if type(ordinal) is not int or not 0 <= ordinal < len(position.orders):
        raise InvalidValue(
            "ordinal", ordinal, f"one of the {len(position.orders)} orders of position {position.ref}"
        )
    return position.orders[ordinal]


def submitting(position: Position, ordinal: int, *, at: datetime) -> Plan:
    """
    Plan that the order's request is about to be made.

    Raises:
        IllegalTransition: The order is not prepared.
        AlreadyClosed: The position was closed meanwhile: an exit has nothing to close.
    """
    if isinstance(position, ClosedPosition):
        raise AlreadyClosed(position)
    order = order_of(position, ordinal)
    moved = replace(order.moved(OrderStatus.SUBMITTING), submitted_at=at)
    return _stepped(position, moved, OrderSubmitting(client_order_id=order.client_order_id))


def acknowledged(
    position: Position,
    ordinal: int,
    *,
    venue_order_id: VenueOrderId | None,
    booked: Decimal = Decimal(0),
) -> Plan:
    """
    Plan that the venue has taken the order. After the order's fills it only adds the venue's name.

    Args:
        position: The position, as it was read.
        ordinal: The ordinal of the order.
        venue_order_id: The venue's name for the order.
        booked: The quantity of the position's fills that have this venue order id and were booked without
            an order, before the name was known.

    Raises:
        IllegalTransition: The order was not submitted.
    """
    order = order_of(position, ordinal)
    named = _named(order, venue_order_id, booked)
    if named.status in (OrderStatus.SUBMITTING, OrderStatus.IN_DOUBT):
        named = named.moved(OrderStatus.WORKING)
    elif order.status is OrderStatus.PREPARED or order.status is OrderStatus.ABANDONED:
        order.moved(OrderStatus.WORKING)  # raises: SUBMITTING is committed before the request
    if named == order:
        return Plan()
    events = [planned_event(position, OrderAcknowledged(venue_order_id=venue_order_id), order=ordinal)]
    if named.status is OrderStatus.FILLED and order.status is not OrderStatus.FILLED:
        events.append(planned_event(position, ended_body(named, named.status), order=ordinal))
    return revised(position, (named,), events)


def _named(order: Order, venue_order_id: VenueOrderId | None, booked: Decimal) -> Order:
    if venue_order_id is None or order.venue_order_id is not None:
        return order
    filled = exact_sum((order.filled, booked))
    named = replace(order, venue_order_id=venue_order_id, filled=filled)
    if booked and filled >= order.quantity and order.status is not OrderStatus.FILLED:
        return named.moved(OrderStatus.FILLED, by_evidence=True)
    return named


def rejected(position: Position, ordinal: int, *, reason: str) -> Plan:
    """
    Plan that the venue has refused the order, at once or after an acknowledgement.

    Raises:
        IllegalTransition: The order was not submitted, or has ended otherwise.
    """
    order = order_of(position, ordinal)
    if order.status is OrderStatus.REJECTED:
        return Plan()
    return _stepped(
        position, order.moved(OrderStatus.REJECTED), OrderRejected(), Severity.WARNING, reason=reason
    )


def doubted(position: Position, ordinal: int, *, reason: str) -> Plan:
    """
    Plan that the order may or may not exist. One that was seen at the venue meanwhile stays as it is.

    Raises:
        IllegalTransition: The order was not submitted.
    """
    order = order_of(position, ordinal)
    if order.status not in (OrderStatus.PREPARED, OrderStatus.SUBMITTING):
        return Plan()
    return _stepped(
        position, order.moved(OrderStatus.IN_DOUBT), OrderInDoubt(), Severity.WARNING, reason=reason
    )


def abandoned(position: Position, ordinal: int, *, reason: str) -> Plan:
    """
    Plan that the order was never submitted, or is proven absent.

    Raises:
        IllegalTransition: The order is working or has ended otherwise.
    """
    order = order_of(position, ordinal)
    if order.status is OrderStatus.ABANDONED:
        return Plan()
    return _stepped(position, order.moved(OrderStatus.ABANDONED), OrderAbandoned(), reason=reason)


def ended(position: Position, ordinal: int, *, status: OrderStatus) -> Plan:
    """
    Plan that the order was canceled or has expired, as the host says.

    Raises:
        InvalidValue: *status* is neither.
        IllegalTransition: The order was not submitted, or has ended otherwise.
    """
    if status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        raise InvalidValue("status", status, "OrderStatus.CANCELED or OrderStatus.EXPIRED")
    order = order_of(position, ordinal)
    if order.status is status:
        return Plan()
    return _stepped(position, order.moved(status), ended_body(order, status))


def ended_body(order: Order, status: OrderStatus) -> OrderEnded:
    """
    Return the event of an order that ends with *status* at the venue.
    """
    return OrderEnded(status=status, filled=order.filled, overfilled=order.overfilled)


def amended(position: Position, ordinal: int, *, quantity: Decimal | None, price: Decimal | None) -> Plan:
    """
    Plan that the order has another quantity or price at the venue; ``None`` leaves what it has.

    Its fills may amount to the new quantity already: then it is filled.

    Raises:
        InvalidValue: For a value that cannot be.
        IllegalTransition: The order was not submitted, or has ended.
    """
    order = order_of(position, ordinal)
    changed = replace(
        order,
        quantity=order.quantity if quantity is None else quantity,
        price=order.price if price is None else price,
    )
    if changed == order:
        return Plan()
    if order.status is OrderStatus.PREPARED or order.status.ended:
        order.moved(OrderStatus.WORKING)  # raises: the venue does not have the order
    events = [planned_event(position, _amended_body(order, changed), order=ordinal)]
    if changed.filled >= changed.quantity:
        changed = changed.moved(OrderStatus.FILLED, by_evidence=True)
        events.append(planned_event(position, ended_body(changed, changed.status), order=ordinal))
    return revised(position, (changed,), events)


def _amended_body(before: Order, after: Order) -> OrderAmended:
    return OrderAmended(
        quantity_before=before.quantity,
        quantity=after.quantity,
        price_before=before.price,
        price=after.price,
    )


def seen(position: Position, ordinal: int, sight: OrderSeen, *, booked: Decimal = Decimal(0)) -> Plan:
    """
    Plan that the venue showed the order. It ends only when the fills that it is said to have are booked.

    Args:
        position: The position, as it was read.
        ordinal: The ordinal of the order.
        sight: The order as the venue showed it.
        booked: The quantity of the position's fills that have its venue order id and were booked without an
            order, before the name was known.
    """
    order = order_of(position, ordinal)
    # Fills and the end follow the quantity that the venue has: amended there, or cut to its step.
    now = order if order.status.ended else replace(order, quantity=sight.quantity)
    named = _named(now, sight.venue_order_id, booked)
    wanted = sight.status
    # The venue may have cut a reduce-only order: filled means filled to the quantity that the venue shows.
    expected = sight.quantity if wanted is OrderStatus.FILLED else sight.filled
    if named.filled < max(expected, sight.filled):
        wanted = OrderStatus.WORKING
    if wanted is not named.status and wanted in ORDER_EVIDENCE[named.status]:
        named = named.moved(wanted, by_evidence=True)
    if named == order:
        return Plan()
    body = OrderSeenAtVenue(venue_order_id=sight.venue_order_id, before=order.status, after=named.status)
    events = [planned_event(position, body, order=ordinal)]
    if named.quantity != order.quantity:
        events.insert(0, planned_event(position, _amended_body(order, named), order=ordinal))
    return revised(position, (named,), events)


def taken_over(position: Position, *, alive: frozenset[RunId], run: RunId) -> Plan:
    """
    Plan that this run takes over the orders of ended runs.

    Prepared ones are abandoned, submitting ones are in doubt.

    Args:
        position: The position, read before *alive* was.
        alive: The runs that have not ended.
        run: This run.
    """
    touched: list[Order] = []
    events: list[PlannedEvent] = []
    for order in position.orders:
        if order.status.ended or order.run in alive:
            continue
        mine = replace(order, run=run)
        events.append(planned_event(position, OrderTakenOver(from_run=order.run), order=order.ordinal))
        if order.status is OrderStatus.PREPARED:
            mine = mine.moved(OrderStatus.ABANDONED)
            never = _because("its run ended before the order was submitted")
            events.append(planned_event(position, OrderAbandoned(), order=order.ordinal, evidence=never))
        elif order.status is OrderStatus.SUBMITTING:
            mine = mine.moved(OrderStatus.IN_DOUBT)
            maybe = _because("its run ended while the order was being submitted")
            doubt = planned_event(
                position, OrderInDoubt(), order=order.ordinal, severity=Severity.WARNING, evidence=maybe
            )
            events.append(doubt)
        touched.append(mine)
    return revised(position, touched, events) if touched else Plan()


def protected(position: Position, protection: Protection | None) -> Plan:
    """
    Plan that the venue's orders that close the position without us are as given.

    Raises:
        AlreadyClosed: The position is closed.
        IllegalTransition: The position has had no fill.
    """
    if isinstance(position, ClosedPosition):
        raise AlreadyClosed(position)
    if not isinstance(position, PersistedPosition):
        raise IllegalTransition(f"position {position.ref}", position.status.value, "protected")
    if position.protection == protection:
        return Plan()
    event = planned_event(position, PositionProtected(protection=protection))
    return revised(position, (), (event,), protection=protection)


def _stepped(
    position: Position,
    order: Order,
    body: LifeBody,
    severity: Severity = Severity.INFO,
    *,
    reason: str | None = None,
) -> Plan:
    evidence = None if reason is None else _because(reason)
    event = planned_event(position, body, order=order.ordinal, severity=severity, evidence=evidence)
    return revised(position, (order,), (event,))


def _because(reason: str) -> dict[str, Json]:
    return {"reason": clean_text(reason, most=_LONGEST_REASON)}
