from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from poslife import (
    CloseReason,
    Leg,
    Order,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    PersistedPosition,
    Position,
    PositionStatus,
    Protection,
    Severity,
    Side,
    VenueOrderId,
)
from poslife._domain.causation import EventContext
from poslife._domain.changes import Change, Claim, Revise
from poslife._domain.client_order_ids import LAST_ORDINAL
from poslife._domain.identifiers import ChangeId
from poslife._domain.order_steps import (
    abandoned,
    acknowledged,
    claim,
    doubted,
    ended,
    next_ordinal,
    order_of,
    prepared,
    protected,
    rejected,
    seen,
    submitting,
    taken_over,
)
from poslife._domain.plans import Plan, change_of, planned_event, replaced, revised
from poslife._domain.venue_answers import OrderSeen
from poslife.errors import AlreadyClosed, AlreadyClosing, IllegalTransition, InvalidValue, KeyInDoubt
from poslife.events import (
    Actor,
    ClosingWithdrawn,
    LifeBody,
    OrderAbandoned,
    OrderEnded,
    OrderInDoubt,
    OrderPrepared,
    OrderRejected,
    OrderSeenAtVenue,
    OrderTakenOver,
    PositionClaimed,
    PositionClosing,
    PositionEnded,
    PositionProtected,
)
from tests.values import (
    AT,
    BAD_QUANTITIES,
    KEY,
    OTHER_RUN,
    REF,
    RUN,
    closed,
    exit_order,
    later,
    name_of,
    new_event_id,
    order,
    pending,
    persisted,
    with_orders,
)

PREPARED, SUBMITTING, WORKING, IN_DOUBT, FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED = OrderStatus
ENDED = {FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED}
OURS = VenueOrderId("v-1")

Step = Callable[[Position, int], Plan]


def sight(status: OrderStatus, *, filled: str = "0", quantity: str = "100") -> OrderSeen:
    return OrderSeen(
        venue_order_id=OURS,
        client_order_id=name_of(0),
        side=OrderSide.BUY,
        quantity=Decimal(quantity),
        filled=Decimal(filled),
        status=status,
        at=later(9),
    )


def seen_as(status: OrderStatus, **numbers: str) -> Step:
    return lambda position, ordinal: seen(position, ordinal, sight(status, **numbers))


def committed(plan: Plan) -> Change:
    """
    As the ledger would commit it: this alone checks that every event is of the version that is made.
    """
    return change_of(
        plan, id=ChangeId(uuid4()), run=RUN, at=later(5), around=EventContext(), new_event_id=new_event_id
    )


def after(plan: Plan) -> Position:
    assert isinstance(plan.transition, Revise | Claim)
    return plan.transition.after


def bodies(plan: Plan) -> list[LifeBody]:
    return [event.body for event in plan.events]


# ------------------------------------------------------------------------- every step from every status

