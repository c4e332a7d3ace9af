"""
The claim of a key, and orders that join a position.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from poslife import (
    CloseReason,
    Leg,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    PersistedPosition,
    Position,
    PositionStatus,
    Severity,
    Side,
)
from poslife._domain.client_order_ids import LAST_ORDINAL, ORDINALS_FOR_EXITS
from poslife._domain.order_preparation import next_ordinal, prepared
from poslife._domain.order_steps import (
    order_of,
    rejected,
    submitting,
)
from poslife._domain.plans import Plan
from poslife.errors import AlreadyClosed, AlreadyClosing, IllegalTransition, InvalidValue, KeyInDoubt
from poslife.events import (
    ClosingWithdrawn,
    OrderPrepared,
    OrderRejected,
    PositionClaimed,
    PositionClosing,
)
from poslife.venues import Trigger
from tests.values import (
    BAD_QUANTITIES,
    KEY,
    REF,
    RUN,
    bodies,
    change_from,
    claimed,
    closed,
    exit_order,
    later,
    name_of,
    order,
    pending,
    persisted,
    position_after,
    with_orders,
)

PREPARED, SUBMITTING, WORKING, IN_DOUBT, FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED = OrderStatus


# ------------------------------------------------------------------------------------------------- claiming


def test_a_claim_has_its_key_and_a_prepared_order() -> None:
    """
    The intention and its order are one change, and both are told (incidents 8, 54, 55).
    """
    plan = claimed(side=Side.SHORT, price=Decimal("1.5"))
    position = position_after(plan)

    assert (1, PositionStatus.PENDING, KEY) == (position.version, position.status, position.key)
    assert [(PREPARED, OrderSide.SELL, Decimal("1.5"))] == [
        (one.status, one.side, one.price) for one in position.orders
    ]
    assert [PositionClaimed, OrderPrepared] == [type(body) for body in bodies(plan)]
    assert change_from(plan).needs_lease


def test_a_conditional_order_keeps_its_trigger_and_its_event_says_it() -> None:
    """
    The condition is stored with the intention: it says where the order is looked up.
    """
    trigger = Trigger(price=Decimal("1.75"))
    entry = claimed(trigger=trigger)
    position = persisted()
    further = preparing(position, OrderPurpose.PROTECT, trigger=trigger)

    assert trigger == position_after(entry).orders[0].trigger
    assert trigger == position_after(further).orders[-1].trigger
    assert [Decimal("1.75")] * 2 == [
        body.trigger_price
        for plan in (entry, further)
        for body in bodies(plan)
        if isinstance(body, OrderPrepared)
    ]


@pytest.mark.parametrize("side, leg", [(Side.LONG, Leg.SHORT), (Side.SHORT, Leg.LONG)])
def test_a_leg_has_its_own_side(side: Side, leg: Leg) -> None:
    """
    Nothing short is opened on the long leg.
    """
    with pytest.raises(InvalidValue, match="side: expected the side of the key's leg"):
        claimed(side=side, key=replace(KEY, leg=leg))


@pytest.mark.parametrize("quantity", BAD_QUANTITIES, ids=repr)
def test_a_claim_refuses_what_is_no_quantity(quantity: Any) -> None:
    """
    Nothing is claimed for a quantity that cannot be (incident 44).
    """
    with pytest.raises(InvalidValue, match="quantity"):
        claimed(quantity=quantity)


# ------------------------------------------------------------------------------------------- further orders


def preparing(position: Position, purpose: OrderPurpose, **fields: Any) -> Plan:
    values: dict[str, Any] = {
        "purpose": purpose,
        "quantity": Decimal(50),
        "price": None,
        "close_reason": CloseReason.STRATEGY if purpose is OrderPurpose.EXIT else None,
        "run": RUN,
        "client_order_id": name_of(len(position.orders)),
        "at": later(3),
    }
    return prepared(position, **(values | fields))


@pytest.mark.parametrize("side", list(Side), ids=str)
@pytest.mark.parametrize("purpose", list(OrderPurpose), ids=str)
def test_an_order_joins_the_position_that_takes_it(purpose: OrderPurpose, side: Side) -> None:
    """
    Entries join a pending one, all others a persisted one, each with the side and the ordinal that follow.
    """
    entry = order(WORKING, side=side.entered_by)
    joins = (
        pending(side=side, orders=(entry,)) if purpose is OrderPurpose.ENTRY else persisted(entry, side=side)
    )
    other = (
        persisted(entry, side=side) if purpose is OrderPurpose.ENTRY else pending(side=side, orders=(entry,))
    )
    made = position_after(preparing(joins, purpose))

    assert (entry, PREPARED, 1, purpose) == (
        made.orders[0],
        made.orders[1].status,
        made.orders[1].ordinal,
        made.orders[1].purpose,
    )
    assert (side.left_by if purpose.reduce_only else side.entered_by) is made.orders[1].side
    with pytest.raises(IllegalTransition, match=f"the owner of an order with purpose {purpose.value}"):
        preparing(other, purpose)


@pytest.mark.parametrize("purpose", list(OrderPurpose), ids=str)
def test_nothing_joins_a_closed_position(purpose: OrderPurpose) -> None:
    """
    `AlreadyClosed` carries the exit as it is stored (incidents 12, 28, 39).
    """
    position = closed()

    with pytest.raises(AlreadyClosed) as refused:
        preparing(position, purpose)
    assert position is refused.value.closed


def test_nothing_joins_what_has_ended() -> None:
    """
    An entry that was refused is not repeated under the same ref: the next claims the key anew (incident 19).
    """
    with pytest.raises(
        IllegalTransition, match="is ended and cannot become the owner of an order with purpose entry"
    ):
        preparing(pending(REJECTED), OrderPurpose.ENTRY)


@pytest.mark.parametrize(
    "purpose, position",
    [
        (OrderPurpose.ENTRY, pending(IN_DOUBT)),
        (OrderPurpose.ENTRY, pending(WORKING, IN_DOUBT)),
        (OrderPurpose.INCREASE, persisted(order(IN_DOUBT))),
        (OrderPurpose.INCREASE, with_orders(persisted(), exit_order(IN_DOUBT))),
    ],
)
def test_a_doubt_blocks_what_would_enter(purpose: OrderPurpose, position: Any) -> None:
    """
    While an order may or may not exist, another one could double the position (incidents 5, 11).
    """
    with pytest.raises(KeyInDoubt) as refused:
        preparing(position, purpose)
    assert (KEY, position) == (refused.value.key, refused.value.existing)


@pytest.mark.parametrize("purpose", [OrderPurpose.EXIT, OrderPurpose.REDUCE, OrderPurpose.PROTECT], ids=str)
@pytest.mark.parametrize(
    "position",
    [persisted(order(IN_DOUBT)), with_orders(persisted(), exit_order(IN_DOUBT))],
    ids=["entry in doubt", "exit in doubt"],
)
def test_a_doubt_never_blocks_an_exit(purpose: OrderPurpose, position: PersistedPosition) -> None:
    """
    Getting out is always possible: a reduce-only order cannot double anything.
    """
    assert PREPARED is position_after(preparing(position, purpose)).orders[-1].status


@pytest.mark.parametrize("status", [PREPARED, SUBMITTING, WORKING], ids=str)
def test_one_exit_owns_the_closing(status: OrderStatus) -> None:
    """
    A second exit is refused while one is on its way; reducing and protecting are not (incidents 12, 28).
    """
    position = with_orders(persisted(), exit_order(status))

    with pytest.raises(AlreadyClosing) as refused:
        preparing(position, OrderPurpose.EXIT)
    assert REF == refused.value.ref
    assert len(position_after(preparing(position, OrderPurpose.REDUCE)).orders) == 3


def test_an_exit_takes_the_closing_and_gives_it_back() -> None:
    """
    Prepared, it makes the position closing and says why; refused, the position is open again and says so.
    """
    taking = preparing(persisted(), OrderPurpose.EXIT, close_reason=CloseReason.OPERATOR)
    closing = position_after(taking)
    sent = position_after(submitting(closing, 1, at=later(4)))
    giving = rejected(sent, 1, reason="reduce-only order rejected")

    assert PositionStatus.CLOSING is closing.status
    assert PositionClosing(reason=CloseReason.OPERATOR) in bodies(taking)
    assert PositionStatus.OPEN is position_after(giving).status
    assert [OrderRejected, ClosingWithdrawn] == [type(body) for body in bodies(giving)]
    assert {Severity.WARNING} == {event.severity for event in giving.events}


@pytest.mark.slow
def test_a_position_has_65536_orders_at_most() -> None:
    """
    The ordinal after the last would be another position's name; the last 256 are kept for exits.
    """
    many = tuple(order(CANCELED, ordinal=ordinal) for ordinal in range(LAST_ORDINAL + 1))
    full, lacks_one = persisted(*many), persisted(*many[:-1])
    kept = LAST_ORDINAL + 1 - ORDINALS_FOR_EXITS
    others = set(OrderPurpose) - {OrderPurpose.EXIT}

    assert (65_535, 65_280) == (LAST_ORDINAL, kept)
    assert {kept - 1} == {next_ordinal(persisted(*many[: kept - 1]), purpose) for purpose in OrderPurpose}
    for purpose in others:
        with pytest.raises(InvalidValue, match=r"at most 65,280 orders .* kept for exits"):
            next_ordinal(persisted(*many[:kept]), purpose)
    assert kept == next_ordinal(persisted(*many[:kept]), OrderPurpose.EXIT)
    assert LAST_ORDINAL == next_ordinal(lacks_one, OrderPurpose.EXIT)
    with pytest.raises(InvalidValue, match="at most 65,536 orders"):
        next_ordinal(full, OrderPurpose.EXIT)
    assert many[LAST_ORDINAL] is order_of(full, LAST_ORDINAL)


@pytest.mark.slow
def test_an_order_after_4096_others_is_prepared() -> None:
    """
    Ordinals once had 12 bits: a long-lived position's next order was refused, its exit too.
    """
    many = persisted(*(order(CANCELED, ordinal=ordinal) for ordinal in range(4096)))

    for purpose in (OrderPurpose.EXIT, OrderPurpose.REDUCE):
        assert 4096 == position_after(preparing(many, purpose)).orders[-1].ordinal
