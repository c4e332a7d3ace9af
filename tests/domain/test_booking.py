from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest

from poslife import (
    ClosedPosition,
    CloseReason,
    Confidence,
    Fill,
    Leg,
    MarginMode,
    Order,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    Origin,
    PersistedPosition,
    PositionStatus,
    Protection,
    Severity,
    Side,
    StoredFill,
)
from poslife._domain.booking import Booking, book, conflicted, opened_by, unclaimed
from poslife._domain.fill_owner import Opens, Unclaimed
from poslife._domain.plans import Plan
from poslife.events import (
    ClosingWithdrawn,
    FillApplied,
    FillConflicted,
    FillUnclaimed,
    OrderEnded,
    PositionClosed,
    PositionIncreased,
    PositionOpened,
    PositionReduced,
)
from tests.values import (
    KEY,
    OTHER_REF,
    bought,
    exit_order,
    later,
    order,
    pending,
    persisted,
    position_after,
    sold,
    venue_order,
    with_orders,
)

PREPARED, SUBMITTING, WORKING, IN_DOUBT, FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED = OrderStatus
LONG_LEG, SHORT_LEG = replace(KEY, leg=Leg.LONG), replace(KEY, leg=Leg.SHORT)
CROSS, ISOLATED = (replace(KEY, margin_mode=mode) for mode in MarginMode)

Ordered = tuple[Fill, int | None]


def held(booking: Booking) -> PersistedPosition:
    made = position_after(booking.plan)
    assert isinstance(made, PersistedPosition)
    return made


def over(booking: Booking) -> ClosedPosition:
    made = position_after(booking.plan)
    assert isinstance(made, ClosedPosition)
    return made


def told(plan: Plan, kind: type) -> list[Any]:
    return [event.body for event in plan.events if isinstance(event.body, kind)]


# ---------------------------------------------------------------------------------------------- first fills


def test_the_first_fill_makes_a_pending_position_persisted() -> None:
    """
    It gets what was filled, at the price and time it was filled; the rest still works (incident 40).
    """
    position = pending(WORKING, requested_price=Decimal("1.9"))
    booking = book(position, [(bought("31.60", "2.11", venue_order_id="v-1"), 0)])
    made = held(booking)

    assert (PositionStatus.OPEN, 2, later(1), KEY, Side.LONG) == (
        made.status,
        made.version,
        made.opened_at,
        made.key,
        made.side,
    )
    assert (Decimal("31.60"), Decimal("2.11"), Decimal("1.9")) == (
        made.quantity,
        made.entry_price,
        made.requested_price,
    )
    assert (WORKING, Decimal("68.4"), "v-1") == (
        made.orders[0].status,
        made.orders[0].remaining,
        made.orders[0].venue_order_id,
    )
    assert (Origin.OWN, Confidence.CONFIRMED) == (made.origin, made.confidence)
    assert [FillApplied, PositionOpened] == [type(event.body) for event in booking.plan.events]


@pytest.mark.parametrize("status", list(OrderStatus), ids=str)
@pytest.mark.parametrize("part", ["40", "100"])
def test_a_fill_is_taken_whatever_its_order_was_believed_to_be(status: OrderStatus, part: str) -> None:
    """
    Late, doubted, rejected or not even sent: a fill is real, and opens the position (incidents 14, 15).
    """
    booking = book(pending(status), [(bought(part), 0)])
    made = held(booking)

    assert Decimal(part) == made.quantity
    assert Decimal(part) == made.orders[0].filled
    if part == "100":
        assert FILLED is made.orders[0].status
    else:
        assert (status if status in {FILLED, CANCELED, EXPIRED} else WORKING) is made.orders[0].status
    assert [status.ended] == [body.late for body in told(booking.plan, FillApplied)]


def test_a_fill_in_full_ends_its_order_and_says_so_once() -> None:
    """
    One event ends the order, and further fills of others do not repeat it.
    """
    booking = book(pending(WORKING, WORKING), [(bought("60"), 0), (bought("40"), 0), (bought("1"), 1)])

    assert [OrderEnded(status=FILLED, filled=Decimal(100), overfilled=False)] == told(
        booking.plan, OrderEnded
    )
    assert [FILLED, WORKING] == [one.status for one in held(booking).orders]


