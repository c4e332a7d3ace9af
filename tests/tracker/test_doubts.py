"""
Orders in doubt are settled by evidence alone.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal

import pytest
from typing_extensions import override

from poslife import (
    InDoubt,
    OrderSide,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    PositionStatus,
    Side,
    Symbol,
    VenueOrderId,
    Working,
)
from poslife._domain.events import OrderAbandoned
from poslife._domain.venue_answers import OrderSeen, Snapshot, SnapshotScope, VenuePosition
from poslife.errors import (
    KeyInDoubt,
    VenueUnavailable,
)
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from tests.tracker.crashed import TIMINGS, Bot, crashed, order_seen, while_time_passes
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    ToldVenue,
    answer,
    bought,
    fail,
    fill,
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


async def test_an_order_that_never_existed_is_proven_absent(clock: ManualClock) -> None:
    """
    Not seen twice after it could no longer arrive, no foreign trade, nothing held: abandoned, with the proof
    stored.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bot = Bot(store, clock)
    tracker = await bot.start()
    venue = ToldVenue(clock)
    recovery = await while_time_passes(clock, tracker.recover(venue))
    events = [event async for event in tracker.history(ref)]
    proof = events[-2].body

    assert [ref] == [position.ref for position in recovery.settled]
    assert venue.lookups >= TIMINGS.lookups
    assert await tracker.find_live(KEY) is None
    assert isinstance(proof, OrderAbandoned)
    assert proof.reason.startswith("proven absent")
    await bot.stop()


async def test_absence_waits_until_the_request_can_no_longer_arrive(clock: ManualClock) -> None:
    """
    Within this run's own window a look-up that finds nothing proves nothing.
    """
    store = MemoryStore(clock=clock)
    bot = Bot(store, clock)
    tracker = await bot.start()
    await tracker.recover()
    position = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(100))
    await tracker.steps.submitting(position.ref)
    await tracker.steps.doubted(position.ref, reason="no answer")
    recovering = asyncio.create_task(tracker.recover(ToldVenue(clock)))
    await clock.elapse(TIMINGS.quiet - 1)
    assert not recovering.done()
    assert OrderStatus.IN_DOUBT is (await tracker.get(position.ref)).orders[0].status
    await while_time_passes(clock, recovering)

    assert OrderStatus.ABANDONED is (await tracker.get(position.ref)).orders[0].status
    await bot.stop()


@pytest.mark.parametrize(
    "flaw",
    ["foreign trade", "position there", "trades incomplete", "lookup not conclusive"],
)
async def test_absence_with_a_flaw_is_not_proven(clock: ManualClock, flaw: str) -> None:
    """
    One hint that the order may exist after all, and only an operator decides.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bot = Bot(store, clock)
    tracker = await bot.start()
    venue = ToldVenue(clock)
    if flaw == "foreign trade":
        venue.executed = [bought("1", order="unknown")]
    elif flaw == "position there":
        venue.held = VenuePosition(key=KEY, side=Side.LONG, quantity=Decimal(100))
    elif flaw == "trades incomplete":
        venue.shows_everything = False
    else:
        venue.conclusive = False
    recovery = await while_time_passes(clock, tracker.recover(venue))

    assert [ref] == [doubt.position.ref for doubt in recovery.still_in_doubt]
    assert 1 == len(recovery.still_in_doubt[0].reasons)
    await bot.stop()


async def test_a_fill_without_an_order_proves_no_absence(clock: ManualClock) -> None:
    """
    It may be of the very order that is looked for: stored is not the same as explained.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with opening:
                await opening.submit(fail(TimeoutError()))
        filled = bought("100", order="v9")
        await tracker.apply_fills(filled)
        venue = ToldVenue(clock)
        venue.executed.append(filled)
        venue.held = VenuePosition(key=KEY, side=Side.LONG, quantity=HUNDRED)
        recovery = await while_time_passes(clock, tracker.recover(venue))

        assert [0] == [doubt.order.ordinal for doubt in recovery.still_in_doubt]
        after = await tracker.get(opening.ref)

        assert OrderStatus.IN_DOUBT is after.orders[0].status


async def test_the_acknowledgement_overtakes_the_proof_of_absence(clock: ManualClock) -> None:
    """
    The look-ups did not see it; the host's own client did, at last.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with opening:
                await opening.submit(fail(TimeoutError()))

        class Overtaken(ToldVenue):
            @override
            async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
                await tracker.steps.acknowledged(opening.ref, venue_order_id=VenueOrderId("v1"))
                return await super().snapshot(scope)

        recovery = await while_time_passes(clock, tracker.recover(Overtaken(clock)))

        assert not recovery.still_in_doubt
        assert OrderStatus.WORKING is (await tracker.get(opening.ref)).orders[0].status


async def test_a_venue_that_cannot_be_asked_proves_nothing(clock: ManualClock) -> None:
    """
    A network error is not counted as not found: recover raises, the order stays in doubt (feature 42).
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bot = Bot(store, clock)
    tracker = await bot.start()
    venue = ToldVenue(clock)
    venue.unreachable = True
    with pytest.raises(VenueUnavailable):
        await tracker.recover(venue)

    assert OrderStatus.IN_DOUBT is (await tracker.get(ref)).orders[0].status
    other = replace(KEY, symbol=Symbol("BTC/USDT:USDT"))
    assert isinstance(await tracker.steps.claim(other, side=Side.LONG, quantity=Decimal(1)), PendingPosition)
    venue.unreachable = False
    await while_time_passes(clock, tracker.recover(venue))
    assert OrderStatus.ABANDONED is (await tracker.get(ref)).orders[0].status
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
