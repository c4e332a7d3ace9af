"""
Batch writers that lie.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from typing_extensions import override

from poslife._events import RecordedEvent
from poslife._identifiers import (
    EventId,
    PositionRef,
)
from poslife.errors import (
    StorageRejected,
)
from poslife.protocols import DeadLetter, EventRecord, Page, PageToken
from tests.conformance.honest import HonestStore

__all__ = ["LIES"]


class WritesUntilRefused(HonestStore):
    """Stores the records before the refused one."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        for record in records:
            await super().write([record])


class WritesAround(HonestStore):
    """Leaves the refused record out, and says nothing."""

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
    """Says that it stored what it could not."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        if not self.away:
            await super().write(records)


class BuriesNothing(HonestStore):
    """Drops dead letters."""

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        self.ask()


class BuriesTwice(HonestStore):
    """Keeps a dead letter again each time."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[DeadLetter] = []

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        self.ask()
        self.kept.append(letter)

    @override
    def letters(self) -> Sequence[DeadLetter]:
        return self.kept


class BuriesTextOnly(HonestStore):
    """Refuses a dead letter that is no text."""

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        letter.record.payload.decode()
        await super().bury(letter)


class HidesHostEvents(HonestStore):
    """Leaves host events out of the history."""

    @override
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        page = await super().list_history(ref, after, limit=limit)
        return replace(page, items=tuple(item for item in page.items if item.sequence is None))


class WritesAHundred(HonestStore):
    """Stores the first hundred records of a batch."""

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        await super().write(records[:100])


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
    (WritesAHundred, "test_write_of_nothing_and_of_much"),
)
