"""
Each step of an order that is prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from poslife import (
    OrderSide,
    OrderStatus,
    PersistedPosition,
    Position,
    PositionStatus,
    Protection,
    VenueOrderId,
)
from poslife._domain.order_steps import (
    abandoned,
    acknowledged,
    doubted,
    ended,
    protected,
    rejected,
    seen,
    submitting,
    taken_over,
)
from poslife._domain.plans import Plan
from poslife._domain.venue_answers import OrderSeen
from poslife.errors import AlreadyClosed, IllegalTransition, InvalidValue
from poslife.events import (
    OrderAbandoned,
    OrderAmended,
    OrderEnded,
    OrderInDoubt,
    OrderSeenAtVenue,
    OrderTakenOver,
    PositionEnded,
    PositionProtected,
)
from tests.values import (
    OTHER_RUN,
    REF,
    RUN,
    bodies,
    change_from,
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
    made = position_after(plan)
    assert outcome is made.orders[ordinal].status
    assert (position.version + 1, position.ref) == (made.version, made.ref)
    assert type(position) is type(made)
    assert made.orders[ordinal] in change_from(plan).transitions[0].orders
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
    made = position_after(step(position, ordinal))

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


# --------------------------------------------------------------------------------------- acknowledgements


def test_an_acknowledgement_names_the_order_and_is_no_fill() -> None:
    """
    It works under the venue's name; nothing is held for it (incidents 15, 23).
    """
    position = position_after(acknowledged(pending(SUBMITTING), 0, venue_order_id=OURS))

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
    position = position_after(acknowledged(pending(SUBMITTING), 0, venue_order_id=None))

    assert (WORKING, None) == (position.orders[0].status, position.orders[0].venue_order_id)
    named = position_after(acknowledged(position, 0, venue_order_id=OURS))
    assert (WORKING, OURS) == (named.orders[0].status, named.orders[0].venue_order_id)


def test_an_acknowledgement_after_the_fills_only_adds_the_name() -> None:
    """
    A fill that overtook its acknowledgement is not undone by it (incident 14).
    """
    position = persisted(order(FILLED, filled=Decimal(100)))
    plan = acknowledged(position, 0, venue_order_id=OURS)

    assert (FILLED, OURS) == (
        position_after(plan).orders[0].status,
        position_after(plan).orders[0].venue_order_id,
    )


@pytest.mark.parametrize("booked, status", [("40", WORKING), ("100", FILLED), ("130", FILLED)])
def test_fills_stored_before_the_name_was_known_count(booked: str, status: OrderStatus) -> None:
    """
    What was booked under the venue's name before we knew it was ours is the order's, and may fill it.
    """
    position = persisted(order(SUBMITTING))
    plan = acknowledged(position, 0, venue_order_id=OURS, booked=Decimal(booked))

    assert (status, Decimal(booked)) == (
        position_after(plan).orders[0].status,
        position_after(plan).orders[0].filled,
    )
    assert (status is FILLED) is any(isinstance(body, OrderEnded) for body in bodies(plan))


# ---------------------------------------------------------------------------------------------- seen there


def test_what_was_believed_gone_is_there_when_it_is_seen() -> None:
    """
    Presence is evidence: an abandoned, a rejected and a doubted order live again, and the key is held again.
    """
    for status in (ABANDONED, REJECTED, IN_DOUBT):
        position = pending(status)
        plan = seen(position, 0, sight(WORKING))

        assert PositionStatus.PENDING is position_after(plan).status
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

    assert expected is position_after(seen(position, 0, sight(status, filled=filled))).orders[0].status


def test_an_order_that_the_venue_has_cut_ends_when_its_fills_are_booked() -> None:
    """
    A reduce-only order larger than the position is made smaller there, and is filled as such.
    """
    position = with_orders(persisted(), exit_order(WORKING, quantity=Decimal(150), filled=Decimal(70)))

    assert (
        FILLED
        is position_after(seen(position, 1, sight(FILLED, filled="70", quantity="70"))).orders[1].status
    )
    unbooked = seen(position, 1, sight(FILLED, filled="90", quantity="90"))
    assert WORKING is position_after(unbooked).orders[1].status


# ---------------------------------------------------------------------------------------------- taking over


def test_orders_of_living_runs_are_left_alone() -> None:
    """
    Two runs may share an account; neither touches what the other is doing.
    """
    position = pending(orders=(order(SUBMITTING), order(PREPARED, ordinal=1, run=OTHER_RUN)))

    assert taken_over(position, alive=frozenset({RUN, OTHER_RUN}), run=OTHER_RUN).empty
    mine = position_after(taken_over(position, alive=frozenset({OTHER_RUN}), run=OTHER_RUN))
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
    evidence = plan.events[0].evidence

    assert {"reason"} == set(evidence)
    assert evidence["reason"].startswith("x" * 2000)
    assert len(evidence["reason"]) < 2100
    assert "\x00" not in told(pending(SUBMITTING), 0, reason="\x00\ud800").events[0].evidence["reason"]


def test_protection_is_placed_changed_and_removed() -> None:
    """
    One value replaces another and is told whole; the same again is nothing (incidents 13, 33, 34).
    """
    first, second = Protection(stop_price=Decimal(1)), Protection(stop_price=Decimal("1.5"))
    placed = protected(persisted(), first)
    position = position_after(placed)

    assert [PositionProtected(protection=first)] == bodies(placed)
    assert isinstance(position, PersistedPosition)
    assert first == position.protection
    assert protected(position, first).empty
    assert [PositionProtected(protection=second)] == bodies(protected(position, second))
    assert [PositionProtected(protection=None)] == bodies(protected(position, None))
    # Other steps leave it where it is.
    further = position_after(submitting(with_orders(position, exit_order()), 1, at=later(3)))
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


def test_a_new_quantity_that_the_venue_shows_is_taken_with_an_event() -> None:
    """
    The order was amended there: it ends with the fills of the new quantity, not of the old one.
    """
    position = persisted(orders=(order(WORKING, filled=Decimal(40), venue_order_id=OURS),))
    larger = seen(position, 0, sight(WORKING, filled="40", quantity="112.5"))
    smaller = seen(position, 0, sight(FILLED, filled="40", quantity="40"))

    assert Decimal("112.5") == position_after(larger).orders[0].quantity
    assert [(Decimal(100), Decimal("112.5")), (Decimal(100), Decimal(40))] == [
        (body.quantity_before, body.quantity)
        for plan in (larger, smaller)
        for body in bodies(plan)
        if isinstance(body, OrderAmended)
    ]
    assert (Decimal(40), FILLED) == (
        position_after(smaller).orders[0].quantity,
        position_after(smaller).orders[0].status,
    )
    assert seen(position_after(larger), 0, sight(WORKING, filled="40", quantity="112.5")).empty
