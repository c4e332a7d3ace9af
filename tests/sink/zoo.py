"""
What the zoos share: a bot that goes on trading whatever happens, and its books held against the database's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from poslife import BatchingSink, EventId, RunId, SinkState
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds
from poslife.events import EventHeader, HostEvent
from tests.values import OTHER_RUN, RUN

__all__ = ["POISON", "BriskClock", "Found", "TradingBot", "assert_all_there", "host_event", "reaches"]

POISON = "zoo.poison"
_AT_ONCE = 10
_PAUSE = 0.005


_clock = SystemClock()
_ids = EventIds(_clock)


class BriskClock:
    """
    Time that passes twenty times as fast, so that a minute is three seconds.
    """

    def now(self) -> datetime:
        return _clock.now()

    def monotonic(self) -> float:
        return time.monotonic() * 20

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds / 20)


def host_event(type: str, payload: Mapping[str, object], *, run: RunId = RUN) -> HostEvent:
    """
    An event as a host's tracker makes it.
    """
    header = EventHeader(id=_ids.new(), type=type, occurred_at=_clock.now(), run=run)
    return HostEvent(header=header, payload=payload)


class Found(NamedTuple):
    """
    An event as a database has it.
    """

    id: EventId
    buried: bool
    """Whether it is a dead letter."""
    turn: int | None
    """Ascends in the order in which the database took them, where that is known."""
    run: RunId | None = None
    sequence: int | None = None


class TradingBot:
    """
    Emits events of two runs, 2000 a second, from the running loop, for as long as its block lasts.

    A thread of its own holds the sink's books against themselves all the while.

    Attributes:
        emitted: What `emit` returned, with the run and the number each event is to have.
        wrong: What did not add up.
        looks: How often that was looked at.
        poison: Those of the type `POISON`.
    """

    def __init__(
        self,
        sink: BatchingSink,
        *,
        is_poison: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self.sink = sink
        self.emitted: dict[EventId, tuple[RunId, int]] = {}
        self.wrong: list[object] = []
        self.looks = 0
        self.poison: set[EventId] = set()
        self._is_poison = is_poison
        self._numbers = {RUN: 0, OTHER_RUN: 0}
        self._ended = threading.Event()

    async def __aenter__(self) -> Self:
        self._watching = threading.Thread(target=self._watch, name="watching the sink")
        self._watching.start()
        self._trading = asyncio.create_task(self._trade())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        await asyncio.to_thread(self._watching.join)
        # What `emit` raised would come out here.
        await self._trading

    def emit_next(self) -> None:
        """
        Emit the next event.
        """
        number = len(self.emitted)
        run = OTHER_RUN if number % 3 == 0 else RUN
        poisoned = self._is_poison(number)
        event_id = self.emit_event(host_event(POISON if poisoned else "tick", {"number": number}, run=run))
        if poisoned:
            self.poison.add(event_id)

    def emit_event(self, event: HostEvent) -> EventId:
        """
        Emit this one, of one of the two runs.
        """
        event_id, run = self.sink.emit(event), event.header.run
        self._numbers[run] += 1
        self.emitted[event_id] = run, self._numbers[run]
        return event_id

    async def emits(self, more: int) -> None:
        """
        Return when the bot has emitted so many more.
        """
        wanted = len(self.emitted) + more
        async with asyncio.timeout(60):
            while len(self.emitted) < wanted:
                if self._trading.done():
                    await self._trading
                await asyncio.sleep(_PAUSE)

    async def _trade(self) -> None:
        while not self._ended.is_set():
            for _ in range(_AT_ONCE):
                self.emit_next()
            await asyncio.sleep(_PAUSE)

    def _watch(self) -> None:
        while not self._ended.wait(0.002):
            self.looks += 1
            for one in self.sink.stats().writers:
                known = one.committed + one.dead_lettered + one.dropped + one.backlog
                if one.emitted + one.recovered != known:
                    self.wrong.append(one)


async def reaches(sink: BatchingSink, state: SinkState, reason: str = "", *, timeout: float = 8.0) -> None:
    """
    Return when the store is in this state, for a reason in which *reason* stands.
    """
    seen: dict[tuple[SinkState, str | None], None] = {}
    try:
        async with asyncio.timeout(timeout):
            while True:
                now = sink.health().writers[0]
                if now.state is state and reason in (now.reason or ""):
                    return
                seen[now.state, now.reason] = None
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"never {state} for {reason!r}, but {list(seen)}") from None


def assert_all_there(bot: TradingBot, found: Sequence[Found], *, misjudged: bool = False) -> None:
    """
    Every event is stored once or buried once, under its number, in order; and the sink knows how many.

    Args:
        bot: What it emitted.
        found: What the database has.
        misjudged: Whether the sink may count as a dead letter what the database has stored after all.
    """
    ids = [one.id for one in found]

    assert [] == bot.wrong
    assert bot.looks > 0
    assert len(ids) == len(set(ids)), "something is there twice"
    assert set() == bot.emitted.keys() - set(ids), "something was lost"
    assert set() == set(ids) - bot.emitted.keys(), "something was never emitted"
    for one in found:
        if not one.buried:
            assert bot.emitted[one.id] == (one.run, one.sequence)
    for run in (RUN, OTHER_RUN):
        of_run = sorted((bot.emitted[one.id][1], one.turn) for one in found if bot.emitted[one.id][0] == run)
        turns = [turn for _, turn in of_run if turn is not None]

        assert list(range(1, len(of_run) + 1)) == [sequence for sequence, _ in of_run]
        assert sorted(turns) == turns, "an event overtook an earlier one of its run"
    stats = bot.sink.stats()
    buried = sum(one.buried for one in found)

    assert (len(found), 0, 0) == (stats.committed + stats.dead_lettered, stats.dropped, stats.backlog)
    if misjudged:
        assert buried <= stats.dead_lettered
    else:
        assert buried == stats.dead_lettered
