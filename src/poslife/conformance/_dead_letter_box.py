"""
The suite for a `DeadLetterBox`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Protocol, cast

from poslife._domain.event_envelopes import UNLINKED, EventHeader, RecordedEvent
from poslife._trail.encoding import decode_body, encode_payload
from poslife._trail.records import linked
from poslife.conformance import _full_values as full_values
from poslife.conformance._assertions import check, narrowed, refused, same
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.errors import DeadLetterNotFound, InvalidValue, StorageRejected, StorageUnavailable
from poslife.protocols import (
    BatchWriter,
    BuriedLetter,
    DeadLetter,
    DeadLetterBox,
    EventRecord,
    Page,
    PageToken,
)

__all__ = ["DeadLetterBoxConformance", "WriterWithBox"]


class WriterWithBox(BatchWriter, DeadLetterBox, Protocol):
    """
    What stores events, and keeps what it was told to bury where somebody can see to it.
    """


class DeadLetterBoxConformance(ABC):
    """
    What `DeadLetterBox` promises, one test for each sentence.

    Say how a store is made, and how to read the events in it::

        class TestMyBox(DeadLetterBoxConformance):
            @asynccontextmanager
            async def box(self) -> AsyncGenerator[WriterWithBox]:
                self.store = MyStore(fresh_database())
                yield self.store

            async def stored(self) -> Sequence[RecordedEvent]:
                return await self.store.events()

    What another hook leaves at ``None`` goes unchecked.
    """

    @abstractmethod
    def box(self) -> AbstractAsyncContextManager[WriterWithBox]:
        """
        A fresh and empty store. Each test asks once.
        """

    @abstractmethod
    async def stored(self) -> Sequence[RecordedEvent]:
        """
        The events in the store, in the order in which they were stored.
        """

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

    @promised_by(DeadLetterBox.list_dead_letters)
    async def test_list_dead_letters(self) -> None:
        """
        `list_dead_letters` gives every letter with every field, by event id.
        """
        async with self.box() as box:
            same(Page(items=(), next=None), await box.list_dead_letters(), "the page of an empty box")
            examples = Examples()
            pending = full_values.full_pending(examples)
            full = full_values.full_header(examples, pending, "stop_loss.placed", schema=3)
            letters = [
                replace(_letter(examples, 1), attempts=7),
                _letter(examples, 2, payload=b"\xff\x00 no JSON"),
                replace(_letter(examples, 3), reason="refused: Ünïcødé\n\N{ROCKET}" * 100),
            ]
            letters.append(DeadLetter(record=replace(_record(examples, 4), header=full), reason="too long"))
            letters.sort(key=lambda letter: letter.record.header.id)
            for letter in reversed(letters):
                await box.bury(letter)
            page = await box.list_dead_letters()
            check(isinstance(cast("object", page), Page), "list_dead_letters returns a Page")
            listed = [narrowed(item, BuriedLetter, "a dead letter") for item in page.items]
            same(letters, [buried.letter for buried in listed], "the letters")
            same(None, page.next, "where the list goes on")
            for buried in listed:
                check(buried.buried_at.utcoffset() == timedelta(0), "buried_at is a time in UTC")

    @promised_by(DeadLetterBox.list_dead_letters)
    async def test_list_in_pages(self) -> None:
        """
        A page has at most *limit* items, and page by page each letter comes once.
        """
        async with self.box() as box:
            examples = Examples()
            letters = [_letter(examples, number) for number in range(1, 8)]
            for letter in letters:
                await box.bury(letter)
            for limit in (1, 2, 3, 6, 7, 1000):
                same(letters, await _listed(box, limit), f"the letters in pages of {limit}")

    @promised_by(DeadLetterBox.list_dead_letters)
    async def test_bad_limit_or_token(self) -> None:
        """
        A limit outside 1 to 1000, or a token of no page, raises `InvalidValue`.
        """
        async with self.box() as box:
            await box.bury(_letter(Examples(), 1))
            for limit in (0, -1, 1001, cast("int", True), cast("int", "2"), cast("int", 2.0)):
                await refused(box.list_dead_letters(limit=limit), InvalidValue, f"limit={limit!r}")
            for token in ("no token", "", cast("str", 7)):
                asked = box.list_dead_letters(PageToken(token))
                await refused(asked, InvalidValue, f"the token {token!r}")

    @promised_by(DeadLetterBox.replay)
    async def test_replay(self) -> None:
        """
        `replay` stores the event of one letter whole and takes that letter off the list.
        """
        async with self.box() as box:
            examples = Examples()
            letters = [_letter(examples, number) for number in range(1, 4)]
            for letter in letters:
                await box.bury(letter)
            replay: Callable[..., Awaitable[object]] = box.replay
            same(None, await replay(letters[1].record.header.id), "what replay returns")
            same([_recorded(letters[1].record)], list(await self.stored()), "the events")
            same([letters[0], letters[2]], await _listed(box, 100), "the letters that wait")

    @promised_by(DeadLetterBox.replay)
    async def test_replay_of_nothing(self) -> None:
        """
        `replay` raises `DeadLetterNotFound` for an id without a letter, and for a replayed one.
        """
        async with self.box() as box:
            examples = Examples()
            letter, stored = _letter(examples, 1), _record(examples, 2)
            await box.bury(letter)
            await box.write([stored])
            for event in (examples.event_id(), stored.header.id):
                error = await refused(box.replay(event), DeadLetterNotFound, "a replay of no letter")
                same(event, error.event_id, "the id that the error tells")
            await box.replay(letter.record.header.id)
            again = box.replay(letter.record.header.id)
            await refused(again, DeadLetterNotFound, "a replay of a letter that was replayed")
            same(
                [_recorded(stored), _recorded(letter.record)],
                list(await self.stored()),
                "the events, each once",
            )

    @promised_by(DeadLetterBox.replay)
    async def test_replay_refused_again(self) -> None:
        """
        A replay that the store refuses raises `StorageRejected`; the letter stays, and may be replayed later.
        """
        async with self.box() as box:
            refusal = self.refusing("bot.poisoned")
            if refusal is None:
                return
            examples = Examples()
            letter = _letter(examples, 1)
            header = replace(letter.record.header, type="bot.poisoned")
            letter = replace(letter, record=replace(letter.record, header=header), attempts=3)
            await box.bury(letter)
            before = await box.list_dead_letters()
            async with refusal:
                await refused(box.replay(header.id), StorageRejected, "a replay that is refused")
            same([], list(await self.stored()), "the events")
            same(before, await box.list_dead_letters(), "the letters that wait")
            await box.replay(header.id)
            same([_recorded(letter.record)], list(await self.stored()), "the events")
            same([], await _listed(box, 100), "the letters that wait after the replay")

    @promised_by(DeadLetterBox.replay)
    async def test_replay_of_what_is_stored(self) -> None:
        """
        A replay of an event that is stored stores it no second time, and takes the letter off the list.
        """
        async with self.box() as box:
            letter = _letter(Examples(), 1)
            await box.bury(letter)
            await box.write([letter.record])
            await box.replay(letter.record.header.id)
            same([_recorded(letter.record)], list(await self.stored()), "the events, each once")
            same([], await _listed(box, 100), "the letters that wait")

    @promised_by(DeadLetterBox.replay)
    async def test_concurrent_replays(self) -> None:
        """
        Of concurrent replays of one letter one succeeds, and the others raise `DeadLetterNotFound`.
        """
        async with self.box() as box:
            letter = _letter(Examples(), 1)
            await box.bury(letter)
            replays = [box.replay(letter.record.header.id) for _ in range(5)]
            results = await asyncio.gather(*replays, return_exceptions=True)
            found = [result for result in results if result is None]
            check(len(found) == 1, f"1 of 5 replays succeeds, {len(found)} did")
            for result in results:
                check(
                    isinstance(result, DeadLetterNotFound | None), f"the others find it replayed: {result!r}"
                )
            same([_recorded(letter.record)], list(await self.stored()), "the events, each once")

    @promised_by(BatchWriter.bury, DeadLetterBox.list_dead_letters)
    async def test_burial_after_a_replay(self) -> None:
        """
        A burial that is repeated after the replay does not list the letter again.
        """
        async with self.box() as box:
            letter = _letter(Examples(), 1)
            await box.bury(letter)
            await box.replay(letter.record.header.id)
            await box.bury(letter)
            same([], await _listed(box, 100), "the letters that wait")
            same([_recorded(letter.record)], list(await self.stored()), "the events, each once")

    @promised_by(DeadLetterBox.list_dead_letters, DeadLetterBox.replay)
    async def test_unreachable_store_raises(self) -> None:
        """
        In an outage each call raises `StorageUnavailable`, and a replay that is repeated is done once.
        """
        async with self.box() as box:
            outage = self.unreachable()
            if outage is None:
                return
            letter = _letter(Examples(), 1)
            await box.bury(letter)
            async with outage:
                await refused(box.list_dead_letters(), StorageUnavailable, "a list in an outage")
                replay = box.replay(letter.record.header.id)
                await refused(replay, StorageUnavailable, "a replay in an outage")
            same([letter], await _listed(box, 100), "the letters that wait")
            await box.replay(letter.record.header.id)
            same([_recorded(letter.record)], list(await self.stored()), "the events")


async def _listed(box: DeadLetterBox, limit: int) -> list[DeadLetter]:
    """
    All letters, page by page.
    """
    letters: list[DeadLetter] = []
    page = await box.list_dead_letters(limit=limit)
    while True:
        check(len(page.items) <= limit, f"a page has at most {limit} items")
        letters += [buried.letter for buried in page.items]
        if page.next is None or len(letters) > 1000:
            return letters
        page = await box.list_dead_letters(page.next, limit=limit)


def _record(examples: Examples, sequence: int, payload: bytes | None = None) -> EventRecord:
    header = EventHeader(id=examples.event_id(), type="bot.told", occurred_at=examples.at(), run=examples.run)
    return EventRecord(
        header=header,
        recorded_at=examples.at(),
        sequence=sequence,
        payload=encode_payload({"told": str(header.id)}) if payload is None else payload,
        digest=linked(UNLINKED, header.id.bytes),
    )


def _letter(examples: Examples, sequence: int, payload: bytes | None = None) -> DeadLetter:
    return DeadLetter(record=_record(examples, sequence, payload), reason=f"refused as number {sequence}")


def _recorded(record: EventRecord) -> RecordedEvent:
    return RecordedEvent(
        header=record.header,
        body=decode_body(record.header.type, record.header.schema, record.payload, life=False),
        recorded_at=record.recorded_at,
        sequence=record.sequence,
        digest=record.digest,
    )
