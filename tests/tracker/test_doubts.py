"""
Orders in doubt are settled by evidence alone.
"""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

import pytest
from typing_extensions import override

from poslife import (
    InDoubt,
    OrderSide,
    OrderStatus,
    PersistedPosition,
    PositionStatus,
    Side,
    VenueOrderId,
    Working,
)
from poslife._domain.venue_answers import (
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
)
from poslife.errors import (
    KeyInDoubt,
)
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from tests.tracker.crashed import Bot, crashed, order_seen, while_time_passes
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    ToldVenue,
    answer,
    fail,
    fill,
    open_long,
    tracking,
)


@pytest.mark.parametrize("at", ["submitting", "in doubt"])
async def test_without_a_source_it_stays_in_doubt(clock: ManualClock, at: str) -> None:
    """
    Nobody was asked, so nothing is known; the key takes no new entry.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at=at)
    bot = Bot(store, clock)
    tracker = await bot.start()
    recovery = await tracker.recover()

    assert [ref] == [doubt.position.ref for doubt in recovery.still_in_doubt]
    assert "no source" in recovery.still_in_doubt[0].reasons[0]
    with pytest.raises(KeyInDoubt):
        await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1))
    assert [ref] == [position.ref async for position in tracker.in_doubt()]
    await bot.stop()


@pytest.mark.parametrize("at", ["submitting", "in doubt", "working"])
async def test_an_order_that_was_filled_is_found(clock: ManualClock, at: str) -> None:
    """
    The order is at the venue, with its fills: the position is opened by them.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at=at)
    bot = Bot(store, clock)
    tracker = await bot.start()
    order = (await tracker.get(ref)).orders[0]
    venue = ToldVenue(clock)
    venue.orders[order.client_order_id] = order_seen(clock, filled="100", status=OrderStatus.FILLED)
    venue.executed = [
        fill(OrderSide.BUY, "100", "2", order="v", client_order_id=str(order.client_order_id), trade_id="t")
    ]
    recovery = await while_time_passes(clock, tracker.recover(venue))
    position = await tracker.get(ref)

    assert isinstance(position, PersistedPosition)
    assert Decimal(2) == position.entry_price
    assert OrderStatus.FILLED is position.orders[0].status
    assert () == recovery.still_in_doubt
    await bot.stop()


async def test_a_fill_that_is_shown_late_is_waited_for(clock: ManualClock) -> None:
    """
    The venue says filled and shows the fill four seconds later: the position is booked from the fill.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bot = Bot(store, clock)
    tracker = await bot.start()
    order = (await tracker.get(ref)).orders[0]
    venue = ToldVenue(clock)
    venue.orders[order.client_order_id] = order_seen(clock, filled="100", status=OrderStatus.FILLED)
    recovering = asyncio.create_task(tracker.recover(venue))
    await clock.elapse(4)
    assert not recovering.done()
    venue.executed = [
        fill(OrderSide.BUY, "100", "2", order="v", client_order_id=str(order.client_order_id), trade_id="t")
    ]
    await while_time_passes(clock, recovering)

    assert PositionStatus.OPEN is (await tracker.get(ref)).status
    await bot.stop()


async def test_fills_that_the_venue_says_and_does_not_show_are_told(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """
    An order said to be filled whose fills are not shown is logged as a warning.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with opening:
                await opening.submit(fail(TimeoutError()))
        venue = ToldVenue(clock)
        venue.orders[opening.client_order_id] = OrderSeen(
            venue_order_id=VenueOrderId("v1"),
            client_order_id=opening.client_order_id,
            status=OrderStatus.FILLED,
            side=OrderSide.BUY,
            quantity=HUNDRED,
            filled=HUNDRED,
            at=clock.now(),
        )
        with caplog.at_level(logging.WARNING, "poslife.tracker"):
            await while_time_passes(clock, tracker.recover(venue))

        assert "does not show fills for 100" in caplog.text


