"""
The batching sink: `emit` puts an event in memory at once, a task writes them in batches.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from poslife._clock import SystemClock
from poslife._encoding import describe_error, encode_payload
from poslife._events import EventHeader, HostEvent, Severity
from poslife._identifiers import EventId, RunId
from poslife._ids import EventIds
from poslife._recording import warn
from poslife.errors import FlushTimeout, StorageRejected, StorageUnavailable
from poslife.protocols import BatchWriter, Clock, DeadLetter, EventRecord

__all__ = ["BatchingSink", "SinkStats"]

logger = logging.getLogger("poslife.sink")

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 5.0
_PATIENCE_WITH_UNKNOWN = 4
_NO_RUN = RunId(UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStats:
    """
    What became of the events. At every moment ``emitted = committed + dead_lettered + backlog``.
    """

    emitted: int
    committed: int
    dead_lettered: int
    backlog: int


class BatchingSink:
    """
    An `EventSink` over a `BatchWriter`.

    Until they are written, events are in memory: a killed process loses those of the last moments, so `flush`
    where that matters. An event the store refuses for good is isolated and kept as a dead letter; nothing
    else in its batch is lost. While the store is away events wait, in order.

    Args:
        writer: The store.
        clock: For waiting, and for the time of recording.
        batch: The most events in one write.
        linger: Seconds to wait for more before writing; not while a backlog or a flush waits.
    """

    def __init__(
        self, writer: BatchWriter, *, clock: Clock | None = None, batch: int = 500, linger: float = 0.05
    ) -> None:
        self._writer = writer
        self._clock: Clock = SystemClock() if clock is None else clock
        self._ids = EventIds(self._clock)
        self._batch = batch
        self._linger = linger
        self._lock = threading.Lock()
        self._waiting: deque[EventRecord] = deque()
        self._sequences: dict[RunId, int] = {}
        self._emitted = 0
        self._committed = 0
        self._dead_lettered = 0
        self._last_error: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._flushing = 0
        self._closed = False

    def emit(self, event: HostEvent, /) -> EventId:
        """
        See `EventSink.emit`. After `aclose` it warns, and the event waits for a `flush`.
        """
        header, payload = self._encoded(event)
        with self._lock:
            sequence = self._sequences.get(header.run, 0) + 1
            self._sequences[header.run] = sequence
            self._emitted += 1
            self._waiting.append(
                EventRecord(header=header, recorded_at=self._clock.now(), sequence=sequence, payload=payload)
            )
        if self._closed:
            warn(f"event {header.type!r} was emitted after aclose(); it waits for a flush()")
        else:
            self._rouse()
        return header.id

    def _encoded(self, event: object) -> tuple[EventHeader, bytes]:
        if isinstance(event, HostEvent):
            return event.header, encode_payload(event.payload, event.error)
        warn(f"emit() takes a HostEvent, got {type(event).__name__}; it is stored as poslife.misuse")
        header = EventHeader(
            id=self._ids.new(),
            type="poslife.misuse",
            severity=Severity.ERROR,
            occurred_at=self._clock.now(),
            run=_NO_RUN,
        )
        return header, encode_payload({"emitted": event})

    def stats(self) -> SinkStats:
        """
        The counts, at one moment.
        """
        with self._lock:
            return SinkStats(
                emitted=self._emitted,
                committed=self._committed,
                dead_lettered=self._dead_lettered,
                backlog=self._emitted - self._committed - self._dead_lettered,
            )

    async def flush(self, timeout: float | None = None, /) -> None:
        """
        See `EventSink.flush`.
        """
        with self._lock:
            target = self._emitted
        self._start()
        self._flushing += 1
        self._wake.set()
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout):
                while self._settled() < target and not self._stopped_working():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            pass
        finally:
            self._flushing -= 1
            if self._closed and not self._flushing:
                await self._stop()
        if self._settled() < target:
            waited = self._clock.monotonic() - started
            raise FlushTimeout(waited, self.stats().backlog, self._last_error)

    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        See `EventSink.aclose`.
        """
        self._closed = True
        try:
            if self.stats().backlog:
                await self.flush(deadline)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        worker, self._worker, self._loop = self._worker, None, None
        if worker is None:
            return
        worker.cancel()
        # `wait` and not `await worker`: the worker's own cancellation must not look like ours.
        await asyncio.wait((worker,))
        self._progress.set()

    def _settled(self) -> int:
        with self._lock:
            return self._committed + self._dead_lettered

    def _rouse(self) -> None:
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        loop = self._loop
        if loop is None or loop.is_closed() or (running is loop and self._stopped_working()):
            if running is not None:
                self._start()
        elif running is loop:
            self._wake.set()
        else:
            try:
                loop.call_soon_threadsafe(self._wake.set)
            except RuntimeError:
                logger.debug("the loop was closed just now; the event waits for the next one")

    def _stopped_working(self) -> bool:
        return self._worker is None or self._worker.done()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._stopped_working() and self._loop is not None and not self._loop.is_closed():
            return
        self._loop = loop
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        if self._waiting:
            self._wake.set()
        self._worker = self._loop.create_task(self._work(), name="poslife sink")

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if len(self._waiting) < self._batch and not self._flushing:
                    await self._lingered()
                with self._lock:
                    count = min(self._batch, len(self._waiting))
                    records = [self._waiting[index] for index in range(count)]
                await self._store(records)

    async def _lingered(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(self._linger):
                while len(self._waiting) < self._batch and not self._flushing:
                    await self._wake.wait()
                    self._wake.clear()
        except TimeoutError:
            pass

    async def _store(self, records: Sequence[EventRecord]) -> None:
        """
        Store *records*, which stand first in line; the bad ones among them as dead letters.
        """
        attempts = 0
        while True:
            try:
                await self._writer.write(records)
            except StorageRejected as error:
                await self._isolate(records, error)
                return
            except StorageUnavailable as error:
                await self._wait_after(error, attempts)
            except asyncio.CancelledError as error:
                if _cancelled():
                    raise
                # The writer's own: something of its was cancelled, which says nothing about the events.
                await self._wait_after(error, attempts)
            except Exception as error:  # noqa: BLE001 - an adapter's bug must not stop the others' events
                if attempts >= _PATIENCE_WITH_UNKNOWN:
                    await self._isolate(records, error)
                    return
                await self._wait_after(error, attempts)
            else:
                self._let_go(len(records), buried=False)
                return
            attempts += 1

    async def _isolate(self, records: Sequence[EventRecord], error: Exception) -> None:
        if len(records) > 1:
            middle = len(records) // 2
            await self._store(records[:middle])
            await self._store(records[middle:])
            return
        letter = DeadLetter(record=records[0], reason=describe_error(error))
        header = records[0].header
        logger.error(
            "event %s (%s) was refused for good and is kept as a dead letter: %s",
            header.id,
            header.type,
            error,
        )
        attempts = 0
        while True:
            try:
                await self._writer.bury(letter)
            except asyncio.CancelledError as again:
                if _cancelled():
                    raise
                await self._wait_after(again, attempts)
                attempts += 1
            except Exception as again:  # noqa: BLE001 - whatever it is, the event is not let go before it is kept
                await self._wait_after(again, attempts)
                attempts += 1
            else:
                self._let_go(1, buried=True)
                return

    def _let_go(self, count: int, *, buried: bool) -> None:
        with self._lock:
            for _ in range(count):
                self._waiting.popleft()
            if buried:
                self._dead_lettered += count
            else:
                self._committed += count
        if self._last_error is not None:
            logger.warning("the event store answers again; %d events wait", len(self._waiting))
            self._last_error = None
        self._progress.set()

    async def _wait_after(self, error: BaseException, attempts: int) -> None:
        if self._last_error is None:
            logger.warning("the event store does not take events, they wait in memory: %s", error)
        self._last_error = describe_error(error)
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(attempts, 16))
        await self._clock.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


def _cancelled() -> bool:
    """
    Whether somebody asked the worker to stop.
    """
    worker = asyncio.current_task()
    return worker is not None and worker.cancelling() > 0
