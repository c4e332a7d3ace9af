"""
Life events, host events and dead letters in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import itemgetter

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
    AfterRunEvent,
    after_event,
    after_run_event,
    event_token,
    page_of_run_events,
)

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

    def of(self, ref: PositionRef) -> Iterator[RecordedEvent]:
        """
        Yield the events of a position.
        """
        return (decode_event(record) for record in self.records if record.header.ref == ref)

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

    def replay(self, event: EventId) -> None:
        if event not in self.letters or event in self._replayed:
            raise DeadLetterNotFound(event)
        self.write((self.letters[event].letter.record,))
        self._replayed.add(event)

    def read(self, after: FeedToken | None, limit: int) -> FeedPage:
        """
        Return the page of the feed after *after*.
        """
        start, most = after_run_event(after), limited(limit)
        found = (
            (place, record)
            for record in self.records.values()
            if (place := AfterRunEvent(record.header.run, record.sequence or 0, record.header.id)) > start
        )
        return page_of_run_events([record for _, record in sorted(found, key=itemgetter(0))[:most]], start)

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
