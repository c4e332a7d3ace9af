from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, localcontext
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import (
    ClosedPosition,
    CloseReason,
    Confidence,
    Fill,
    Leg,
    LivePosition,
    MarginMode,
    Order,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    Origin,
    PersistedPosition,
    Position,
    PositionId,
    PositionStatus,
    Protection,
    Severity,
    Side,
    StoredFill,
)
from poslife._domain.booking import Booking, book, conflicted, opened_by, unclaimed
from poslife._domain.causation import Circumstances
from poslife._domain.changes import Close, Promote, Revise
from poslife._domain.fill_owner import Opens, Owner, Unclaimed, find_owner
from poslife._domain.identifiers import ChangeId
from poslife._domain.plans import Plan, change_of
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
    AT,
    KEY,
    OTHER_REF,
    REF,
    RUN,
    bought,
    closed,
    exit_order,
    fill,
    later,
    new_event_id,
    order,
    pending,
    persisted,
    sold,
    venue_order,
    with_orders,
)

PREPARED, SUBMITTING, WORKING, IN_DOUBT, FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED = OrderStatus
LONG_LEG, SHORT_LEG = replace(KEY, leg=Leg.LONG), replace(KEY, leg=Leg.SHORT)
CROSS, ISOLATED = (replace(KEY, margin_mode=mode) for mode in MarginMode)

Ordered = tuple[Fill, int | None]


def after(plan: Plan) -> PersistedPosition | ClosedPosition:
    """
    The position as it is stored, once the plan is committed as the ledger would.
    """
    change_of(plan, id=ChangeId(uuid4()), run=RUN, at=AT, around=Circumstances(), new_event_id=new_event_id)
    assert isinstance(plan.transition, Promote | Revise | Close)
    made: Position = plan.transition.result(PositionId(7))
    assert isinstance(made, PersistedPosition | ClosedPosition)
    return made


def held(booking: Booking) -> PersistedPosition:
    made = after(booking.plan)
    assert isinstance(made, PersistedPosition)
    return made


def over(booking: Booking) -> ClosedPosition:
    made = after(booking.plan)
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


# --------------------------------------------------------------------------------------------- whose it is


def test_a_fill_goes_to_its_orders_position() -> None:
    """
    Where that is live, or has ended with its key still free.
    """
    live, gone = pending(WORKING), pending(REJECTED)

    assert Owner(position=live, ordinal=0) == find_owner(
        bought("1"), ordered_by=live, ordinal=0, holders=[live]
    )
    assert Owner(position=gone, ordinal=0) == find_owner(bought("1"), ordered_by=gone, ordinal=0, holders=[])


def test_else_it_goes_to_whoever_holds_the_key() -> None:
    """
    A late fill of a closed or refused position is the next holder's, whose order it is not.
    """
    holder = persisted(order(WORKING, ref=OTHER_REF), ref=OTHER_REF)

    for gone in (pending(REJECTED), closed()):
        found = find_owner(bought("1"), ordered_by=gone, ordinal=0, holders=[holder])
        assert Owner(position=holder, ordinal=None) == found
    assert Owner(position=holder, ordinal=None) == find_owner(
        bought("1"), ordered_by=None, ordinal=None, holders=[holder]
    )


def test_else_it_opens_a_position() -> None:
    """
    Of our own order's key, or adopted where nobody ordered it (incidents 15, 26).
    """
    assert Opens(key=KEY, origin=Origin.OWN) == find_owner(
        bought("1"), ordered_by=closed(), ordinal=0, holders=[]
    )
    assert Opens(key=KEY, origin=Origin.ADOPTED) == find_owner(
        bought("1"), ordered_by=None, ordinal=None, holders=[]
    )
    assert Opens(key=SHORT_LEG, origin=Origin.ADOPTED) == find_owner(
        sold("1", leg=Leg.SHORT), ordered_by=None, ordinal=None, holders=[]
    )


