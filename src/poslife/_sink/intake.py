"""
Accepting an event: it is numbered, linked, written to the journal, and queued for each writer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from poslife._domain.event_envelopes import UNLINKED, EventHeader, Severity
from poslife._domain.identifiers import EventId, RunId
from poslife._domain.text import clean_text
from poslife._runtime.salts import Salts
from poslife._sink.lane import Lane, Loss
from poslife._sink.options import Overflow, is_more_severe
from poslife._sink.status import SinkStatus
from poslife._trail.encoding import encode_payload, error_summary
from poslife._trail.record_format import chain_digest, commitment_of, encode_header
from poslife._trail.records import EventRecord, encode_record, frame_bytes
from poslife.errors import JournalUnavailable
from poslife.protocols import Clock, Journal

__all__ = ["Intake"]

logger = logging.getLogger("poslife.sink")

_REOPEN_AFTER: Final = 1.0


@dataclass(slots=True)
class _Gap:
    """
    Events of one run that were dropped.
    """

    first: int
    last: int
    count: int


class Intake:
    """
    Accepts events from any thread.

    Args:
        lanes: The writers' queues.
        journal: The journal that keeps events until they are stored, or ``None``.
        status: The sink's status.
        overflow: The policy for events that no journal takes.
        clock: For the time of recording.
        new_event_id: For the sink's own events.
        own_run: The run of the sink's own events.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        journal: Journal | None,
        *,
        status: SinkStatus,
        overflow: Overflow,
        clock: Clock,
        new_event_id: Callable[[], EventId],
        own_run: RunId,
    ) -> None:
        self._lanes = lanes
        self._journal = journal
        self._status = status
        self._overflow = overflow
        self._clock = clock
        self._new_event_id = new_event_id
        self._salts = Salts()  # drawn from with the status's lock held
        self.own_run = own_run
        self._opened = journal is None
        self._reopen_at = 0.0
        # A host has one run at a time, and a UUID is slow to hash: the current run's stream is kept apart.
        self._streams: dict[RunId, tuple[int, bytes]] = {}
        self._run: RunId | None = None
        self._sequence = 0
        self._digest = UNLINKED
        self._gaps: dict[RunId, _Gap] = {}
        self._left_in_journal: set[EventId] = set()

    def open(self) -> None:
        """
        Open the journal, and queue what an earlier process left in it.
        """
        before = self._status.journal_failure
        with self._status.lock:
            self._open()
        self._report_journal(before)

    def close(self) -> None:
        """
        Close the journal, with what waits in it: the next process has it, or this one if it goes on.

        Events that a full disk had kept in memory are appended first, as far as the journal takes them now.
        """
        if (journal := self._journal) is None:
            return
        with self._status.lock:
            if not self._opened:
                return
            waiting = {
                record.header.id: record for lane in self._lanes for record in lane.backlog.unjournaled()
            }
            for event_id, record in waiting.items():
                if record.digest == UNLINKED or self._append(journal, encode_record(record)) is None:
                    break
                self._left_in_journal.add(event_id)
            self._opened = False
        journal.close()

    @property
    def is_open(self) -> bool:
        """
        True while the journal is open.
        """
        return self._journal is not None and self._opened

    def reset_after_fork(self, own_run: RunId) -> None:
        """
        Begin anew, in the child of a fork, with a journal that has to be opened.
        """
        self.own_run = own_run
        self._opened = self._journal is None
        self._left_in_journal.clear()
        self._gaps.clear()

    def accept(self, header: EventHeader, payload: bytes) -> bool:
        """
        Take one event; tell if a lane has to be woken.
        """
        status = self._status
        before = status.journal_failure
        with status.lock:
            if not self._opened:
                self._open()
            wake = self._keep(header, self._clock.now(), payload)
            if self._gaps:
                wake = self._record_gaps() or wake
        if before is not status.journal_failure:
            self._report_journal(before)
        return wake

    def record_loss(self, lane: str, loss: Loss) -> bool:
        """
        Record that the journal could not give events back to *lane*; tell if a lane has to be woken.
        """
        payload = {"lost": loss.missing, "writer": lane, "reason": clean_text(loss.reason)}
        with self._status.lock:
            return self._record(self.own_run, payload)

    def next_sequence(self, run: RunId) -> int:
        """
        Return the next sequence of a run, and make the digest of its last event the current one.

        Requires the status's lock.
        """
        if run is not self._run:
            if self._run is not None:
                self._streams[self._run] = self._sequence, self._digest
            self._run = run
            self._sequence, self._digest = self._streams.get(run, (0, UNLINKED))
        self._sequence += 1
        return self._sequence

    def _keep(self, header: EventHeader, recorded_at: datetime, payload: bytes) -> bool:
        """
        Number an event, link it to the one before in its run, and keep it; tell if a lane has to be woken.
        """
        sequence = self.next_sequence(header.run)
        digest, number = UNLINKED, None
        salt = self._salts.draw()
        commitment = commitment_of(salt, payload)
        try:
            array = encode_header(header, recorded_at, sequence, None, None, commitment)
        except Exception as error:  # noqa: BLE001 - what no journal holds the store refuses, and sets aside
            if self._journal is not None:
                self._status.journal_failure = error_summary(error)
        else:
            digest = chain_digest(self._digest, array)
            if self._opened and self._journal is not None:
                number = self._append(self._journal, frame_bytes(digest, salt, array, payload))
        record = EventRecord(
            header=header,
            recorded_at=recorded_at,
            sequence=sequence,
            payload=payload,
            salt=salt,
            commitment=commitment,
            digest=digest,
        )
        if number is None and not self._has_room(header.severity):
            self._drop(record)
            return False
        if digest is not UNLINKED:
            self._digest = digest
        wake = False
        for lane in self._lanes:
            if lane.put(number, record):
                wake = True
        return wake

    def _append(self, journal: Journal, frame: bytes) -> int | None:
        try:
            number = journal.append(frame)
        except JournalUnavailable as error:
            self._status.journal_failure = error.reason
            return None
        except Exception as error:  # noqa: BLE001 - a journal's bug must not break a trade
            self._status.journal_failure = error_summary(error)
            return None
        self._status.journal_failure = None
        return number

    def _open(self) -> None:
        if self._opened or (journal := self._journal) is None or self._clock.monotonic() < self._reopen_at:
            return
        try:
            status = journal.open()
            marks = journal.marks()
        except Exception as error:  # noqa: BLE001 - whatever it is, events are kept in memory until it is over
            self._status.journal_failure = (
                error.reason if isinstance(error, JournalUnavailable) else error_summary(error)
            )
            self._reopen_at = self._clock.monotonic() + _REOPEN_AFTER
            return
        self._opened = True
        self._status.journal_failure = None
        for lane in self._lanes:
            done = max(marks.get(lane.name, 0), status.first - 1)
            # What this process itself had left there, when it closed the sink before, is not recovered.
            lane.recovered += max(status.last - done, 0) - lane.backlog.drop_journaled(self._left_in_journal)
            lane.backlog.cursor = done
            lane.backlog.add_range(done + 1, status.last)
        self._left_in_journal.clear()
        if any(lane.recovered for lane in self._lanes):
            logger.info("the journal holds %d events of an earlier process", status.last - status.first + 1)

    def _has_room(self, severity: Severity) -> bool:
        overflow = self._overflow
        if overflow.drop_below is None or not is_more_severe(overflow.drop_below, severity):
            return True
        return self._memory_has_room()

    def _memory_has_room(self) -> bool:
        most = self._overflow.most
        return all(lane.backlog.only_in_memory < most for lane in self._lanes if lane.required)

    def _drop(self, record: EventRecord) -> None:
        for lane in self._lanes:
            lane.emitted += 1
            lane.dropped += 1
        assert record.sequence is not None
        gap = self._gaps.setdefault(record.header.run, _Gap(record.sequence, record.sequence, 0))
        gap.last = record.sequence
        gap.count += 1

    def _record_gaps(self) -> bool:
        """
        Record what was dropped, once there is room again; tell if a lane has to be woken.
        """
        if not self._memory_has_room():
            return False
        gaps, self._gaps = self._gaps, {}
        wake = False
        for run, gap in gaps.items():
            payload = {"dropped": gap.count, "first": gap.first, "last": gap.last, "run": run}
            wake = self._record(run, payload) or wake
        return wake

    def _record(self, run: RunId, payload: Mapping[str, object]) -> bool:
        now = self._clock.now()
        header = EventHeader(
            id=self._new_event_id(), type="sink.gap", severity=Severity.ERROR, occurred_at=now, run=run
        )
        return self._keep(header, now, encode_payload(payload))

    def _report_journal(self, before: str | None) -> None:
        """
        Log, and sound the alarm, when the journal begins or ceases to take events; not in between.
        """
        failure = self._status.journal_failure
        if (before is None) is (failure is None):
            return
        if failure is None:
            logger.warning("the journal takes events again")
        else:
            logger.error(
                "the journal takes no events; they wait in memory, where a killed process loses them: %s",
                failure,
            )
        self._status.sound_alarm()
