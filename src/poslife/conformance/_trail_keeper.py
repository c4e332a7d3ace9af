"""
The suite for a `TrailKeeper`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import cast

from poslife._domain.event_envelopes import ErasedBody
from poslife._domain.identifiers import EventId, RunId
from poslife._trail.encoding import decode_event
from poslife.conformance._assertions import check, refused, same
from poslife.conformance._example_changes import begin
from poslife.conformance._example_records import a_letter, a_record
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.conformance._trail_reader import KeptStore
from poslife.errors import (
    DeadLetterNotFound,
    ErasureRefused,
    EventNotFound,
    InvalidValue,
    PurgeRefused,
    StorageRejected,
    StorageUnavailable,
)
from poslife.protocols import DeadLetter, EventRecord, TrailKeeper

__all__ = ["TrailKeeperConformance"]

_WHY = "asked for by the customer"


class TrailKeeperConformance(ABC):
    """
    The tests of `TrailKeeper`, one for each sentence of its contract.

    Say how a store is made, fresh and empty, with all the rights of its owner::

        class TestMyTrail(TrailKeeperConformance):
            @asynccontextmanager
            async def store(self) -> AsyncGenerator[KeptStore]:
                yield MyStore(fresh_database())
    """

    @abstractmethod
    def store(self) -> AbstractAsyncContextManager[KeptStore]:
        """
        Make a fresh and empty store, with all the rights of its owner. Each test asks once.
        """

    def unreachable(self) -> AbstractAsyncContextManager[None] | None:
        """
        Make the store unreachable, while it is entered. *Default*: ``None``; the outage is not tested then.
        """
        return None

    # ------------------------------------------------------------------------------------------- erasures

    @promised_by(TrailKeeper.erase)
    async def test_erase_a_payload(self) -> None:
        """
        `erase` takes payload and salt of one host event, and leaves all else as it was.
        """
        async with self.store() as store:
            records = await _written(store, Examples(), 3)
            await store.erase(records[1].header.id, why=_WHY)
            expected = [records[0], replace(records[1], payload=None, salt=None), records[2]]
            same(expected, list((await store.read_run_events()).items), "the events")
            same(ErasedBody(), decode_event(expected[1]).body, "the body of an erased event")

    @promised_by(TrailKeeper.erase)
    async def test_erase_evidence(self) -> None:
        """
        `erase` takes the evidence of a life event and its salt, and leaves its body and all else as it was.
        """
        async with self.store() as store:
            await store.commit((await begin(store)).unclaimed("no such order", "flat"))
            before = list((await store.read_life_streams()).items)
            await store.erase(before[0].header.id, why=_WHY)
            expected = [replace(before[0], evidence=None, evidence_salt=None), *before[1:]]
            same(expected, list((await store.read_life_streams()).items), "the events")

    @promised_by(TrailKeeper.erase)
    async def test_a_body_is_never_erased(self) -> None:
        """
        `erase` refuses a life event without evidence, and changes nothing.
        """
        async with self.store() as store:
            await (await begin(store)).opened(store)
            before = (await store.read_life_streams()).items
            for record in before:
                event = record.header.id
                await refused(store.erase(event, why=_WHY), ErasureRefused, "erasing a life event")
                same((), tuple(await store.find_erasures([event])), "its erasures")
            same(before, (await store.read_life_streams()).items, "the events")

    @promised_by(TrailKeeper.erase)
    async def test_erase_a_dead_letter(self) -> None:
        """
        `erase` takes the payload of a dead letter, and the reason of its refusal; no replay brings it back.
        """
        async with self.store() as store:
            examples = Examples()
            letters = [a_letter(examples, number) for number in range(1, 4)]
            for letter in letters:
                await store.bury(letter)
            replayed, waiting, other = (letter.record.header.id for letter in letters)
            await store.replay(replayed)
            for event in (replayed, waiting):
                await store.erase(event, why=_WHY)
                same(1, len(await store.find_erasures([event])), "its erasures")
            await refused(store.replay(waiting), StorageRejected, "replaying an erased dead letter")
            listed = [buried.letter for buried in (await store.list_dead_letters()).items]
            erased = replace(letters[1].record, payload=None, salt=None)
            same([erased, letters[2].record], [letter.record for letter in listed], "the dead letters")
            check(letters[1].reason not in listed[0].reason, "the reason of an erased dead letter is kept")
            same([None], [one.payload for one in (await store.read_run_events()).items], "the payloads")
            await store.replay(other)
            await refused(store.replay(replayed), DeadLetterNotFound, "replaying it again")

    @promised_by(TrailKeeper.erase)
    async def test_erase_again(self) -> None:
        """
        A second `erase` of an event changes nothing: the first erasure stands.
        """
        async with self.store() as store:
            (record,) = await _written(store, Examples(), 1)
            await store.erase(record.header.id, why="the first")
            first = await store.find_erasures([record.header.id])
            await store.erase(record.header.id, why="the second")
            same(list(first), list(await store.find_erasures([record.header.id])), "the erasures")
            same(["the first"], [erasure.why for erasure in first], "the reasons")

    @promised_by(TrailKeeper.erase)
    async def test_erase_an_unknown_event(self) -> None:
        """
        `erase` of an id without an event raises `EventNotFound`, and records nothing.
        """
        async with self.store() as store:
            event = Examples().event_id()
            await refused(store.erase(event, why=_WHY), EventNotFound, "erasing an unknown event")
            same((), tuple(await store.find_erasures([event])), "its erasures")

    # --------------------------------------------------------------------------------------------- purges

    @promised_by(TrailKeeper.purge)
    async def test_purge(self) -> None:
        """
        `purge` deletes the host events of one run up to a number, its dead letters too, and nothing else.
        """
        async with self.store() as store:
            examples = Examples()
            run, other = examples.run_id(), examples.run_id()
            records = await _written(store, examples, 6, run, without=(3, 5))
            others = await _written(store, examples, 6, other)
            early, late = (DeadLetter(record=records[number - 1], reason="refused") for number in (3, 5))
            for letter in (early, late):
                await store.bury(letter)
            await store.purge(run, 3, why=_WHY)
            same([*_of(records, 4, 6), *others], await _stored(store), "the events")
            listed = (await store.list_dead_letters()).items
            same([late], [buried.letter for buried in listed], "the dead letters")
            purged = [(one.run, one.upto, one.digest) for one in (await store.list_purges()).items]
            same([(run, 3, records[2].digest)], purged, "the purges")

    @promised_by(TrailKeeper.purge)
    async def test_purge_up_to_a_missing_number(self) -> None:
        """
        The record has the number and the digest of the last event that was deleted.
        """
        async with self.store() as store:
            examples = Examples()
            run = examples.run_id()
            records = await _written(store, examples, 6, run, without=(4, 5))
            await store.purge(run, 5, why=_WHY)
            same(_of(records, 6), await _stored(store), "the events")
            purged = [(one.upto, one.digest) for one in (await store.list_purges()).items]
            same([(3, records[2].digest)], purged, "the purges")

    @promised_by(TrailKeeper.purge)
    async def test_purge_further(self) -> None:
        """
        A later purge goes further; one that goes no further deletes what came back, and records nothing.
        """
        async with self.store() as store:
            examples = Examples()
            run = examples.run_id()
            records = await _written(store, examples, 6, run)
            await store.purge(run, 2, why="the first")
            await store.purge(run, 4, why="the second")
            await store.write(records[:3])
            await store.purge(run, 3, why="the third")
            same(_of(records, 5, 6), await _stored(store), "the events")
            await store.purge(run, 6, why="the rest")
            same([], await _stored(store), "the events")
            await store.purge(run, 6, why="again")
            purges = (await store.list_purges()).items
            same([2, 4, 6], [purge.upto for purge in purges], "the purges")
            same(records[-1].digest, purges[-1].digest, "the digest of the last purged event")

    @promised_by(TrailKeeper.purge)
    async def test_purge_of_a_run_that_has_not_ended(self) -> None:
        """
        `purge` refuses a run that holds its lease, whose events may still arrive; and not once it has ended.
        """
        async with self.store() as store:
            story = await begin(store)
            records = await _written(store, story, 3, story.run)
            await refused(store.purge(story.run, 2, why=_WHY), PurgeRefused, "purging a running run")
            same(records, await _stored(store), "the events")
            same((), (await store.list_purges()).items, "the purges")
            await store.end_run(story.run)
            await store.purge(story.run, 2, why=_WHY)
            same(_of(records, 3), await _stored(store), "the events")

    @promised_by(TrailKeeper.purge)
    async def test_purge_of_nothing(self) -> None:
        """
        `purge` refuses a run without events, and a number beyond its last event.
        """
        async with self.store() as store:
            examples = Examples()
            run = examples.run_id()
            await refused(store.purge(run, 1, why=_WHY), PurgeRefused, "purging an unknown run")
            records = await _written(store, examples, 3, run)
            await refused(store.purge(run, 4, why=_WHY), PurgeRefused, "purging beyond the last event")
            same(records, await _stored(store), "the events")
            await store.purge(run, 3, why=_WHY)
            await refused(store.purge(run, 4, why=_WHY), PurgeRefused, "purging beyond the last purged event")
            same([3], [purge.upto for purge in (await store.list_purges()).items], "the purges")

    @promised_by(TrailKeeper.purge)
    async def test_life_events_are_never_purged(self) -> None:
        """
        `purge` leaves every life event of the run.
        """
        async with self.store() as store:
            story = await begin(store)
            await story.closed(store)
            await store.commit(story.unclaimed("flat"))
            await _written(store, story, 3, story.run)
            before = (await store.read_life_streams()).items
            await store.end_run(story.run)
            await store.purge(story.run, 3, why=_WHY)
            same(before, (await store.read_life_streams()).items, "the life events")

    # ----------------------------------------------------------------------------------------------- both

    @promised_by(TrailKeeper.erase, TrailKeeper.purge)
    async def test_a_reason_is_needed(self) -> None:
        """
        A blank reason, one of more than 2000 characters, or another bad argument raises `InvalidValue`.
        """
        async with self.store() as store:
            (record,) = await _written(store, Examples(), 1)
            event, run = record.header.id, record.header.run
            for why in ("", "  \n", "a" * 2001, "a\0b", "\ud800", cast("str", None)):
                await refused(store.erase(event, why=why), InvalidValue, "erasing without a reason")
                await refused(store.purge(run, 1, why=why), InvalidValue, "purging without a reason")
            for upto in (0, -1, 1 << 63, cast("int", True), cast("int", "1")):
                await refused(store.purge(run, upto, why=_WHY), InvalidValue, f"purging up to {upto!r}")
            no_id = "no id"
            await refused(store.erase(cast("EventId", no_id), why=_WHY), InvalidValue, "erasing no event")
            await refused(store.purge(cast("RunId", no_id), 1, why=_WHY), InvalidValue, "purging no run")
            same([record], await _stored(store), "the events")
            await store.erase(event, why="a" * 2000)

    @promised_by(TrailKeeper)
    async def test_unreachable_store_raises(self) -> None:
        """
        An erasure and a purge in an outage raise `StorageUnavailable`, and nothing is removed.
        """
        async with self.store() as store:
            records = await _written(store, Examples(), 2)
            outage = self.unreachable()
            if outage is None:
                return
            event, run = records[0].header.id, records[0].header.run
            async with outage:
                await refused(store.erase(event, why=_WHY), StorageUnavailable, "erasing in an outage")
                await refused(store.purge(run, 1, why=_WHY), StorageUnavailable, "purging in an outage")
            same(records, await _stored(store), "the events")


async def _written(
    store: KeptStore,
    examples: Examples,
    count: int,
    run: RunId | None = None,
    *,
    without: Sequence[int] = (),
) -> list[EventRecord]:
    """
    Write the events of a run but those with the numbers *without*; return all of them.
    """
    records = [a_record(examples, number, run=run) for number in range(1, count + 1)]
    await store.write([record for record in records if record.sequence not in without])
    return records


def _of(records: Sequence[EventRecord], *numbers: int) -> list[EventRecord]:
    return [record for record in records if record.sequence in numbers]


async def _stored(store: KeptStore) -> list[EventRecord]:
    return list((await store.read_run_events()).items)