def at(key: Any, ref: Any = REF, side: Side = Side.LONG) -> PersistedPosition:
    return persisted(order(WORKING, ref=ref, side=side.entered_by), key=key, ref=ref, side=side)


LONG, SHORT = at(LONG_LEG), at(SHORT_LEG, OTHER_REF, Side.SHORT)


@pytest.mark.parametrize(
    "one, holders, owner",
    [
        pytest.param(bought("1", leg=Leg.LONG), [LONG, SHORT], LONG, id="into the long leg"),
        pytest.param(sold("1", leg=Leg.LONG), [LONG, SHORT], LONG, id="out of the long leg"),
        pytest.param(bought("1", leg=Leg.SHORT), [LONG, SHORT], SHORT, id="out of the short leg"),
        pytest.param(sold("1", leg=Leg.SHORT), [SHORT], SHORT, id="into the short leg"),
        pytest.param(bought("1"), [at(CROSS)], at(CROSS), id="the only margin mode"),
        pytest.param(
            bought("1", leg=Leg.LONG),
            [at(replace(CROSS, leg=Leg.LONG)), SHORT],
            at(replace(CROSS, leg=Leg.LONG)),
            id="the leg's only margin mode",
        ),
    ],
)
def test_a_fill_goes_to_the_leg_it_names(
    one: Fill, holders: list[LivePosition], owner: PersistedPosition
) -> None:
    """
    Two legs of one symbol do not meet (incidents 29, 38).
    """
    assert Owner(position=owner, ordinal=None) == find_owner(
        one, ordered_by=None, ordinal=None, holders=holders
    )


@pytest.mark.parametrize(
    "one, ordered_by, ordinal, holders, because",
    [
        pytest.param(bought("1"), None, None, [LONG], "which leg", id="no leg said, one held"),
        pytest.param(bought("1"), None, None, [LONG, SHORT], "which leg", id="no leg said, both held"),
        pytest.param(
            bought("1"),
            None,
            None,
            [at(CROSS), at(ISOLATED, OTHER_REF)],
            "margin modes",
            id="two margin modes",
        ),
        pytest.param(sold("1", leg=Leg.LONG), None, None, [], "leaves the long leg", id="out of nothing"),
        pytest.param(
            bought("1", leg=Leg.SHORT), None, None, [LONG], "leaves the short leg", id="other leg held"
        ),
        pytest.param(
            sold("1"), closed(key=LONG_LEG), 0, [], "leaves the long leg", id="a leg that is closed"
        ),
        pytest.param(
            sold("1"),
            closed(*persisted().orders, exit_order(CANCELED)),
            1,
            [],
            "reduce-only",
            id="reduce-only",
        ),
    ],
)
def test_what_cannot_be_assigned_says_why(
    one: Fill, ordered_by: Position | None, ordinal: int | None, holders: list[LivePosition], because: str
) -> None:
    """
    Nothing is guessed: it is stored as unclaimed until evidence or an operator assigns it.
    """
    found = find_owner(one, ordered_by=ordered_by, ordinal=ordinal, holders=holders)

    assert isinstance(found, Unclaimed)
    assert because in found.reason


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
            reason="nobody's",
        )
    ] == told(plan, FillUnclaimed)


def test_a_fill_seen_with_other_numbers_changes_nothing_and_is_told() -> None:
    """
    The stored numbers stand, and both are in the event.
    """
    stored, seen = bought("5", "3", trade_id="t"), sold("6", "4", trade_id="t")
    plan = conflicted(stored, seen)

    assert (None, ()) == (plan.transition, plan.fills)
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


# ------------------------------------------------------------------------------------------- no fill is lost

quantities = st.decimals("0.000000000000000001", "1e12", places=18)
small = st.integers(1, 40).map(Decimal)
fills = st.builds(
    fill,
    st.sampled_from(OrderSide),
    small | quantities,
    quantities,
    at=st.integers(0, 100).map(later),
    venue_order_id=st.sampled_from([None, "v-1", "v-2"]),
)
statuses = st.lists(st.sampled_from(OrderStatus), min_size=1, max_size=3)