STEPS: dict[str, tuple[Step, Mapping[OrderStatus, object]]] = {
    "submitting": (
        lambda position, ordinal: submitting(position, ordinal, at=later(1)),
        {PREPARED: SUBMITTING} | dict.fromkeys(set(OrderStatus) - {PREPARED}, "illegal"),
    ),
    "acknowledged": (
        lambda position, ordinal: acknowledged(position, ordinal, venue_order_id=OURS),
        {
            PREPARED: "illegal",
            SUBMITTING: WORKING,
            WORKING: "nothing",
            IN_DOUBT: WORKING,
            ABANDONED: "illegal",
        }
        | dict.fromkeys(ENDED - {ABANDONED}, "nothing"),
    ),
    "rejected": (
        lambda position, ordinal: rejected(position, ordinal, reason="no funds"),
        {
            PREPARED: "illegal",
            SUBMITTING: REJECTED,
            WORKING: REJECTED,
            IN_DOUBT: REJECTED,
            REJECTED: "nothing",
        }
        | dict.fromkeys(ENDED - {REJECTED}, "illegal"),
    ),
    "doubted": (
        lambda position, ordinal: doubted(position, ordinal, reason="time-out"),
        {PREPARED: "illegal", SUBMITTING: IN_DOUBT}
        | dict.fromkeys(set(OrderStatus) - {PREPARED, SUBMITTING}, "nothing"),
    ),
    "abandoned": (
        lambda position, ordinal: abandoned(position, ordinal, reason="never sent"),
        {PREPARED: ABANDONED, SUBMITTING: ABANDONED, WORKING: "illegal", IN_DOUBT: ABANDONED}
        | {ABANDONED: "nothing"}
        | dict.fromkeys(ENDED - {ABANDONED}, "illegal"),
    ),
    "canceled": (
        lambda position, ordinal: ended(position, ordinal, status=CANCELED),
        {PREPARED: "illegal", CANCELED: "nothing"}
        | dict.fromkeys((SUBMITTING, WORKING, IN_DOUBT), CANCELED)
        | dict.fromkeys(ENDED - {CANCELED}, "illegal"),
    ),
    "expired": (
        lambda position, ordinal: ended(position, ordinal, status=EXPIRED),
        {PREPARED: "illegal", EXPIRED: "nothing"}
        | dict.fromkeys((SUBMITTING, WORKING, IN_DOUBT), EXPIRED)
        | dict.fromkeys(ENDED - {EXPIRED}, "illegal"),
    ),
    "seen working": (
        seen_as(WORKING),
        dict.fromkeys((PREPARED, SUBMITTING, IN_DOUBT, REJECTED, ABANDONED), WORKING)
        | dict.fromkeys((WORKING, FILLED, CANCELED, EXPIRED), "nothing"),
    ),
    "seen canceled": (
        seen_as(CANCELED),
        dict.fromkeys((PREPARED, SUBMITTING, WORKING, IN_DOUBT, REJECTED, ABANDONED), CANCELED)
        | dict.fromkeys((FILLED, CANCELED, EXPIRED), "nothing"),
    ),
    "seen expired": (
        seen_as(EXPIRED),
        dict.fromkeys((PREPARED, SUBMITTING, WORKING, IN_DOUBT, REJECTED, ABANDONED), EXPIRED)
        | dict.fromkeys((FILLED, CANCELED, EXPIRED), "nothing"),
    ),
    "seen rejected": (
        seen_as(REJECTED),
        dict.fromkeys((PREPARED, SUBMITTING, WORKING, IN_DOUBT, ABANDONED), REJECTED)
        | dict.fromkeys((FILLED, CANCELED, EXPIRED, REJECTED), "nothing"),
    ),
    # Its fills are not booked yet: until they are, it works.
    "seen filled": (
        seen_as(FILLED, filled="100"),
        dict.fromkeys((PREPARED, SUBMITTING, IN_DOUBT, REJECTED, ABANDONED), WORKING)
        | dict.fromkeys((WORKING, FILLED, CANCELED, EXPIRED), "nothing"),
    ),
    "seen canceled with a fill": (
        seen_as(CANCELED, filled="40"),
        dict.fromkeys((PREPARED, SUBMITTING, IN_DOUBT, REJECTED, ABANDONED), WORKING)
        | dict.fromkeys((WORKING, FILLED, CANCELED, EXPIRED), "nothing"),
    ),
    "taken over": (
        lambda position, _: taken_over(position, alive=frozenset({OTHER_RUN}), run=OTHER_RUN),
        {PREPARED: ABANDONED, SUBMITTING: IN_DOUBT, WORKING: WORKING, IN_DOUBT: IN_DOUBT}
        | dict.fromkeys(ENDED, "nothing"),
    ),
}


def holding(status: OrderStatus, kind: str) -> tuple[Position, int]:
    """
    A position whose order of interest is in this status and named, and that order's ordinal.
    """
    if kind == "pending":
        return pending(orders=(order(status, venue_order_id=OURS),)), 0
    if kind == "joined":
        return pending(orders=(order(status, venue_order_id=OURS), order(WORKING, ordinal=1))), 0
    late = exit_order(status, venue_order_id=OURS)
    if kind == "persisted":
        return with_orders(persisted(), late), 1
    return closed(*persisted().orders, late), 1