def test_an_average_is_exact_whatever_the_hosts_decimal_context_is() -> None:
    """
    Sums are kept, so no rounding adds up: not over 100 fills, not under a context of one digit (incident 44).
    """
    fills: list[Ordered] = [(bought("0.1", "1.000000001234"), 0) for _ in range(99)]
    with localcontext(Context(prec=1)):
        made = held(book(pending(WORKING), [*fills, (bought("0.1", "2"), 0)]))

        assert Decimal("10.0") == made.quantity
        assert Decimal("10.1000000122166") == made.entered_cost
        assert Decimal("1.01000000122166") == made.entry_price


def test_what_would_leave_a_position_without_a_fill_is_unclaimed() -> None:
    """
    A sale on a pending long is no entry; it is kept with its reason, and the buys behind it are booked next.
    """
    sale, buy = sold("5"), bought("3")
    booking = book(pending(WORKING), [(sale, 0), (buy, 0)])

    assert booking.plan.empty
    assert [sale] == [one for one, _ in booking.refused]
    assert "would leave" in booking.refused[0][1].reason
    assert ((buy, 0),) == booking.rest


def test_a_position_opens_at_its_earliest_fill() -> None:
    """
    Fills come in any order; the opening is the first by the venue's clock.
    """
    made = held(book(pending(WORKING), [(bought("1", at=later(5)), 0), (bought("1", at=later(3)), 0)]))

    assert later(3) == made.opened_at
    assert later(2) == held(book(made, [(bought("1", at=later(2)), 0)])).opened_at


# ---------------------------------------------------------------------------------------- growing, shrinking


def test_entries_increase_and_exits_reduce() -> None:
    """
    Each batch is told with what is held afterwards, at its last fill's time.
    """
    position = with_orders(persisted(), exit_order(WORKING, quantity=Decimal(150)))
    booking = book(position, [(bought("50", "5"), None), (sold("30", at=later(8)), 1)])
    made = held(booking)

    assert (Decimal(120), Decimal(150), Decimal(450), Decimal(30), Decimal(60)) == (
        made.quantity,
        made.entered_quantity,
        made.entered_cost,
        made.exited_quantity,
        made.exited_cost,
    )
    assert [PositionIncreased(quantity=Decimal(120), entry_price=Decimal(3))] == told(
        booking.plan, PositionIncreased
    )
    assert [PositionReduced(quantity=Decimal(120))] == told(booking.plan, PositionReduced)
    assert (PositionStatus.CLOSING, WORKING, Decimal(30)) == (
        made.status,
        made.orders[1].status,
        made.orders[1].filled,
    )


def test_an_exit_that_left_something_gives_the_position_back() -> None:
    """
    Filled in full and smaller than the position, it does not own it any more (incident 40).
    """
    position = with_orders(persisted(), exit_order(WORKING, quantity=Decimal(30)))
    booking = book(position, [(sold("30"), 1)])

    assert (PositionStatus.OPEN, Decimal(70)) == (held(booking).status, held(booking).quantity)
    assert [ClosingWithdrawn(quantity=Decimal(70))] == told(booking.plan, ClosingWithdrawn)


@pytest.mark.parametrize("status", [CANCELED, EXPIRED, FILLED], ids=str)
def test_a_late_fill_of_an_ended_order_changes_the_position_and_says_late(status: OrderStatus) -> None:
    """
    What the venue was done with stays so; what it filled meanwhile counts.
    """
    filled = Decimal(100 if status is FILLED else 40)
    position = persisted(order(status, filled=filled), entered_quantity=filled, entered_cost=filled)
    booking = book(position, [(bought("10"), 0)])

    assert (filled + 10, status) == (held(booking).quantity, held(booking).orders[0].status)
    assert [True] == [body.late for body in told(booking.plan, FillApplied)]


def test_an_overfilled_order_is_told_as_an_error() -> None:
    """
    More than was asked for is held all the same, and somebody should look.
    """
    booking = book(persisted(), [(bought("7"), 0)])

    assert (Decimal(107), True) == (held(booking).quantity, held(booking).orders[0].overfilled)
    assert [Severity.ERROR] == [
        event.severity for event in booking.plan.events if isinstance(event.body, OrderEnded)
    ]
    assert [True] == [body.overfilled for body in told(booking.plan, OrderEnded)]


