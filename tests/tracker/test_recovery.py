"""
After a crash, the orders that ended runs left are taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path

import pytest

from poslife import (
    OrderSide,
    OrderStatus,
    Side,
    acting_as,
    causing,
    connect,
)
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import new_run_id
from poslife._runtime.process import this_run
from poslife.errors import DuplicatePosition
from poslife.events import Actor
from poslife.memory import MemoryStore
from poslife.protocols import NewRun
from poslife.testing.clock import ManualClock
from tests.tracker.crashed import Bot, crashed
from tests.tracker.scenes import (
    KEY,
    QUICK,
    ToldVenue,
    UnreliableStore,
    fail,
    fill,
    life_of,
    tracking,
)


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


async def test_what_recovery_settles_has_no_cause_but_itself(url: str, tmp_path: Path) -> None:
    """
    It is called while a signal is dealt with, and settles whatever there is: that is not the signal's doing,
    nor the operator's.
    """
    venue = ToldVenue(SystemClock())
    async with connect(url, journal=tmp_path / "events", timings=QUICK) as tracker:
        await tracker.recover()
        first, second = (tracker.record("signal.seen", None, {}) for _ in range(2))
        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
        with contextlib.suppress(TimeoutError), causing(first):
            async with opening:
                await opening.submit(fail(TimeoutError()))
        doubted = await life_of(tracker, opening.ref)
        venue.executed = [fill(OrderSide.BUY, "1", "1", order="v", client_order_id=opening.client_order_id)]
        with causing(second), acting_as(Actor.OPERATOR):
            await tracker.recover(venue)
        settled = (await life_of(tracker, opening.ref))[len(doubted) :]

    assert "position.opened" in [header.type for header in settled]
    assert {(None, None, Actor.RECOVERY)} == {
        (header.causation, header.correlation, header.actor) for header in settled
    }


async def test_a_run_whose_process_is_gone_is_ended_at_once(clock: ManualClock) -> None:
    """
    On the same machine a dead process is recognised: its orders are not left alone until its lease runs out.
    """
    store = MemoryStore(clock=clock)
    dead = NewRun(
        id=new_run_id(clock),
        machine=this_run(new_run_id(clock), 30).machine,
        pid=this_run(new_run_id(clock), 30).pid,
        process_started="before this process",
        lease=30,
    )
    await store.start_run(dead)
    async with tracking(store, clock=clock, recovered=False) as tracker:
        recovery = await tracker.recover()

        assert () == recovery.living_runs
        assert [tracker.run] == [run.id for run in (await store.list_runs()).items if not run.ended]
