"""
The suite for a `TrailReader`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol, cast

from poslife.conformance._assertions import check, check_utc, narrowed, refused, same
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_records import a_letter, a_record
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.errors import InvalidValue, StorageUnavailable
from poslife.protocols import (
    BatchWriter,
    DeadLetterBox,
    Erased,
    Erasure,
    EventCounts,
    EventRecord,
    FeedPage,
    FeedToken,
    LifeEventFeed,
    Page,
    PageToken,
    Purge,
    Repository,
    RunEventFeed,
    TrailKeeper,
    TrailReader,
)

__all__ = ["KeptStore", "TrailReaderConformance"]


class KeptStore(
    Repository, BatchWriter, DeadLetterBox, LifeEventFeed, RunEventFeed, TrailReader, TrailKeeper, Protocol
):
    """
    A store whose events can be written, read, erased and purged.
    """


class TrailReaderConformance(ABC):
    """
    The tests of `TrailReader`, one for each sentence of its contract.

    Say how a store is made, fresh and empty, with all the rights of its owner::

        class TestMyTrail(TrailReaderConformance):
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

    @promised_by(TrailReader.read_life_streams)
    async def test_every_life_event(self) -> None:
        """
        `read_life_streams` gives each life event once, in pages: those of positions, then of runs.
        """
        async with self.store() as store:
            page = narrowed(
                await store.read_life_streams(), FeedPage, "the return value of read_life_streams"
            )
            same((), page.items, "the events of an empty store")
            await _life_events(store)
            fed = (await store.read_life_events(limit=1000)).items
            expected = sorted(fed, key=_place)
            for limit in (1, 3, len(expected), 1000):
                read: list[EventRecord] = []
                token: FeedToken | None = None
                while (page := await store.read_life_streams(token, limit=limit)).items:
                    check(
                        len(page.items) <= limit, f"a page has at most {limit} items, got {len(page.items)}"
                    )
                    read += page.items
                    check(len(read) <= len(expected), f"expected {len(expected)} events, got more")
                    token = page.next
                same(expected, read, f"the events in pages of {limit}")
                same(token, page.next, "FeedPage.next of an empty page")

    @promised_by(TrailReader.count_events)
    async def test_counts(self) -> None:
        """
        `count_events` counts life events and host events, and no dead letters.
        """
        async with self.store() as store:
            same(EventCounts(life_events=0, host_events=0), await store.count_events(), "of an empty store")
            examples = await _life_events(store)
            await store.write([a_record(examples, number) for number in range(1, 4)])
            await store.bury(a_letter(examples, 4))
            life_events = len((await store.read_life_events(limit=1000)).items)
            same(
                EventCounts(life_events=life_events, host_events=3), await store.count_events(), "the counts"
            )

    @promised_by(TrailReader.list_purges)
    async def test_list_purges(self) -> None:
        """
        `list_purges` gives each purge with every field, by run and number, in pages.
        """
        async with self.store() as store:
            same(Page(items=(), next=None), await store.list_purges(), "the page of an empty store")
            examples = Examples()
            records = [
                a_record(examples, number, run=run)
                for run in (examples.run_id(), examples.run_id())
                for number in range(1, 7)
            ]
            await store.write(records)
            runs = [record.header.run for record in records[::6]]
            for run, upto in ((runs[1], 2), (runs[0], 3), (runs[1], 5)):
                await store.purge(run, upto, why=f"up to {upto}: Ünïcødé")
            digests = {(record.header.run, record.sequence): record.digest for record in records}
            expected = sorted((run, upto) for run, upto in ((runs[1], 2), (runs[0], 3), (runs[1], 5)))
            for limit in (1, 2, 3):
                purges = await _purges(store, limit)
                same(expected, [(purge.run, purge.upto) for purge in purges], f"in pages of {limit}")
            for purge in await _purges(store, 1000):
                same(digests[purge.run, purge.upto], purge.digest, "Purge.digest")
                same(f"up to {purge.upto}: Ünïcødé", purge.why, "Purge.why")
                check(bool(purge.by), "Purge.by: expected a name, got none")
                check_utc(purge.at, "Purge.at")

    @promised_by(TrailReader.find_erasures)
    async def test_find_erasures(self) -> None:
        """
        `find_erasures` gives the erasures of the events asked for, with every field, and no others.
        """
        async with self.store() as store:
            examples = await _life_events(store)
            (unclaimed, *_) = [
                one for one in (await store.read_life_events()).items if one.header.ref is None
            ]
            records = [a_record(examples, number) for number in range(1, 5)]
            await store.write(records)
            events = [record.header.id for record in records]
            for event in (*events[:2], unclaimed.header.id):
                await store.erase(event, why="asked for: Ünïcødé")
            asked = [*events[1:], unclaimed.header.id]
            found = [narrowed(one, Erasure, "an erasure") for one in await store.find_erasures(tuple(asked))]
            same(
                {(events[1], Erased.PAYLOAD), (unclaimed.header.id, Erased.EVIDENCE)},
                {(one.event, one.what) for one in found},
                "the erasures",
            )
            same(2, len(found), "how many there are")
            for one in found:
                same("asked for: Ünïcødé", one.why, "Erasure.why")
                check(bool(one.by), "Erasure.by: expected a name, got none")
                check_utc(one.at, "Erasure.at")
            same((), tuple(await store.find_erasures(())), "the erasures of no events")

    @promised_by(TrailReader.read_life_streams, TrailReader.list_purges, TrailReader.find_erasures)
    async def test_bad_limit_or_token(self) -> None:
        """
        A limit outside 1 to 1000, a token of no such page, or more than 1000 events raise `InvalidValue`.
        """
        async with self.store() as store:
            for limit in (0, 1001, cast("int", True)):
                await refused(store.read_life_streams(limit=limit), InvalidValue, f"limit={limit!r}")
                await refused(store.list_purges(limit=limit), InvalidValue, f"limit={limit!r}")
            for token in ("no token", "", "1 2 3", "1 2", cast("str", 7)):
                asked = store.read_life_streams(FeedToken(token))
                await refused(asked, InvalidValue, f"the token {token!r} of events")
                await refused(
                    store.list_purges(PageToken(token)), InvalidValue, f"the token {token!r} of purges"
                )
            examples = Examples()
            many = [examples.event_id() for _ in range(1001)]
            await refused(store.find_erasures(many), InvalidValue, "1001 events")

    @promised_by(TrailReader)
    async def test_unreachable_store_raises(self) -> None:
        """
        Every read in an outage raises `StorageUnavailable`; it is not empty.
        """
        async with self.store() as store:
            outage = self.unreachable()
            if outage is None:
                return
            async with outage:
                away = "a read in an outage"
                await refused(store.read_life_streams(), StorageUnavailable, away)
                await refused(store.count_events(), StorageUnavailable, away)
                await refused(store.list_purges(), StorageUnavailable, away)
                await refused(store.find_erasures([Examples().event_id()]), StorageUnavailable, away)


def _place(record: EventRecord) -> tuple[object, ...]:
    if record.header.ref is None:
        return 2, record.header.run, record.sequence, 0
    return 1, record.header.ref, record.version, record.index


async def _life_events(store: KeptStore) -> Story:
    """
    Commit life events of two positions, and of two runs that are about no position.
    """
    story = await begin(store)
    other = (await store.start_run(replace(story.new_run(), id=story.run_id()))).id
    for run in (story.run, other):
        await story.closed(store)
        for reason in ("no such order", "flat"):
            await store.commit(story.unclaimed(reason, run=run))
    return story


async def _purges(store: KeptStore, limit: int) -> list[Purge]:
    purges: list[Purge] = []
    token: PageToken | None = None
    while True:
        page = await store.list_purges(token, limit=limit)
        narrowed(cast("object", page), Page, "the return value of list_purges")
        check(len(page.items) <= limit, f"a page has at most {limit} items, got {len(page.items)}")
        purges += page.items
        check(len(purges) <= 100, "expected an end of the pages")
        if page.next is None:
            return purges
        token = page.next
