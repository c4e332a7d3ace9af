"""
Host events and dead letters, in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.identifiers import EventId
from poslife._trail.encoding import decode_body
from poslife.errors import DeadLetterNotFound, StorageRejected
from poslife.memory._pages import paged, token_of
from poslife.protocols import BuriedLetter, DeadLetter, EventRecord, FeedPage, FeedToken
from poslife.protocols._pages import Page, PageToken, limited
from poslife.storage._page_tokens import AfterRunEvent, after_run_event, after_uuid, page_of_run_events

__all__ = ["HostEvents"]


class HostEvents:
    """
    What a `BatchWriter` stores, and what it sets aside.

    Attributes:
        records: The events by id, in the order they were stored.
        letters: The events refused for good by id, replayed ones included.
    """

    def __init__(self) -> None:
        self.records: dict[EventId, EventRecord] = {}
        self.letters: dict[EventId, BuriedLetter] = {}
        self._replayed: set[EventId] = set()

    def write(self, records: Sequence[EventRecord]) -> None:
        """
        See `BatchWriter.write`.
        """
        for row, record in enumerate(records):
            if record.sequence is None:
                told = f"event {record.header.id}: a life event is stored with the change it tells of"
                raise StorageRejected(f"{told}, and not by itself", row=row)
        for record in records:
            self.records.setdefault(record.header.id, record)

    def bury(self, letter: DeadLetter, now: datetime) -> None:
        """
        See `BatchWriter.bury`.
        """
        event = letter.record.header.id
        if event not in self.records:
            self.letters.setdefault(event, BuriedLetter(letter=letter, buried_at=now))

    def waiting(self, after: PageToken | None, limit: int) -> Page[BuriedLetter]:
        """
        See `DeadLetterBox.list_dead_letters`.
        """
        after_uuid(after)
        listed = (
            (str(event), letter) for event, letter in self.letters.items() if event not in self._replayed
        )
        return paged(sorted(listed, key=token_of), after, limit)

    def replay(self, event: EventId) -> None:
        """
        See `DeadLetterBox.replay`.
        """
        if event not in self.letters or event in self._replayed:
            raise DeadLetterNotFound(event)
        self.write((self.letters[event].letter.record,))
        self._replayed.add(event)

    def read(self, after: FeedToken | None, limit: int) -> FeedPage:
        """
        See `RunEventFeed.read_run_events`.
        """
        start, most = after_run_event(after), limited(limit)
        found = (
            (place, record)
            for record in self.records.values()
            if (place := AfterRunEvent(record.header.run, record.sequence or 0, record.header.id)) > start
        )
        return page_of_run_events([record for _, record in sorted(found, key=itemgetter(0))[:most]], start)

    def recorded(self) -> tuple[RecordedEvent, ...]:
        """
        The events, in the order they were stored.
        """
        return tuple(
            RecordedEvent(
                header=record.header,
                body=decode_body(record.header.type, record.header.schema, record.payload, life=False),
                recorded_at=record.recorded_at,
                sequence=record.sequence,
                digest=record.digest,
            )
            for record in self.records.values()
        )
