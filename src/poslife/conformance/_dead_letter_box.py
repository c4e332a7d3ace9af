"""
The suite for a `DeadLetterBox`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol, cast

from poslife._domain.event_envelopes import RecordedEvent
from poslife._trail.encoding import decode_event
from poslife.conformance._assertions import check, check_utc, narrowed, refused, same
from poslife.conformance._example_records import REFUSED_TYPE, a_full_record, a_letter, a_record
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.errors import DeadLetterNotFound, InvalidValue, StorageRejected, StorageUnavailable
from poslife.protocols import (
    BatchWriter,
    BuriedLetter,
    DeadLetter,
    DeadLetterBox,
    Page,
    PageToken,
)

__all__ = ["DeadLetterBoxConformance", "WriterWithBox"]


class WriterWithBox(BatchWriter, DeadLetterBox, Protocol):
    """
    A batch writer whose dead letters can be listed and replayed.
    """


class DeadLetterBoxConformance(ABC):
    """
    The tests of `DeadLetterBox`, one for each sentence of its contract.

    Say how a store is made, and how to read the events in it::

        class TestMyBox(DeadLetterBoxConformance):
            @asynccontextmanager
            async def box(self) -> AsyncGenerator[WriterWithBox]:
                self.store = MyStore(fresh_database())
                yield self.store

            async def stored(self) -> Sequence[RecordedEvent]:
                return await self.store.events()

    A hook that returns ``None`` leaves the tests that need it without effect.
    """

    @abstractmethod
    def box(self) -> AbstractAsyncContextManager[WriterWithBox]:
        """
        Make a fresh and empty store. Each test asks once.
        """

    @abstractmethod
    async def stored(self) -> Sequence[RecordedEvent]:
        """
        Return the events in the store, in the order in which they were stored.
        """

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

    @promised_by(DeadLetterBox.list_dead_letters)
    async def test_list_dead_letters(self) -> None:
        """
        `list_dead_letters` gives every letter with every field, by event id.
        """
        async with self.box() as box:
            same(Page(items=(), next=None), await box.list_dead_letters(), "the page of an empty box")
            examples = Examples()
            no_json = replace(a_record(examples, 2), payload=b"\xff\x00 no JSON")
            letters = [
                replace(a_letter(examples, 1), attempts=7),
                DeadLetter(record=no_json, reason="no text"),
                replace(a_letter(examples, 3), reason="refused: Ünïcødé\n\N{ROCKET}" * 100),
                DeadLetter(record=a_full_record(examples, 4), reason="too long"),
            ]
            letters.sort(key=lambda letter: letter.record.header.id)
            for letter in reversed(letters):
                await box.bury(letter)
            page = await box.list_dead_letters()
            narrowed(cast("object", page), Page, "the return value of list_dead_letters")
            listed = [narrowed(item, BuriedLetter, "a dead letter") for item in page.items]
            same(letters, [buried.letter for buried in listed], "the letters")
            same(None, page.next, "Page.next at the end")
            for buried in listed:
                check_utc(buried.buried_at, "BuriedLetter.buried_at")

    @promised_by(DeadLetterBox.list_dead_letters)
    async def test_list_in_pages(self) -> None:
        """
        A page has at most *limit* items, and page by page each letter comes once.
        """
        async with self.box() as box:
            examples = Examples()
            letters = [a_letter(examples, number) for number in range(1, 8)]
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
            await box.bury(a_letter(Examples(), 1))
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
            letters = [a_letter(examples, number) for number in range(1, 4)]
            for letter in letters:
                await box.bury(letter)
            replay: Callable[..., Awaitable[object]] = box.replay
            same(None, await replay(letters[1].record.header.id), "the return value of replay")
            same([decode_event(letters[1].record)], list(await self.stored()), "the events")
            same([letters[0], letters[2]], await _listed(box, 100), "the letters listed")

    @promised_by(DeadLetterBox.replay)
    async def test_replay_of_nothing(self) -> None:
        """
        `replay` raises `DeadLetterNotFound` for an id without a letter, and for a replayed one.
        """
        async with self.box() as box:
            examples = Examples()
            letter, stored = a_letter(examples, 1), a_record(examples, 2)
            await box.bury(letter)
            await box.write([stored])
            for event in (examples.event_id(), stored.header.id):
                error = await refused(box.replay(event), DeadLetterNotFound, "a replay of no letter")
                same(event, error.event_id, "DeadLetterNotFound.event_id")
            await box.replay(letter.record.header.id)
            again = box.replay(letter.record.header.id)
            await refused(again, DeadLetterNotFound, "a replay of a letter that was replayed")
            same(
                [decode_event(stored), decode_event(letter.record)],
                list(await self.stored()),
                "the events, each once",
            )

    @promised_by(DeadLetterBox.replay)
    async def test_replay_refused_again(self) -> None:
        """
        A replay that the store refuses raises `StorageRejected`; the letter stays, and may be replayed later.
        """
        async with self.box() as box:
            refusal = self.refusing(REFUSED_TYPE)
            if refusal is None:
                return
            examples = Examples()
            record = a_record(examples, 1, kind=REFUSED_TYPE)
            letter = DeadLetter(record=record, reason="refused", attempts=3)
            await box.bury(letter)
            before = await box.list_dead_letters()
            async with refusal:
                await refused(box.replay(record.header.id), StorageRejected, "a replay that is refused")
            same([], list(await self.stored()), "the events")
            same(before, await box.list_dead_letters(), "the letters listed")
            await box.replay(record.header.id)
            same([decode_event(letter.record)], list(await self.stored()), "the events")
            same([], await _listed(box, 100), "the letters after the replay")

    @promised_by(DeadLetterBox.replay)
    async def test_replay_of_what_is_stored(self) -> None:
        """
        A replay of an event that is stored stores it no second time, and takes the letter off the list.
        """
        async with self.box() as box:
            letter = a_letter(Examples(), 1)
            await box.bury(letter)
            await box.write([letter.record])
            await box.replay(letter.record.header.id)
            same([decode_event(letter.record)], list(await self.stored()), "the events, each once")
            same([], await _listed(box, 100), "the letters listed")

    @promised_by(DeadLetterBox.replay)
    async def test_concurrent_replays(self) -> None:
        """
        Of concurrent replays of one letter one succeeds, and the others raise `DeadLetterNotFound`.
        """
        async with self.box() as box:
            letter = a_letter(Examples(), 1)
            await box.bury(letter)
            replays = [box.replay(letter.record.header.id) for _ in range(5)]
            results = await asyncio.gather(*replays, return_exceptions=True)
            same(1, results.count(None), "the number of replays that succeed")
            for result in results:
                if result is not None:
                    narrowed(result, DeadLetterNotFound, "the error of another replay")
            same([decode_event(letter.record)], list(await self.stored()), "the events, each once")

    @promised_by(BatchWriter.bury, DeadLetterBox.list_dead_letters)
    async def test_burial_after_a_replay(self) -> None:
        """
        A burial that is repeated after the replay does not list the letter again.
        """
        async with self.box() as box:
            letter = a_letter(Examples(), 1)
            await box.bury(letter)
            await box.replay(letter.record.header.id)
            await box.bury(letter)
            same([], await _listed(box, 100), "the letters listed")
            same([decode_event(letter.record)], list(await self.stored()), "the events, each once")

    @promised_by(DeadLetterBox.list_dead_letters, DeadLetterBox.replay)
    async def test_unreachable_store_raises(self) -> None:
        """
        In an outage each call raises `StorageUnavailable`, and a replay that is repeated is done once.
        """
        async with self.box() as box:
            outage = self.unreachable()
            if outage is None:
                return
            letter = a_letter(Examples(), 1)
            await box.bury(letter)
            async with outage:
                await refused(box.list_dead_letters(), StorageUnavailable, "a list in an outage")
                replay = box.replay(letter.record.header.id)
                await refused(replay, StorageUnavailable, "a replay in an outage")
            same([letter], await _listed(box, 100), "the letters listed")
            await box.replay(letter.record.header.id)
            same([decode_event(letter.record)], list(await self.stored()), "the events")


async def _listed(box: DeadLetterBox, limit: int) -> list[DeadLetter]:
    """
    Return all letters, read page by page.
    """
    letters: list[DeadLetter] = []
    page = await box.list_dead_letters(limit=limit)
    while True:
        check(len(page.items) <= limit, f"a page has at most {limit} items, got {len(page.items)}")
        letters += [buried.letter for buried in page.items]
        if page.next is None or len(letters) > 1000:
            return letters
        page = await box.list_dead_letters(page.next, limit=limit)
