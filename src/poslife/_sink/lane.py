"""
One writer's task: it takes batches from its backlog and sees them through.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from poslife._sink.backlog import Backlog, Held, Stretch
from poslife._sink.dead_letter_file import LetterFile
from poslife._sink.delivery import Delivery
from poslife._sink.health import SinkState, WriterHealth, WriterStats
from poslife._trail.encoding import error_summary
from poslife._trail.records import EventRecord, decode_record
from poslife.errors import InvalidValue, JournalUnavailable
from poslife.protocols import Clock
from poslife.protocols._event_stores import BatchWriter
from poslife.protocols._journal import Journal

__all__ = ["Lane", "Pace"]

logger = logging.getLogger("poslife.sink")

_READ_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """
    How batches are made.

    Attributes:
        batch: The most events in one.
        batch_bytes: What their payloads may take.
        linger: Seconds to wait for more; not while a backlog or a flush waits.
        window: Events to hold in memory for each writer.
        window_bytes: What their payloads may take.
    """

    batch: int
    batch_bytes: int
    linger: float
    window: int
    window_bytes: int


class _Part(NamedTuple):
    upto: int
    found: Sequence[Held]
    unreadable: int
    told: str


class Lane:
    """
    The queue of one writer, and the task that empties it.

    Args:
        name: The writer's.
        writer: It.
        required: Whether an event stays in the journal until this writer has it.
        most_behind: How many events it may be behind before it loses the oldest, or ``None``.
        journal: Where what is not in memory is.
        pace: How batches are made.
        lock: Held while the queue is touched.
        clock: For pauses.
        letters: Where dead letters go that the writer refuses, too.
        letters_a_minute: More dead letters than this hold the stream.
        hurried: Whether somebody waits for everything to be stored.
        progressed: Called when some of it is.
        changed: Called when the writer's state has changed.
        damaged: Told the lane's name, how many events the journal could not give back, and why.
    """

    def __init__(
        self,
        name: str,
        writer: BatchWriter,
        *,
        required: bool,
        most_behind: int | None,
        journal: Journal | None,
        pace: Pace,
        lock: threading.Lock,
        clock: Clock,
        letters: Callable[[], LetterFile | None],
        letters_a_minute: int,
        hurried: Callable[[], bool],
        progressed: Callable[[], None],
        changed: Callable[[], None],
        damaged: Callable[[str, int, str], None],
    ) -> None:
        self.name = name
        self.required = required
        self.backlog = Backlog(window=pace.window, window_bytes=pace.window_bytes)
        self.emitted = self.recovered = self.committed = self.dead_lettered = self.dropped = 0
        self.relayed = 0
        self._most_behind = most_behind
        self._journal = journal
        self._pace = pace
        self._lock = lock
        self._letters = letters
        self._hurried = hurried
        self._progressed = progressed
        self._damaged = damaged
        self.writing = asyncio.Lock()
        self.delivery = Delivery(
            name, writer, clock=clock, letters=letters, letters_a_minute=letters_a_minute, changed=changed
        )
        self._wake = asyncio.Event()
        self._idle = False
        self._lingering = False
        self._failure: Exception | None = None

    def begin_anew(self, lock: threading.Lock) -> None:
        """
        In the child of a fork: nothing waits, and nothing was counted.
        """
        self._lock = lock
        self.backlog = Backlog(window=self._pace.window, window_bytes=self._pace.window_bytes)
        self.emitted = self.recovered = self.committed = self.dead_lettered = self.dropped = 0
        self.relayed = 0

    # with the lock held

    def put(self, number: int | None, record: EventRecord) -> bool:
        """
        Queue one event. Returns whether the task sleeps and what is in the queue is reason to wake it.
        """
        self.emitted += 1
        self.backlog.put(number, record)
        if self._idle:
            self._idle = False
            return True
        if self._lingering and len(self.backlog) >= self._pace.batch:
            self._lingering = False
            return True
        return False

    def stats(self) -> WriterStats:
        """
        The counts.
        """
        return WriterStats(
            name=self.name,
            required=self.required,
            emitted=self.emitted,
            recovered=self.recovered,
            committed=self.committed,
            dead_lettered=self.dead_lettered,
            dropped=self.dropped,
            backlog=len(self.backlog),
            relayed=self.relayed,
            writes=self.delivery.writes,
            failures=self.delivery.failures,
        )

    def health(self) -> WriterHealth:
        """
        How the writer is.
        """
        oldest = self.backlog.oldest()
        return WriterHealth(
            name=self.name,
            required=self.required,
            state=self.delivery.state,
            since=self.delivery.since,
            reason=self.delivery.reason,
            backlog=len(self.backlog),
            oldest=None if oldest is None else oldest.recorded_at,
        )

    # in the event loop

    def begin(self) -> None:
        """
        Belong to the running loop from now on.
        """
        self._wake = asyncio.Event()
        self.writing = asyncio.Lock()
        self._idle = self._lingering = False

    def wake(self) -> None:
        """
        See to the queue.
        """
        self._wake.set()

    async def run(self) -> None:
        """
        Empty the queue, for ever.
        """
        while True:
            with self._lock:
                self._idle = not len(self.backlog)
            if self._idle:
                await self._wake.wait()
                self._wake.clear()
                continue
            await self._linger()
            self._catch_up()
            with self._lock:
                head = self.backlog.head(self._pace.batch, self._pace.batch_bytes)
            if isinstance(head, Stretch):
                await self._read(head)
            elif head:
                async with self.writing:
                    await self.delivery.deliver([record for _, record in head], self._settle, self._waiting)

    def _waiting(self) -> int:
        return len(self.backlog)

    async def _linger(self) -> None:
        """
        Wait a moment for more, unless there is enough or somebody waits.
        """
        with self._lock:
            enough = len(self.backlog) >= self._pace.batch
            self._lingering = self._pace.linger > 0 and not enough and not self._hurried()
        try:
            async with asyncio.timeout(self._pace.linger):
                while self._lingering and not self._hurried():
                    await self._wake.wait()
                    self._wake.clear()
        except TimeoutError:
            pass
        finally:
            self._lingering = False

    def _settle(self, stored: int, buried: int) -> None:
        with self._lock:
            self.backlog.take(stored + buried)
            self.committed += stored
            self.dead_lettered += buried
            cursor = self.backlog.cursor
        if self._journal is not None and cursor:
            # Closed meanwhile: then it is written again, and passed over.
            with suppress(JournalUnavailable):
                self._journal.mark(self.name, cursor)
        self._progressed()

    def _catch_up(self) -> None:
        """
        Let an optional writer that is too far behind lose the oldest.
        """
        if self._most_behind is None or len(self.backlog) <= self._most_behind:
            return
        with self._lock:
            skipped = self.backlog.skip(len(self.backlog) - self._most_behind)
            self.dropped += skipped
        logger.error(
            "%s: more than %d events behind; the oldest %d are passed over",
            self.name,
            self._most_behind,
            skipped,
        )
        self._progressed()

    async def _read(self, stretch: Stretch) -> None:
        """
        Read the next of what is in the journal alone.
        """
        attempt = 0
        while (part := await self._part_of(stretch)) is None:
            attempt += 1
            assert self._failure is not None
            await self.delivery.pause(SinkState.WAITING, self._failure, attempt, len(self.backlog))
        with self._lock:
            missing = self.backlog.fill(part.upto, part.found) - part.unreadable
            self.dropped += missing
            self.dead_lettered += part.unreadable
        if missing:
            reason = part.told or "the journal does not have them"
            logger.error("%s: %d events are lost in the journal: %s", self.name, missing, reason)
            self._damaged(self.name, missing, reason)
        self._progressed()

    async def _part_of(self, stretch: Stretch) -> _Part | None:
        try:
            return await asyncio.to_thread(self._read_part, stretch.first, stretch.last)
        except Exception as error:  # noqa: BLE001 - whatever a journal raises, what is in it is not given up
            self._failure = error
            return None

    def _read_part(self, first: int, last: int) -> _Part:
        assert self._journal is not None
        page = self._journal.read(first - 1, most_bytes=_READ_AT_ONCE)
        # What comes after the stretch is in memory.
        upto = min(max(page.last, first), last) if page.frames or page.gaps else last
        found: list[Held] = []
        unreadable = 0
        for number, frame in page.frames:
            if number > upto:
                break
            record = self._record(frame)
            if record is None:
                unreadable += 1
            else:
                found.append((number, record))
        told = "; ".join(gap.reason for gap in page.gaps)
        return _Part(upto=upto, found=found, unreadable=unreadable, told=told)

    def _record(self, frame: bytes) -> EventRecord | None:
        """
        The event of a frame; ``None`` for one that is kept as a dead letter, as it is.
        """
        try:
            return decode_record(frame)
        except InvalidValue as error:
            if (file := self._letters()) is None:
                raise
            file.keep_frame(frame, error_summary(error))
            logger.error("%s: a frame of the journal cannot be read, it is in %s", self.name, file.path)  # noqa: TRY400
            return None
