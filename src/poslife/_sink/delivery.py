"""
One batch to one writer, until each event is stored or set aside: retry, hold, suspect, isolate, bury.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from poslife._sink.health import SinkState
from poslife._sink.status import WriterStatus
from poslife._trail.encoding import error_summary
from poslife._trail.records import DeadLetter, EventRecord
from poslife.errors import StorageBusy, StorageNotReady, StorageRejected
from poslife.protocols import BatchWriter, Clock

__all__ = ["Delivery", "Settled"]

logger = logging.getLogger("poslife.sink")

_FIRST_WAIT: Final = 0.05
_LONGEST_WAIT: Final = {SinkState.WAITING: 5.0, SinkState.SUSPECTING: 0.2, SinkState.HELD: 30.0}
_LONGEST_WAIT_FOR_A_LOCK: Final = 0.5
# Failures in a row, each with a store that takes a probe, before a batch is the suspect.
_FAILURES_UNTIL_SUSPECT: Final = 4
_MINUTE: Final = 60.0

Settled = Callable[[int, int], None]
"""
Takes how many events, from the first that waits, were stored, and how many became dead letters.
"""


class Delivery:
    """
    Delivers batches to one writer.

    Args:
        writer: The writer.
        status: Its status.
        clock: For pauses.
        dead_letters_a_minute: More dead letters than this are a fault of the store: the stream is held.

    Attributes:
        writes: Batches written.
        failures: Attempts that failed.
    """

    def __init__(
        self, writer: BatchWriter, status: WriterStatus, *, clock: Clock, dead_letters_a_minute: int
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._dead_letters_a_minute = dead_letters_a_minute
        self._buried_at: deque[float] = deque()
        self.status = status
        self.failures = 0
        self.writes = 0

    async def deliver(self, records: Sequence[EventRecord], settled: Settled) -> None:
        """
        Return when each of *records* is stored or set aside, in order.

        Args:
            records: A batch.
            settled: Called for each part of it, as soon as that is done.
        """
        await _Batch(self, settled).store(records, suspected=False, tried=0)

    async def write(self, records: Sequence[EventRecord]) -> BaseException | None:
        """
        Write *records* once; return the error if that failed.
        """
        error = await _error_of(self._writer.write(records))
        if error is None:
            self.writes += 1
        else:
            self.failures += 1
        return error

    async def bury(self, letter: DeadLetter) -> BaseException | None:
        """
        Bury *letter* once; return the error if that failed.
        """
        return await _error_of(self._writer.bury(letter))

    async def takes_probe(self) -> bool:
        """
        Ask the store for a harmless write; tell if it succeeded.
        """
        return await _error_of(self._writer.probe()) is None

    async def write_to_file(self, letter: DeadLetter) -> bool:
        """
        Write a dead letter that the store refuses to the file; tell if that succeeded.
        """
        if (file := self.status.sink.dead_letter_file()) is None:
            return False
        try:
            await asyncio.to_thread(file.add, letter)
        except OSError as error:
            logger.error(  # noqa: TRY400 - the message is all there is to tell
                "%s: a dead letter could not be written to %s: %s", self.status.name, file.path, error
            )
            return False
        return True

    async def await_budget(self) -> bool:
        """
        Wait until one more dead letter is within a minute's budget; tell if there was a wait.
        """
        waited = False
        while True:
            now = self._clock.monotonic()
            while self._buried_at and self._buried_at[0] <= now - _MINUTE:
                self._buried_at.popleft()
            if len(self._buried_at) < self._dead_letters_a_minute:
                self._buried_at.append(now)
                return waited
            waited = True
            self.status.set(
                SinkState.HELD,
                f"more than {self._dead_letters_a_minute} events a minute are refused, "
                "which is a fault of the store rather than theirs: the others wait",
            )
            await self._clock.sleep(self._buried_at[0] + _MINUTE - now)

    async def pause(self, state: SinkState, error: BaseException, attempt: int) -> None:
        """
        Set the state and wait: exponential backoff with jitter, up to a limit for each state.
        """
        self.status.set(state, error_summary(error))
        longest = _LONGEST_WAIT_FOR_A_LOCK if isinstance(error, StorageBusy) else _LONGEST_WAIT[state]
        wait = min(longest, _FIRST_WAIT * 2.0 ** min(attempt - 1, 16))
        await self._clock.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


class _Batch:
    """
    The delivery of one batch.
    """

    def __init__(self, delivery: Delivery, settled: Settled) -> None:
        self._delivery = delivery
        self._settled = settled

    async def store(self, records: Sequence[EventRecord], *, suspected: bool, tried: int) -> None:
        """
        Store *records*, the first that wait; those that are refused become dead letters.

        Args:
            records: A batch, or a part of one.
            suspected: Is it a part of one that failed while the store took others?
            tried: How often they were tried as parts of larger ones.
        """
        delivery = self._delivery
        # A part of a suspected batch has failed often enough; a single event has its own chances.
        patience = 1 if suspected and len(records) > 1 else _FAILURES_UNTIL_SUSPECT
        attempt = suspicions = 0
        while (error := await delivery.write(records)) is not None:
            attempt += 1
            match error:
                case StorageRejected() if tried + attempt < error.tries:
                    await delivery.pause(SinkState.WAITING, error, attempt)
                case StorageRejected():
                    await self._isolate(records, error, tried + attempt, error.row)
                    return
                case StorageNotReady():
                    await delivery.pause(SinkState.HELD, error, attempt)
                case StorageBusy():
                    await delivery.pause(SinkState.WAITING, error, attempt)
                case _:
                    suspicions += await delivery.takes_probe()
                    if suspicions >= patience:
                        await self._isolate(records, error, tried + attempt, None)
                        return
                    state = SinkState.SUSPECTING if suspicions else SinkState.WAITING
                    await delivery.pause(state, error, attempt)
        self._settle(len(records), 0)

    async def _isolate(
        self, records: Sequence[EventRecord], error: BaseException, tried: int, row: int | None
    ) -> None:
        suspected = not isinstance(error, StorageRejected)
        if len(records) == 1:
            await self._bury(records[0], error, tried)
            return
        if row is not None and 0 <= row < len(records):
            # The row comes out of a message of the server's, so it is only where to try first.
            parts = [records[:row], records[row : row + 1], records[row + 1 :]]
        else:
            middle = len(records) // 2
            parts = [records[:middle], records[middle:]]
        for part in parts:
            if part:
                await self.store(part, suspected=suspected, tried=tried)

    async def _bury(self, record: EventRecord, error: BaseException, tried: int) -> None:
        delivery = self._delivery
        if await delivery.await_budget():
            # The store may have been put right during the wait.
            await self.store((record,), suspected=False, tried=tried)
            return
        reason = error_summary(error)
        letter = DeadLetter(record=record, reason=reason, attempts=tried)
        attempt = suspicions = 0
        while (failure := await delivery.bury(letter)) is not None:
            attempt += 1
            refused = isinstance(failure, StorageRejected)
            if not refused and not isinstance(failure, StorageBusy | StorageNotReady):
                suspicions += await delivery.takes_probe()
            if (refused or suspicions >= _FAILURES_UNTIL_SUSPECT) and await delivery.write_to_file(letter):
                break
            held = refused or isinstance(failure, StorageNotReady)
            await delivery.pause(SinkState.HELD if held else SinkState.WAITING, failure, attempt)
        logger.error(
            "event %s (%s) was refused for good and is kept as a dead letter: %s",
            record.header.id,
            record.header.type,
            reason,
        )
        self._settle(0, 1)

    def _settle(self, stored: int, buried: int) -> None:
        self._settled(stored, buried)
        status = self._delivery.status
        if status.state is not SinkState.OK:
            status.set(SinkState.OK, None)


async def _error_of(call: Awaitable[None]) -> BaseException | None:
    """
    Await *call*; return its error. A `CancelledError` is one of the writer's unless this task is cancelled.
    """
    try:
        await call
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return error
    except Exception as error:  # noqa: BLE001 - an adapter's bug must not stop the others' events
        return error
    return None
