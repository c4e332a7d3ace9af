"""
What holds of any fills booked on any position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from poslife import (
    ClosedPosition,
    Fill,
    Leg,
    LivePosition,
    MarginMode,
    OrderSide,
    OrderStatus,
    PersistedPosition,
    Position,
    Side,
)
from poslife._domain.booking import book
from tests.values import (
    KEY,
    exit_order,
    fill,
    later,
    order,
    pending,
    persisted,
    position_after,
)

PREPARED, SUBMITTING, WORKING, IN_DOUBT, FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED = OrderStatus
LONG_LEG, SHORT_LEG = replace(KEY, leg=Leg.LONG), replace(KEY, leg=Leg.SHORT)
CROSS, ISOLATED = (replace(KEY, margin_mode=mode) for mode in MarginMode)

Ordered = tuple[Fill, int | None]


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
            applied.position = position_after(booking.plan)
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
