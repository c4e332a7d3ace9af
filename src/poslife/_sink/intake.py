"""
What `emit` does: number the event, write it to the journal, queue it for each writer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from poslife._domain.event_envelopes import UNLINKED, EventHeader, Severity
from poslife._domain.identifiers import EventId, RunId
from poslife._domain.text import clean_text
from poslife._sink.lane import Lane
from poslife._sink.options import Overflow, severer
from poslife._trail.encoding import encode_payload, error_summary
from poslife._trail.records import EventRecord, content_of, encode_record, frame_of, linked
from poslife.errors import JournalUnavailable
from poslife.protocols import Clock
from poslife.protocols._journal import Journal

__all__ = ["Intake"]

logger = logging.getLogger("poslife.sink")

_OPEN_AGAIN = 1.0


@dataclass(slots=True)
class _Gap:
    first: int
    last: int
    count: int


class Intake:
    """
    Accepts events from any thread.

    Args:
        lanes: The writers' queues.
        journal: Where events are kept until they are stored, or ``None``.
        lock: Held while a queue is touched.
        overflow: What happens while no journal takes them.
        clock: For the time of recording.
        new_event_id: For the sink's own events.
        own_run: What the sink's own events are numbered in.
        changed: Called when the journal begins or ceases to take events.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        journal: Journal | None,
        *,
        lock: threading.Lock,
        overflow: Overflow,
        clock: Clock,
        new_event_id: Callable[[], EventId],
        own_run: RunId,
        changed: Callable[[], None],
    ) -> None:
        self._lanes = lanes
        self._journal = journal
        self._lock = lock
        self._overflow = overflow
        self._clock = clock
        self._new_event_id = new_event_id
        self.own_run = own_run
        self._changed = changed
        self._opened = journal is None
        self._open_after = 0.0
        self._streams: dict[RunId, tuple[int, bytes]] = {}
        self._run: RunId | None = None
        self._sequence = 0
        self._digest = UNLINKED
        self._gaps: dict[RunId, _Gap] = {}
        self._left: set[EventId] = set()
        self.failure: str | None = None
        """
        Why the journal does not take events now.
        """

    def open(self) -> None:
        """
        Open the journal, and queue what an earlier process left in it.
        """
        before = self.failure
        with self._lock:
            self._open()
        self._tell(before)

    def close(self) -> None:
        """
        Let go of the journal, with what waits in it: the next process has it, or this one if it goes on.

        Events that a full disk had kept in memory are put into it, if it takes them now.
        """
        if (journal := self._journal) is None:
            return
        with self._lock:
            if not self._opened:
                return
            waiting = {
                record.header.id: record for lane in self._lanes for record in lane.backlog.only_in_memory()
            }
            for event_id, record in waiting.items():
                if record.digest == UNLINKED or self._journaled(journal, encode_record(record)) is None:
                    break
                self._left.add(event_id)
            self._opened = False
        journal.close()

    @property
    def is_open(self) -> bool:
        """
        Whether the journal is open.
        """
        return self._journal is not None and self._opened

    def begin_anew(self, lock: threading.Lock, own_run: RunId) -> None:
        """
        In the child of a fork: the journal there is another one.
        """
        self._lock = lock
        self.own_run = own_run
        self._opened = self._journal is None
        self._left.clear()
        self._gaps.clear()
        self.failure = None

    def accept(self, header: EventHeader, payload: bytes) -> bool:
        """
        Take one event. Returns whether a writer should be woken.
        """
        before = self.failure
        with self._lock:
            if not self._opened:
                self._open()
            rouse = self._keep(header, self._clock.now(), payload)
            if self._gaps:
                rouse = self._tell_gaps() or rouse
        if before is not self.failure:
            self._tell(before)
        return rouse

    def next_number(self, run: RunId) -> int:
        """
        The next sequence of a run, whose last digest is at hand then. The lock is held.
        """
        # A host has one run at a time, and a UUID takes long to hash.
        if run is not self._run:
            if self._run is not None:
                self._streams[self._run] = self._sequence, self._digest
            self._run = run
            self._sequence, self._digest = self._streams.get(run, (0, UNLINKED))
        self._sequence += 1
        return self._sequence

    def _keep(self, header: EventHeader, recorded_at: datetime, payload: bytes) -> bool:
        """
        Number an event, link it to the one before, and keep it.
        """
        sequence = self.next_number(header.run)
        digest, number = UNLINKED, None
        try:
            content = content_of(header, recorded_at, sequence, None, None, payload)
        except Exception as error:  # noqa: BLE001 - what no journal holds the store refuses, and sets aside
            if self._journal is not None:
                self.failure = error_summary(error)
        else:
            digest = linked(self._digest, content)
            if self._opened and self._journal is not None:
                number = self._journaled(self._journal, frame_of(digest, content))
        record = EventRecord(
            header=header, recorded_at=recorded_at, sequence=sequence, payload=payload, digest=digest
        )
        if number is None and not self._has_room(header.severity):
            self._drop(record)
            return False
        if digest is not UNLINKED:
            self._digest = digest
        rouse = False
        for lane in self._lanes:
            if lane.put(number, record):
                rouse = True
        return rouse

    def _journaled(self, journal: Journal, frame: bytes) -> int | None:
        try:
            number = journal.append(frame)
        except JournalUnavailable as error:
            self.failure = error.reason
            return None
        except Exception as error:  # noqa: BLE001 - a journal's bug must not break a trade
            self.failure = error_summary(error)
            return None
        self.failure = None
        return number

    def _open(self) -> None:
        if self._opened or (journal := self._journal) is None or self._clock.monotonic() < self._open_after:
            return
        try:
            status = journal.open()
            marks = journal.marks()
        except Exception as error:  # noqa: BLE001 - whatever it is, events are kept in memory until it is over
            self.failure = error.reason if isinstance(error, JournalUnavailable) else error_summary(error)
            self._open_after = self._clock.monotonic() + _OPEN_AGAIN
            return
        self._opened = True
        self.failure = None
        for lane in self._lanes:
            done = max(marks.get(lane.name, 0), status.first - 1)
            # Less what this process had left in it, when it closed the sink before.
            lane.recovered += max(status.last - done, 0) - lane.backlog.leave(self._left)
            lane.backlog.cursor = done
            lane.backlog.put_stretch(done + 1, status.last)
        self._left.clear()
        if any(lane.recovered for lane in self._lanes):
            logger.info("the journal holds %d events of an earlier process", status.last - status.first + 1)

    def _has_room(self, severity: Severity) -> bool:
        overflow = self._overflow
        if overflow.drop_below is None or not severer(overflow.drop_below, severity):
            return True
        return all(lane.backlog.only_here < overflow.most for lane in self._lanes if lane.required)

    def _drop(self, record: EventRecord) -> None:
        for lane in self._lanes:
            lane.emitted += 1
            lane.dropped += 1
        assert record.sequence is not None
        gap = self._gaps.setdefault(record.header.run, _Gap(record.sequence, record.sequence, 0))
        gap.last = record.sequence
        gap.count += 1

    def _tell_gaps(self) -> bool:
        """
        Record what was dropped, now that there is room again.
        """
        if not all(lane.backlog.only_here < self._overflow.most for lane in self._lanes if lane.required):
            return False
        gaps, self._gaps = self._gaps, {}
        rouse = False
        for run, gap in gaps.items():
            payload = {"dropped": gap.count, "first": gap.first, "last": gap.last, "run": run}
            rouse = self._tell_of(run, payload) or rouse
        return rouse

    def tell_damage(self, lane: str, missing: int, reason: str) -> bool:
        """
        Record that the journal could not give events back. Returns whether a writer should be woken.
        """
        with self._lock:
            payload = {"lost": missing, "writer": lane, "reason": clean_text(reason)}
            return self._tell_of(self.own_run, payload)

    def _tell_of(self, run: RunId, payload: Mapping[str, object]) -> bool:
        now = self._clock.now()
        header = EventHeader(
            id=self._new_event_id(), type="sink.gap", severity=Severity.ERROR, occurred_at=now, run=run
        )
        return self._keep(header, now, encode_payload(payload))

    def _tell(self, before: str | None) -> None:
        """
        Say when the journal has begun or ceased to take events; not while it goes on.
        """
        if (before is None) is (self.failure is None):
            return
        if self.failure is None:
            logger.warning("the journal takes events again")
        else:
            logger.error(
                "the journal takes no events, they wait in memory and a killed process loses them: %s",
                self.failure,
            )
        self._changed()
