"""
The store in memory keeps every contract of a store.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from typing_extensions import override

from poslife._domain.event_envelopes import RecordedEvent
from poslife.conformance import (
    BatchWriterConformance,
    DeadLetterBoxConformance,
    FedRepository,
    FedWriter,
    KeptStore,
    LifeEventFeedConformance,
    RepositoryConformance,
    RunEventFeedConformance,
    TrailKeeperConformance,
    TrailReaderConformance,
    WriterWithBox,
)
from poslife.memory import MemoryStore
from poslife.protocols import BatchWriter, DeadLetter, Repository
from poslife.testing.clock import ManualClock


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


class TestMemoryTrailReader(TrailReaderConformance):
    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        yield MemoryStore()


class TestMemoryTrailKeeper(TrailKeeperConformance):
    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        yield MemoryStore()