@pytest.mark.parametrize("kind", ["pending", "joined", "persisted", "closed"])
@pytest.mark.parametrize("status", list(OrderStatus), ids=str)
@pytest.mark.parametrize("name", list(STEPS))
def test_each_step_from_each_status_does_what_the_tables_say(
    name: str, status: OrderStatus, kind: str
) -> None:
    """
    It moves the order, changes nothing because it was taken before, or raises before anything is planned.
    """
    step, outcomes = STEPS[name]
    assert set(OrderStatus) == set(outcomes)
    outcome = outcomes[status]
    position, ordinal = holding(status, kind)
    if name == "submitting" and kind == "closed":
        with pytest.raises(AlreadyClosed):
            step(position, ordinal)
        return
    if outcome == "illegal":
        with pytest.raises(IllegalTransition, match=f"order {ordinal} of {REF}"):
            step(position, ordinal)
        return
    plan = step(position, ordinal)
    if outcome == "nothing":
        # The working order beside it is taken over, whatever its neighbour.
        if not (name == "taken over" and kind == "joined"):
            assert plan.empty
        return

    assert isinstance(outcome, OrderStatus)
    made = after(plan)
    assert outcome is made.orders[ordinal].status
    assert (position.version + 1, position.ref) == (made.version, made.ref)
    assert type(position) is type(made)
    assert made.orders[ordinal] in committed(plan).transitions[0].orders
    assert {made.version} == {event.version for event in plan.events}
    assert plan.events[0].order == ordinal
    ends = made.status is PositionStatus.ENDED and position.status is PositionStatus.PENDING
    assert ends is (PositionEnded() in bodies(plan))
    assert not plan.fills


@pytest.mark.parametrize("name", list(STEPS))
@pytest.mark.parametrize("status", list(OrderStatus), ids=str)
def test_a_step_taken_twice_changes_nothing_the_second_time(name: str, status: OrderStatus) -> None:
    """
    Whoever lost a reply takes the step again: it is taken once. Only submitting says that it was.
    """
    step, outcomes = STEPS[name]
    position, ordinal = holding(status, "pending")
    if not isinstance(outcomes[status], OrderStatus):
        return
    made = after(step(position, ordinal))

    if name == "submitting":
        with pytest.raises(IllegalTransition, match="submitting and cannot become submitting"):
            step(made, ordinal)
    else:
        assert step(made, ordinal).empty


@pytest.mark.parametrize("ordinal", [-1, 1, True, "0", None, 0.0], ids=repr)
@pytest.mark.parametrize("name", [name for name in STEPS if name != "taken over"])
def test_a_step_is_of_an_order_that_is_there(name: str, ordinal: Any) -> None:
    """
    An ordinal of no order is refused, naming it.
    """
    with pytest.raises(InvalidValue, match="ordinal: expected one of the 1 orders of position"):
        STEPS[name][0](pending(), ordinal)


# ------------------------------------------------------------------------------------------------- claiming


def claimed(**fields: Any) -> Plan:
    values: dict[str, Any] = {
        "ref": REF,
        "key": KEY,
        "side": Side.LONG,
        "quantity": Decimal(100),
        "price": None,
        "run": RUN,
        "client_order_id": name_of(0),
        "at": AT,
    }
    return claim(**(values | fields))


def test_a_claim_has_its_key_and_a_prepared_order() -> None:
    """
    The intention and its order are one change, and both are told (incidents 8, 54, 55).
    """
    plan = claimed(side=Side.SHORT, price=Decimal("1.5"))
    position = after(plan)

    assert (1, PositionStatus.PENDING, KEY) == (position.version, position.status, position.key)
    assert [(PREPARED, OrderSide.SELL, Decimal("1.5"))] == [
        (one.status, one.side, one.price) for one in position.orders
    ]
    assert [PositionClaimed, OrderPrepared] == [type(body) for body in bodies(plan)]
    assert committed(plan).needs_lease


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
        "client_order_id": name_of(next_ordinal(position)),
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
    made = after(preparing(joins, purpose))

    assert (entry, PREPARED, 1, purpose) == (
        made.orders[0],
        made.orders[1].status,
        made.orders[1].ordinal,
        made.orders[1].purpose,
    )
    assert (side.left_by if purpose.reduce_only else side.entered_by) is made.orders[1].side
    with pytest.raises(IllegalTransition, match=f"an order with purpose {purpose.value}"):
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
    assert PREPARED is after(preparing(position, purpose)).orders[-1].status


