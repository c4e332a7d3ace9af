"""
After a crash: what ended runs left is taken over, and what is in doubt is settled by evidence alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import pytest

from poslife import (
    BatchingSink,
    InDoubt,
    OrderSide,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    PositionRef,
    PositionStatus,
    PositionTracker,
    Side,
    Symbol,
    Timings,
    VenueOrderId,
)
from poslife._domain.event_envelopes import Actor
from poslife._domain.events import OrderAbandoned
from poslife._domain.venue_answers import OrderSeen, VenuePosition
from poslife.errors import DuplicatePosition, KeyInDoubt, RunLost, VenueUnavailable
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from tests.tracker.scenes import KEY, ToldVenue, UnreliableStore, bought, fill, refuses

ResultT = TypeVar("ResultT")

TIMINGS = Timings(lease=30, fills_within=10, lookup_interval=1)


class Bot:
    """
    One process's life over a store: it can be killed, which leaves the store as it is.
    """

    def __init__(self, store: MemoryStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.tracker = PositionTracker(
            repository=store, sink=BatchingSink(store), classify=refuses, clock=clock, timings=TIMINGS
        )

    async def start(self) -> PositionTracker:
        await self.tracker.__aenter__()
        return self.tracker

    async def die(self) -> None:
        """
        What SIGKILL leaves: no farewell, and a lease that runs out.
        """
        for task in asyncio.all_tasks():
            if task.get_name().startswith("poslife"):
                task.cancel()
                await asyncio.wait((task,))
        self.clock.advance(TIMINGS.lease + 1)

    async def stop(self) -> None:
        await self.tracker.__aexit__(None, None, None)


async def while_time_passes(clock: ManualClock, work: Awaitable[ResultT]) -> ResultT:
    task = asyncio.ensure_future(work)
    for _ in range(400):
        if task.done():
            break
        await clock.elapse(0.5)
    return await task


async def crashed(store: MemoryStore, clock: ManualClock, *, at: str) -> PositionRef:
    """
    A run that ended with an order prepared, submitting, in doubt, or working.
    """
    bot = Bot(store, clock)
    tracker = await bot.start()
    await tracker.recover()
    position = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(100))
    if at != "prepared":
        await tracker.steps.submitting(position.ref)
    if at == "in doubt":
        await tracker.steps.doubted(position.ref, reason="no answer")
    if at == "working":
        await tracker.steps.acknowledged(position.ref, venue_order_id=VenueOrderId("v"))
    await bot.die()
    return position.ref


def order_seen(clock: ManualClock, *, filled: str, status: OrderStatus) -> OrderSeen:
    return OrderSeen(
        venue_order_id=VenueOrderId("v"),
        client_order_id=None,
        side=OrderSide.BUY,
        quantity=Decimal(100),
        filled=Decimal(filled),
        status=status,
        at=clock.now(),
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_prepared_order_of_an_ended_run_is_abandoned(clock: ManualClock) -> None:
    """
    It was never submitted: the key is free again, without asking anybody (incident 8).
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="prepared")
    bot = Bot(store, clock)
    tracker = await bot.start()
    recovery = await tracker.recover()

    assert [ref] == [position.ref for position in recovery.taken_over]
    assert OrderStatus.ABANDONED is (await tracker.get(ref)).orders[0].status
    assert await tracker.find_live(KEY) is None
    events = [event async for event in tracker.history(ref)]
    assert Actor.RECOVERY is events[-1].header.actor
    await bot.stop()


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


async def test_orders_of_a_living_run_are_left_alone(clock: ManualClock) -> None:
    """
    Several runs may share an account: a recovery touches what ended runs left, and nothing else (incident
    11).
    """
    store = MemoryStore(clock=clock)
    one, other = Bot(store, clock), Bot(store, clock)
    alive = await one.start()
    await alive.recover()
    position = await alive.steps.claim(KEY, side=Side.LONG, quantity=Decimal(100))
    await alive.steps.submitting(position.ref)
    newcomer = await other.start()
    recovery = await newcomer.recover(ToldVenue(clock))

    assert () == recovery.taken_over
    assert [alive.run] == [run.id for run in recovery.living_runs]
    assert OrderStatus.SUBMITTING is (await newcomer.get(position.ref)).orders[0].status
    with pytest.raises(DuplicatePosition):
        await newcomer.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1))
    await one.stop()
    await other.stop()


async def test_a_run_that_lost_its_lease_may_record_and_may_not_open(clock: ManualClock) -> None:
    """
    Its facts are still taken; a new opening is refused until it has recovered under a new run.
    """
    store = MemoryStore(clock=clock)
    bot = Bot(store, clock)
    tracker = await bot.start()
    await tracker.recover()
    run = tracker.run
    position = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(100))
    await tracker.steps.submitting(position.ref)
    await store.end_run(run)
    held = await tracker.steps.acknowledged(position.ref, 0, bought("100"), venue_order_id=VenueOrderId("v"))

    assert isinstance(held, PersistedPosition)
    other = replace(KEY, symbol=Symbol("BTC/USDT:USDT"))
    with pytest.raises(RunLost):
        await tracker.steps.claim(other, side=Side.LONG, quantity=Decimal(1))
    await tracker.recover()
    assert run != tracker.run
    await tracker.steps.claim(other, side=Side.LONG, quantity=Decimal(1))
    await bot.stop()


async def test_the_lease_is_renewed_while_the_tracker_lives(clock: ManualClock) -> None:
    """
    A living run keeps its lease for as long as it runs.
    """
    store = MemoryStore(clock=clock)
    bot = Bot(store, clock)
    tracker = await bot.start()
    await tracker.recover()
    await clock.elapse(10 * TIMINGS.lease)
    (run,) = (await store.list_runs()).items

    assert not run.ended
    assert run.lease_until > clock.now() + timedelta(seconds=TIMINGS.lease / 2)
    await bot.stop()
    assert () == (await store.list_runs()).items


async def test_a_lost_run_is_told_once_it_is_noticed(clock: ManualClock) -> None:
    """
    The renewal notices that the lease is gone and records it.
    """
    store = MemoryStore(clock=clock)
    bot = Bot(store, clock)
    tracker = await bot.start()
    await store.end_run(tracker.run)
    await clock.elapse(TIMINGS.lease)
    await tracker.flush(1)

    assert 1 == [event.header.type for event in store.recorded_events()].count("run.lost")
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


async def test_two_recoveries_at_once_take_over_once(clock: ManualClock) -> None:
    """
    Two processes restart after the same crash: each order is taken over by one of them.
    """
    store = UnreliableStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bots = [Bot(store, clock), Bot(store, clock)]
    trackers = [await bot.start() for bot in bots]
    await asyncio.gather(*(tracker.recover() for tracker in trackers))
    events = [event.header.type async for event in trackers[0].history(ref)]

    assert 1 == events.count("order.taken_over")
    assert 1 == events.count("order.in_doubt")
    for bot in bots:
        await bot.stop()
