"""
The suite for a `BatchWriter`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from poslife._domain.event_envelopes import UNLINKED, EventHeader, RecordedEvent
from poslife._domain.positions import PendingPosition
from poslife._trail.encoding import decode_body, encode_body, encode_payload
from poslife._trail.records import linked
from poslife.conformance import _full_values as full_values
from poslife.conformance._assertions import check, refused, same, together
from poslife.conformance._example_changes import begin
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.errors import StorageRejected, StorageUnavailable
from poslife.protocols import BatchWriter, DeadLetter, EventRecord, Repository

__all__ = ["BatchWriterConformance"]


class BatchWriterConformance(ABC):
    """
    What `BatchWriter` promises, one test for each sentence.

    Say how a writer over a fresh store is made, and how to read what it stored::

        class TestMyWriter(BatchWriterConformance):
            @asynccontextmanager
            async def writer(self) -> AsyncGenerator[BatchWriter]:
                self.store = MyStore(fresh_database())
                yield self.store

            async def stored(self) -> Sequence[RecordedEvent]:
                return await self.store.events()

            async def buried(self) -> Sequence[DeadLetter]:
                return await self.store.dead_letters()

    What another hook leaves at ``None`` goes unchecked.
    """

    @abstractmethod
    def writer(self) -> AbstractAsyncContextManager[BatchWriter]:
        """
        A writer over a fresh and empty store. Each test asks once.
        """

    @abstractmethod
    async def stored(self) -> Sequence[RecordedEvent]:
        """
        The events in the store, in the order in which they were stored.
        """

    @abstractmethod
    async def buried(self) -> Sequence[DeadLetter]:
        """
        The dead letters in the store.
        """

    def repository(self) -> Repository | None:
        """
        The repository of the same store, open. *Default*: ``None``, where there is none.
        """
        return None

    def refusing(self, type: str, /) -> AbstractAsyncContextManager[None] | None:
        """
        While it is entered, the store refuses events of this type for good. *Default*: ``None``.
        """
        del type
        return None

    def unreachable(self) -> AbstractAsyncContextManager[None] | None:
        """
        While it is entered, the store cannot be reached. *Default*: ``None``.
        """
        return None

    @promised_by(BatchWriter.write)
    async def test_write_stores_every_field(self) -> None:
        """
        `write` stores all of its records, with every field of each.
        """
        async with self.writer() as writer:
            examples = Examples()
            full = full_values.full_header(
                examples, full_values.full_pending(examples), "stop_loss.placed", schema=3
            )
            first = replace(_record(examples, 1), header=replace(full, run=examples.run))
            records = [first, *(_record(examples, number) for number in range(2, 6))]
            same(None, await _value(writer, records), "what write returns")
            same([_recorded(record) for record in records], list(await self.stored()), "the events")

    @promised_by(BatchWriter.write)
    async def test_write_of_nothing_and_of_much(self) -> None:
        """
        `write` takes any number of records: none, and a thousand.
        """
        async with self.writer() as writer:
            examples = Examples()
            await writer.write([])
            same([], list(await self.stored()), "the events")
            records = [_record(examples, number) for number in range(1, 1001)]
            await writer.write(tuple(records))
            same([_recorded(record) for record in records], list(await self.stored()), "the events")

    @promised_by(BatchWriter.write)
    async def test_write_again(self) -> None:
        """
        A stored event id is passed over and the other records are stored, so that repeating is safe.
        """
        async with self.writer() as writer:
            examples = Examples()
            records = [_record(examples, number) for number in range(1, 10)]
            await writer.write(records[:5])
            await writer.write(records[:5])
            await writer.write(records[2:7])
            await writer.write([*records[7:], *records])
            same(
                [_recorded(record) for record in records], list(await self.stored()), "the events, each once"
            )
            changed = replace(records[0], payload=encode_payload({"other": "words"}))
            await writer.write([changed])
            stored = await self.stored()
            same(_recorded(records[0]), stored[0], "the event stored first under its id")

    @promised_by(BatchWriter.write)
    async def test_concurrent_repetitions(self) -> None:
        """
        The same records written concurrently are stored once.
        """
        async with self.writer() as writer:
            examples = Examples()
            records = [_record(examples, number) for number in range(1, 51)]
            await together(*(writer.write(records) for _ in range(5)))
            stored = await self.stored()
            same(
                sorted(record.header.id for record in records),
                sorted(event.header.id for event in stored),
                "the ids of the events, each once",
            )

    @promised_by(BatchWriter.write)
    async def test_write_all_or_none(self) -> None:
        """
        A batch with a record that is refused for good raises `StorageRejected`, and none of it is stored.
        """
        async with self.writer() as writer:
            refusal = self.refusing("bot.poisoned")
            if refusal is None:
                return
            examples = Examples()
            records = [_record(examples, number) for number in range(1, 4)]
            header = replace(records[1].header, type="bot.poisoned")
            poisoned = [records[0], replace(records[1], header=header), records[2]]
            async with refusal:
                await refused(writer.write(poisoned), StorageRejected, "a batch with a refused record")
            same([], list(await self.stored()), "the events of a refused batch")
            await writer.write(records)
            same([_recorded(record) for record in records], list(await self.stored()), "the events")

    @promised_by(BatchWriter.write, BatchWriter.bury)
    async def test_unreachable_store_raises(self) -> None:
        """
        A write or burial in an outage raises `StorageUnavailable`, and is done once when it is repeated.
        """
        async with self.writer() as writer:
            outage = self.unreachable()
            if outage is None:
                return
            examples = Examples()
            records = [_record(examples, number) for number in range(1, 4)]
            letter = DeadLetter(record=_record(examples, 4), reason="refused")
            async with outage:
                await refused(writer.write(records), StorageUnavailable, "a write in an outage")
                await refused(writer.bury(letter), StorageUnavailable, "a burial in an outage")
            await writer.write(records)
            await writer.bury(letter)
            same(
                [_recorded(record) for record in records], list(await self.stored()), "the events, each once"
            )
            same([letter], list(await self.buried()), "the dead letters, each once")

    @promised_by(BatchWriter.probe)
    async def test_probe_leaves_nothing(self) -> None:
        """
        `probe` leaves nothing in the store, before the first event and after it.
        """
        async with self.writer() as writer:
            examples = Examples()
            probe: Callable[[], Awaitable[object]] = writer.probe
            same(None, await probe(), "what probe returns")
            same([], list(await self.stored()), "the events after a probe")
            record = _record(examples, 1)
            await writer.write([record])
            await probe()
            await together(*(writer.probe() for _ in range(3)))
            same([_recorded(record)], list(await self.stored()), "the events after more probes")
            same([], list(await self.buried()), "the dead letters after probes")

    @promised_by(BatchWriter.probe)
    async def test_probe_tells_an_outage(self) -> None:
        """
        `probe` raises `StorageUnavailable` while the store would not take a good event, and no longer.
        """
        async with self.writer() as writer:
            outage = self.unreachable()
            if outage is None:
                return
            await writer.probe()
            async with outage:
                await refused(writer.probe(), StorageUnavailable, "a probe in an outage")
            await writer.probe()

    @promised_by(BatchWriter.probe)
    async def test_refused_record_fails_no_probe(self) -> None:
        """
        `probe` succeeds while the store refuses some events, which shows that these are the cause.
        """
        async with self.writer() as writer:
            refusal = self.refusing("bot.poisoned")
            if refusal is None:
                return
            examples = Examples()
            header = replace(_record(examples, 1).header, type="bot.poisoned")
            async with refusal:
                poisoned = [replace(_record(examples, 1), header=header)]
                await refused(writer.write(poisoned), StorageRejected, "a refused record")
                await writer.probe()

    @promised_by(BatchWriter.write)
    async def test_refused_row(self) -> None:
        """
        The ``row`` of a `StorageRejected` is ``None`` or the place of the refused record in the batch.
        """
        async with self.writer() as writer:
            refusal = self.refusing("bot.poisoned")
            if refusal is None:
                return
            examples = Examples()
            async with refusal:
                for place in (0, 3, 6):
                    records = [_record(examples, number) for number in range(1, 8)]
                    header = replace(records[place].header, type="bot.poisoned")
                    records[place] = replace(records[place], header=header)
                    error = await refused(
                        writer.write(records), StorageRejected, "a batch with a refused record"
                    )
                    check(error.row in (None, place), f"row should be {place} or None, is {error.row}")

    @promised_by(BatchWriter.write)
    async def test_life_event(self) -> None:
        """
        A relayed life event is stored whole, with its version and its index, or refused.
        """
        async with self.writer() as writer:
            examples = Examples()
            record = _life_record(examples)
            try:
                await writer.write([record])
            except StorageRejected:
                same([], list(await self.stored()), "the events, the refused life event not among them")
                return
            told = RecordedEvent(
                header=record.header,
                body=decode_body(record.header.type, record.header.schema, record.payload, life=True),
                recorded_at=record.recorded_at,
                version=record.version,
                index=record.index,
                digest=record.digest,
            )
            same([told], list(await self.stored()), "the life event")

    @promised_by(BatchWriter.bury)
    async def test_bury(self) -> None:
        """
        `bury` keeps any event the store refused, with its reason and its attempts.
        """
        async with self.writer() as writer:
            examples = Examples()
            full = full_values.full_header(
                examples, full_values.full_pending(examples), "stop_loss.placed", schema=3
            )
            letters = [
                DeadLetter(
                    record=replace(_record(examples, 1), header=full), reason="too long for its column"
                ),
                DeadLetter(
                    record=replace(_record(examples, 2), payload=b"\xff\x00 no JSON"),
                    reason="no text",
                    attempts=23,
                ),
                DeadLetter(
                    record=replace(_record(examples, 3), payload=b""),
                    reason="long " * 400,
                    attempts=1_000_000,
                ),
                DeadLetter(record=_life_record(examples), reason="a life event", attempts=2),
            ]
            for letter in (*letters, *letters):
                await writer.bury(letter)
            buried = await self.buried()
            same(
                sorted(letters, key=lambda letter: letter.record.header.id),
                sorted(buried, key=lambda letter: letter.record.header.id),
                "the dead letters, each once",
            )
            same([], list(await self.stored()), "the events, dead letters not among them")

    @promised_by(BatchWriter.bury)
    async def test_bury_again(self) -> None:
        """
        A repeated burial, also a concurrent one, keeps one letter, as it was first.
        """
        async with self.writer() as writer:
            letter = DeadLetter(record=_record(Examples(), 1), reason="refused", attempts=4)
            await together(*(writer.bury(letter) for _ in range(5)))
            await writer.bury(replace(letter, reason="refused again", attempts=9))
            same([letter], list(await self.buried()), "the dead letters, each once")

    @promised_by(BatchWriter.bury)
    async def test_bury_what_is_stored(self) -> None:
        """
        `bury` does nothing for an event that is stored, as after a commit whose reply was lost.
        """
        async with self.writer() as writer:
            examples = Examples()
            stored, refused_one = _record(examples, 1), _record(examples, 2)
            await writer.write([stored])
            letter = DeadLetter(record=refused_one, reason="refused")
            await writer.bury(DeadLetter(record=stored, reason="the reply was lost", attempts=5))
            await writer.bury(letter)
            same([letter], list(await self.buried()), "the dead letters, a stored event not among them")
            same([_recorded(stored)], list(await self.stored()), "the events")

    @promised_by(Repository.list_history)
    async def test_history_holds_host_events(self) -> None:
        """
        The history of a position holds the store's host events among its life events, by event id.
        """
        async with self.writer() as writer:
            repository = self.repository()
            if repository is None:
                return
            story = await begin(repository)
            claim = story.claim(pending := story.pending())
            about = [replace(_record(story, number), header=_about(story, pending)) for number in (1, 2)]
            promote = story.promote(pending)
            later = replace(_record(story, 3), header=_about(story, pending))
            other = replace(_record(story, 4), header=_about(story, story.pending()))
            await writer.write([later, other, *about])
            await repository.commit(claim)
            await repository.commit(promote)
            history = await repository.list_history(pending.ref)
            wanted = [
                *(event.header for event in claim.events),
                *(record.header for record in about),
                *(event.header for event in promote.events),
                later.header,
            ]
            same(wanted, [event.header for event in history.items], "the headers of the history")
            told = [event for event in history.items if event.sequence is not None]
            same([_recorded(record) for record in (*about, later)], told, "the host events of the history")
            check(
                all(event.version is None and event.index is None for event in told),
                "a host event has no version and no index",
            )
            # And in pages, which go from one kind to the other.
            paged: list[RecordedEvent] = []
            page = await repository.list_history(pending.ref, limit=1)
            paged += page.items
            while page.next is not None and len(paged) <= len(wanted):
                page = await repository.list_history(pending.ref, page.next, limit=1)
                paged += page.items
            same(list(history.items), paged, "the history in pages of 1")


def _about(examples: Examples, position: PendingPosition) -> EventHeader:
    return EventHeader(
        id=examples.event_id(),
        type="stop_loss.placed",
        ref=position.ref,
        occurred_at=examples.at(),
        run=examples.run,
    )


def _record(examples: Examples, sequence: int) -> EventRecord:
    header = EventHeader(id=examples.event_id(), type="bot.told", occurred_at=examples.at(), run=examples.run)
    return EventRecord(
        header=header,
        recorded_at=examples.at(),
        sequence=sequence,
        payload=encode_payload({"told": str(header.id), "Ünïcødé": "\N{ROCKET}"}),
        digest=linked(UNLINKED, header.id.bytes),
    )


def _life_record(examples: Examples) -> EventRecord:
    pending = full_values.full_pending(examples)
    body = full_values.life_bodies()[0]
    return EventRecord(
        header=full_values.full_header(examples, pending, body.type),
        recorded_at=examples.at(),
        sequence=None,
        version=4,
        index=2,
        payload=encode_body(body),
        digest=linked(UNLINKED, body.type.encode()),
    )


def _recorded(record: EventRecord) -> RecordedEvent:
    return RecordedEvent(
        header=record.header,
        body=decode_body(record.header.type, record.header.schema, record.payload, life=False),
        recorded_at=record.recorded_at,
        sequence=record.sequence,
        digest=record.digest,
    )


async def _value(writer: BatchWriter, records: Sequence[EventRecord]) -> object:
    """
    What `write`, which is declared to return nothing, returns.
    """
    write: Callable[[Sequence[EventRecord]], Awaitable[object]] = writer.write
    return await write(records)
