"""
Life events, host events and dead letters in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from poslife._domain.changes import Change
from poslife._domain.commit_checks import Heads
from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.identifiers import EventId, PositionRef, RunId
from poslife._runtime.salts import Salts
from poslife._trail.encoding import decode_event
from poslife.errors import DeadLetterNotFound, InvalidValue, StorageRejected
from poslife.protocols import BuriedLetter, DeadLetter, EventRecord, FeedPage, FeedToken
from poslife.protocols._pages import limited
from poslife.storage._event_rows import EMPTY_STREAM, StreamHead, head_after, link_events
from poslife.storage._page_tokens import (
    AfterEvent,
    AfterLifeEvent,
    AfterNumber,
    after_event,
    after_run_event,
    after_stream_event,
    event_token,
    run_event_page,
    stream_page,
    stream_place,
)
from poslife.storage._removals import ERASED_REASON, require_evidence, without_payload

__all__ = ["HostEvents", "LifeEvents"]


class LifeEvents:
    """
    The events that were committed with a change.

    Attributes:
        records: All of them, in the order of the commits.
        last_digests: The digest of the last event of each position.
        unassigned: The head of each run's stream of events that are about no position.
    """

    def __init__(self) -> None:
        self.records: list[EventRecord] = []
        self.last_digests: dict[PositionRef, bytes] = {}
        self.unassigned: dict[RunId, StreamHead] = {}
        self._salts = Salts()

    def append(self, change: Change, heads: Heads) -> None:
        """
        Store the events of *change*, each linked to the one before it in its stream.
        """
        unassigned = self.unassigned.get(change.run, EMPTY_STREAM)
        records = link_events(change, heads, unassigned=unassigned, draw_salt=self._salts.draw)
        for record in records:
            self.records.append(record)
            if record.header.ref is not None:
                self.last_digests[record.header.ref] = record.digest
        self.unassigned[change.run] = head_after(records, unassigned)

    def has(self, event: EventId) -> bool:
        return any(record.header.id == event for record in self.records)

    def erase(self, event: EventId) -> bool:
        """
        Erase the evidence of a life event, and return False where there is no such event.

        Raises:
            ErasureRefused: It has no evidence.
        """
        for place, record in enumerate(self.records):
            if record.header.id == event:
                assert record.payload is not None  # a body is never erased
                require_evidence(event, record.payload)
                self.records[place] = replace(record, evidence=None, evidence_salt=None)
                return True
        return False

    def of(self, ref: PositionRef) -> Iterator[RecordedEvent]:
        """
        Yield the events of a position.
        """
        return (decode_event(record) for record in self.records if record.header.ref == ref)

    def read_streams(self, after: FeedToken | None, limit: int) -> FeedPage:
        """
        Return the page after *after*, stream by stream.
        """
        start, most = after_stream_event(after), limited(limit)
        later = sorted(
            (place, number)
            for number, record in enumerate(self.records)
            if (place := _place(stream_place(record))) > _place(start)
        )
        return stream_page([self.records[number] for _, number in later[:most]], start)

    def read(self, after: FeedToken | None, limit: int) -> FeedPage:
        """
        Return the page of the feed after *after*.

        A token holds the number of the last event given and its id: so a token of another store, or of one
        that ended with an earlier process, is refused and does not pass over events.
        """
        start, most = after_event(after), limited(limit)
        passed = 0 if start is None else start.number
        if start is not None and (
            passed > len(self.records) or self.records[passed - 1].header.id != start.event
        ):
            raise InvalidValue("after", after, "the `next` of a page of this store's feed")
        items = tuple(self.records[passed : passed + most])
        last = AfterEvent(passed + len(items), items[-1].header.id) if items else start
        return FeedPage(items=items, next=None if last is None else event_token(last))


class HostEvents:
    """
    The events that a sink wrote, and its dead letters.

    Attributes:
        records: The events by id, in the order they were stored.
        letters: The events refused for good by id, replayed ones included.
    """

    def __init__(self) -> None:
        self.records: dict[EventId, EventRecord] = {}
        self.letters: dict[EventId, BuriedLetter] = {}
        self._replayed: set[EventId] = set()

    def write(self, records: Sequence[EventRecord]) -> None:
        for row, record in enumerate(records):
            if record.sequence is None:
                raise StorageRejected(
                    f"event {record.header.id} is a life event: it is stored with its change, by `commit`",
                    row=row,
                )
            if record.payload is None:
                raise StorageRejected(
                    f"event {record.header.id}: its payload was erased: it cannot be written again", row=row
                )
        for record in records:
            self.records.setdefault(record.header.id, record)

    def bury(self, letter: DeadLetter, now: datetime) -> None:
        event = letter.record.header.id
        if event not in self.records:
            self.letters.setdefault(event, BuriedLetter(letter=letter, buried_at=now))

    def waiting(self) -> Iterator[tuple[EventId, BuriedLetter]]:
        """
        Yield the dead letters that were not replayed.
        """
        return ((event, letter) for event, letter in self.letters.items() if event not in self._replayed)

    def erase(self, event: EventId) -> bool:
        """
        Erase the payload of an event and of its dead letter, and return False where there is neither.
        """
        found = event in self.records or event in self.letters
        if event in self.records:
            self.records[event] = without_payload(self.records[event])
        if event in self.letters:
            buried = self.letters[event]
            letter = DeadLetter(
                record=without_payload(buried.letter.record),
                reason=ERASED_REASON,
                attempts=buried.letter.attempts,
            )
            self.letters[event] = BuriedLetter(letter=letter, buried_at=buried.buried_at)
        return found

    def numbers_of(self, run: RunId, upto: int | None = None) -> Iterator[tuple[EventId, StreamHead]]:
        """
        Yield id, number and digest of the events of a run up to *upto*, and of its dead letters.
        """
        letters = (buried.letter.record for buried in self.letters.values())
        for record in (*self.records.values(), *letters):
            number = record.sequence or 0
            if record.header.run == run and (upto is None or number <= upto):
                yield record.header.id, StreamHead(number, record.digest)

    def delete(self, event: EventId) -> None:
        """
        Delete an event and its dead letter.
        """
        self.records.pop(event, None)
        self.letters.pop(event, None)
        self._replayed.discard(event)

    def replay(self, event: EventId) -> None:
        if event not in self.letters or event in self._replayed:
            raise DeadLetterNotFound(event)
        self.write((self.letters[event].letter.record,))
        self._replayed.add(event)

    def read(self, after: FeedToken | None, limit: int) -> FeedPage:
        """
        Return the page by event id after *after*.
        """
        start, most = after_run_event(after), limited(limit)
        later = sorted(event for event in self.records if event > start)[:most]
        return run_event_page([self.records[event] for event in later], start)

    def of(self, ref: PositionRef) -> Iterator[RecordedEvent]:
        """
        Yield the events about a position.
        """
        return (decode_event(record) for record in self.records.values() if record.header.ref == ref)

    def recorded(self) -> Iterator[RecordedEvent]:
        """
        Yield the events, in the order they were stored.
        """
        return map(decode_event, self.records.values())


def _place(after: AfterLifeEvent | AfterNumber | None) -> tuple[int, UUID, int, int]:
    """
    Return a place that sorts the streams of positions before those of runs.
    """
    if after is None:
        return 0, UUID(int=0), 0, 0
    if isinstance(after, AfterLifeEvent):
        return 1, after.ref, after.version, after.place
    return 2, after.run, after.number, 0
