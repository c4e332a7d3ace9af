"""
Batch writers that lie.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from typing_extensions import override

from poslife._domain.event_envelopes import EventHeader, RecordedEvent
from poslife._domain.identifiers import (
    EventId,
    PositionRef,
)
from poslife.conformance._example_values import Examples
from poslife.errors import StorageRejected, StorageUnavailable
from poslife.protocols import DeadLetter, EventRecord, Page, PageToken
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class WritesUntilRefused(HonestStore):
    """Stores the records before the refused one."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        for record in records:
            await super().write([record])


class WritesAround(HonestStore):
    """Leaves the refused record out without an error."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        await super().write([record for record in records if record.header.type not in self.refused])


class WritesAgain(HonestStore):
    """Stores an event again that is stored already."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        for record in records:
            again = record.header.id in self.inner._host_events.records
            header = replace(record.header, id=EventId(uuid4()))
            await super().write([replace(record, header=header) if again else record])


class WritesOver(HonestStore):
    """Puts a repeated event in the place of the stored one."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        await super().write(records)
        self.inner._host_events.records.update({record.header.id: record for record in records})


class StopsAtTheKnown(HonestStore):
    """Stores nothing of a batch that holds an event already stored."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        if not any(record.header.id in self.inner._host_events.records for record in records):
            await super().write(records)


class ThrowsAtTheKnown(HonestStore):
    """Refuses a batch that holds an event already stored."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        if any(record.header.id in self.inner._host_events.records for record in records):
            raise StorageRejected("duplicate key")
        await super().write(records)


class WritesTheHeaderOnly(HonestStore):
    """Forgets the payload."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        await super().write([replace(record, payload=b"{}") for record in records])


class WritesWhenAway(HonestStore):
    """Reports records as stored that it could not store."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        if not self.away:
            await super().write(records)


class BuriesNothing(HonestStore):
    """Drops dead letters."""

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        self.raise_if_away()


class BuriesTwice(HonestStore):
    """Keeps a dead letter again each time."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[DeadLetter] = []

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        self.raise_if_away()
        self.kept.append(letter)

    @override
    def letters(self) -> Sequence[DeadLetter]:
        return self.kept


class BuriesTextOnly(HonestStore):
    """Refuses a dead letter whose payload is not text."""

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        (letter.record.payload or b"").decode()
        await super().bury(letter)


class HidesHostEvents(HonestStore):
    """Leaves host events out of the history."""

    @override
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        page = await super().list_history(ref, after, limit=limit)
        return replace(page, items=tuple(item for item in page.items if item.sequence is None))


class BeginsAtTheRef(HonestStore):
    """Leaves out events of a host whose clock is behind."""

    @override
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        page = await super().list_history(ref, after, limit=limit)
        return Page(items=tuple(item for item in page.items if item.header.id > ref), next=page.next)


class WritesAHundred(HonestStore):
    """Stores the first hundred records of a batch."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        await super().write(records[:100])


class ProbesWithAnEvent(HonestStore):
    """Leaves the event of a probe in the store."""

    @override
    async def probe(self) -> None:
        examples = Examples()
        header = EventHeader(
            id=examples.event_id(), type="probe", occurred_at=examples.at(), run=examples.run
        )
        record = EventRecord(
            header=header, recorded_at=examples.at(), sequence=1, payload=b"{}", salt=bytes(16)
        )
        await self.write([record])


class ProbesNothing(HonestStore):
    """Answers a probe without asking the store."""

    @override
    async def probe(self) -> None:
        pass


class ProbesBadly(HonestStore):
    """Fails a probe because the store refuses one event."""

    @override
    async def probe(self) -> None:
        await super().probe()
        if self.refused:
            raise StorageUnavailable("it refused something")


class CountsRowsFromOne(HonestStore):
    """Gives another row than the refused one."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        for row, record in enumerate(records, start=1):
            if record.header.type in self.refused:
                raise StorageRejected("refused", row=row)
        await super().write(records)


class TakesLifeEventsForHostEvents(HonestStore):
    """Stores a relayed life event as one of a host."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        await super().write(
            [replace(record, sequence=record.sequence or 1, version=None, index=None) for record in records]
        )


class CountsNoAttempts(HonestStore):
    """Forgets the number of attempts."""

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        await super().bury(replace(letter, attempts=1))


class BuriesOver(HonestStore):
    """Puts a repeated letter in the place of the first one."""

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        self.raise_if_away()
        self.inner._host_events.letters.pop(letter.record.header.id, None)
        await super().bury(letter)


class BuriesTheLiving(HonestStore):
    """Keeps a dead letter of an event that is stored."""

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        stored = self.inner._host_events.records.pop(letter.record.header.id, None)
        await super().bury(letter)
        if stored is not None:
            self.inner._host_events.records[letter.record.header.id] = stored


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (WritesUntilRefused, "test_write_all_or_none"),
    (WritesAround, "test_write_all_or_none"),
    (WritesAgain, "test_write_again"),
    (WritesOver, "test_write_again"),
    (StopsAtTheKnown, "test_write_again"),
    (ThrowsAtTheKnown, "test_concurrent_repetitions"),
    (WritesTheHeaderOnly, "test_write_stores_every_field"),
    (WritesWhenAway, "test_unreachable_store_raises"),
    (BuriesNothing, "test_bury"),
    (BuriesTwice, "test_bury"),
    (BuriesTextOnly, "test_bury"),
    (HidesHostEvents, "test_history_holds_host_events"),
    (BeginsAtTheRef, "test_history_begins_an_hour_before_the_ref"),
    (WritesAHundred, "test_write_of_nothing_and_of_much"),
    (ProbesWithAnEvent, "test_probe_leaves_nothing"),
    (ProbesNothing, "test_probe_tells_an_outage"),
    (ProbesBadly, "test_refused_record_fails_no_probe"),
    (CountsRowsFromOne, "test_refused_row"),
    (TakesLifeEventsForHostEvents, "test_life_event"),
    (CountsNoAttempts, "test_bury"),
    (BuriesOver, "test_bury_again"),
    (BuriesTheLiving, "test_bury_what_is_stored"),
)
