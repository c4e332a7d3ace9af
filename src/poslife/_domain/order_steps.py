"""
The steps of orders and positions, each as a plan of what to commit. Pure.

A step takes the position as it was read. One the transition tables do not have raises here, before anything
is written; one that was taken before gives an empty plan.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from poslife._domain.changes import Claim
from poslife._domain.client_order_ids import LAST_ORDINAL
from poslife._domain.decimals import exact_sum
from poslife._domain.event_envelopes import Severity
from poslife._domain.events import (
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
    PositionProtected,
)
from poslife._domain.identifiers import (
    ClientOrderId,
    Leg,
    PositionKey,
    PositionRef,
    RunId,
    Side,
    VenueOrderId,
)
from poslife._domain.orders import ORDER_EVIDENCE, CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.plans import Plan, PlannedEvent, planned_event, revised
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife._domain.protection import Protection
from poslife._domain.text import clean_text
from poslife._domain.venue_answers import OrderSeen
from poslife.errors import AlreadyClosed, AlreadyClosing, IllegalTransition, InvalidValue, KeyInDoubt

__all__ = [
    "abandoned",
    "acknowledged",
    "claim",
    "doubted",
    "ended",
    "next_ordinal",
    "order_of",
    "prepared",
    "protected",
    "rejected",
    "seen",
    "submitting",
    "taken_over",
]

_LONGEST_REASON = 2000


def order_of(position: Position, ordinal: int) -> Order:
    """
    The order with this ordinal.

    Raises:
        InvalidValue: The position has none.
    """
    if type(ordinal) is not int or not 0 <= ordinal < len(position.orders):
        raise InvalidValue(
            "ordinal", ordinal, f"one of the {len(position.orders)} orders of position {position.ref}"
        )
    return position.orders[ordinal]


def next_ordinal(position: Position) -> int:
    """
    The ordinal of the next order.

    Raises:
        InvalidValue: All 4096 are taken.
    """
    if len(position.orders) > LAST_ORDINAL:
        raise InvalidValue(
            "ordinal", len(position.orders), f"at most {LAST_ORDINAL + 1} orders for one position"
        )
    return len(position.orders)


def claim(
    *,
    ref: PositionRef,
    key: PositionKey,
    side: Side,
    quantity: Decimal,
    price: Decimal | None,
    run: RunId,
    client_order_id: ClientOrderId,
    at: datetime,
) -> Plan:
    """
    A new position takes its key, with its first entry order prepared.

    Raises:
        InvalidValue: For a value that cannot be, or a side that is not the leg's.
    """
    if (key.leg, side) in ((Leg.LONG, Side.SHORT), (Leg.SHORT, Side.LONG)):
        raise InvalidValue("side", side, f"the side of the key's leg, {key.leg}")
    position = PendingPosition(
        ref=ref,
        key=key,
        side=side,
        requested_quantity=quantity,
        requested_price=price,
        orders=(
            Order(
                ref=ref,
                ordinal=0,
                run=run,
                purpose=OrderPurpose.ENTRY,
                side=side.entered_by,
                quantity=quantity,
                price=price,
                client_order_id=client_order_id,
                prepared_at=at,
            ),
        ),
        created_at=at,
    )
    claimed = PositionClaimed(side=side, requested_quantity=quantity, requested_price=price)
    events = (
        planned_event(position, claimed, version=1),
        planned_event(position, _prepared_body(position.orders[0]), version=1, order=0),
    )
    return Plan(transition=Claim(after=position), events=events)


def prepared(
    position: Position,
    *,
    purpose: OrderPurpose,
    quantity: Decimal,
    price: Decimal | None,
    close_reason: CloseReason | None,
    run: RunId,
    client_order_id: ClientOrderId,
    at: datetime,
) -> Plan:
    """
    A further order joins a live position; an exit takes the closing for itself.

    Raises:
        AlreadyClosed: The position is closed.
        AlreadyClosing: Another exit is on its way.
        KeyInDoubt: The order would enter, and one of the position's orders is in doubt. An exit is never
            refused for that.
        IllegalTransition: The position is not one that such an order can join.
        InvalidValue: For a value that cannot be.
    """
    if isinstance(position, ClosedPosition):
        raise AlreadyClosed(position)
    joins = PendingPosition if purpose is OrderPurpose.ENTRY else PersistedPosition
    if not isinstance(position, joins) or not position.live:
        raise IllegalTransition(
            f"position {position.ref}",
            position.status.value,
            f"the owner of an order with purpose {purpose.value}",
        )
    if not purpose.reduce_only and position.in_doubt:
        raise KeyInDoubt(position.key, position)
    if purpose is OrderPurpose.EXIT and position.status is PositionStatus.CLOSING:
        raise AlreadyClosing(position.ref)
    order = Order(
        ref=position.ref,
        ordinal=next_ordinal(position),
        run=run,
        purpose=purpose,
        side=position.side.left_by if purpose.reduce_only else position.side.entered_by,
        quantity=quantity,
        price=price,
        client_order_id=client_order_id,
        prepared_at=at,
        close_reason=close_reason,
    )
    return revised(position, (order,), (planned_event(position, _prepared_body(order), order=order.ordinal),))


def _prepared_body(order: Order) -> OrderPrepared:
    return OrderPrepared(
        purpose=order.purpose,
        side=order.side,
        quantity=order.quantity,
        price=order.price,
        client_order_id=order.client_order_id,
    )


def submitting(position: Position, ordinal: int, *, at: datetime) -> Plan:
    """
    The order's request is about to be made.

    Raises:
        IllegalTransition: The order is not prepared.
        AlreadyClosed: The position was closed meanwhile, so an exit has nothing to close.
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
    The venue has taken the order. An acknowledgement that comes after the order's fills only adds its name.

    Args:
        position: As it was read.
        ordinal: The order.
        venue_order_id: The venue's name for it.
        booked: What fills with that venue order id, stored before we knew it was ours, amount to.

    Raises:
        IllegalTransition: The order was not submitted.
    """
    order = order_of(position, ordinal)
    named = _named(order, venue_order_id, booked)
    if named.status in (OrderStatus.SUBMITTING, OrderStatus.IN_DOUBT):
        named = named.moved(OrderStatus.WORKING)
    elif order.status is OrderStatus.PREPARED or order.status is OrderStatus.ABANDONED:
        order.moved(OrderStatus.WORKING)  # raises: the host must say so before it sends
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
    The venue has refused the order, at once or after an acknowledgement.

    Raises:
        IllegalTransition: The order was not submitted, or has ended otherwise.
    """
    order = order_of(position, ordinal)
    if order.status is OrderStatus.REJECTED:
        return Plan()
    body = OrderRejected(reason=clean_text(reason, most=_LONGEST_REASON))
    return _stepped(position, order.moved(OrderStatus.REJECTED), body, Severity.WARNING)


