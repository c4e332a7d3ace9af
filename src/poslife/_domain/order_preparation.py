"""
The steps that prepare an order: the claim of a key with its first entry, and every further order. Pure.

A step takes the position as it was read. One that the transition tables do not have raises, before anything
is written.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from poslife._domain.changes import Claim
from poslife._domain.client_order_ids import LAST_ORDINAL, ORDINALS_FOR_EXITS
from poslife._domain.events import OrderPrepared, PositionClaimed
from poslife._domain.identifiers import ClientOrderId, Leg, PositionKey, PositionRef, RunId, Side
from poslife._domain.orders import CloseReason, Order, OrderPurpose, Trigger
from poslife._domain.plans import Plan, planned_event, revised
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife.errors import AlreadyClosed, AlreadyClosing, IllegalTransition, InvalidValue, KeyInDoubt

__all__ = ["claim", "next_ordinal", "prepared"]


def next_ordinal(position: Position, purpose: OrderPurpose) -> int:
    """
    Return the ordinal of the position's next order.

    The last 256 are kept for exits, so that a position can be closed however many orders it had.

    Raises:
        InvalidValue: All 65,536 are taken, or all that are not kept for exits.
    """
    ordinal = len(position.orders)
    if ordinal > LAST_ORDINAL:
        raise InvalidValue("ordinal", ordinal, f"at most {LAST_ORDINAL + 1:,} orders for one position")
    if ordinal > LAST_ORDINAL - ORDINALS_FOR_EXITS and purpose is not OrderPurpose.EXIT:
        raise InvalidValue(
            "ordinal",
            ordinal,
            f"at most {LAST_ORDINAL + 1 - ORDINALS_FOR_EXITS:,} orders for one position",
            hint="the last ordinals are kept for exits; close the position",
        )
    return ordinal


def claim(
    *,
    ref: PositionRef,
    key: PositionKey,
    side: Side,
    quantity: Decimal,
    price: Decimal | None,
    trigger: Trigger | None = None,
    run: RunId,
    client_order_id: ClientOrderId,
    at: datetime,
) -> Plan:
    """
    Plan that a new position takes its key, with its first entry order prepared.

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
                trigger=trigger,
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
    return Plan(transitions=(Claim(after=position),), events=events)


def prepared(
    position: Position,
    *,
    purpose: OrderPurpose,
    quantity: Decimal,
    price: Decimal | None,
    trigger: Trigger | None = None,
    close_reason: CloseReason | None,
    run: RunId,
    client_order_id: ClientOrderId,
    at: datetime,
) -> Plan:
    """
    Plan that a further order joins a live position; an exit becomes the owner of its closing.

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
        ordinal=next_ordinal(position, purpose),
        run=run,
        purpose=purpose,
        side=position.side.left_by if purpose.reduce_only else position.side.entered_by,
        quantity=quantity,
        price=price,
        trigger=trigger,
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
        trigger_price=None if order.trigger is None else order.trigger.price,
        client_order_id=order.client_order_id,
    )
