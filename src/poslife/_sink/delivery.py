"""
One batch to one writer, until it is stored or set aside: retry, hold, suspect, isolate, bury.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from poslife._sink.dead_letter_file import LetterFile
from poslife._sink.health import SinkState
from poslife._trail.encoding import error_summary
from poslife._trail.records import DeadLetter, EventRecord
from poslife.errors import (
    StorageBusy,
    StorageNotReady,
    StorageRejected,
)
from poslife.protocols import Clock
from poslife.protocols._event_stores import BatchWriter

__all__ = ["Delivery"]

logger = logging.getLogger("poslife.sink")

_FIRST_WAIT: Final = 0.05
_LONGEST_WAIT: Final = {SinkState.WAITING: 5.0, SinkState.SUSPECTING: 0.2, SinkState.HELD: 30.0}
_LONGEST_FOR_A_LOCK: Final = 0.5
# Failures in a row, each with a store that would take another event, before a batch is the suspect.
_PATIENCE: Final = 4
_REMINDER: Final = 600.0
_MINUTE: Final = 60.0

Settled = Callable[[int, int], None]
"""
Called with how many of those that wait, from the first, were stored, and how many were buried.
"""


class Delivery:
    """
    The way to one writer.

    Args:
        name: The writer's.
        writer: It.
        clock: For pauses.
        letters: Where dead letters go that the writer refuses, too; ``None`` where there is no place.
        letters_a_minute: More dead letters than this are a fault of the store: the stream is held.
        changed: Called when the state has changed.

    Attributes:
        state: How the writer is.
        since: Since when.
        reason: What it last said, where it is not well.
        failures: Attempts that failed.
        writes: Batches written.
    """

    def __init__(
        self,
        name: str,
        writer: BatchWriter,
        *,
        clock: Clock,
        letters: Callable[[], LetterFile | None],
        letters_a_minute: int,
        changed: Callable[[], None],
    ) -> None:
        self._name = name
        self._writer = writer
        self._clock = clock
        self._letters = letters
        self._letters_a_minute = letters_a_minute
        self._buried_at: deque[float] = deque()
        self._changed = changed
        self._told_at: float | None = None
        self.state = SinkState.OK
        self.since: datetime = clock.now()
        self.reason: str | None = None
        self.failures = 0
        self.writes = 0

    async def deliver(
        self, records: Sequence[EventRecord], settled: Settled, waiting: Callable[[], int]
    ) -> None:
        """
        Return when each of *records* is stored or set aside, in order.

        Args:
            records: A batch.
            settled: Told of each part that is done, as soon as it is.
            waiting: How many events wait, for the log.
        """
        await _Batch(self, settled, waiting).store(records, suspected=False, tried=0)

    async def attempt(self, write: Awaitable[None]) -> BaseException | None:
        """
        What *write* raised. A cancellation of our own goes on its way; one of the writer's is an error of it.
        """
        try:
            await write
        except asyncio.CancelledError as error:
            if _cancelled():
                raise
            return error
        except Exception as error:  # noqa: BLE001 - an adapter's bug must not stop the others' events
            return error
        return None

    async def write(self, records: Sequence[EventRecord]) -> BaseException | None:
        """
        Try once.
        """
        error = await self.attempt(self._writer.write(records))
        if error is None:
            self.writes += 1
        else:
            self.failures += 1
        return error

    async def bury(self, letter: DeadLetter) -> BaseException | None:
        """
        Try once.
        """
        return await self.attempt(self._writer.bury(letter))

    async def keep_locally(self, letter: DeadLetter) -> bool:
        """
        Write a dead letter that the store refuses to a file, where there is a place for one.
        """
        if (file := self._letters()) is None:
            return False
        try:
            await asyncio.to_thread(file.keep, letter)
        except OSError as error:
            logger.error("%s: a dead letter could not be kept in %s: %s", self._name, file.path, error)  # noqa: TRY400
            return False
        return True

    async def takes_others(self) -> bool:
        """
        Whether the store would take another event now.
        """
        return await self.attempt(self._writer.probe()) is None

    async def within_budget(self, waiting: Callable[[], int]) -> bool:
        """
        Wait until one more dead letter is no more than a minute's worth; return whether that took waiting.
        """
        waited = False
        while True:
            now = self._clock.monotonic()
            while self._buried_at and self._buried_at[0] <= now - _MINUTE:
                self._buried_at.popleft()
            if len(self._buried_at) < self._letters_a_minute:
                self._buried_at.append(now)
                return waited
            waited = True
            reason = (
                f"more than {self._letters_a_minute} events a minute are refused, "
                "which is a fault of the store rather than theirs: the others wait"
            )
            self.enter(SinkState.HELD, reason, waiting())
            await self._clock.sleep(self._buried_at[0] + _MINUTE - now)

    async def pause(self, state: SinkState, error: BaseException, attempt: int, waiting: int) -> None:
        """
        Tell the state, and wait: longer each time, and not as long as others do.
        """
        self.enter(state, error_summary(error), waiting)
        longest = _LONGEST_FOR_A_LOCK if isinstance(error, StorageBusy) else _LONGEST_WAIT[state]
        wait = min(longest, _FIRST_WAIT * 2.0 ** min(attempt - 1, 16))
        await self._clock.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def enter(self, state: SinkState, reason: str | None, waiting: int) -> None:
        """
        Be in a state from now on. It is logged when it begins, now and then while it lasts, and at its end.
        """
        now = self._clock.monotonic()
        was, self.state, self.reason = self.state, state, reason
        if was is state:
            if state is not SinkState.OK and self._told_at is not None and now - self._told_at >= _REMINDER:
                self._told_at = now
                logger.warning("%s: still %s, %d events wait: %s", self._name, state.value, waiting, reason)
            return
        self.since = self._clock.now()
        if state is SinkState.OK:
            self._told_at = None
            logger.warning("%s: answers again; %d events wait", self._name, waiting)
        elif self._told_at is None or state is SinkState.HELD:
            self._told_at = now
            level = logging.ERROR if state is SinkState.HELD else logging.WARNING
            logger.log(level, "%s: %s, %d events wait: %s", self._name, state.value, waiting, reason)
        self._changed()


class _Batch:
    """
    What is done with one batch.
    """

    def __init__(self, way: Delivery, settled: Settled, waiting: Callable[[], int]) -> None:
        self._way = way
        self._settled = settled
        self._waiting = waiting

    async def store(self, records: Sequence[EventRecord], *, suspected: bool, tried: int) -> None:
        """
        Store *records*, which stand first in line; the bad ones among them as dead letters.

        Args:
            records: A batch, or a part of one.
            suspected: Whether it is a part of one that failed while the store took others.
            tried: How often they were tried as parts of larger ones.
        """
        way = self._way
        # A part of a suspected batch has failed often enough; a single event has its own chances.
        patience = 1 if suspected and len(records) > 1 else _PATIENCE
        attempt = against = 0
        while (error := await way.write(records)) is not None:
            attempt += 1
            match error:
                case StorageRejected() if tried + attempt < error.tries:
                    await way.pause(SinkState.WAITING, error, attempt, self._waiting())
                case StorageRejected():
                    await self._isolate(records, error, tried + attempt, error.row)
                    return
                case StorageNotReady():
                    await way.pause(SinkState.HELD, error, attempt, self._waiting())
                case StorageBusy():
                    await way.pause(SinkState.WAITING, error, attempt, self._waiting())
                case _:
                    against += await way.takes_others()
                    if against >= patience:
                        await self._isolate(records, error, tried + attempt, None)
                        return
                    state = SinkState.SUSPECTING if against else SinkState.WAITING
                    await way.pause(state, error, attempt, self._waiting())
        self._done(len(records), 0)

    async def _isolate(
        self, records: Sequence[EventRecord], error: BaseException, tried: int, row: int | None
    ) -> None:
        suspected = not isinstance(error, StorageRejected)
        if len(records) == 1:
            await self._bury(records[0], error, tried)
            return
        if row is not None and 0 <= row < len(records):
            # A hint, in the server's language perhaps: tried, not believed.
            parts = [records[:row], records[row : row + 1], records[row + 1 :]]
        else:
            middle = len(records) // 2
            parts = [records[:middle], records[middle:]]
        for part in parts:
            if part:
                await self.store(part, suspected=suspected, tried=tried)

    async def _bury(self, record: EventRecord, error: BaseException, tried: int) -> None:
        way = self._way
        if await way.within_budget(self._waiting):
            # Somebody may have put the store right meanwhile.
            await self.store((record,), suspected=False, tried=tried)
            return
        reason = error_summary(error)
        letter = DeadLetter(record=record, reason=reason, attempts=tried)
        tries = against = 0
        while (again := await way.bury(letter)) is not None:
            tries += 1
            refused = isinstance(again, StorageRejected)
            if not refused and not isinstance(again, StorageBusy | StorageNotReady):
                against += await way.takes_others()
            if (refused or against >= _PATIENCE) and await way.keep_locally(letter):
                break
            held = refused or isinstance(again, StorageNotReady)
            await way.pause(SinkState.HELD if held else SinkState.WAITING, again, tries, self._waiting())
        logger.error(
            "event %s (%s) was refused for good and is kept as a dead letter: %s",
            record.header.id,
            record.header.type,
            reason,
        )
        self._done(0, 1)

    def _done(self, stored: int, buried: int) -> None:
        self._settled(stored, buried)
        if self._way.state is not SinkState.OK:
            self._way.enter(SinkState.OK, None, self._waiting())


def _cancelled() -> bool:
    """
    Whether somebody asked this task to stop.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