@st.composite
def positions(draw: st.DrawFn) -> LivePosition:
    side = draw(st.sampled_from(Side))
    entries = tuple(
        order(status, ordinal=ordinal, side=side.entered_by, quantity=draw(small))
        for ordinal, status in enumerate(draw(statuses))
    )
    if draw(st.booleans()):
        return pending(side=side, orders=entries)
    further = draw(st.lists(st.sampled_from(OrderStatus), max_size=2))
    exits = tuple(
        exit_order(status, ordinal=len(entries) + number, side=side.left_by, quantity=draw(small))
        for number, status in enumerate(further)
    )
    entered = draw(small)
    return persisted(*entries, *exits, side=side, entered_quantity=entered, entered_cost=entered * 2)


@st.composite
def bookings(draw: st.DrawFn) -> tuple[LivePosition, list[Ordered]]:
    position = draw(positions())
    ordinals = st.none() | st.integers(0, len(position.orders) - 1)
    return position, draw(st.lists(st.tuples(fills, ordinals), min_size=1, max_size=8))


@dataclass
class Applied:
    """
    What became of fills: the position, those it took, those it refused, those that came after its end.
    """

    position: Position
    taken: list[Fill] = field(default_factory=list[Fill])
    refused: list[Fill] = field(default_factory=list[Fill])
    left: list[Fill] = field(default_factory=list[Fill])

    def sums(self) -> tuple[object, ...]:
        position = self.position
        numbers: tuple[object, ...] = ()
        if not isinstance(position, ClosedPosition) and hasattr(position, "id"):
            assert isinstance(position, PersistedPosition)
            numbers = (position.exited_quantity, position.opened_at)
        if isinstance(position, PersistedPosition | ClosedPosition):
            numbers += (position.entered_quantity, position.entered_cost, position.exited_cost)
        return type(position), position.status, position.orders, numbers


def apply(position: LivePosition, ordered: Sequence[Ordered], *, at_most: int) -> Applied:
    """
    Book fills as the tracker does: so many at a time, and what is left over on the position as it is then.
    """
    applied = Applied(position)
    waiting = list(ordered)
    while waiting:
        if isinstance(applied.position, ClosedPosition):
            applied.left += [one for one, _ in waiting]
            break
        batch, waiting = waiting[:at_most], waiting[at_most:]
        booking = book(applied.position, batch)
        parts = [
            *[one.fill for one in booking.plan.fills],
            *[one for one, _ in booking.refused],
            *[one for one, _ in booking.rest],
        ]
        assert sorted(one.trade_id for one, _ in batch) == sorted(one.trade_id for one in parts)
        assert len(booking.rest) < len(batch)
        applied.taken += [one.fill for one in booking.plan.fills]
        applied.refused += [one for one, _ in booking.refused]
        waiting = [*booking.rest, *waiting]
        if not booking.plan.empty:
            applied.position = after(booking.plan)
    return applied


@given(bookings(), st.integers(1, 8))
def test_no_fill_is_lost_and_none_counts_twice(
    given_: tuple[LivePosition, list[Ordered]], at_most: int
) -> None:
    """
    Every fill is taken, refused with a reason, or left for the key's next holder: exactly one of these.
    """
    position, ordered = given_
    applied = apply(position, ordered, at_most=at_most)

    parts = [*applied.taken, *applied.refused, *applied.left]
    assert sorted(one.trade_id for one, _ in ordered) == sorted(one.trade_id for one in parts)


