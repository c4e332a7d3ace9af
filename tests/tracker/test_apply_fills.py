"""
No fill is refused, dropped or booked twice, whenever and from wherever it comes.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from typing_extensions import override

from poslife import (
    ClosedPosition,
    CloseReason,
    OrderSide,
    OrderStatus,
    Origin,
    PendingPosition,
    PersistedPosition,
    PositionRef,
    PositionStatus,
    Severity,
    Side,
    Symbol,
    VenueOrderId,
)
from poslife._domain.changes import Change, Committed
from poslife._domain.events import FillConflicted
from poslife.errors import (
    InvalidValue,
    StaleVersion,
    StorageUnavailable,
)
from poslife.memory import MemoryStore
from poslife.protocols import OwnerCandidates, OwnerQuery
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    UnreliableStore,
    answer,
    bought,
    fill,
    open_long,
    opened,
    sold,
    tracking,
    working,
)


async def test_partial_fills_add_up() -> None:
    """
    Each partial fill increases the position, and the average entry is that of all of them.
    """
    async with tracking(MemoryStore()) as tracker:
        await working(tracker)
        await tracker.apply_fills(bought("10", "1", order="entry"))
        applied = await tracker.apply_fills(bought("30", "2", order="entry"))
        position = applied.positions[0]

        assert isinstance(position, PersistedPosition)
        assert Decimal(40) == position.quantity
        assert Decimal("1.75") == position.entry_price
        assert OrderStatus.WORKING is position.orders[0].status
        assert Origin.OWN is position.origin


async def test_the_same_fill_again_changes_nothing() -> None:
    """
    A fill heard of twice, from a stream and from a look-up, is booked once (feature 17).
    """
    async with tracking(MemoryStore()) as tracker:
        await working(tracker)
        one = bought("10", order="entry")
        await tracker.apply_fills(one)
        applied = await tracker.apply_fills(one, one)

        assert (2, ()) == (applied.repeated, applied.positions)
        held = await tracker.find_live(KEY)
        assert isinstance(held, PersistedPosition)
        assert Decimal(10) == held.quantity


async def test_the_same_fill_twice_in_one_call() -> None:
    """
    Repeated within one call, too.
    """
    async with tracking(MemoryStore()) as tracker:
        await working(tracker)
        one = bought("10", order="entry")
        applied = await tracker.apply_fills(one, one)

        assert 1 == applied.repeated
        held = await tracker.find_live(KEY)
        assert isinstance(held, PersistedPosition)
        assert Decimal(10) == held.quantity


async def test_the_same_fill_with_other_numbers_is_a_conflict() -> None:
    """
    The stored numbers stand, and an event of severity ERROR says so.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        await working(tracker)
        await tracker.apply_fills(bought("10", "1", order="entry", trade_id="t"))
        await tracker.apply_fills(bought("11", "1", order="entry", trade_id="t"))
        (event,) = store.commits[-1].events

        assert isinstance(event.body, FillConflicted)
        assert Severity.ERROR is event.header.severity
        held = await tracker.find_live(KEY)
        assert isinstance(held, PersistedPosition)
        assert Decimal(10) == held.quantity


