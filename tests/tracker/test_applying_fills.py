"""
No fill is refused, dropped or booked twice, whenever and from wherever it comes.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from poslife import (
    ClientOrderId,
    ClosedPosition,
    CloseReason,
    Leg,
    OrderSide,
    OrderStatus,
    Origin,
    PersistedPosition,
    PositionRef,
    PositionStatus,
    PositionTracker,
    Severity,
    Side,
    Symbol,
    Venue,
    VenueOrderId,
)
from poslife._domain.events import FillConflicted
from poslife.errors import InvalidValue
from poslife.memory import MemoryStore
from tests.tracker.scenes import KEY, UnreliableStore, answer, bought, fill, sold, tracking
from tests.tracker.test_closing import opened


async def working(tracker: PositionTracker, quantity: str = "100") -> tuple[ClientOrderId, PositionRef]:
    async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(quantity))):
        await opening.submit(answer())
        await opening.acknowledged(VenueOrderId("entry"))
    return opening.client_order_id, opening.ref


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


async def test_a_late_fill_while_another_position_holds_the_key() -> None:
    """
    It goes to the key's live holder, with its own order id kept.
    """
    async with tracking(MemoryStore()) as tracker:
        _, ref = await working(tracker)
        await tracker.steps.canceled(ref)
        async with (second := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(50))):
            await second.submit(answer())
            await second.acknowledged(VenueOrderId("second"), bought("50", order="second"))
        applied = await tracker.apply_fills(bought("5", order="entry"))
        stored = [one async for one in tracker.fills(second.ref)]

        assert second.ref == applied.positions[0].ref
        assert [Decimal(50), Decimal(5)] == [one.fill.quantity for one in stored]
        assert "entry" == stored[1].fill.venue_order_id
        assert stored[1].ordinal is None


async def test_a_fill_nobody_ordered_opens_an_adopted_position() -> None:
    """
    A fill of an order that is not ours opens a position, marked as adopted and unconfirmed (incidents 15,
    58).
    """
    async with tracking(MemoryStore()) as tracker:
        applied = await tracker.apply_fills(bought("7", order="by-hand"), bought("3", order="by-hand"))
        position = applied.positions[0]

        assert isinstance(position, PersistedPosition)
        assert Origin.ADOPTED is position.origin
        assert Decimal(10) == position.quantity
        assert () == position.orders


async def test_a_fill_through_zero_is_unclaimed() -> None:
    """
    What a position cannot take is stored with the reason, with severity ERROR, and never lost.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        held = await opened(tracker)
        applied = await tracker.apply_fills(sold("150", order="by-hand"))
        unclaimed = [one async for one in tracker.unclaimed()]

        assert list(applied.unclaimed) == unclaimed
        assert "through zero" in str(unclaimed[0].unclaimed_because)
        assert Severity.ERROR is store.commits[-1].events[0].header.severity
        assert held == await tracker.get(held.ref)


async def test_a_late_fill_of_an_exit_is_unclaimed() -> None:
    """
    A reduce-only order cannot open a position.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        async with (closing := tracker.closing(held)):
            await closing.submit(answer())
            await closing.acknowledged(VenueOrderId("exit"), sold("100", order="exit"))
        applied = await tracker.apply_fills(sold("1", order="exit"))

        assert 1 == len(applied.unclaimed)
        assert await tracker.find_live(KEY) is None


async def test_hedge_mode_legs_do_not_meet() -> None:
    """
    Two legs of one symbol are two positions; a fill that does not say its leg is unclaimed.
    """
    async with tracking(MemoryStore()) as tracker:
        for leg, side in ((Leg.LONG, Side.LONG), (Leg.SHORT, Side.SHORT)):
            async with (opening := tracker.opening(replace(KEY, leg=leg), side=side, quantity=Decimal(10))):
                await opening.submit(answer())
                await opening.acknowledged(VenueOrderId(leg.value))
        await tracker.apply_fills(bought("10", order="long"), sold("10", order="short"))
        unsaid = await tracker.apply_fills(bought("1", order="by-hand"))
        said = await tracker.apply_fills(replace(bought("4", order="by-hand"), leg=Leg.SHORT))

        assert 1 == len(unsaid.unclaimed)
        assert Leg.SHORT is said.positions[0].key.leg
        assert 2 == len([position async for position in tracker.live()])


async def test_one_symbol_on_two_venues_is_two_positions() -> None:
    """
    The key is venue, account and symbol: no venue overwrites another's position (incident 38).
    """
    async with tracking(MemoryStore()) as tracker:
        await opened(tracker)
        elsewhere = replace(bought("3"), venue=Venue("binance"))
        applied = await tracker.apply_fills(elsewhere)

        assert Venue("binance") == applied.positions[0].key.venue
        assert 2 == len([position async for position in tracker.live()])
        assert Symbol("DBR/USDT:USDT") == applied.positions[0].key.symbol


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
