"""
The suite for a `LifeEventFeed`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol, cast
from uuid import UUID

from poslife._domain.changes import Change, Claim
from poslife._domain.event_envelopes import UNLINKED, EventHeader, LifeEvent
from poslife._domain.identifiers import PositionRef
from poslife._trail.encoding import decode_body, evidence_commitment
from poslife._trail.record_format import SALT_BYTES, chain_digest, commitment_of
from poslife._trail.records import header_of
from poslife.conformance import _full_values as full_values
from poslife.conformance._assertions import check, narrowed, refused, same, together
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._promises import promised_by
from poslife.errors import InvalidValue, StorageUnavailable
from poslife.protocols import EventRecord, FeedPage, FeedToken, LifeEventFeed, Repository

__all__ = ["FedRepository", "LifeEventFeedConformance"]


class FedRepository(Repository, LifeEventFeed, Protocol):
    """
    A repository whose life events can be followed.
    """


class LifeEventFeedConformance(ABC):
    """
    The tests of `LifeEventFeed`, one for each sentence of its contract.

    Say how a store is made::

        class TestMyFeed(LifeEventFeedConformance):
            @asynccontextmanager
            async def repository(self) -> AsyncGenerator[FedRepository]:
                store = MyStore(fresh_database())
                await store.open()
                yield store
                await store.aclose()

    A hook that returns ``None`` leaves the tests that need it without effect.
    """

    @abstractmethod
    def repository(self) -> AbstractAsyncContextManager[FedRepository]:
        """
        Make a fresh and empty store, open. Each test asks once.
        """

    def beside(self, repository: FedRepository, /) -> AbstractAsyncContextManager[FedRepository] | None:
        """
        Open the same store over another connection. *Default*: ``None``, if there is only one.
        """
        del repository
        return None

    def unreachable(self) -> AbstractAsyncContextManager[None] | None:
        """
        Make the store unreachable, while it is entered. *Default*: ``None``.
        """
        return None

    @promised_by(LifeEventFeed.read_life_events)
    async def test_feed_of_nothing(self) -> None:
        """
        A store without life events gives an empty page, and the next page goes on from the same point.
        """
        async with self.repository() as repository:
            page = narrowed(
                await repository.read_life_events(), FeedPage, "the return value of read_life_events"
            )
            same((), page.items, "the events")
            again = await repository.read_life_events(page.next)
            same((), again.items, "the events after that")
            story = await begin(repository)
            claim = story.claim(story.pending())
            await repository.commit(claim)
            since = await repository.read_life_events(page.next)
            same(_records(claim), list(map(_plain, since.items)), "the events since")

    @promised_by(LifeEventFeed.read_life_events)
    async def test_every_field(self) -> None:
        """
        A life event comes with every field of its header, its version, its index and its body.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = full_values.full_pending(story)
            events = [
                LifeEvent(
                    header=replace(full_values.full_header(story, pending, body.type), run=story.run),
                    version=pending.version,
                    index=index,
                    body=body,
                )
                for index, body in enumerate(full_values.life_bodies())
            ]
            change = story.change(Claim(after=pending), events=events)
            await repository.commit(change)
            page = await repository.read_life_events()
            items = [narrowed(item, EventRecord, "an event of the feed") for item in page.items]
            same([item.header for item in _records(change)], [item.header for item in items], "the headers")
            same(_records(change), [_plain(item) for item in items], "the events")
            for item, event in zip(items, events, strict=True):
                decoded = decode_body(item.header.type, item.header.schema, item.payload or b"", life=True)
                same(event.body, decoded, f"the body of {item.header.type}")

    @promised_by(LifeEventFeed.read_life_events)
    async def test_pages(self) -> None:
        """
        Page by page each event comes once and in order, with at most *limit* on a page.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            changes = await _some_changes(story, repository)
            wanted = [record for change in changes for record in _records(change)]
            for limit in (1, 2, 3, len(wanted), 1000):
                read, _ = await _read_on(repository, None, limit)
                same(wanted, read, f"the events in pages of {limit}")

    @promised_by(LifeEventFeed.read_life_events)
    async def test_goes_on(self) -> None:
        """
        After the last event every page is empty, until it holds what was committed since and nothing else.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            await _some_changes(story, repository)
            _, end = await _read_on(repository, None, 500)
            for _ in range(3):
                page = await repository.read_life_events(end)
                same(((), end), (page.items, page.next), "the page after the last event")
            changes = await _some_changes(story, repository)
            wanted = [record for change in changes for record in _records(change)]
            read, _ = await _read_on(repository, end, 2)
            same(wanted, read, "the events committed since")
            # A token is a point, not the state of a reader: reading can go back to it.
            again, _ = await _read_on(repository, end, 500)
            same(wanted, again, "the events committed since, read again")

    @promised_by(LifeEventFeed.read_life_events)
    async def test_refused_and_repeated_changes(self) -> None:
        """
        The events of a refused change do not come, and those of a repeated change come once.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            claim = story.claim(pending := story.pending())
            await repository.commit(claim)
            await repository.commit(claim)
            rival = story.claim(story.pending(pending.key))
            await asyncio.gather(repository.commit(rival), return_exceptions=True)
            last = story.claim(story.pending())
            await repository.commit(last)
            read, _ = await _read_on(repository, None, 500)
            same([*_records(claim), *_records(last)], read, "the events")

    @promised_by(LifeEventFeed.read_life_events)
    async def test_concurrent_commits(self) -> None:
        """
        During concurrent commits each event comes exactly once, and those of one position in order.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            committed: list[Change] = []
            finished = asyncio.Event()

            async def trade(through: Repository) -> None:
                for _ in range(6):
                    pending = story.pending()
                    for change in (story.claim(pending), story.promote(pending)):
                        await through.commit(change)
                        committed.append(change)

            async def follow() -> list[EventRecord]:
                read: list[EventRecord] = []
                token: FeedToken | None = None
                while True:
                    last_round = finished.is_set()
                    items, token = await _read_on(repository, token, 3)
                    read += items
                    if last_round:
                        return read
                    await asyncio.sleep(0)

            async def commit_all() -> list[EventRecord]:
                try:
                    await self._from_both(repository, trade)
                finally:
                    finished.set()
                return []

            read, _ = await together(follow(), commit_all())
            wanted = [record for change in committed for record in _records(change)]
            same(
                sorted(record.header.id for record in wanted),
                sorted(record.header.id for record in read),
                "the ids of the events, each once",
            )
            of_one: defaultdict[PositionRef | None, list[tuple[int | None, int | None]]] = defaultdict(list)
            for record in read:
                of_one[record.header.ref].append((record.version, record.index))
            for ref, numbers in of_one.items():
                same(
                    sorted(cast("list[tuple[int, int]]", numbers)), numbers, f"versions and indexes of {ref}"
                )

    async def _from_both(self, repository: FedRepository, trade: _Trade) -> None:
        other = self.beside(repository)
        if other is None:
            await together(*(trade(repository) for _ in range(4)))
            return
        async with other as beside:
            await together(*(trade(one) for one in (repository, beside, repository, beside)))

    @promised_by(LifeEventFeed.read_life_events)
    async def test_links(self) -> None:
        """
        A life event's digest covers the digest before it in its stream, and its header with its commitments.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            changes = await _some_changes(story, repository)
            await repository.commit(changes[0])
            ends: dict[UUID, StreamEnd] = {}
            for item in (await repository.read_life_events()).items:
                ref = item.header.ref
                stream: UUID = item.header.run if ref is None else ref
                number, before = ends.get(stream, (0, UNLINKED))
                place = (
                    f"version {item.version} of {ref}" if ref else f"number {number + 1} without a position"
                )
                same(number + 1 if ref is None else None, item.sequence, f"the sequence of {place}")
                same(chain_digest(before, header_of(item)), item.digest, f"the digest of {place}")
                payload, salt = (
                    narrowed(item.payload, bytes, "a payload"),
                    narrowed(item.salt, bytes, "a salt"),
                )
                same(commitment_of(salt, payload), item.commitment, f"the commitment of {place}")
                same(SALT_BYTES, len(salt), f"the length of the salt of {place}")
                _check_evidence(item, payload, place)
                ends[stream] = number + 1, item.digest
            same(3, len(ends), "the number of streams in the feed")

    @promised_by(LifeEventFeed.read_life_events)
    async def test_bad_limit_or_token(self) -> None:
        """
        A limit outside 1 to 1000, or a token of no feed, raises `InvalidValue`.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            await repository.commit(story.claim(story.pending()))
            for limit in (0, -1, 1001, cast("int", True), cast("int", "2"), cast("int", 2.0)):
                await refused(repository.read_life_events(limit=limit), InvalidValue, f"limit={limit!r}")
            for token in ("no token", "", cast("str", 7)):
                asked = repository.read_life_events(FeedToken(token))
                await refused(asked, InvalidValue, f"the token {token!r}")

    @promised_by(LifeEventFeed.read_life_events)
    async def test_unreachable_store_raises(self) -> None:
        """
        A page in an outage raises `StorageUnavailable`; it is not an empty page.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            claim = story.claim(story.pending())
            await repository.commit(claim)
            outage = self.unreachable()
            if outage is None:
                return
            async with outage:
                await refused(repository.read_life_events(), StorageUnavailable, "a page in an outage")
            read, _ = await _read_on(repository, None, 500)
            same(_records(claim), read, "the events")


StreamEnd = tuple[int, bytes]


def _check_evidence(item: EventRecord, payload: bytes, place: str) -> None:
    committed = evidence_commitment(payload)
    if item.evidence is None:
        same(None, committed, f"the commitment to evidence of {place}, which has none")
        return
    salt = narrowed(item.evidence_salt, bytes, "the salt of evidence")
    same(committed, commitment_of(salt, item.evidence), f"the commitment to the evidence of {place}")


class _Trade(Protocol):
    async def __call__(self, through: Repository, /) -> None: ...


async def _some_changes(story: Story, repository: Repository) -> list[Change]:
    pending, other = story.pending(), story.pending()
    changes = [
        story.claim(pending),
        story.claim(other),
        story.promote(pending),
        story.unclaimed("no such order", "no such order either"),
        story.promote(other),
    ]
    for change in changes:
        await repository.commit(change)
    return changes


async def _read_on(
    feed: LifeEventFeed, token: FeedToken | None, limit: int
) -> tuple[list[EventRecord], FeedToken | None]:
    """
    Return all events after a point, read page by page, and the point where they end.
    """
    read: list[EventRecord] = []
    while True:
        page = await feed.read_life_events(token, limit=limit)
        check(len(page.items) <= limit, f"a page has at most {limit} items, got {len(page.items)}")
        if not page.items:
            return read, page.next
        check(page.next not in (None, token), "FeedPage.next of a page with events: expected a later point")
        check(len(read) < 10_000, "the feed: expected an end within 10,000 events")
        read += map(_plain, page.items)
        token = page.next


def _records(change: Change) -> list[EventRecord]:
    """
    Return the records of a change without payload, which a store may lay out otherwise, and without digest.
    """
    return [_record(event.header, event.version, event.index, change) for event in change.events]


def _record(header: EventHeader, version: int, index: int, change: Change) -> EventRecord:
    return EventRecord(
        header=header, recorded_at=change.at, sequence=None, version=version, index=index, payload=b""
    )


def _plain(record: EventRecord) -> EventRecord:
    return replace(
        record,
        sequence=None,
        payload=b"",
        salt=None,
        commitment=UNLINKED,
        evidence=None,
        evidence_salt=None,
        digest=UNLINKED,
    )