@pytest.mark.parametrize("status", [PREPARED, SUBMITTING, WORKING], ids=str)
def test_one_exit_owns_the_closing(status: OrderStatus) -> None:
    """
    A second exit is refused while one is on its way; reducing and protecting are not (incidents 12, 28).
    """
    position = with_orders(persisted(), exit_order(status))

    with pytest.raises(AlreadyClosing) as refused:
        preparing(position, OrderPurpose.EXIT)
    assert REF == refused.value.ref
    assert len(after(preparing(position, OrderPurpose.REDUCE)).orders) == 3


def test_an_exit_takes_the_closing_and_gives_it_back() -> None:
    """
    Prepared, it makes the position closing and says why; refused, the position is open again and says so.
    """
    taking = preparing(persisted(), OrderPurpose.EXIT, close_reason=CloseReason.OPERATOR)
    closing = after(taking)
    sent = after(submitting(closing, 1, at=later(4)))
    giving = rejected(sent, 1, reason="reduce-only order rejected")

    assert PositionStatus.CLOSING is closing.status
    assert PositionClosing(reason=CloseReason.OPERATOR) in bodies(taking)
    assert PositionStatus.OPEN is after(giving).status
    assert [OrderRejected, ClosingWithdrawn] == [type(body) for body in bodies(giving)]
    assert {Severity.WARNING} == {event.severity for event in giving.events}


def test_a_position_has_4096_orders_at_most() -> None:
    """
    The ordinal after the last would be another position's name.
    """
    many = tuple(order(CANCELED, ordinal=ordinal) for ordinal in range(LAST_ORDINAL + 1))
    full = persisted(*many)

    assert LAST_ORDINAL == next_ordinal(persisted(*many[:-1]))
    with pytest.raises(InvalidValue, match="at most 4096 orders"):
        next_ordinal(full)
    assert many[LAST_ORDINAL] is order_of(full, LAST_ORDINAL)


# --------------------------------------------------------------------------------------- acknowledgements


def test_an_acknowledgement_names_the_order_and_is_no_fill() -> None:
    """
    It works under the venue's name; nothing is held for it (incidents 15, 23).
    """
    position = after(acknowledged(pending(SUBMITTING), 0, venue_order_id=OURS))

    assert (WORKING, OURS, Decimal(0)) == (
        position.orders[0].status,
        position.orders[0].venue_order_id,
        position.orders[0].filled,
    )
    assert PositionStatus.PENDING is position.status


def test_an_acknowledgement_may_name_nothing() -> None:
    """
    Some venues give no order id at first; the order works all the same (incident 58).
    """
    position = after(acknowledged(pending(SUBMITTING), 0, venue_order_id=None))

    assert (WORKING, None) == (position.orders[0].status, position.orders[0].venue_order_id)
    named = after(acknowledged(position, 0, venue_order_id=OURS))
    assert (WORKING, OURS) == (named.orders[0].status, named.orders[0].venue_order_id)


def test_an_acknowledgement_after_the_fills_only_adds_the_name() -> None:
    """
    A fill that overtook its acknowledgement is not undone by it (incident 14).
    """
    position = persisted(order(FILLED, filled=Decimal(100)))
    plan = acknowledged(position, 0, venue_order_id=OURS)

    assert (FILLED, OURS) == (after(plan).orders[0].status, after(plan).orders[0].venue_order_id)


