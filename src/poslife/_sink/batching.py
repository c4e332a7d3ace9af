"""
The batching sink: `emit` puts an event into the journal at once, tasks write them to the store in batches.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from pathlib import Path
from typing import Final

from poslife._domain.event_envelopes import EventHeader, HostEvent, Severity
from poslife._domain.identifiers import EventId, RunId
from poslife._runtime.clock import SystemClock
from poslife._runtime.forking import in_each_child
from poslife._runtime.ids import EventIds
from poslife._sink.dead_letter_file import LetterFile
from poslife._sink.health import SinkHealth, SinkStats
from poslife._sink.intake import Intake
from poslife._sink.lane import Lane, Pace
from poslife._sink.options import FurtherWriter, Overflow
from poslife._sink.relay import Relay
from poslife._trail.encoding import encode_payload
from poslife._trail.host_events import encode_event, warn
from poslife._trail.redaction import Redaction, redact_secrets
from poslife.errors import FlushTimeout, InvalidValue, JournalUnavailable, RepositoryError
from poslife.protocols import Clock
from poslife.protocols._event_stores import BatchWriter, LifeEventFeed
from poslife.protocols._journal import Journal

__all__ = ["BatchingSink"]

logger = logging.getLogger("poslife.sink")

_KEEPING: Final = 1.0


class BatchingSink:
    """
    An `EventSink` over a `BatchWriter`.

    With a journal, what `emit` accepted survives the death of the process and is stored at the next start;
    without one it waits in memory. An event that the store refuses for good is isolated and kept as a dead
    letter; nothing else in its batch is lost. While the store is away events wait, in order, and in bounded
    memory. A store that somebody must put right holds the stream until that is done.

    Args:
        writer: The store.
        journal: Where events are kept until they are stored.
        further: Other places for events; each has a cursor of its own.
        feed: Where further writers get life events from: the store.
        clock: For pauses, and for the time of recording.
        batch: The most events in one write.
        linger: Seconds to wait for more before writing; not while a backlog or a flush waits.
        sync_every: Seconds between the times when the journal is written to the disk, while events wait: what
            a loss of power can cost. ``None`` leaves it to the operating system.
        redact: Leaves secrets out of payloads and errors before anything is written. Where it raises, nothing
            of them is kept. ``None`` leaves everything in.
        overflow: What happens while no journal takes events.
        letters_a_minute: More dead letters than this are a fault of the store: the stream is held.
        alarm: Called with the health whenever a writer's state, or the journal's, has changed; from any
            thread. A host may stop trading then.

    Raises:
        InvalidValue: An option is outside what it takes, or two writers have one name.
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
        names = [one.name for one in further]
        for option, value, holds, wanted in (
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
                raise InvalidValue(f"BatchingSink.{option}", value, wanted)
        self._clock: Clock = SystemClock() if clock is None else clock
        self._ids = EventIds(self._clock)
        self._journal = journal
        self._sync_every = sync_every
        self._redact = redact
        self._alarm = alarm
        self._lock = threading.Lock()
        pace = Pace(batch=batch, batch_bytes=1 << 20, linger=linger, window=8 * batch, window_bytes=8 << 20)

        def lane(name: str, writer: BatchWriter, *, required: bool, most_behind: int | None) -> Lane:
            return Lane(
                name,
                writer,
                required=required,
                most_behind=most_behind,
                journal=journal,
                pace=pace,
                lock=self._lock,
                clock=self._clock,
                letters=self._letter_file,
                letters_a_minute=letters_a_minute,
                hurried=lambda: self._flushing > 0,
                progressed=self._progressed,
                changed=self._sound_alarm,
                damaged=self._tell_damage,
            )

        self._store = lane("store", writer, required=True, most_behind=None)
        self._lanes = [
            self._store,
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
        self._intake = Intake(
            self._lanes,
            journal,
            lock=self._lock,
            overflow=Overflow() if overflow is None else overflow,
            clock=self._clock,
            new_event_id=self._ids.new,
            own_run=RunId(self._ids.new()),
            changed=self._sound_alarm,
        )
        self._relays = [
            Relay(following, feed, clock=self._clock, directory=self._root)
            for following, one in zip(self._lanes[1:], further, strict=True)
            if feed is not None and one.life_events
        ]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._progress = asyncio.Event()
        self._flushing = 0
        self._closed = False
        in_each_child(self._begin_anew)

    def _begin_anew(self) -> None:
        """
        In the child of a fork: what waits is the parent's, who has it stored; so is the event loop.
        """
        self._lock = threading.Lock()
        for lane in self._lanes:
            lane.begin_anew(self._lock)
        self._intake.begin_anew(self._lock, RunId(self._ids.new()))
        self._loop, self._tasks, self._flushing = None, [], 0

    def emit(self, event: HostEvent, /) -> EventId:
        """
        See `EventSink.emit`. After `aclose` it warns, and the event waits for a `flush` or the next start.
        """
        header, payload = self._encoded(event)
        rouse = self._intake.accept(header, payload)
        if self._closed:
            warn(
                f"event {header.type!r} was emitted after aclose(); it waits for a flush() or the next start"
            )
        elif rouse or self._loop is None:
            self._rouse()
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
        The counts, at one moment.
        """
        with self._lock:
            store, *further = [lane.stats() for lane in self._lanes]
        status = None if self._journal is None else self._journal.status()
        return SinkStats(store=store, further=tuple(further), journal=status)

    def health(self) -> SinkHealth:
        """
        How the writers and the journal are, now.
        """
        with self._lock:
            return SinkHealth(
                writers=tuple(lane.health() for lane in self._lanes),
                journal_failure=self._intake.failure,
                only_in_memory=max(lane.backlog.only_here for lane in self._lanes if lane.required),
            )

    async def flush(self, timeout: float | None = None, /) -> None:
        """
        See `EventSink.flush`. It waits for the store and the required further writers.
        """
        self._start()
        with self._lock:
            targets = [(lane, lane.backlog.put_in) for lane in self._lanes if lane.required]

        def left() -> bool:
            return any(lane.backlog.taken_out < target for lane, target in targets)

        self._flushing += 1
        for lane in self._lanes:
            lane.wake()
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout):
                while left() and not self._stopped():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            pass
        finally:
            self._flushing -= 1
            if self._closed and not self._flushing:
                await self._stop()
        if left():
            raise self._late(self._clock.monotonic() - started)

    def _late(self, waited: float) -> FlushTimeout:
        with self._lock:
            backlog = max(len(lane.backlog) for lane in self._lanes if lane.required)
            reason = next((lane.delivery.reason for lane in self._lanes if lane.delivery.reason), None)
        directory = None if self._journal is None else self._journal.status().directory
        kept_in = None if directory is None or self._intake.failure else str(directory)
        return FlushTimeout(waited, backlog, reason, kept_in)

    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        See `EventSink.aclose`. What is left then stays in the journal, and is stored at the next start.
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
                await asyncio.to_thread(self._put_away, self._journal)

    async def _catch_up(self, deadline: float | None) -> None:
        """
        Give the relays the chance to pass on what was committed last.
        """
        try:
            async with asyncio.timeout(deadline):
                for relay in self._relays:
                    await relay.catch_up()
        except (TimeoutError, RepositoryError) as error:
            logger.warning("not every life event was passed on, the next start goes on with them: %s", error)

    def _put_away(self, journal: Journal) -> None:
        try:
            if self._intake.is_open:
                self._forget(journal)
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
        self._progress.set()

    def _rouse(self) -> None:
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        loop = self._loop
        if loop is None or loop.is_closed() or (running is loop and self._stopped()):
            if running is not None:
                self._start()
        elif running is loop:
            self._wake()
        else:
            try:
                loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                logger.debug("the loop was closed just now; the event waits for the next one")

    def _wake(self) -> None:
        for lane in self._lanes:
            lane.wake()

    def _stopped(self) -> bool:
        return not self._tasks or all(task.done() for task in self._tasks)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._stopped() and self._loop is not None and not self._loop.is_closed():
            return
        self._intake.open()
        self._loop = loop
        self._progress = asyncio.Event()
        self._tasks = []
        for lane in self._lanes:
            lane.begin()
            self._begin(loop, lane.run(), lane.name)
        for relay in self._relays:
            relay.begin()
            self._begin(loop, relay.run(), "relay")
        if self._journal is not None:
            self._begin(loop, self._keep(self._journal), "journal")

    def _begin(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, None], name: str
    ) -> None:
        # In a context of its own: whatever event begins it is no cause of what an alarm records later.
        self._tasks.append(loop.create_task(work, name=f"poslife sink: {name}", context=Context()))

    async def _keep(self, journal: Journal) -> None:
        """
        Now and then: let the journal go of what is stored, and have the rest written to the disk.
        """
        slept = 0.0
        pause = _KEEPING if self._sync_every is None else min(_KEEPING, self._sync_every)
        while True:
            await self._clock.sleep(pause)
            slept += pause
            sync = self._sync_every is not None and slept >= self._sync_every
            if sync:
                slept = 0.0
            try:
                await asyncio.to_thread(self._tend, journal, with_sync=sync)
            except Exception as error:  # noqa: BLE001 - `emit` tells of a journal that fails; this only tends it
                logger.debug("the journal could not be tended: %s", error)

    def _tend(self, journal: Journal, *, with_sync: bool) -> None:
        self._forget(journal)
        if with_sync and any(len(lane.backlog) for lane in self._lanes):
            journal.sync()

    def _forget(self, journal: Journal) -> None:
        with self._lock:
            upto = min(lane.backlog.cursor for lane in self._lanes)
        if upto:
            journal.forget(upto)

    def _root(self) -> Path | None:
        """
        The directory of the journals, which outlives each of them.
        """
        return None if self._journal is None else self._journal.status().root

    def _letter_file(self) -> LetterFile | None:
        root = self._root()
        return None if root is None else LetterFile(root / "dead-letters.jsonl")

    def _progressed(self) -> None:
        # The loop's, which `_start` makes anew.
        self._progress.set()

    def _tell_damage(self, lane: str, missing: int, reason: str) -> None:
        if self._intake.tell_damage(lane, missing, reason):
            self._rouse()

    def _sound_alarm(self) -> None:
        if self._alarm is None:
            return
        try:
            self._alarm(self.health())
        except Exception:
            logger.exception("the host's alarm raised")
