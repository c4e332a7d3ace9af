"""
The system's clock.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from poslife._runtime.clock import SystemClock
from poslife.protocols import Clock


def test_it_shows_the_systems_time_in_utc() -> None:
    """
    An aware time, between two looks at the system's own.
    """
    clock: Clock = SystemClock()
    before = datetime.now(UTC)
    shown = clock.now()

    assert before <= shown <= datetime.now(UTC)
    assert timedelta(0) == shown.utcoffset()


def test_its_seconds_never_go_back() -> None:
    """
    For pauses and time-outs, which a change of the system's time must not touch.
    """
    clock = SystemClock()
    shown = [clock.monotonic() for _ in range(1000)]

    assert sorted(shown) == shown


async def test_a_sleep_leaves_the_loop_to_others() -> None:
    """
    And lasts as long as it was asked to.
    """
    clock = SystemClock()
    others = asyncio.create_task(asyncio.sleep(0, "ran"))
    began = clock.monotonic()
    await clock.sleep(0.001)

    assert others.done()
    assert clock.monotonic() - began >= 0.001