@pytest.mark.parametrize("booked, status", [("40", WORKING), ("100", FILLED), ("130", FILLED)])
def test_fills_stored_before_the_name_was_known_count(booked: str, status: OrderStatus) -> None:
    """
    What was booked under the venue's name before we knew it was ours is the order's, and may fill it.
    """
    position = persisted(order(SUBMITTING))
    plan = acknowledged(position, 0, venue_order_id=OURS, booked=Decimal(booked))

    assert (status, Decimal(booked)) == (after(plan).orders[0].status, after(plan).orders[0].filled)
    assert (status is FILLED) is any(isinstance(body, OrderEnded) for body in bodies(plan))


# ---------------------------------------------------------------------------------------------- seen there


def test_what_was_believed_gone_is_there_when_it_is_seen() -> None:
    """
    Presence is evidence: an abandoned, a rejected and a doubted order live again, and the key is held again.
    """
    for status in (ABANDONED, REJECTED, IN_DOUBT):
        position = pending(status)
        plan = seen(position, 0, sight(WORKING))

        assert PositionStatus.PENDING is after(plan).status
        assert OrderSeenAtVenue(venue_order_id=OURS, before=status, after=WORKING) in bodies(plan)


@pytest.mark.parametrize(
    "status, filled, booked, expected",
    [
        pytest.param(FILLED, "100", "100", FILLED, id="filled, all booked"),
        pytest.param(FILLED, "100", "99.9", WORKING, id="filled, not all booked"),
        pytest.param(FILLED, "130", "100", WORKING, id="overfilled, not all booked"),
        pytest.param(CANCELED, "40", "40", CANCELED, id="canceled, all booked"),
        pytest.param(CANCELED, "40", "39", WORKING, id="canceled, not all booked"),
        pytest.param(CANCELED, "40", "41", CANCELED, id="canceled, more booked than shown"),
        pytest.param(EXPIRED, "0", "0", EXPIRED, id="expired unfilled"),
        pytest.param(WORKING, "40", "40", WORKING, id="working, all booked"),
    ],
)
def test_an_order_ends_when_the_fills_it_is_said_to_have_are_booked(
    status: OrderStatus, filled: str, booked: str, expected: OrderStatus
) -> None:
    """
    A position is booked from fills, never from what an order says about itself (incidents 23, 40).
    """
    doubt = order(IN_DOUBT, filled=Decimal(booked))
    position = persisted(doubt)

    assert expected is after(seen(position, 0, sight(status, filled=filled))).orders[0].status


def test_an_order_that_the_venue_has_cut_ends_when_its_fills_are_booked() -> None:
    """
    A reduce-only order larger than the position is made smaller there, and is filled as such.
    """
    position = with_orders(persisted(), exit_order(WORKING, quantity=Decimal(150), filled=Decimal(70)))

    assert FILLED is after(seen(position, 1, sight(FILLED, filled="70", quantity="70"))).orders[1].status
    unbooked = seen(position, 1, sight(FILLED, filled="90", quantity="90"))
    assert WORKING is after(unbooked).orders[1].status


# ---------------------------------------------------------------------------------------------- taking over


def test_orders_of_living_runs_are_left_alone() -> None:
    """
    Two runs may share an account; neither touches what the other is doing.
    """
    position = pending(orders=(order(SUBMITTING), order(PREPARED, ordinal=1, run=OTHER_RUN)))

    assert taken_over(position, alive=frozenset({RUN, OTHER_RUN}), run=OTHER_RUN).empty
    mine = after(taken_over(position, alive=frozenset({OTHER_RUN}), run=OTHER_RUN))
    assert [IN_DOUBT, PREPARED] == [one.status for one in mine.orders]
    assert {OTHER_RUN} == {one.run for one in mine.orders}


def test_taking_over_tells_from_whom_and_what_it_meant() -> None:
    """
    Each order taken over is an event, and so is what its run's end made of it.
    """
    position = pending(PREPARED, SUBMITTING)
    plan = taken_over(position, alive=frozenset(), run=OTHER_RUN)

    assert [OrderTakenOver, OrderAbandoned, OrderTakenOver, OrderInDoubt] == [
        type(body) for body in bodies(plan)
    ]
    assert OrderTakenOver(from_run=RUN) == bodies(plan)[0]
    assert [0, 0, 1, 1] == [event.order for event in plan.events]


