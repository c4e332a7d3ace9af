"""
A clock that stands still until it is told to move.
"""

import asyncio
import heapq
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["ManualClock"]

# Turns of the event loop given to tasks that a passing moment woke, before time moves on. A task that needs
# more of them before it sleeps again is waiting for something that is not time.
_TURNS = 20


@dataclass(order=True, slots=True)
class _Sleeper:
    due: timedelta
    order: int
    woken: "asyncio.Future[None]" = field(compare=False)


class ManualClock:
    """
    A `Clock` whose time passes only by `advance` or `elapse`.

    `advance` is for code that only reads the time, and for tests that are not coroutines. `elapse` is for
    code that sleeps, is woken, and sleeps again: a back-off of 1, 2 and 4 seconds is over after
    ``await clock.elapse(7)``.

    Times can be read from any thread; sleeping and moving belong to one event loop.

    Args:
        start: What `now` returns until time moves; aware. *Default*: 2026-01-01 00:00 UTC.
    """

    __slots__ = ("_changed", "_count", "_elapsed", "_sleepers", "_start")

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start must be an aware datetime, not the naive {start!r}")
        self._start = start.astimezone(UTC)
        self._elapsed = timedelta()
        self._sleepers: list[_Sleeper] = []
        self._count = 0
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        """
        The time of day, aware, in UTC.
        """
        return self._start + self._elapsed

    def monotonic(self) -> float:
        """
        Seconds since this clock began.
        """
        return self._elapsed.total_seconds()

    @property
    def sleepers(self) -> int:
        """
        How many calls of `sleep` are waiting for time to pass.
        """
        return sum(not sleeper.woken.done() for sleeper in self._sleepers)

    async def sleep(self, seconds: float, /) -> None:
        """
        Wait until *seconds* have passed on this clock; at least one turn of the event loop.
        """
        pause = _span(seconds)
        if pause <= timedelta():
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, _Sleeper(self._elapsed + pause, self._count, woken))
        self._changed.set()
        await woken

    async def wait_for_sleepers(self, count: int = 1) -> None:
        """
        Return once at least *count* calls of `sleep` are waiting.

        It lets a test wait for a task to reach its pause, before time moves.
        """
        while self.sleepers < count:
            self._changed.clear()
            await self._changed.wait()

    def advance(self, seconds: float) -> None:
        """
        Move time at once, and wake whoever is due, the earliest first.

        The woken run when the event loop gets to them, and find the clock at its new time.
        """
        self._elapsed += _forward(seconds)
        self._wake()

    async def elapse(self, seconds: float) -> None:
        """
        Let time pass from sleeper to sleeper, giving each that wakes its turns of the event loop.

        A sleeper finds the clock at the very moment it asked for, and what it goes on to sleep counts.
        """
        end = self._elapsed + _forward(seconds)
        await self._settle()
        while (due := self._next_due()) is not None and due <= end:
            self._elapsed = max(self._elapsed, due)
            self._wake()
            await self._settle()
        self._elapsed = max(self._elapsed, end)

    def _next_due(self) -> timedelta | None:
        while self._sleepers and self._sleepers[0].woken.done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0].due if self._sleepers else None

    def _wake(self) -> None:
        while (due := self._next_due()) is not None and due <= self._elapsed:
            heapq.heappop(self._sleepers).woken.set_result(None)

    async def _settle(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)


def _span(seconds: float) -> timedelta:
    if not math.isfinite(seconds):
        raise ValueError(f"seconds must be a finite number, not {seconds!r}")
    return timedelta(seconds=seconds)


def _forward(seconds: float) -> timedelta:
    if seconds < 0:
        raise ValueError(f"time does not go back: seconds must be at least 0, not {seconds!r}")
    return _span(seconds)