async def test_an_order_canceled_with_a_partial_fill(clock: ManualClock) -> None:
    """
    What was filled before the cancellation is held.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bot = Bot(store, clock)
    tracker = await bot.start()
    order = (await tracker.get(ref)).orders[0]
    venue = ToldVenue(clock)
    venue.orders[order.client_order_id] = order_seen(clock, filled="30", status=OrderStatus.CANCELED)
    venue.executed = [
        fill(OrderSide.BUY, "30", "2", order="v", client_order_id=str(order.client_order_id), trade_id="t")
    ]
    await while_time_passes(clock, tracker.recover(venue))
    position = await tracker.get(ref)

    assert isinstance(position, PersistedPosition)
    assert Decimal(30) == position.quantity
    assert OrderStatus.CANCELED is position.orders[0].status
    await bot.stop()


async def test_an_outcome_in_doubt_is_settled_in_the_same_run(clock: ManualClock) -> None:
    """
    A time-out whose order was filled: in doubt first, found by recover, and held.
    """
    store = MemoryStore(clock=clock)
    bot = Bot(store, clock)
    tracker = await bot.start()
    await tracker.recover()
    venue = ToldVenue(clock)
    opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(100))

    async def filled_and_lost() -> None:
        venue.orders[opening.client_order_id] = order_seen(clock, filled="100", status=OrderStatus.FILLED)
        venue.executed = [
            fill(
                OrderSide.BUY,
                "100",
                "2",
                order="v",
                client_order_id=str(opening.client_order_id),
                trade_id="t",
            )
        ]
        raise TimeoutError

    with pytest.raises(TimeoutError):
        async with opening:
            await opening.submit(filled_and_lost())
    assert isinstance(opening.outcome, InDoubt)
    recovery = await while_time_passes(clock, tracker.recover(venue))

    assert [opening.ref] == [position.ref for position in recovery.settled]
    assert PositionStatus.OPEN is (await tracker.get(opening.ref)).status
    await bot.stop()


async def test_a_working_order_that_is_shown_no_more_has_its_fills_asked_for(clock: ManualClock) -> None:
    """
    Venues forget orders sooner than trades.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        async with opening:
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId("v1"))
        assert isinstance(opening.outcome, Working)
    venue = ToldVenue(clock)
    venue.executed.append(
        fill(OrderSide.BUY, "100", "1", client_order_id=opening.client_order_id, order="v1")
    )
    async with tracking(store, clock=clock, recovered=False) as tracker:
        await while_time_passes(clock, tracker.recover(venue))
        held = await tracker.get(opening.ref)
        assert isinstance(held, PersistedPosition)
        assert OrderStatus.FILLED is held.orders[0].status


async def test_an_order_settled_while_it_is_looked_up_is_left_alone(clock: ManualClock) -> None:
    """
    The stream brings its fills between two look-ups: nothing is left to find out.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = open_long(tracker)
        with pytest.raises(TimeoutError):
            async with opening:
                await opening.submit(fail(TimeoutError()))

        class Overtaken(ToldVenue):
            @override
            async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
                if not self.lookups:
                    name = opening.client_order_id
                    await tracker.apply_fills(fill(OrderSide.BUY, "100", "1", client_order_id=name))
                return await super().find_order(query)

        venue = Overtaken(clock)
        recovery = await while_time_passes(clock, tracker.recover(venue))

        assert [opening.ref] == [position.ref for position in recovery.settled]
        assert 1 == venue.lookups


async def test_a_working_order_that_the_venue_no_longer_shows_stays_working(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It was acknowledged: not seeing it, nor fills of it, is a warning and no proof.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="working")
    async with tracking(store, clock=clock, recovered=False) as tracker:
        recovery = await while_time_passes(clock, tracker.recover(ToldVenue(clock)))

        assert () == recovery.still_in_doubt
        assert OrderStatus.WORKING is (await tracker.get(ref)).orders[0].status
        assert "the venue does not show the order any more, nor fills of it" in caplog.text
