"""
The tracker starts, records and stops, whatever its store and its host do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typing_extensions import override

from poslife import (
    Abandoned,
    BatchingSink,
    InDoubt,
    Opened,
    PendingPosition,
    PersistedPosition,
    PositionTracker,
    RunId,
    Side,
    Timings,
    VenueOrderId,
    causing,
    connect,
)
from poslife.errors import (
    BlockMisused,
    PositionNotFound,
    StorageUnavailable,
    TrackerNotStarted,
)
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    AT,
    HUNDRED,
    KEY,
    OTHER_KEY,
    Refused,
    UnreliableStore,
    answer,
    bought,
    open_long,
    opened,
    sold,
    tracking,
)


@asynccontextmanager
async def started(url: str, folder: Path) -> AsyncGenerator[PositionTracker]:
    tracker = connect(url, journal=folder / "events")
    async with tracker:
        await tracker.recover()
        yield tracker


async def test_a_tracker_that_is_not_started_records_and_does_nothing_else() -> None:
    """
    `record` works at any time; everything else says that the tracker is not started.
    """
    tracker = PositionTracker(repository=(store := MemoryStore()), sink=BatchingSink(store))
    tracker.record("before.start", None, {"x": 1})
    with pytest.raises(TrackerNotStarted):
        open_long(tracker)
    async with tracker:
        await tracker.flush(1)

        assert "before.start" in [event.header.type for event in store.recorded_events()]


async def test_a_store_that_cannot_describe_itself_stops_the_start() -> None:
    """
    The store is closed again, and no task is left.
    """

    class Mute(MemoryStore):
        closed = False

        @override
        async def describe(self) -> str:
            raise StorageUnavailable("gone")

        @override
        async def aclose(self) -> None:
            self.closed = True

    store = Mute()
    before = asyncio.all_tasks()
    tracker = PositionTracker(repository=store, sink=BatchingSink(store))
    with pytest.raises(StorageUnavailable):
        await tracker.__aenter__()

    assert store.closed
    assert before == asyncio.all_tasks()


async def test_a_store_whose_run_cannot_be_ended_is_closed_all_the_same() -> None:
    """
    The adapter's error is raised once everything else is done.
    """

    class Odd(MemoryStore):
        closed = False

        @override
        async def end_run(self, run: RunId, /) -> None:
            raise RuntimeError("an adapter's bug")

        @override
        async def aclose(self) -> None:
            self.closed = True

    store = Odd()
    with pytest.raises(RuntimeError, match="an adapter's bug"):
        async with tracking(store):
            pass

    assert store.closed


async def test_the_store_is_gone_for_good_and_the_tracker_ends_all_the_same() -> None:
    """
    It ends within its shutdown time, and no task is left.
    """
    store = UnreliableStore()
    timings = Timings(commit=0.05, shutdown=0.2)
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    async with tracking(store, timings=timings) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(StorageUnavailable):
            async with opening:
                await opening.submit(answer())
                store.down = True
        assert isinstance(opening.outcome, InDoubt)
        leaving = loop.time()

    assert loop.time() - leaving < 2
    assert before == asyncio.all_tasks()


async def test_what_was_told_of_a_pending_position_is_told_of_the_persisted_one(
    url: str, tmp_path: Path
) -> None:
    """
    By position, by ref, before the fill and after it: one history under one ref (incident 46; feature 79).
    """
    async with started(url, tmp_path) as tracker:
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))):
            pending = await tracker.get(opening.ref)
            assert isinstance(pending, PendingPosition)
            signal = tracker.record("signal.seen", pending, {"score": Decimal("0.9")})
            with causing(signal):
                tracker.record("stop.planned", opening.ref, {"price": "3.1766"})
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId("v"), bought("1", order="v"))
        assert isinstance(opening.outcome, Opened)
        persisted = await tracker.get(opening.ref)
        assert isinstance(persisted, PersistedPosition)
        tracker.record("stop.placed", persisted, {"price": "3.1766"})
        await tracker.flush()
        told = [event async for event in tracker.history(persisted.ref)]

    host = {event.header.type: event for event in told if event.sequence is not None}
    assert ["signal.seen", "stop.planned", "stop.placed"] == list(host)
    assert {opening.ref} == {event.header.ref for event in told}
    assert (signal, signal) == (
        host["stop.planned"].header.causation,
        host["stop.planned"].header.correlation,
    )
    assert "position.opened" in [event.header.type for event in told]
    assert (KEY.venue, KEY.symbol) == (host["signal.seen"].header.venue, host["signal.seen"].header.symbol)


async def test_what_was_told_of_an_abandoned_position_is_found_under_it(url: str, tmp_path: Path) -> None:
    """
    A position that never was keeps its story, with the error that ended it.
    """
    async with started(url, tmp_path) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
        with pytest.raises(RuntimeError, match="no balance"):
            async with opening:
                tracker.record("signal.seen", await tracker.get(opening.ref), {})
                raise RuntimeError("no balance")
        tracker.record("signal.given_up", opening.ref, {})
        await tracker.flush()
        told = [event async for event in tracker.history(opening.ref)]

    assert isinstance(opening.outcome, Abandoned)
    host = [event.header.type for event in told if event.sequence is not None]
    assert ["signal.seen", "opening.failed", "signal.given_up"] == host


async def test_an_event_may_be_about_a_ref_that_is_not_stored_yet(url: str, tmp_path: Path) -> None:
    """
    What is recorded before the claim is committed waits under its ref.
    """
    async with started(url, tmp_path) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
        tracker.record("signal.seen", opening.ref, {})
        await tracker.flush()
        with pytest.raises(PositionNotFound):
            await tracker.get(opening.ref)
        async with opening:
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId("v"), bought("1", order="v"))
        told = [event.header.type async for event in tracker.history(opening.ref)]

    assert "signal.seen" in told
    assert "position.opened" in told


async def test_a_tracker_is_entered_once() -> None:
    """
    Entering it again would start a second renewal of the same lease.
    """
    async with tracking(MemoryStore()) as tracker:
        with pytest.raises(BlockMisused, match="entered already"):
            await tracker.__aenter__()


async def test_a_tracker_cancelled_while_it_stops_stops_first() -> None:
    """
    The run is ended and the store closed, and then the cancellation goes on its way.
    """

    class Slow(MemoryStore):
        closed = False

        @override
        async def end_run(self, run: RunId, /) -> None:
            stopping.set()
            await go_on.wait()
            await super().end_run(run)

        @override
        async def aclose(self) -> None:
            self.closed = True

    stopping, go_on = asyncio.Event(), asyncio.Event()
    store = Slow()

    async def live() -> None:
        async with tracking(store):
            pass

    living = asyncio.create_task(live())
    await stopping.wait()
    living.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await living

    assert store.closed
    assert [] == [run for run in (await store.list_runs()).items if not run.ended]


async def test_a_hosts_exception_counts_for_more_than_a_failed_stop(caplog: pytest.LogCaptureFixture) -> None:
    """
    The sink's error is logged, and the host's own goes on its way.
    """

    class Broken(BatchingSink):
        @override
        async def aclose(self, deadline: float | None = None, /) -> None:
            await super().aclose(deadline)
            raise RuntimeError("a sink's bug")

    store = MemoryStore()
    with pytest.raises(Refused):
        async with PositionTracker(repository=store, sink=Broken(store)):
            raise Refused
    with pytest.raises(RuntimeError, match="a sink's bug"):
        async with PositionTracker(repository=store, sink=Broken(store)):
            pass

    assert "while stopping: a sink's bug" in caplog.text


async def test_positions_are_found_in_every_phase() -> None:
    """
    By id, among the pending ones, and among those closed between two times.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        pending = await tracker.steps.claim(OTHER_KEY, side=Side.LONG, quantity=HUNDRED)

        assert held == await tracker.get_by_id(held.id)
        assert [pending] == [position async for position in tracker.pending()]
        await tracker.apply_fills(sold("100"))
        closed = await tracker.get(held.ref)
        since, until = AT, AT + timedelta(days=1)
        assert [closed] == [position async for position in tracker.closed(since, until)]