def test_what_an_order_had_booked_before_it_was_known_counts() -> None:
    """
    Fills that came under an unknown name are part of the order once it is known to be theirs.
    """
    position = with_orders(persisted(), order(WORKING, ordinal=1, purpose=OrderPurpose.INCREASE))
    booking = book(position, [(bought("60"), 1)], before=Decimal(40))

    assert (FILLED, Decimal(100), Decimal(160)) == (
        held(booking).orders[1].status,
        held(booking).orders[1].filled,
        held(booking).quantity,
    )
    assert Decimal(160) == held(book(position, [(bought("60"), None)], before=Decimal(40))).quantity


def test_the_venues_name_is_learned_from_a_fill() -> None:
    """
    A fill that comes before the acknowledgement names the order; it never renames one.
    """
    unnamed = held(book(pending(SUBMITTING), [(bought("1", venue_order_id="v-1"), 0)]))
    named = held(book(unnamed, [(bought("1", venue_order_id="v-2"), 0)]))

    assert ["v-1", "v-1"] == [unnamed.orders[0].venue_order_id, named.orders[0].venue_order_id]


# -------------------------------------------------------------------------------------------------- closing


def test_the_fill_that_reaches_zero_closes() -> None:
    """
    With a reason, a price and a time, which is the last fill's (incidents 29, 56).
    """
    position = with_orders(persisted(), exit_order(WORKING, close_reason=CloseReason.OPERATOR))
    booking = book(position, [(sold("60", "3", at=later(5)), 1), (sold("40", "4", at=later(7)), 1)])
    made = over(booking)

    assert (CloseReason.OPERATOR, later(7), Decimal(2), Decimal("3.4")) == (
        made.reason,
        made.closed_at,
        made.entry_price,
        made.exit_price,
    )
    assert (5, position.id, FILLED) == (made.version, made.id, made.orders[1].status)
    assert [
        PositionClosed(
            reason=CloseReason.OPERATOR,
            entry_price=Decimal(2),
            exit_price=Decimal("3.4"),
            opened_at=later(1),
            closed_at=later(7),
        )
    ] == told(booking.plan, PositionClosed)


def test_a_position_is_never_closed_before_it_was_opened() -> None:
    """
    A venue's clock may run behind between two fills; the row does not (incident 42).
    """
    made = over(book(persisted(opened_at=later(9)), [(sold("100", at=later(8)), None)]))

    assert later(9) == made.closed_at


STOPPED = Protection(
    stop_price=Decimal("1.5"),
    stop_order_id=venue_order("s-1"),
    take_profit_price=Decimal(4),
    take_profit_order_id=venue_order("p-1"),
)


@pytest.mark.parametrize(
    "orders, name, ordinal, reason",
    [
        pytest.param((), "s-1", None, CloseReason.STOP_LOSS, id="the stop"),
        pytest.param((), "p-1", None, CloseReason.TAKE_PROFIT, id="the target"),
        pytest.param((), "x-1", None, CloseReason.EXTERNAL, id="an unknown order"),
        pytest.param((), None, None, CloseReason.EXTERNAL, id="no order"),
        pytest.param(
            (exit_order(WORKING, close_reason=CloseReason.SETTLEMENT),),
            "x-1",
            1,
            CloseReason.SETTLEMENT,
            id="an exit of ours",
        ),
        pytest.param(
            (exit_order(WORKING, purpose=OrderPurpose.REDUCE, close_reason=None),),
            "x-1",
            1,
            CloseReason.STRATEGY,
            id="a reduction of ours",
        ),
        pytest.param(
            (exit_order(WORKING, purpose=OrderPurpose.PROTECT, close_reason=None),),
            "s-1",
            1,
            CloseReason.STOP_LOSS,
            id="a stop that is an order of ours",
        ),
        pytest.param((exit_order(WORKING),), "s-1", None, CloseReason.STOP_LOSS, id="the stop was faster"),
    ],
)
def test_a_position_closes_for_the_reason_of_its_last_fill(
    orders: tuple[Order, ...], name: str | None, ordinal: int | None, reason: CloseReason
) -> None:
    """
    Whose order brought it to zero says why, and nobody's says external (incidents 12, 29, 34, 56).
    """
    position = with_orders(persisted(protection=STOPPED), *orders)

    assert reason is over(book(position, [(sold("100", venue_order_id=name), ordinal)])).reason


