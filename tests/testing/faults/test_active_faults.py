"""
The faults that are switched on at a proxy.
"""

from __future__ import annotations

import asyncio

from poslife.testing.clock import ManualClock
from poslife.testing.faults import Direction
from poslife.testing.faults._active_faults import ActiveFaults


async def is_held_back(faults: ActiveFaults, direction: Direction) -> bool:
    task = asyncio.ensure_future(faults.hold_back(direction))
    for _ in range(5):
        await asyncio.sleep(0)
    held = not task.done()
    task.cancel()
    return held


async def test_each_direction_has_its_own_faults() -> None:
    """
    Swallowing and stalling add up, and one direction does not touch the other.
    """
    faults = ActiveFaults(asyncio.sleep)
    faults.swallow(Direction.REQUESTS)
    faults.stall(Direction.REPLIES)

    assert (True, False) == (faults.swallows(Direction.REQUESTS), faults.swallows(Direction.REPLIES))
    assert (False, True) == (
        await is_held_back(faults, Direction.REQUESTS),
        await is_held_back(faults, Direction.REPLIES),
    )

    faults.stall(Direction.REQUESTS)

    assert await is_held_back(faults, Direction.REQUESTS)
    assert await is_held_back(faults, Direction.REPLIES)


async def test_a_delay_ends_with_its_time() -> None:
    """
    A later delay replaces an earlier one.
    """
    clock = ManualClock()
    faults = ActiveFaults(clock.sleep)
    faults.delay(9, Direction.BOTH)
    faults.delay(5, Direction.REPLIES)
    await faults.hold_back(Direction.REQUESTS)
    delayed = asyncio.ensure_future(faults.hold_back(Direction.REPLIES))
    await clock.elapse(4.9)

    assert not delayed.done()

    await clock.elapse(0.1)

    assert delayed.done()


async def test_one_reply_is_dropped() -> None:
    """
    The one after it is not.
    """
    faults = ActiveFaults(asyncio.sleep)

    assert not faults.takes_reply()

    faults.drop_next_reply()

    assert [True, False] == [faults.takes_reply(), faults.takes_reply()]


async def test_clearing_switches_everything_off() -> None:
    """
    Whatever was held back continues.
    """
    clock = ManualClock()
    faults = ActiveFaults(clock.sleep)
    faults.stall(Direction.BOTH)
    held = asyncio.ensure_future(faults.hold_back(Direction.REQUESTS))
    await asyncio.sleep(0)
    faults.swallow(Direction.BOTH)
    faults.delay(5, Direction.BOTH)
    faults.drop_next_reply()
    faults.clear()
    await held

    assert not faults.swallows(Direction.BOTH)
    assert not faults.takes_reply()
    assert not await is_held_back(faults, Direction.REPLIES)