def doubted(position: Position, ordinal: int, *, reason: str) -> Plan:
    """
    The order may or may not exist. An order that was seen at the venue meanwhile is not doubted.

    Raises:
        IllegalTransition: The order was not submitted.
    """
    order = order_of(position, ordinal)
    if order.status not in (OrderStatus.PREPARED, OrderStatus.SUBMITTING):
        return Plan()
    body = OrderInDoubt(reason=clean_text(reason, most=_LONGEST_REASON))
    return _stepped(position, order.moved(OrderStatus.IN_DOUBT), body, Severity.WARNING)


def abandoned(position: Position, ordinal: int, *, reason: str) -> Plan:
    """
    The order was never submitted, or is proven absent.

    Raises:
        IllegalTransition: The order is working or has ended otherwise.
    """
    order = order_of(position, ordinal)
    if order.status is OrderStatus.ABANDONED:
        return Plan()
    body = OrderAbandoned(reason=clean_text(reason, most=_LONGEST_REASON))
    return _stepped(position, order.moved(OrderStatus.ABANDONED), body)


def ended(position: Position, ordinal: int, *, status: OrderStatus) -> Plan:
    """
    The host says that the order was canceled or has expired.

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
    The event of an order that the venue is done with.
    """
    return OrderEnded(status=status, filled=order.filled, overfilled=order.overfilled)


def seen(position: Position, ordinal: int, sight: OrderSeen, *, booked: Decimal = Decimal(0)) -> Plan:
    """
    The venue showed the order.

    It ends only when the fills it is said to have are booked: until then it works.

    Args:
        position: As it was read.
        ordinal: The order.
        sight: What the venue showed.
        booked: What fills with its venue order id, stored before we knew it was ours, amount to.
    """
    order = order_of(position, ordinal)
    named = _named(order, sight.venue_order_id, booked)
    wanted = sight.status
    # The venue may have cut a reduce-only order, so what counts as all of it is what the venue shows.
    expected = sight.quantity if wanted is OrderStatus.FILLED else sight.filled
    if named.filled < max(expected, sight.filled):
        wanted = OrderStatus.WORKING
    if wanted is not named.status and wanted in ORDER_EVIDENCE[named.status]:
        named = named.moved(wanted, by_evidence=True)
    if named == order:
        return Plan()
    body = OrderSeenAtVenue(venue_order_id=sight.venue_order_id, before=order.status, after=named.status)
    return _stepped(position, named, body)


def taken_over(position: Position, *, alive: frozenset[RunId], run: RunId) -> Plan:
    """
    This run answers for the orders of ended runs: prepared ones are abandoned, submitting ones are in doubt.

    Args:
        position: As it was read, before *alive* was.
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
            never = OrderAbandoned(reason="its run ended before the order was submitted")
            events.append(planned_event(position, never, order=order.ordinal))
        elif order.status is OrderStatus.SUBMITTING:
            mine = mine.moved(OrderStatus.IN_DOUBT)
            maybe = OrderInDoubt(reason="its run ended while the order was being submitted")
            events.append(planned_event(position, maybe, order=order.ordinal, severity=Severity.WARNING))
        touched.append(mine)
    return revised(position, touched, events) if touched else Plan()


def protected(position: Position, protection: Protection | None) -> Plan:
    """
    The venue's orders that close the position without us are as given from now on.

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


def _stepped(position: Position, order: Order, body: LifeBody, severity: Severity = Severity.INFO) -> Plan:
    return revised(
        position, (order,), (planned_event(position, body, order=order.ordinal, severity=severity),)
    )
