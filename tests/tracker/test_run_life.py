"""
A run lives while its lease is renewed; what has run out stays lost.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from typing_extensions import override

from poslife import (
    PersistedPosition,
    PositionTracker,
    RunId,
    Side,
    Symbol,
    Timings,
    VenueOrderId,
)
from poslife._tracker.manifest import Manifest
from poslife._tracker.run_life import RunLife
from poslife.errors import (
    RunLost,
    StorageUnavailable,
)
from poslife.memory import MemoryStore
from poslife.protocols import Run
from poslife.testing.clock import ManualClock
from tests.tracker.crashed import TIMINGS, Bot
from tests.tracker.scenes import (
    KEY,
    bought,
    opened,
    tracking,
)


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


async def test_an_adapters_bug_does_not_end_the_renewal_of_the_lease() -> None:
    """
    It is recorded as an error, and the lease is renewed again.
    """

    class Odd(MemoryStore):
        renewals = 0

        @override
        async def renew_run(self, run: RunId, lease: float, /) -> Run:
            self.renewals += 1
            if self.renewals == 2:
                raise RuntimeError("an adapter's bug")
            return await super().renew_run(run, lease)

    store = Odd()
    async with tracking(store, timings=Timings(lease=0.03, shutdown=1)) as tracker:
        await asyncio.sleep(0.06)

        assert store.renewals > 2
        await tracker.flush(1)

        assert "run.renewal_failed" in {event.header.type for event in store.recorded_events()}


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


async def test_two_recoveries_after_a_lost_lease_begin_one_run() -> None:
    """
    The other one finds the new run, and openings are possible.
    """

    class Slow(MemoryStore):
        @override
        async def renew_run(self, run: RunId, lease: float, /) -> Run:
            await asyncio.sleep(0)
            return await super().renew_run(run, lease)

    store = Slow()
    async with tracking(store) as tracker:
        first = tracker.run
        await store.end_run(first)
        await asyncio.gather(tracker.recover(), tracker.recover())
        runs = (await store.list_runs()).items

        assert [tracker.run] == [run.id for run in runs if not run.ended]
        await opened(tracker)


async def test_a_store_that_is_away_is_asked_to_renew_again(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A renewal that fails is logged, and the next one is made in time.
    """

    class Blinking(MemoryStore):
        renewals = 0

        @override
        async def renew_run(self, run: RunId, lease: float, /) -> Run:
            self.renewals += 1
            if self.renewals == 2:
                raise StorageUnavailable("a blink")
            return await super().renew_run(run, lease)

    store = Blinking(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        await clock.elapse(20)

        assert "could not be renewed: " in caplog.text
        assert [tracker.run] == [run.id for run in (await store.list_runs()).items if not run.ended]


async def test_a_renewal_that_a_recovery_overtakes_loses_nothing(clock: ManualClock) -> None:
    """
    That the former run is lost is no news once a recovery has started another.
    """

    class Overtaken(MemoryStore):
        tracker: PositionTracker | None = None

        @override
        async def renew_run(self, run: RunId, lease: float, /) -> Run:
            if self.tracker is not None and run == self.tracker.run:
                tracker, self.tracker = self.tracker, None
                await self.end_run(run)
                await tracker.recover()
            return await super().renew_run(run, lease)

    store = Overtaken(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        store.tracker = tracker
        await clock.elapse(10)
        await tracker.flush(1)

        assert "run.lost" not in {event.header.type for event in store.recorded_events()}
        assert [tracker.run] == [run.id for run in (await store.list_runs()).items if not run.ended]


async def test_a_run_that_cannot_be_ended_is_left_to_its_lease(caplog: pytest.LogCaptureFixture) -> None:
    """
    A store that is away when the tracker stops costs a warning.
    """

    class Away(MemoryStore):
        @override
        async def end_run(self, run: RunId, /) -> None:
            raise StorageUnavailable("gone")

    async with tracking(Away()) as tracker:
        pass

    assert f"run {tracker.run} could not be ended, its lease will run out" in caplog.text


def test_a_child_of_a_fork_is_another_run(clock: ManualClock) -> None:
    """
    It has an id of its own, under which it records.
    """

    def record(*_: object, **__: object) -> None:
        pytest.fail("nothing becomes of this run")

    manifest = Manifest(host_version=None, configuration=None, timings=TIMINGS, client_order_ids={})
    life = RunLife(MemoryStore(), clock=clock, lease=30, manifest=manifest, record=record)
    before = life.id
    life.reset_after_fork()

    assert before != life.id
