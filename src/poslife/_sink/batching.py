"""
The batching sink: `emit` writes an event to the journal at once, tasks write batches to the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from typing import Final

from poslife._domain.event_envelopes import EventHeader, HostEvent, Severity
from poslife._domain.identifiers import EventId, RunId
from poslife._runtime.clock import SystemClock
from poslife._runtime.forking import after_fork_in_child
from poslife._runtime.ids import EventIds
from poslife._sink.health import SinkHealth, SinkStats
from poslife._sink.intake import Intake
from poslife._sink.lane import BatchLimits, Lane
from poslife._sink.options import FurtherWriter, Overflow
from poslife._sink.relay import Relay
from poslife._sink.status import SinkStatus
from poslife._trail.encoding import encode_payload
from poslife._trail.host_events import encode_event, warn
from poslife._trail.redaction import Redaction, redact_secrets
from poslife.errors import FlushTimeout, InvalidValue, JournalUnavailable, RepositoryError
from poslife.protocols import BatchWriter, Clock, Journal, LifeEventFeed

__all__ = ["BatchingSink"]

logger = logging.getLogger("poslife.sink")

_TEND_EVERY: Final = 1.0


class BatchingSink:
    """
    An `EventSink` over a `BatchWriter`.

    With a journal, what `emit` accepted survives the death of the process and is stored at the next start;
    without one it waits in memory. An event that the store refuses for good is isolated and kept as a dead
    letter; nothing else in its batch is lost. While the store is away events wait, in order, and in bounded
    memory. While it needs a person to put it right, the stream is held.

    Args:
        writer: The store.
        journal: Keeps events until they are stored.
        further: Other places for events; each has a cursor of its own.
        feed: The store, from which further writers get life events.
        clock: For pauses, and for the time of recording.
        batch: The most events in one write.
        linger: Seconds to wait for more before writing; not while a backlog or a flush waits.
        sync_every: Seconds between syncs of the journal to the disk while events wait: what a loss of power
            can cost. ``None`` leaves it to the operating system.
        redact: Leaves secrets out of payloads and errors before anything is written. If it raises, nothing
            of them is kept. ``None`` leaves everything in.
        overflow: The policy for events that no journal takes.
        letters_a_minute: More dead letters than this are a fault of the store: the stream is held.
        alarm: Called with the health on each change of a writer's state or the journal's, from any thread.
            A host may stop trading then.

    Raises:
        InvalidValue: An option is out of range, or two writers have one name.
    """

    def __init__(
        self,
        writer: BatchWriter,
        *,
        journal: Journal | None = None,
        further: Sequence[FurtherWriter] = (),
        feed: LifeEventFeed | None = None,
        clock: Clock | None = None,
        batch: int = 500,
        linger: float = 0.05,
        sync_every: float | None = 1.0,
        redact: Redaction | None = redact_secrets,
        overflow: Overflow | None = None,
        letters_a_minute: int = 20,
        alarm: Callable[[SinkHealth], None] | None = None,
    ) -> None:
        _require_valid(batch, linger, sync_every, letters_a_minute, [one.name for one in further])
        self._clock: Clock = SystemClock() if clock is None else clock
        self._ids = EventIds(self._clock)
        self._journal = journal
        self._sync_every = sync_every
        self._redact = redact
        self._status = SinkStatus(journal, clock=self._clock, alarm=alarm)
        self._lanes = self._make_lanes(
            writer,
            further,
            BatchLimits(
                batch=batch, batch_bytes=1 << 20, linger=linger, window=8 * batch, window_bytes=8 << 20
            ),
            letters_a_minute,
        )
        self._intake = Intake(
            self._lanes,
            journal,
            status=self._status,
            overflow=Overflow() if overflow is None else overflow,
            clock=self._clock,
            new_event_id=self._ids.new,
            own_run=RunId(self._ids.new()),
        )
        self._relays = [
            Relay(following, feed, clock=self._clock, directory=self._status.journal_root)
            for following, one in zip(self._lanes[1:], further, strict=True)
            if feed is not None and one.life_events
        ]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        after_fork_in_child(self._reset_after_fork)

    def _make_lanes(
        self,
        writer: BatchWriter,
        further: Sequence[FurtherWriter],
        limits: BatchLimits,
        dead_letters_a_minute: int,
    ) -> list[Lane]:
        def lane(name: str, writer: BatchWriter, *, required: bool, most_behind: int | None) -> Lane:
            return Lane(
                name,
                writer,
                required=required,
                most_behind=most_behind,
                journal=self._journal,
                limits=limits,
                clock=self._clock,
                status=self._status,
                dead_letters_a_minute=dead_letters_a_minute,
            )

        return [
            lane("store", writer, required=True, most_behind=None),
            *(
                lane(
                    one.name,
                    one.writer,
                    required=one.required,
                    most_behind=None if one.required else one.most_behind,
                )
                for one in further
            ),
        ]

    def _reset_after_fork(self) -> None:
        """
        Begin anew, in the child of a fork: what waits, and the event loop, are the parent's.
        """
        self._status.reset_after_fork()
        for lane in self._lanes:
            lane.reset_after_fork()
        self._intake.reset_after_fork(RunId(self._ids.new()))
        self._loop, self._tasks = None, []

    def emit(self, event: HostEvent, /) -> EventId:
        """
        Accept an event and return its id at once, as `EventSink.emit` has it.

        After `aclose` it warns, and the event waits for a `flush` or the next start.
        """
        header, payload = self._encoded(event)
        wake = self._intake.accept(header, payload)
        if self._closed:
            warn(
                f"event {header.type!r} was emitted after aclose(); it waits for a flush() or the next start"
            )
        elif wake or self._loop is None:
            self._wake()
        return header.id

    def _encoded(self, event: object) -> tuple[EventHeader, bytes]:
        if isinstance(event, HostEvent):
            return encode_event(event, self._redact)
        warn(f"emit() takes a HostEvent, got {type(event).__name__}; it is stored as poslife.misuse")
        header = EventHeader(
            id=self._ids.new(),
            type="poslife.misuse",
            severity=Severity.ERROR,
            occurred_at=self._clock.now(),
            run=self._intake.own_run,
        )
        return header, encode_payload({"emitted": event}, redact=self._redact)

    def stats(self) -> SinkStats:
        """
        Return the counts, at one moment.
        """
        with self._status.lock:
            store, *further = [lane.stats() for lane in self._lanes]
        status = None if self._journal is None else self._journal.status()
        return SinkStats(store=store, further=tuple(further), journal=status)

    def health(self) -> SinkHealth:
        """
        Return the state of the writers and of the journal, at one moment.
        """
        return self._status.health()

    async def flush(self, timeout: float | None = None, /) -> None:
        """
        Return when the store and the required further writers have every event emitted before.

        Raises:
            FlushTimeout: *timeout* seconds went by first, or the sink was closed. Nothing is lost.
        """
        self._start()
        status = self._status
        with status.lock:
            targets = [(lane, lane.backlog.added) for lane in self._lanes if lane.required]

        def are_left() -> bool:
            return any(lane.backlog.removed < target for lane, target in targets)

        status.flushes += 1
        for lane in self._lanes:
            lane.wake()
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout):
                while are_left() and not self._is_stopped():
                    status.progress.clear()
                    await status.progress.wait()
        except TimeoutError:
            pass
        finally:
            status.flushes -= 1
            if self._closed and not status.flushes:
                await self._stop()
        if are_left():
            raise self._flush_timeout(self._clock.monotonic() - started)

    def _flush_timeout(self, waited: float) -> FlushTimeout:
        with self._status.lock:
            backlog = max(len(lane.backlog) for lane in self._lanes if lane.required)
            reason = next((writer.reason for writer in self._status.writers if writer.reason), None)
        directory = None if self._journal is None else self._journal.status().directory
        kept_in = None if directory is None or self._status.journal_failure else str(directory)
        return FlushTimeout(waited, backlog, reason, kept_in)

    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        Flush for at most *deadline* seconds and stop. What is left stays in the journal for the next start.

        Raises:
            FlushTimeout: Says how many events were not stored by then.
        """
        self._closed = True
        started = self._clock.monotonic()
        try:
            if any(len(lane.backlog) for lane in self._lanes):
                await self.flush(deadline)
            taken = self._clock.monotonic() - started
            await self._catch_up(None if deadline is None else max(deadline - taken, 0.0))
        finally:
            await self._stop()
            if self._journal is not None:
                await asyncio.to_thread(self._close_journal, self._journal)

    async def _catch_up(self, deadline: float | None) -> None:
        """
        Relay the life events that were committed last, as far as the deadline allows.
        """
        try:
            async with asyncio.timeout(deadline):
                for relay in self._relays:
                    await relay.catch_up()
        except (TimeoutError, RepositoryError) as error:
            logger.warning("not every life event was relayed, the next start goes on with them: %s", error)

    def _close_journal(self, journal: Journal) -> None:
        try:
            if self._intake.is_open:
                self._forget_stored(journal)
                self._intake.close()
        except JournalUnavailable as error:
            logger.warning("while closing: %s", error)

    async def _stop(self) -> None:
        tasks, self._tasks, self._loop = self._tasks, [], None
        for task in tasks:
            task.cancel()
        if tasks:
            # `wait` and not `await task`: a task's own cancellation must not look like ours.
            await asyncio.wait(tasks)
        self._status.progress.set()

    def _wake(self) -> None:
        """
        Wake the lanes, from any thread; start the tasks where none run and a loop does.
        """
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        loop = self._loop
        if loop is None or loop.is_closed() or (running is loop and self._is_stopped()):
            if running is not None:
                self._start()
        elif running is loop:
            self._wake_lanes()
        else:
            try:
                loop.call_soon_threadsafe(self._wake_lanes)
            except RuntimeError:
                logger.debug("the loop was closed just now; the event waits for the next one")

    def _wake_lanes(self) -> None:
        for lane in self._lanes:
            lane.wake()

    def _is_stopped(self) -> bool:
        return not self._tasks or all(task.done() for task in self._tasks)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._is_stopped() and self._loop is not None and not self._loop.is_closed():
            return
        self._intake.open()
        self._loop = loop
        self._status.progress = asyncio.Event()
        self._tasks = []
        for lane in self._lanes:
            lane.attach()
            self._start_task(loop, self._serve(lane), lane.name)
        for relay in self._relays:
            relay.attach()
            self._start_task(loop, relay.run(), "relay")
        if self._journal is not None:
            self._start_task(loop, self._tend_journal(self._journal), "journal")

    def _start_task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, None], name: str
    ) -> None:
        # In an empty context: the event that starts the task is no cause of what an alarm records later.
        self._tasks.append(loop.create_task(work, name=f"poslife sink: {name}", context=Context()))

    async def _serve(self, lane: Lane) -> None:
        """
        Run a lane, and record what the journal lost of its backlog.
        """
        while True:
            loss = await lane.run()
            if self._intake.record_loss(lane.name, loss):
                self._wake()

    async def _tend_journal(self, journal: Journal) -> None:
        """
        From time to time, have the journal forget what is stored, and sync the rest to the disk.
        """
        slept = 0.0
        pause = _TEND_EVERY if self._sync_every is None else min(_TEND_EVERY, self._sync_every)
        while True:
            await self._clock.sleep(pause)
            slept += pause
            sync = self._sync_every is not None and slept >= self._sync_every
            if sync:
                slept = 0.0
            try:
                await asyncio.to_thread(self._tend, journal, with_sync=sync)
            except Exception as error:  # noqa: BLE001 - `emit` reports a journal that fails; this only tends it
                logger.debug("the journal could not be tended: %s", error)

    def _tend(self, journal: Journal, *, with_sync: bool) -> None:
        self._forget_stored(journal)
        if with_sync and any(len(lane.backlog) for lane in self._lanes):
            journal.sync()

    def _forget_stored(self, journal: Journal) -> None:
        with self._status.lock:
            upto = min(lane.backlog.cursor for lane in self._lanes)
        if upto:
            journal.forget(upto)


def _require_valid(
    batch: int, linger: float, sync_every: float | None, letters_a_minute: int, names: Sequence[str]
) -> None:
    for option, value, holds, expected in (
        ("batch", batch, type(batch) is int and 1 <= batch <= 10_000, "an int from 1 to 10000"),
        ("linger", linger, 0 <= linger <= 3600, "a number of seconds from 0 to 3600"),
        (
            "sync_every",
            sync_every,
            sync_every is None or 0 < sync_every <= 3600,
            "a number of seconds above zero, at most 3600, or None",
        ),
        ("letters_a_minute", letters_a_minute, letters_a_minute >= 1, "an int of at least 1"),
        ("further", names, len(set(names)) == len(names), "writers with different names"),
    ):
        if not holds:
            raise InvalidValue(f"BatchingSink.{option}", value, expected)
