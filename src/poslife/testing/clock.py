"""
A clock that a test advances.
"""

import asyncio
import heapq
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["ManualClock"]

# Iterations of the event loop for tasks that have just been woken, before time moves on. A task that needs
# more of them before it sleeps again is waiting for something other than time.
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
    code that sleeps repeatedly: a back-off of 1, 2 and 4 seconds is over after ``await clock.elapse(7)``.

    The time can be read from any thread; all other calls belong to one event loop.

    Args:
        start: The first time; aware. *Default*: 2026-01-01 00:00 UTC.
    """

    __slots__ = ("_changed", "_count", "_elapsed", "_sleepers", "_start")

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start: expected an aware datetime, got the naive {start!r}")
        self._start = start.astimezone(UTC)
        self._elapsed = timedelta()
        self._sleepers: list[_Sleeper] = []
        self._count = 0
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        """
        Return the seconds since the clock was created.
        """
        return self._elapsed.total_seconds()

    @property
    def sleepers(self) -> int:
        """
        The number of calls of `sleep` that are waiting.
        """
        return sum(not sleeper.woken.done() for sleeper in self._sleepers)

    async def sleep(self, seconds: float, /) -> None:
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

        A test waits so for a task to reach its pause, before it advances the time.
        """
        while self.sleepers < count:
            self._changed.clear()
            await self._changed.wait()

    def advance(self, seconds: float) -> None:
        """
        Advance the time at once, and wake the sleepers that are due, the earliest first.

        They run in the next iterations of the event loop, at the new time.
        """
        self._elapsed += _forward(seconds)
        self._wake()

    async def elapse(self, seconds: float) -> None:
        """
        Advance the time from sleeper to sleeper, and let each run when it is woken.

        Each sleeper wakes at exactly its time, and its further sleeps within *seconds* are woken, too.
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
        raise ValueError(f"seconds: expected a finite number, got {seconds!r}")
    return timedelta(seconds=seconds)


def _forward(seconds: float) -> timedelta:
    if seconds < 0:
        raise ValueError(f"seconds: expected at least 0, got {seconds!r}: time cannot go back")
    return _span(seconds)