async def test_a_conflict_is_told_once_however_often_it_is_seen() -> None:
    """
    The same other numbers are an event once, and the stored ones stand.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        held = await opened(tracker)
        await tracker.apply_fills(bought("1", trade_id="t"))
        commits = len(store.commits)
        for _ in range(3):
            applied = await tracker.apply_fills(bought("2", trade_id="t"))

            assert 1 == applied.repeated
        assert len(store.commits) == commits + 1
        after = await tracker.get(held.ref)
        assert isinstance(after, PersistedPosition)
        assert 101 == after.quantity


async def test_a_fill_before_the_acknowledgement_by_client_order_id() -> None:
    """
    A stream is faster than the reply: the fill finds its order by our name for it (incident 14).
    """
    async with tracking(MemoryStore()) as tracker:
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(100))):
            await opening.submit(answer())
            early = fill(
                OrderSide.BUY, "100", "1", order="entry", client_order_id=str(opening.client_order_id)
            )
            await tracker.apply_fills(early)
            held = await opening.acknowledged(VenueOrderId("entry"), early)

        assert isinstance(held, PersistedPosition)
        assert OrderStatus.FILLED is held.orders[0].status
        assert Decimal(100) == held.quantity


async def test_a_fill_before_the_acknowledgement_by_venue_order_id() -> None:
    """
    A fill that names only the venue's order goes to the key's holder, and to the order once that is
    acknowledged.
    """
    async with tracking(MemoryStore()) as tracker:
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(100))):
            await opening.submit(answer())
            await tracker.apply_fills(bought("100", order="entry"))
            held = await opening.acknowledged(VenueOrderId("entry"))

        assert isinstance(held, PersistedPosition)
        assert Decimal(100) == held.quantity
        assert Decimal(100) == held.orders[0].filled
        assert OrderStatus.FILLED is held.orders[0].status


async def test_a_late_fill_after_cancellation_opens() -> None:
    """
    The order was canceled and its position had ended; a late fill opens it all the same (feature 15).
    """
    async with tracking(MemoryStore()) as tracker:
        _, ref = await working(tracker)
        ended = await tracker.steps.canceled(ref)
        assert PositionStatus.ENDED is ended.status
        applied = await tracker.apply_fills(bought("5", order="entry"))

        assert ref == applied.positions[0].ref
        assert PositionStatus.OPEN is applied.positions[0].status
        assert OrderStatus.CANCELED is applied.positions[0].orders[0].status


async def test_a_late_fill_after_a_rejection_believed_in() -> None:
    """
    A fill proves that a rejection was none: presence is evidence (incidents 14, 15).
    """
    async with tracking(MemoryStore()) as tracker:
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(100))):
            await opening.submit(answer())
            await opening.rejected("so the bot believed")
        applied = await tracker.apply_fills(
            fill(OrderSide.BUY, "100", "1", order="v", client_order_id=str(opening.client_order_id))
        )

        assert opening.ref == applied.positions[0].ref
        assert OrderStatus.FILLED is applied.positions[0].orders[0].status


async def test_closed_by_a_fill_nobody_ordered() -> None:
    """
    A position closed by hand at the venue is closed, and says that it was not by us.
    """
    async with tracking(MemoryStore()) as tracker:
        await opened(tracker)
        applied = await tracker.apply_fills(sold("100", order="by-hand"), bought("1", order="by-hand"))

        closed, adopted = applied.positions

        assert isinstance(closed, ClosedPosition)
        assert CloseReason.EXTERNAL is closed.reason
        assert isinstance(adopted, PersistedPosition)
        assert Origin.ADOPTED is adopted.origin


async def test_lost_replies_do_not_book_twice() -> None:
    """
    The reply to the commit of a fill is lost; repeating finds it done.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        await working(tracker)
        store.lose_replies = 3
        applied = await tracker.apply_fills(bought("10", order="entry"))

        held = await tracker.find_live(KEY)
        assert applied.positions[0] == held
        assert isinstance(held, PersistedPosition)
        assert Decimal(10) == held.quantity


