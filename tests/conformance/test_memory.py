"""
The store in memory, and the batching sink over it, do what the contracts say.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from typing_extensions import override

from poslife._events import RecordedEvent
from poslife.conformance import (
    BatchWriterConformance,
    DeadLetterBoxConformance,
    FedRepository,
    LifeEventFeedConformance,
    RepositoryConformance,
    WriterWithBox,
)
from poslife.memory import MemoryStore
from poslife.protocols import BatchWriter, DeadLetter, Repository
from poslife.testing.clock import ManualClock
from tests.conformance.suites import (
    BoxSuite,
    FeedSuite,
    RepositorySuite,
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
