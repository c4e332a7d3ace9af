"""
The backlog of one writer, and the task that empties it batch by batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from poslife._sink.backlog import Backlog, Entry, JournalRange
from poslife._sink.delivery import Delivery
from poslife._sink.health import SinkState, WriterStats
from poslife._sink.status import SinkStatus
from poslife._trail.encoding import error_summary
from poslife._trail.records import EventRecord, decode_record
from poslife.errors import InvalidValue, JournalUnavailable
from poslife.protocols import BatchWriter, Clock, Journal

__all__ = ["BatchLimits", "Lane", "Loss"]

logger = logging.getLogger("poslife.sink")

_READ_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """
    Limits of batches, and of what waits for them in memory.

    Attributes:
        batch: The most events in one batch.
        batch_bytes: The most bytes of their payloads.
        linger: Seconds to wait for more; not while a backlog or a flush waits.
        window: The most events in memory for each writer.
        window_bytes: The most bytes of their payloads.
    """

    batch: int
    batch_bytes: int
    linger: float
    window: int
    window_bytes: int


class Loss(NamedTuple):
    """
    Events that the journal had accepted and cannot give back: how many, and why.
    """

    missing: int
    reason: str


class _Read(NamedTuple):
    """
    A part of the journal: the entries up to a number, how many frames had no entry in them, and the gaps.
    """

    upto: int
    entries: Sequence[Entry]
    undecodable: int
    gaps: str


class Lane:
    """
    The backlog of one writer, and the task that empties it.

    Args:
        name: The writer's name.
        writer: The writer.
        required: If true, an event stays in the journal until this writer has it.
        most_behind: How many events it may be behind before it loses the oldest, or ``None``.
        journal: The journal that the backlog is read back from.
        limits: Limits of batches.
        clock: For pauses.
        status: The sink's status, to which the lane reports.
        dead_letters_a_minute: More dead letters than this hold the stream.
    """

    def __init__(
        self,
        name: str,
        writer: BatchWriter,
        *,
        required: bool,
        most_behind: int | None,
        journal: Journal | None,
        limits: BatchLimits,
        clock: Clock,
        status: SinkStatus,
        dead_letters_a_minute: int,
    ) -> None:
        self.name = name
        self.required = required
        self.backlog = Backlog(window=limits.window, window_bytes=limits.window_bytes)
        self.emitted = self.recovered = self.committed = self.dead_lettered = self.dropped = 0
        self.relayed = 0
        self._most_behind = most_behind
        self._journal = journal
        self._limits = limits
        self._status = status
        self.delivery = Delivery(
            writer,
            status.add_writer(name, self.backlog, required=required),
            clock=clock,
            dead_letters_a_minute=dead_letters_a_minute,
        )
        self.writing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._idle = False
        self._lingering = False

    def reset_after_fork(self) -> None:
        """
        Forget, in the child of a fork, what waits and what was counted: it is the parent's.
        """
        self.backlog.clear()
        self.emitted = self.recovered = self.committed = self.dead_lettered = self.dropped = 0
        self.relayed = 0

    # With the status's lock held.

    def put(self, number: int | None, record: EventRecord) -> bool:
        """
        Queue one event; tell if the task sleeps and has to be woken for it.
        """
        self.emitted += 1
        backlog = self.backlog
        backlog.add(number, record)
        if self._idle:
            self._idle = False
            return True
        if self._lingering and backlog.added - backlog.removed >= self._limits.batch:
            self._lingering = False
            return True
        return False

    def stats(self) -> WriterStats:
        """
        Return the counts.
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

    # In the event loop.

    def attach(self) -> None:
        """
        Belong to the running loop from now on.
        """
        self._wake = asyncio.Event()
        self.writing = asyncio.Lock()
        self._idle = self._lingering = False

    def wake(self) -> None:
        """
        Wake the task.
        """
        self._wake.set()

    async def run(self) -> Loss:
        """
        Deliver what waits, and return when the journal turns out to have lost events. Call it again then.
        """
        while True:
            with self._status.lock:
                self._idle = not len(self.backlog)
            if self._idle:
                await self._wake.wait()
                self._wake.clear()
                continue
            await self._linger()
            self._drop_excess()
            with self._status.lock:
                head = self.backlog.head(self._limits.batch, self._limits.batch_bytes)
            if isinstance(head, JournalRange):
                if (loss := await self._read_back(head)) is not None:
                    return loss
            elif head:
                async with self.writing:
                    await self.delivery.deliver([record for _, record in head], self._settle)

    async def _linger(self) -> None:
        """
        Wait a moment for more events, unless there are enough for a batch or a flush waits.
        """
        status, linger = self._status, self._limits.linger
        with status.lock:
            enough = len(self.backlog) >= self._limits.batch
            self._lingering = linger > 0 and not enough and not status.flushes
        try:
            async with asyncio.timeout(linger):
                while self._lingering and not status.flushes:
                    await self._wake.wait()
                    self._wake.clear()
        except TimeoutError:
            pass
        finally:
            self._lingering = False

    def _settle(self, stored: int, buried: int) -> None:
        with self._status.lock:
            self.backlog.remove(stored + buried)
            self.committed += stored
            self.dead_lettered += buried
            cursor = self.backlog.cursor
        if self._journal is not None and cursor:
            # A journal closed meanwhile keeps its earlier mark: the events are written again, and skipped.
            with suppress(JournalUnavailable):
                self._journal.mark(self.name, cursor)
        self._status.progress.set()

    def _drop_excess(self) -> None:
        """
        Drop the oldest events of an optional writer that is too far behind.
        """
        if self._most_behind is None or len(self.backlog) <= self._most_behind:
            return
        with self._status.lock:
            dropped = self.backlog.drop(len(self.backlog) - self._most_behind)
            self.dropped += dropped
        logger.error(
            "%s: more than %d events behind; the oldest %d are dropped", self.name, self._most_behind, dropped
        )
        self._status.progress.set()

    async def _read_back(self, unread: JournalRange) -> Loss | None:
        """
        Load the next events that are in the journal alone; return the loss where some are not there.
        """
        attempt = 0
        while isinstance(read := await self._try_to_read(unread), Exception):
            attempt += 1
            await self.delivery.pause(SinkState.WAITING, read, attempt)
        with self._status.lock:
            missing = self.backlog.load(read.upto, read.entries) - read.undecodable
            self.dropped += missing
            self.dead_lettered += read.undecodable
        self._status.progress.set()
        if not missing:
            return None
        reason = read.gaps or "the journal does not have them"
        logger.error("%s: %d events are lost in the journal: %s", self.name, missing, reason)
        return Loss(missing, reason)

    async def _try_to_read(self, unread: JournalRange) -> _Read | Exception:
        try:
            return await asyncio.to_thread(self._read, unread.first, unread.last)
        except Exception as error:  # noqa: BLE001 - whatever a journal raises, what is in it is not given up
            return error

    def _read(self, first: int, last: int) -> _Read:
        assert self._journal is not None
        page = self._journal.read(first - 1, most_bytes=_READ_BYTES)
        # Later numbers are in memory.
        upto = min(max(page.last, first), last) if page.frames or page.gaps else last
        entries: list[Entry] = []
        undecodable = 0
        for number, frame in page.frames:
            if number > upto:
                break
            record = self._decoded(frame)
            if record is None:
                undecodable += 1
            else:
                entries.append((number, record))
        gaps = "; ".join(gap.reason for gap in page.gaps)
        return _Read(upto=upto, entries=entries, undecodable=undecodable, gaps=gaps)

    def _decoded(self, frame: bytes) -> EventRecord | None:
        """
        Return the event of a frame; ``None`` for one that is now in the dead-letter file, undecoded.
        """
        try:
            return decode_record(frame)
        except InvalidValue as error:
            if (file := self._status.dead_letter_file()) is None:
                raise
            file.add_frame(frame, error_summary(error))
            logger.error(  # noqa: TRY400 - the message is all there is to tell
                "%s: a frame of the journal cannot be decoded, it is in %s", self.name, file.path
            )
            return None
