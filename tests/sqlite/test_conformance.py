"""
The store in a SQLite file, and the batching sink over it, keep the contracts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from poslife._domain.event_envelopes import RecordedEvent
from poslife._sink import BatchingSink
from poslife.conformance import (
    BatchWriterConformance,
    DeadLetterBoxConformance,
    EventSinkConformance,
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
from poslife.protocols import BatchWriter, DeadLetter, EventSink, Repository
from poslife.sqlite import SqliteStore
from poslife.testing.clock import ManualClock
from tests.conformance.suites_by_adapter import HurriedClock
from tests.sqlite.files import dead_letters, opened_store, recorded_events, refusing


@contextmanager
def moved_away(path: Path) -> Generator[None]:
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


class TestSqliteRepository(RepositoryConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.clock = ManualClock()
        self.path = tmp_path / "bot.db"

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        store = SqliteStore(self.path, clock=self.clock)
        await store.open()
        try:
            yield store
        finally:
            await store.aclose()

    @override
    @asynccontextmanager
    async def beside(self, repository: Repository, /) -> AsyncGenerator[Repository]:
        async with self.repository() as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self, repository: Repository, /) -> AsyncGenerator[None]:
        with moved_away(self.path):
            yield

    @override
    async def let_lease_run_out(self, seconds: float, /) -> None:
        self.clock.advance(seconds)


class TestSqliteWriter(BatchWriterConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "bot.db"

    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[BatchWriter]:
        self.store = SqliteStore(self.path)
        await self.store.open()
        try:
            yield self.store
        finally:
            await self.store.aclose()

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return recorded_events(self.path)

    @override
    async def buried(self) -> Sequence[DeadLetter]:
        return dead_letters(self.path)

    @override
    def repository(self) -> Repository:
        return self.store

    @override
    @asynccontextmanager
    async def refusing(self, type: str, /) -> AsyncGenerator[None]:
        with refusing(self.path, type):
            yield

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.path):
            yield


class TestSqliteBox(DeadLetterBoxConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "bot.db"

    @override
    @asynccontextmanager
    async def box(self) -> AsyncGenerator[WriterWithBox]:
        async with opened_store(self.path) as store:
            yield store

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return recorded_events(self.path)

    @override
    @asynccontextmanager
    async def refusing(self, type: str, /) -> AsyncGenerator[None]:
        with refusing(self.path, type):
            yield

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.path):
            yield


class TestSqliteFeed(LifeEventFeedConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "bot.db"

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[FedRepository]:
        async with opened_store(self.path) as store:
            yield store

    @override
    @asynccontextmanager
    async def beside(self, repository: FedRepository, /) -> AsyncGenerator[FedRepository]:
        async with self.repository() as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.path):
            yield


class TestSqliteRunFeed(RunEventFeedConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "bot.db"

    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[FedWriter]:
        async with opened_store(self.path) as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.path):
            yield


class TestSqliteTrailReader(TrailReaderConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "bot.db"

    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        async with opened_store(self.path) as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.path):
            yield


class TestSqliteTrailKeeper(TrailKeeperConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "bot.db"

    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        async with opened_store(self.path) as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.path):
            yield


class TestSinkOverSqlite(EventSinkConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "bot.db"

    @override
    @asynccontextmanager
    async def sink(self) -> AsyncGenerator[EventSink]:
        store = SqliteStore(self.path)
        await store.open()
        sink = BatchingSink(store, clock=HurriedClock())
        try:
            yield sink
        finally:
            await sink.aclose(5)
            await store.aclose()

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return recorded_events(self.path)

    @override
    async def buried(self) -> Sequence[DeadLetter]:
        return dead_letters(self.path)

    @override
    @asynccontextmanager
    async def refusing(self, type: str, /) -> AsyncGenerator[None]:
        with refusing(self.path, type):
            yield

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.path):
            yield
