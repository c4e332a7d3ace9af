"""
Folding with a timer, without an event loop, from threads, and across a fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from typing_extensions import override

from poslife import EventId, FoldingSink
from poslife.events import HostEvent
from poslife.testing.clock import ManualClock
from tests.sink.folding_fakes import TICK, Kept, adds_up, tick

# Python 3.12 warns of forks beside threads; in a test run there are some, and the child runs none of them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


async def test_the_last_one_does_not_wait_for_another() -> None:
    """
    When the ticks stop, the latest is passed on by itself, when its interval is over.
    """
    kept = Kept()
    sink = FoldingSink(kept, fold={TICK}, interval=0.02)
    sink.emit(tick(0))
    sink.emit(tick(1))
    sink.emit(tick(2))
    assert [0] == kept.prices
    kept.came.clear()

    await kept.came.wait()

    assert [0, 2] == kept.prices
    assert 0 == sink.stats().waiting


async def test_the_last_one_of_a_thread_does_not_wait_either() -> None:
    """
    The loop that was there first looks after it.
    """
    kept = Kept()
    sink = FoldingSink(kept, fold={TICK}, interval=0.2)
    sink.emit(tick(0, "A"))
    sink.emit(tick(1, "A"))
    kept.came.clear()
    await kept.came.wait()
    kept.came.clear()

    await asyncio.to_thread(lambda: [sink.emit(tick(price, "B")) for price in range(3)])
    while 0 != sink.stats().waiting:
        kept.came.clear()
        await kept.came.wait()

    assert [0, 1, 0, 2] == kept.prices


def test_without_a_loop_it_waits_for_the_next_event_a_flush_or_the_end() -> None:
    """
    `emit` works without one; nothing that waits is lost, whichever loop comes and goes.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    for price in range(3):
        sink.emit(tick(price))
    clock.advance(5)
    assert [0] == kept.prices
    sink.emit(tick(9, type="anything.else"))
    assert [0, 2, 9] == kept.prices

    async def with_a_loop(prices: Sequence[int]) -> None:
        for price in prices:
            sink.emit(tick(price))

    asyncio.run(with_a_loop([3, 4]))
    asyncio.run(with_a_loop([5]))
    assert [0, 2, 9] == kept.prices
    asyncio.run(sink.flush())
    assert [0, 2, 9, 5] == kept.prices
    asyncio.run(sink.flush())
    sink.emit(tick(6))
    asyncio.run(sink.aclose())
    assert [0, 2, 9, 5, 6] == kept.prices
    sink.emit(tick(7))
    sink.emit(tick(8))
    assert [0, 2, 9, 5, 6, 7, 8] == kept.prices
    assert 1 == kept.closed
    assert kept.stands_for() == sink.stats().emitted


def test_threads_lose_none() -> None:
    """
    Four threads at once, and not one event is unaccounted for.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    seed = random.Random(7)

    def tell(mine: int, symbols: Sequence[str]) -> None:
        for number, symbol in enumerate(symbols):
            sink.emit(tick(number, symbol))
            if mine == 0 and number % 50 == 0:
                clock.advance(0.4)

    threads = [threading.Thread(target=tell, args=(mine, seed.choices("ABCDE", k=500))) for mine in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(sink.aclose())

    assert 2000 == sink.stats().emitted == kept.stands_for()
    assert adds_up(sink.stats())


def test_a_host_that_records_its_warnings_is_not_locked_out() -> None:
    """
    The sink within may emit through this one while it is given an event.
    """
    clock = ManualClock()

    class Chatty(Kept):
        @override
        def emit(self, event: HostEvent, /) -> EventId:
            if event.header.type == TICK:
                sink.emit(tick(0, type="bot.warned"))
            return super().emit(event)

    kept = Chatty()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    for price in range(5):
        clock.advance(0.3)
        sink.emit(tick(price))
    asyncio.run(sink.aclose())

    assert 3 == Counter(event.header.type for event in kept.events)["bot.warned"]
    assert kept.stands_for() == sink.stats().emitted


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forking is POSIX's")
def test_the_child_of_a_fork_does_not_tell_what_its_parent_will() -> None:
    """
    What waits is the parent's.
    """
    kept = Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=ManualClock())
    sink.emit(tick(0))
    sink.emit(tick(1))
    child = os.fork()
    if not child:  # pragma: no cover - in the child
        with contextlib.suppress(BaseException):
            os._exit(0 if sink.stats().waiting == 0 and adds_up(sink.stats()) else 1)
        os._exit(2)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert 1 == sink.stats().waiting