async def test_what_is_no_fill_is_refused_before_anything_is_written() -> None:
    """
    Bad input is refused whole.
    """
    async with tracking(MemoryStore()) as tracker:
        await working(tracker)
        with pytest.raises(InvalidValue):
            await tracker.apply_fills(bought("1", order="entry"), {"amount": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        held = await tracker.find_live(KEY)
        assert PositionStatus.PENDING is getattr(held, "status", None)


async def test_a_fill_of_another_symbol_is_refused_before_anything_is_written() -> None:
    """
    A fill handed to the wrong order is the host's mistake, and is said so.
    """
    async with tracking(MemoryStore()) as tracker, open_long(tracker) as opening:
        await opening.submit(answer())
        with pytest.raises(InvalidValue, match="a fill of"):
            await opening.acknowledged(None, replace(bought("1"), symbol=Symbol("BTCUSDT")))
        held = await opening.acknowledged(None)

        assert isinstance(held, PendingPosition)


@pytest.mark.parametrize("ordinal", [-1, 1, True])
async def test_a_fill_of_an_order_that_is_not_there(ordinal: int) -> None:
    """
    An ordinal that the position has not is refused before anything is written.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        held = await opened(tracker)
        commits = len(store.commits)
        with pytest.raises(InvalidValue, match="ordinal"):
            await tracker.steps.apply_fills(bought("1"), order=(held.ref, ordinal))

        assert len(store.commits) == commits


async def test_a_store_that_blinks_while_fills_are_looked_up_is_asked_again() -> None:
    """
    A question that the store does not answer is repeated, as a commit is.
    """

    class Blinking(MemoryStore):
        blinks = 0

        @override
        async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
            self.blinks += 1
            if self.blinks % 2:
                raise StorageUnavailable("a blink")
            return await super().candidates_for(query)

    async with tracking(Blinking()) as tracker:
        applied = await tracker.apply_fills(bought("1"), bought("2"))

        assert [PositionStatus.OPEN] == [position.status for position in applied.positions]


async def test_fills_of_a_closed_position_are_looked_at_one_by_one() -> None:
    """
    A position that is closed takes nothing: its order's late fills go where the others would.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        await tracker.apply_fills(sold("100"))
        applied = await tracker.steps.apply_fills(bought("1", order="entry"), order=(held.ref, 0))

        assert [Origin.OWN] == [
            position.origin for position in applied.positions if isinstance(position, PersistedPosition)
        ]
        assert (await tracker.get(held.ref)).status is PositionStatus.CLOSED


async def test_a_position_that_always_moves_is_given_up() -> None:
    """
    Whatever overtakes every try is raised in the end, and the same fills can be applied again.
    """

    class Moving(MemoryStore):
        tries = 0
        moves = True

        @override
        async def commit(self, change: Change, /) -> Committed:
            if self.moves and change.fills:
                self.tries += 1
                raise StaleVersion(PositionRef(UUID(int=1)), 1, 2)
            return await super().commit(change)

    async with tracking(store := Moving()) as tracker:
        one = bought("1")
        with pytest.raises(StaleVersion):
            await tracker.apply_fills(one)
        store.moves = False

        assert 51 == store.tries
        assert 1 == len((await tracker.apply_fills(one)).positions)


async def test_an_acknowledgement_may_repeat_a_fill() -> None:
    """
    The same fill twice in one acknowledgement is booked once.
    """
    async with tracking(MemoryStore()) as tracker:
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)):
            await opening.submit(answer())
            one = bought("40", order="v")
            held = await opening.acknowledged(VenueOrderId("v"), one, one)

        assert isinstance(held, PersistedPosition)
        assert (Decimal(40), Decimal(40)) == (held.quantity, held.orders[0].filled)


async def test_an_acknowledged_exit_may_be_filled_beyond_zero() -> None:
    """
    The fill that the position cannot take is unclaimed, the others close it.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        async with (closing := tracker.closing(held)):
            await closing.submit(answer())
            await tracker.steps.acknowledged(held.ref, 1, venue_order_id=VenueOrderId("x"))
            after = await closing.acknowledged(
                VenueOrderId("x"), sold("150", order="x"), sold("100", order="x")
            )

        assert isinstance(after, ClosedPosition)
        assert [Decimal(150)] == [stored.fill.quantity async for stored in tracker.unclaimed()]


async def test_both_sides_of_one_match_are_booked() -> None:
    """
    Two orders of one account met: one trade id, two fills, each on its order, each once.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        held = await opened(tracker)
        async with (leaving := tracker.closing(held)):
            await leaving.submit(answer())
            await leaving.acknowledged(VenueOrderId("exit"), sold("10", order="exit", trade_id="match"))
        applied = await tracker.apply_fills(bought("10", order="entry", trade_id="match"))
        again = await tracker.apply_fills(
            sold("10", order="exit", trade_id="match"), bought("10", order="entry", trade_id="match")
        )
        now = await tracker.find_live(KEY)

    assert (0, 2) == (applied.repeated, again.repeated)
    assert isinstance(now, PersistedPosition)
    assert (Decimal(110), Decimal(10)) == (now.entered_quantity, now.exited_quantity)


@pytest.mark.parametrize("order", ["entry", None], ids=str)
async def test_the_same_trade_with_the_other_side_is_a_conflict(order: str | None) -> None:
    """
    An order has one side: the stored one stands, and nothing is booked a second time.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        held = await opened(tracker)
        await tracker.apply_fills(bought("10", order=order, trade_id="t"))
        applied = await tracker.apply_fills(sold("10", order=order, trade_id="t"))
        (event,) = store.commits[-1].events
        now = await tracker.get(held.ref)

    assert (1, ()) == (applied.repeated, applied.positions)
    assert isinstance(event.body, FillConflicted)
    assert (OrderSide.BUY, OrderSide.SELL) == (event.body.stored_side, event.body.seen_side)
    assert isinstance(now, PersistedPosition)
    assert Decimal(0) == now.exited_quantity