@given(bookings(), st.integers(1, 8))
def test_what_is_held_is_the_sum_of_its_fills(
    given_: tuple[LivePosition, list[Ordered]], at_most: int
) -> None:
    """
    Entered less exited is what the fills amount to, to the last digit, and so is each order's.
    """
    position, ordered = given_
    applied = apply(position, ordered, at_most=at_most)
    entries = [one for one in applied.taken if one.side is position.side.entered_by]
    exits = [one for one in applied.taken if one.side is position.side.left_by]
    exact = Context(prec=200)
    with localcontext(exact):
        entered = sum((one.quantity for one in entries), Decimal(0))
        exited = sum((one.quantity for one in exits), Decimal(0))
        cost = sum((one.quantity * one.price for one in entries), Decimal(0))
        earned = sum((one.quantity * one.price for one in exits), Decimal(0))
        if isinstance(position, PersistedPosition):
            entered += position.entered_quantity
            cost += position.entered_cost

    now = applied.position
    if isinstance(now, PersistedPosition):
        assert (entered, exited) == (now.entered_quantity, now.exited_quantity)
        assert exact.subtract(entered, exited) == now.quantity > 0
        assert (cost, earned) == (now.entered_cost, now.exited_cost)
    elif isinstance(now, ClosedPosition):
        assert entered == exited == now.entered_quantity
        assert (cost, earned) == (now.entered_cost, now.exited_cost)
    else:
        assert not applied.taken
    for before, one in zip(position.orders, now.orders, strict=True):
        with localcontext(exact):
            mine = sum(
                (
                    told.quantity
                    for told, ordinal in ordered
                    if ordinal == one.ordinal and told in applied.taken
                ),
                before.filled,
            )
        assert mine == one.filled


@given(bookings(), st.integers(1, 8), st.integers(1, 8))
def test_how_fills_are_cut_into_batches_does_not_matter(
    given_: tuple[LivePosition, list[Ordered]], one: int, other: int
) -> None:
    """
    One by one or all at once, the position, its orders and what was refused are the same.
    """
    position, ordered = given_
    first, second = apply(position, ordered, at_most=one), apply(position, ordered, at_most=other)

    assert first.sums() == second.sums()
    assert (first.taken, first.refused, first.left) == (second.taken, second.refused, second.left)


@given(bookings())
def test_an_order_filled_in_full_is_filled(given_: tuple[LivePosition, list[Ordered]]) -> None:
    """
    Whatever it was believed to be; and no fill leaves an order abandoned, rejected or in doubt.
    """
    position, ordered = given_
    applied = apply(position, ordered, at_most=8)
    touched = {ordinal for one, ordinal in ordered if ordinal is not None and one in applied.taken}

    for ordinal in touched:
        made = applied.position.orders[ordinal]
        assert made.status in {WORKING, FILLED, CANCELED, EXPIRED}
        assert made.filled < made.quantity or made.status is FILLED


sites = st.builds(fill, st.sampled_from(OrderSide), st.just("1"), leg=st.sampled_from([None, *Leg]))


@given(
    sites,
    st.none()
    | st.sampled_from([pending(WORKING), pending(REJECTED), persisted(), closed(), closed(key=LONG_LEG)]),
    st.lists(
        st.sampled_from([at(KEY), LONG, SHORT, at(CROSS), at(ISOLATED, OTHER_REF)]), unique=True, max_size=3
    ),
)
def test_every_fill_has_somewhere_to_go(
    one: Fill, ordered_by: Position | None, holders: list[LivePosition]
) -> None:
    """
    Whatever is held and whoever ordered it, there is an answer; it names a live position, or a free key.
    """
    found = find_owner(one, ordered_by=ordered_by, ordinal=None if ordered_by is None else 0, holders=holders)

    if isinstance(found, Owner):
        assert found.position in [*holders, ordered_by]
    elif isinstance(found, Opens):
        assert found.key not in {holder.key for holder in holders}
        booking = opened_by([one], ref=REF, opens=found, at=AT)
        assert (one,) == tuple(stored.fill for stored in booking.plan.fills)
    else:
        assert found.reason