# ------------------------------------------------------------------------------------------------ the rest


@pytest.mark.parametrize("status", sorted(set(OrderStatus) - {CANCELED, EXPIRED}, key=str), ids=str)
def test_a_host_may_end_an_order_in_two_ways(status: OrderStatus) -> None:
    """
    Only canceled and expired are the host's to say; filled is the fills'.
    """
    with pytest.raises(InvalidValue, match="status: expected"):
        ended(pending(WORKING), 0, status=status)


@pytest.mark.parametrize(
    "name, told", [("rejected", rejected), ("doubted", doubted), ("abandoned", abandoned)]
)
def test_a_reason_of_any_length_is_stored(name: str, told: Any) -> None:
    """
    An error of 194 characters once failed a rollback: a reason is cleaned and cut (incident 18).
    """
    plan = told(pending(SUBMITTING), 0, reason="x" * 10_000 + "\x00\ud800")
    body: Any = bodies(plan)[0]

    assert body.reason.startswith("x" * 2000)
    assert len(body.reason) < 2100
    assert "\x00" not in told(pending(SUBMITTING), 0, reason="\x00\ud800").events[0].body.reason


def test_protection_is_placed_changed_and_removed() -> None:
    """
    One value replaces another and is told whole; the same again is nothing (incidents 13, 33, 34).
    """
    first, second = Protection(stop_price=Decimal(1)), Protection(stop_price=Decimal("1.5"))
    placed = protected(persisted(), first)
    position = after(placed)

    assert [PositionProtected(protection=first)] == bodies(placed)
    assert isinstance(position, PersistedPosition)
    assert first == position.protection
    assert protected(position, first).empty
    assert [PositionProtected(protection=second)] == bodies(protected(position, second))
    assert [PositionProtected(protection=None)] == bodies(protected(position, None))
    # Other steps leave it where it is.
    further = after(preparing(position, OrderPurpose.REDUCE))
    assert isinstance(further, PersistedPosition)
    assert first == further.protection


def test_only_what_is_held_is_protected() -> None:
    """
    A pending position has nothing to protect, and a closed one no more.
    """
    stop = Protection(stop_price=Decimal(1))

    with pytest.raises(IllegalTransition, match="pending and cannot become protected"):
        protected(pending(), stop)
    with pytest.raises(AlreadyClosed):
        protected(closed(), stop)


def test_orders_are_put_in_their_place() -> None:
    """
    Touched orders replace those of their ordinal, new ones follow.
    """
    first, second, third = order(WORKING), order(WORKING, ordinal=1), order(ordinal=2)
    moved: Order = replace(first, status=FILLED)

    assert (moved, second, third) == replaced((first, second), (third, moved))


def test_a_status_changes_only_as_its_table_says() -> None:
    """
    Orders that would make a pending position's status go astray raise before a plan is made.
    """
    position = persisted()
    event = planned_event(position, PositionEnded())

    assert PositionStatus.OPEN is after(revised(position, (), (event,))).status
    assert 5 == revised(position, (), (event,)).events[0].version


def test_a_change_numbers_its_events() -> None:
    """
    Each event has its index, the change's author and time, and the venue's own time where there is one.
    """
    plan = claimed()
    earlier = msgspec.structs.replace(plan.events[1], occurred_at=AT)
    made = committed(msgspec.structs.replace(plan, events=(plan.events[0], earlier)))

    assert [0, 1] == [event.index for event in made.events]
    assert [later(5), AT] == [event.header.occurred_at for event in made.events]
    assert {(RUN, Actor.STRATEGY, KEY.venue)} == {
        (event.header.run, event.header.actor, event.header.venue) for event in made.events
    }
    assert ["position.claimed", "order.prepared"] == [event.header.type for event in made.events]
    assert Plan().empty
    assert () == committed(Plan()).transitions