def test_a_closed_position_takes_no_fill_along() -> None:
    """
    What comes after zero is left for whoever holds the key then.
    """
    first, last, further = sold("60"), sold("40"), bought("5")
    booking = book(persisted(), [(first, None), (last, None), (further, None)])

    assert [first, last] == [one.fill for one in booking.plan.fills]
    assert ((further, None),) == booking.rest
    assert () == booking.refused


def test_what_would_cross_zero_is_unclaimed_and_the_rest_is_booked() -> None:
    """
    It is kept with its reason, the position stays as it is, and smaller exits behind it still count.
    """
    crossing, fitting = sold("100.1"), sold("99")
    booking = book(persisted(), [(crossing, None), (fitting, None)])

    assert [crossing] == [one for one, _ in booking.refused]
    assert "through zero" in booking.refused[0][1].reason
    assert Decimal(1) == held(booking).quantity
    assert book(persisted(), [(crossing, None)]).plan.empty


def test_a_short_position_is_entered_by_sales() -> None:
    """
    Everything holds the other way round, too (incidents 5, 29).
    """
    entry = order(WORKING, side=OrderSide.SELL)
    short = held(book(pending(side=Side.SHORT, orders=(entry,)), [(sold("10", "3"), 0)]))

    assert (Side.SHORT, Decimal(10), Decimal(3)) == (short.side, short.quantity, short.entry_price)
    assert Decimal(2) == over(book(short, [(bought("10", "2"), None)])).exit_price


# --------------------------------------------------------------------------------------- nobody's and others


def test_a_fill_of_nobodys_order_opens_an_adopted_position() -> None:
    """
    It has an id at once, no orders, and is unconfirmed until a snapshot shows it (incident 26).
    """
    booking = opened_by(
        [sold("5", "3", at=later(4)), sold("1", "9"), bought("2")],
        ref=OTHER_REF,
        opens=Opens(key=KEY, origin=Origin.ADOPTED),
        at=later(6),
    )
    made = held(booking)

    assert (Side.SHORT, Decimal(6), Decimal(4), 1, ()) == (
        made.side,
        made.quantity,
        made.entry_price,
        made.version,
        made.orders,
    )
    assert (Origin.ADOPTED, Confidence.UNCONFIRMED, later(1), later(6)) == (
        made.origin,
        made.confidence,
        made.opened_at,
        made.created_at,
    )
    assert {1} == {event.version for event in booking.plan.events}
    assert 1 == len(booking.rest)


def test_an_unclaimed_fill_is_stored_and_told_as_an_error() -> None:
    """
    It is kept with its reason under no position, severity ERROR.
    """
    one = bought("5", "3", venue_order_id="v-9")
    plan = unclaimed(one, Unclaimed(reason="nobody's"))

    assert (StoredFill(fill=one, ref=None, unclaimed_because="nobody's"),) == plan.fills
    assert [(None, 0, Severity.ERROR, one.at)] == [
        (event.ref, event.version, event.severity, event.occurred_at) for event in plan.events
    ]
    assert [
        FillUnclaimed(
            trade_id=one.trade_id,
            side=OrderSide.BUY,
            quantity=Decimal(5),
            price=Decimal(3),
            venue_order_id=one.venue_order_id,
        )
    ] == told(plan, FillUnclaimed)
    assert [{"reason": "nobody's"}] == [event.evidence for event in plan.events]


def test_a_fill_seen_with_other_numbers_changes_nothing_and_is_told() -> None:
    """
    The stored numbers stand, and both are in the event.
    """
    stored, seen = bought("5", "3", trade_id="t"), sold("6", "4", trade_id="t")
    plan = conflicted(stored, seen)

    assert ((), ()) == (plan.transitions, plan.fills)
    assert [Severity.ERROR] == [event.severity for event in plan.events]
    assert [
        FillConflicted(
            trade_id=seen.trade_id,
            stored_side=OrderSide.BUY,
            stored_quantity=Decimal(5),
            stored_price=Decimal(3),
            seen_side=OrderSide.SELL,
            seen_quantity=Decimal(6),
            seen_price=Decimal(4),
        )
    ] == told(plan, FillConflicted)
