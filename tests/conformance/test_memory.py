"""
The store in memory, and the batching sink over it, do what the contracts say.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from typing_extensions import override

from poslife._domain.event_envelopes import RecordedEvent
from poslife.conformance import (
    BatchWriterConformance,
    DeadLetterBoxConformance,
    FedRepository,
    FedWriter,
    LifeEventFeedConformance,
    RepositoryConformance,
    RunEventFeedConformance,
    WriterWithBox,
)
from poslife.conformance._story import begin
from poslife.errors import InvalidValue
from poslife.memory import MemoryStore
from poslife.protocols import BatchWriter, DeadLetter, FeedToken, Repository
from poslife.testing.clock import ManualClock
from tests.conformance.suites import (
    BoxSuite,
    FeedSuite,
    RepositorySuite,
    RunFeedSuite,
    SinkSuite,
    SourceSuite,
    WriterSuite,
)


class TestMemoryRepository(RepositoryConformance):
    def setup_method(self) -> None:
        self.clock = ManualClock()

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        repository = MemoryStore(clock=self.clock)
        await repository.open()
        yield repository
        await repository.aclose()

    @override
    async def let_lease_run_out(self, seconds: float, /) -> None:
        self.clock.advance(seconds)


class TestMemoryWriter(BatchWriterConformance):
    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[BatchWriter]:
        self.store = MemoryStore()
        yield self.store

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return self.store.recorded_events()

    @override
    async def buried(self) -> Sequence[DeadLetter]:
        return self.store.dead_letters()

    @override
    def repository(self) -> Repository:
        return self.store


class TestMemoryBox(DeadLetterBoxConformance):
    @override
    @asynccontextmanager
    async def box(self) -> AsyncGenerator[WriterWithBox]:
        self.store = MemoryStore()
        yield self.store

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return self.store.recorded_events()


class TestMemoryFeed(LifeEventFeedConformance):
    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[FedRepository]:
        yield MemoryStore(clock=ManualClock())


class TestMemoryRunFeed(RunEventFeedConformance):
    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[FedWriter]:
        yield MemoryStore()


class TestRunFeedThatGoesAway(RunFeedSuite):
    pass


class TestBoxThatGoesAway(BoxSuite):
    pass


class TestFeedThatGoesAway(FeedSuite):
    pass


class TestRepositoryThatGoesAway(RepositorySuite):
    pass


class TestWriterThatGoesAway(WriterSuite):
    pass


class TestBatchingSink(SinkSuite):
    pass


class TestPaperVenue(SourceSuite):
    pass


async def test_a_token_of_a_store_that_is_forgotten() -> None:
    """
    A token that outlived the store it is of passes over nothing in silence: it is refused.
    """
    forgotten, store = MemoryStore(), MemoryStore()
    for one, claims in ((forgotten, 3), (store, 1)):
        story = await begin(one)
        for _ in range(claims):
            await story.claimed(one)
    token = (await forgotten.read_life_events()).next
    assert token is not None
    _, _, event = token.partition(" ")
    for foreign in (token, FeedToken(f"1 {event}")):
        with pytest.raises(InvalidValue, match="this store's feed"):
            await store.read_life_events(foreign)


async def test_a_life_event_that_is_stored_is_not_buried() -> None:
    """
    A letter about a life event that this very store has is no letter.
    """
    store = MemoryStore()
    story = await begin(store)
    await story.claimed(store)
    (first, *_) = (await store.read_life_events()).items
    await store.bury(DeadLetter(record=first, reason="refused elsewhere"))

    assert () == store.dead_letters()
