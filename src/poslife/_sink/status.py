"""
The live status of a sink: the one object through which its parts share what they report.

Lanes and the intake write it, the sink reads it. It calls none of them: calls within the sink point one way.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from poslife._sink.backlog import Backlog
from poslife._sink.dead_letter_file import DeadLetterFile
from poslife._sink.health import SinkHealth, SinkState, WriterHealth
from poslife.protocols import Clock, Journal

__all__ = ["SinkStatus", "WriterStatus"]

logger = logging.getLogger("poslife.sink")

_REMINDER: Final = 600.0


class SinkStatus:
    """
    The state that the parts of one sink share.

    Args:
        journal: The sink's journal, or ``None``.
        clock: For times of changes.
        alarm: The host's callback for changes of state, or ``None``.

    Attributes:
        lock: Held while a backlog or a count is touched.
        writers: The status of each writer, the store first.
        journal_failure: Why the journal takes no events now, or ``None``.
        flushes: How many flushes wait; meanwhile no lane lingers.
        progress: Set when a lane has stored, buried, dropped or read something.
    """

    def __init__(
        self, journal: Journal | None, *, clock: Clock, alarm: Callable[[SinkHealth], None] | None
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._alarm = alarm
        self.lock = threading.Lock()
        self.writers: list[WriterStatus] = []
        self.journal_failure: str | None = None
        self.flushes = 0
        self.progress = asyncio.Event()

    def reset_after_fork(self) -> None:
        """
        Forget, in the child of a fork, what is the parent's: its lock, its flushes, its journal's failure.
        """
        self.lock = threading.Lock()
        self.journal_failure = None
        self.flushes = 0

    def add_writer(self, name: str, backlog: Backlog, *, required: bool) -> WriterStatus:
        """
        Return the status of one more writer.
        """
        writer = WriterStatus(name, backlog, required=required, sink=self, clock=self._clock)
        self.writers.append(writer)
        return writer

    def health(self) -> SinkHealth:
        """
        Return the state of the writers and of the journal, at one moment.
        """
        with self.lock:
            return SinkHealth(
                writers=tuple(writer.health() for writer in self.writers),
                journal_failure=self.journal_failure,
                only_in_memory=max(
                    writer.backlog.only_in_memory for writer in self.writers if writer.required
                ),
            )

    def sound_alarm(self) -> None:
        """
        Call the host's alarm with the health; an exception of the alarm's is logged.
        """
        if self._alarm is None:
            return
        try:
            self._alarm(self.health())
        except Exception:
            logger.exception("the host's alarm raised")

    def journal_root(self) -> Path | None:
        """
        Return the directory that outlives each process's journal; ``None`` without one.
        """
        return None if self._journal is None else self._journal.status().root

    def dead_letter_file(self) -> DeadLetterFile | None:
        """
        Return the file for dead letters that the store refuses, too; ``None`` without a journal on disk.
        """
        root = self.journal_root()
        return None if root is None else DeadLetterFile(root / "dead-letters.jsonl")


class WriterStatus:
    """
    The state of one writer, since when and why it is in it.

    Attributes:
        name: The writer's name.
        required: If true, an event stays in the journal until this writer has it.
        backlog: The events that wait for it.
        sink: The status of the sink it belongs to.
        state: Its state.
        since: Time of the last change of state.
        reason: Its last error, while the state is not OK.
    """

    def __init__(
        self, name: str, backlog: Backlog, *, required: bool, sink: SinkStatus, clock: Clock
    ) -> None:
        self.name = name
        self.required = required
        self.backlog = backlog
        self.sink = sink
        self._clock = clock
        self._logged_at: float | None = None
        self.state = SinkState.OK
        self.since: datetime = clock.now()
        self.reason: str | None = None

    def set(self, state: SinkState, reason: str | None) -> None:
        """
        Set the state, and sound the alarm if it is another one.

        It is logged when it begins, every ten minutes while it lasts, and at its end.
        """
        now = self._clock.monotonic()
        before, self.state, self.reason = self.state, state, reason
        waiting = len(self.backlog)
        if before is state:
            if (
                state is not SinkState.OK
                and self._logged_at is not None
                and now - self._logged_at >= _REMINDER
            ):
                self._logged_at = now
                logger.warning("%s: still %s, %d events wait: %s", self.name, state.value, waiting, reason)
            return
        self.since = self._clock.now()
        if state is SinkState.OK:
            self._logged_at = None
            logger.warning("%s: answers again; %d events wait", self.name, waiting)
        elif self._logged_at is None or state is SinkState.HELD:
            self._logged_at = now
            level = logging.ERROR if state is SinkState.HELD else logging.WARNING
            logger.log(level, "%s: %s, %d events wait: %s", self.name, state.value, waiting, reason)
        self.sink.sound_alarm()

    def health(self) -> WriterHealth:
        """
        Return the state and the backlog. The sink's lock is held.
        """
        oldest = self.backlog.oldest()
        return WriterHealth(
            name=self.name,
            required=self.required,
            state=self.state,
            since=self.since,
            reason=self.reason,
            backlog=len(self.backlog),
            oldest=None if oldest is None else oldest.recorded_at,
        )
