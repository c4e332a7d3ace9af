"""
The suite for a `BatchWriter`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

from poslife._domain.event_envelopes import EventHeader, RecordedEvent
from poslife._domain.identifiers import event_id_at, position_ref_at
from poslife._domain.positions import PendingPosition
from poslife._trail.encoding import decode_event, encode_payload
from poslife.conformance._assertions import check, refused, same, together
from poslife.conformance._example_changes import begin
from poslife.conformance._example_records import (
    REFUSED_TYPE,
    a_full_record,
    a_letter,
    a_life_record,
    a_record,
)
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.errors import StorageRejected, StorageUnavailable
from poslife.protocols import BatchWriter, DeadLetter, EventRecord, Repository

__all__ = ["BatchWriterConformance"]


class BatchWriterConformance(ABC):
    """
    The tests of `BatchWriter`, one for each sentence of its contract.

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

    A hook that returns ``None`` leaves the tests that need it without effect.
    """

    @abstractmethod
    def writer(self) -> AbstractAsyncContextManager[BatchWriter]:
        """
        Make a writer over a fresh and empty store. Each test asks once.
        """

    @abstractmethod
    async def stored(self) -> Sequence[RecordedEvent]:
        """
        Return the events in the store, in the order in which they were stored.
        """

    @abstractmethod
    async def buried(self) -> Sequence[DeadLetter]:
        """
        Return the dead letters in the store.
        """

    def repository(self) -> Repository | None:
        """
        Return the open repository of the same store. *Default*: ``None``, if there is none.
        """
        return None

    def refusing(self, type: str, /) -> AbstractAsyncContextManager[None] | None:
        """
        Make the store refuse events of this type for good, while it is entered. *Default*: ``None``.
        """
        del type
        return None

    def unreachable(self) -> AbstractAsyncContextManager[None] | None:
        """
        Make the store unreachable, while it is entered. *Default*: ``None``.
        """
        return None

    # ------------------------------------------------------------------------------------------- write

    @promised_by(BatchWriter.write)
    async def test_write_stores_every_field(self) -> None:
        """
        `write` stores all of its records, with every field of each.
        """
        async with self.writer() as writer:
            examples = Examples()
            records = [a_full_record(examples, 1), *(a_record(examples, number) for number in range(2, 6))]
            write: Callable[[Sequence[EventRecord]], Awaitable[object]] = writer.write
            same(None, await write(records), "the return value of write")
            await self._check_stored(records)

    @promised_by(BatchWriter.write)
    async def test_write_of_nothing_and_of_much(self) -> None:
        """
        `write` takes any number of records: none, and a thousand.
        """
        async with self.writer() as writer:
            examples = Examples()
            await writer.write([])
            await self._check_stored([])
            records = [a_record(examples, number) for number in range(1, 1001)]
            await writer.write(tuple(records))
            await self._check_stored(records)

    @promised_by(BatchWriter.write)
    async def test_write_again(self) -> None:
        """
        A stored event id is passed over and the other records are stored, so that repeating is safe.
        """
        async with self.writer() as writer:
            examples = Examples()
            records = [a_record(examples, number) for number in range(1, 10)]
            await writer.write(records[:5])
            await writer.write(records[:5])
            await writer.write(records[2:7])
            await writer.write([*records[7:], *records])
            await self._check_stored(records)
            changed = replace(records[0], payload=encode_payload({"other": "words"}))
            await writer.write([changed])
            stored = await self.stored()
            same(decode_event(records[0]), stored[0], "the event stored first under its id")

    @promised_by(BatchWriter.write)
    async def test_concurrent_repetitions(self) -> None:
        """
        The same records written concurrently are stored once.
        """
        async with self.writer() as writer:
            examples = Examples()
            records = [a_record(examples, number) for number in range(1, 51)]
            await together(*(writer.write(records) for _ in range(5)))
            stored = await self.stored()
            same(
                sorted(record.header.id for record in records),
                sorted(event.header.id for event in stored),
                "the ids of the stored events, each once",
            )

    @promised_by(BatchWriter.write)
    async def test_write_all_or_none(self) -> None:
        """
        A batch with a record that is refused for good raises `StorageRejected`, and none of it is stored.
        """
        async with self.writer() as writer:
            refusal = self.refusing(REFUSED_TYPE)
            if refusal is None:
                return
            examples = Examples()
            records = [a_record(examples, number) for number in range(1, 4)]
            header = replace(records[1].header, type=REFUSED_TYPE)
            poisoned = [records[0], replace(records[1], header=header), records[2]]
            async with refusal:
                await refused(writer.write(poisoned), StorageRejected, "a batch with a refused record")
            await self._check_stored([])
            await writer.write(records)
            await self._check_stored(records)

    @promised_by(BatchWriter.write)
    async def test_refused_row(self) -> None:
        """
        The ``row`` of a `StorageRejected` is ``None`` or the place of the refused record in the batch.
        """
        async with self.writer() as writer:
            refusal = self.refusing(REFUSED_TYPE)
            if refusal is None:
                return
            examples = Examples()
            async with refusal:
                for place in (0, 3, 6):
                    records = [a_record(examples, number) for number in range(1, 8)]
                    records[place] = a_record(examples, place + 1, kind=REFUSED_TYPE)
                    error = await refused(
                        writer.write(records), StorageRejected, "a batch with a refused record"
                    )
                    check(
                        error.row in (None, place),
                        f"StorageRejected.row: expected {place} or None, got {error.row}",
                    )

    @promised_by(BatchWriter.write)
    async def test_life_event(self) -> None:
        """
        A relayed life event is stored whole, with its version and its index, or refused.
        """
        async with self.writer() as writer:
            record = a_life_record(Examples())
            try:
                await writer.write([record])
            except StorageRejected:
                await self._check_stored([])
            else:
                await self._check_stored([record])

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
            records = [a_record(examples, number) for number in range(1, 4)]
            letter = a_letter(examples, 4)
            async with outage:
                await refused(writer.write(records), StorageUnavailable, "a write in an outage")
                await refused(writer.bury(letter), StorageUnavailable, "a burial in an outage")
            await writer.write(records)
            await writer.bury(letter)
            await self._check_stored(records)
            same([letter], list(await self.buried()), "the dead letters, each once")

    # ------------------------------------------------------------------------------------------- probe

    @promised_by(BatchWriter.probe)
    async def test_probe_leaves_nothing(self) -> None:
        """
        `probe` leaves nothing in the store, before the first event and after it.
        """
        async with self.writer() as writer:
            probe: Callable[[], Awaitable[object]] = writer.probe
            same(None, await probe(), "the return value of probe")
            await self._check_stored([])
            record = a_record(Examples(), 1)
            await writer.write([record])
            await probe()
            await together(*(writer.probe() for _ in range(3)))
            await self._check_stored([record])
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
            refusal = self.refusing(REFUSED_TYPE)
            if refusal is None:
                return
            async with refusal:
                poisoned = [a_record(Examples(), 1, kind=REFUSED_TYPE)]
                await refused(writer.write(poisoned), StorageRejected, "a refused record")
                await writer.probe()

    # -------------------------------------------------------------------------------------------- bury

    @promised_by(BatchWriter.bury)
    async def test_bury(self) -> None:
        """
        `bury` keeps any event the store refused, with its reason and its attempts.
        """
        async with self.writer() as writer:
            examples = Examples()
            no_json = replace(a_record(examples, 2), payload=b"\xff\x00 no JSON")
            empty = replace(a_record(examples, 3), payload=b"")
            letters = [
                DeadLetter(record=a_full_record(examples, 1), reason="too long for its column"),
                DeadLetter(record=no_json, reason="no text", attempts=23),
                DeadLetter(record=empty, reason="long " * 400, attempts=1_000_000),
                DeadLetter(record=a_life_record(examples), reason="a life event", attempts=2),
            ]
            for letter in (*letters, *letters):
                await writer.bury(letter)
            buried = await self.buried()
            same(
                sorted(letters, key=lambda letter: letter.record.header.id),
                sorted(buried, key=lambda letter: letter.record.header.id),
                "the dead letters, each once",
            )
            await self._check_stored([])

    @promised_by(BatchWriter.bury)
    async def test_bury_again(self) -> None:
        """
        A repeated burial, also a concurrent one, keeps one letter, as it was first.
        """
        async with self.writer() as writer:
            letter = DeadLetter(record=a_record(Examples(), 1), reason="refused", attempts=4)
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
            stored = a_record(examples, 1)
            await writer.write([stored])
            letter = a_letter(examples, 2)
            await writer.bury(DeadLetter(record=stored, reason="the reply was lost", attempts=5))
            await writer.bury(letter)
            same([letter], list(await self.buried()), "the dead letters, without the stored event")
            await self._check_stored([stored])

    # ----------------------------------------------------------------------------------------- history

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
            about = [replace(a_record(story, number), header=_about(story, pending)) for number in (1, 2)]
            promote = story.promote(pending)
            later = replace(a_record(story, 3), header=_about(story, pending))
            other = replace(a_record(story, 4), header=_about(story, story.pending()))
            await writer.write([later, other, *about])
            await repository.commit(claim)
            await repository.commit(promote)
            history = await repository.list_history(pending.ref)
            expected = [
                *(event.header for event in claim.events),
                *(record.header for record in about),
                *(event.header for event in promote.events),
                later.header,
            ]
            same(expected, [event.header for event in history.items], "the headers of the history")
            host_events = [event for event in history.items if event.sequence is not None]
            same(list(map(decode_event, (*about, later))), host_events, "the host events of the history")
            # In pages of 1, a page of one kind of events leads to a page of the other.
            paged: list[RecordedEvent] = []
            page = await repository.list_history(pending.ref, limit=1)
            paged += page.items
            while page.next is not None and len(paged) <= len(expected):
                page = await repository.list_history(pending.ref, page.next, limit=1)
                paged += page.items
            same(list(history.items), paged, "the history in pages of 1")

    @promised_by(Repository.list_history)
    async def test_history_begins_an_hour_before_the_ref(self) -> None:
        """
        The history has a host event whose id is an hour older than the position's ref, for clocks differ.
        """
        async with self.writer() as writer:
            repository = self.repository()
            if repository is None:
                return
            examples = Examples()
            at = examples.at()
            ref = position_ref_at(at, examples.number() << 16)
            record = a_record(examples, 1)
            event = event_id_at(at - timedelta(hours=1), examples.number())
            await writer.write([replace(record, header=replace(record.header, id=event, ref=ref))])
            history = await repository.list_history(ref)
            same([event], [item.header.id for item in history.items], "the events of the history")

    async def _check_stored(self, records: Sequence[EventRecord]) -> None:
        same(list(map(decode_event, records)), list(await self.stored()), "the stored events, each once")


def _about(examples: Examples, position: PendingPosition) -> EventHeader:
    return EventHeader(
        id=examples.event_id(),
        type="stop_loss.placed",
        ref=position.ref,
        occurred_at=examples.at(),
        run=examples.run,
    )
