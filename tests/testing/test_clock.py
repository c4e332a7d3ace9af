from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from poslife.testing.clock import ManualClock

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_time_stands_still_until_it_is_moved() -> None:
    """
    Two readings with nothing between them are equal, and an advance moves `now` and `monotonic`.
    """
    clock = ManualClock()
    before = clock.now(), clock.monotonic()
    again = clock.now(), clock.monotonic()
    clock.advance(2.5)

    assert before == again == (START, 0.0)
    assert (START + timedelta(seconds=2.5), 2.5) == (clock.now(), clock.monotonic())


def test_now_is_utc_whatever_the_start_was_given_in() -> None:
    """
    A start with another offset is the same moment, in UTC.
    """
    clock = ManualClock(datetime(2026, 1, 1, 4, tzinfo=timezone(timedelta(hours=4))))

    assert clock.now() == START
    assert clock.now().tzinfo is UTC


def test_a_naive_start_is_refused() -> None:
    """
    A time without an offset is ambiguous (incident 42).
    """
    with pytest.raises(ValueError, match="naive"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001


async def test_advance_wakes_the_due_in_the_order_of_their_time() -> None:
    """
    The shortest sleep ends first, in whatever order they began; one that is not due continues.
    """
    clock = ManualClock()
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        for seconds in (3, 1, 2, 9):
            tasks.create_task(sleep(seconds))
        await clock.wait_for_sleepers(4)
        clock.advance(3)
        await clock.elapse(0)

        assert woken == [1, 2, 3]
        assert clock.sleepers == 1

        clock.advance(6)

    assert woken == [1, 2, 3, 9]


async def test_elapse_carries_a_task_through_all_its_pauses() -> None:
    """
    A back-off of 1, 2 and 4 seconds is over after 7, and each pause ends at exactly its time.
    """
    clock = ManualClock()
    moments: list[float] = []

    async def back_off() -> None:
        for seconds in (1, 2, 4):
            await clock.sleep(seconds)
            moments.append(clock.monotonic())

    task = asyncio.create_task(back_off())
    await clock.elapse(7)

    assert moments == [1, 3, 7]
    assert task.done()


async def test_elapse_ends_at_its_own_time() -> None:
    """
    Time moves by the whole span, even without sleepers, and a later sleeper is not woken.
    """
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(10))
    await clock.elapse(9.5)

    assert clock.monotonic() == 9.5
    assert not task.done()

    await clock.elapse(0.5)

    assert task.done()


async def test_sleeping_for_no_time_yields_and_returns() -> None:
    """
    Zero and negative pauses end without the clock moving.
    """
    clock = ManualClock()
    await clock.sleep(0)
    await clock.sleep(-1)

    assert clock.sleepers == 0


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """
    A cancelled sleep does not count as a sleeper, and does not disturb later ones.
    """
    clock = ManualClock()
    first, second = asyncio.create_task(clock.sleep(1)), asyncio.create_task(clock.sleep(2))
    await clock.wait_for_sleepers(2)
    first.cancel()
    await clock.elapse(0)

    assert clock.sleepers == 1

    await clock.elapse(2)

    assert first.cancelled()
    assert second.done()


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf], ids=str)
async def test_impossible_spans_are_refused(seconds: float) -> None:
    """
    Time goes forward by a finite span.
    """
    clock = ManualClock()

    with pytest.raises(ValueError, match="seconds"):
        clock.advance(seconds)
    with pytest.raises(ValueError, match="seconds"):
        await clock.elapse(seconds)
