"""
Tasks go on when the call that started them is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import NoReturn

import pytest

from poslife import (
    Side,
)
from poslife._domain.changes import Change
from poslife._tracker.tasks import Tasks
from poslife.errors import StorageUnavailable
from poslife.testing.clock import ManualClock
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    UnreliableStore,
    answer,
    tracking,
)


def too_late() -> StorageUnavailable:
    return StorageUnavailable("it did not answer")


@pytest.fixture
def tasks(clock: ManualClock) -> Tasks:
    return Tasks(clock=clock, patience=10)


async def settled(tasks: Tasks) -> None:
    await tasks.settle(1, before_cancelling=lambda: None)


async def test_a_result_and_an_error_reach_the_caller(tasks: Tasks) -> None:
    """
    Shielded work returns and raises as if it were awaited.
    """

    async def fails() -> NoReturn:
        raise ValueError("broken")

    assert "ack" == await tasks.shielded(answer(), name="answers")
    with pytest.raises(ValueError, match="broken"):
        await tasks.shielded(fails(), name="fails")
    await settled(tasks)


async def test_work_goes_on_when_its_caller_is_cancelled(tasks: Tasks) -> None:
    """
    The caller gets its cancellation at once, and the work comes to its end.
    """
    go_on, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        done.set()

    caller = asyncio.ensure_future(tasks.shielded(work(), name="works"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert not done.is_set()
    go_on.set()
    await settled(tasks)
    assert done.is_set()


async def test_an_answer_that_comes_too_late_is_an_error(tasks: Tasks, clock: ManualClock) -> None:
    """
    The caller hears that the patience has ended, and the work goes on.
    """
    go_on = asyncio.Event()
    task, answered = tasks.begin(go_on.wait(), name="waits")
    waiting = asyncio.ensure_future(tasks.within_patience(answered, too_late))
    await clock.wait_for_sleepers()
    await clock.elapse(10)
    with pytest.raises(StorageUnavailable, match="it did not answer"):
        await waiting

    assert not task.done()
    go_on.set()
    assert await task


async def test_cancellations_are_outwaited_and_the_last_is_given_back(tasks: Tasks) -> None:
    """
    However often the caller is cancelled, the task ends first.
    """
    go_on = asyncio.Event()
    task = tasks.spawn(go_on.wait(), name="waits")
    caller = asyncio.ensure_future(tasks.outwait(task))
    for _ in range(3):
        await asyncio.sleep(0)
        caller.cancel()
    go_on.set()

    assert isinstance(await caller, asyncio.CancelledError)
    assert task.done()


async def test_a_task_is_not_outwaited_longer_than_the_patience(tasks: Tasks, clock: ManualClock) -> None:
    """
    A store that never answers holds nobody up for ever.
    """
    go_on = asyncio.Event()
    task = tasks.spawn(go_on.wait(), name="waits")
    caller = asyncio.ensure_future(tasks.outwait(task))
    await clock.wait_for_sleepers()
    await clock.elapse(10)

    assert await caller is None
    assert not task.done()
    go_on.set()
    await settled(tasks)


async def test_settling_cancels_what_does_not_end(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    """
    A task that does not end in time is cancelled and logged, after everything has been told to stop.
    """
    stopped: list[bool] = []
    task = tasks.spawn(asyncio.Event().wait(), name="waits for ever")
    await tasks.settle(0.001, before_cancelling=lambda: stopped.append(task.done()))

    assert [False] == stopped
    assert task.cancelled()
    assert "poslife waits for ever did not end within 0.001 s" in caplog.text


async def test_what_goes_on_by_itself_tells_of_its_failure(caplog: pytest.LogCaptureFixture) -> None:
    """
    A task without a waiter logs the exception that ends it.
    """
    store = UnreliableStore()

    class Broken(RuntimeError):
        pass

    async with tracking(store) as tracker:

        async def trade() -> AsyncGenerator[str]:
            async with tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED) as opening:
                yield await opening.submit(answer())

        trading = trade()
        await anext(trading)

        async def broken(_: Change, /) -> NoReturn:
            raise Broken("an adapter's bug")

        working, store.commit = store.commit, broken  # type: ignore[method-assign]
        await trading.aclose()
        await asyncio.sleep(0.01)
        store.commit = working  # type: ignore[method-assign]

    assert "an adapter's bug" in caplog.text


async def test_a_cancelled_task_cancels_who_waits_for_its_answer(tasks: Tasks) -> None:
    """
    The waiter does not wait for ever for a result that will not come.
    """
    task, answered = tasks.begin(asyncio.Event().wait(), name="waits")
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answered
