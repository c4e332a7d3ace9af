"""
The suites, each over an adapter that a test chooses: an honest one by default.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)

from typing_extensions import override

from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.identifiers import ClientOrderId, TradeId, VenueOrderId
from poslife._runtime.clock import SystemClock
from poslife._sink import BatchingSink
from poslife.conformance import (
    BatchWriterConformance,
    DeadLetterBoxConformance,
    EventSinkConformance,
    FedRepository,
    FedWriter,
    JournalConformance,
    KeptStore,
    LifeEventFeedConformance,
    RepositoryConformance,
    RunEventFeedConformance,
    TrailKeeperConformance,
    TrailReaderConformance,
    VenueSourceConformance,
    WriterWithBox,
)
from poslife.errors import FlushTimeout
from poslife.protocols import BatchWriter, DeadLetter, EventSink, Journal, Repository, VenueSource
from tests.conformance.honest_store import HonestStore
from tests.conformance.lies.journals import HonestJournal
from tests.conformance.paper_venue import SYMBOL, HonestSource, PaperVenue


class HurriedClock(SystemClock):
    """
    The system's clock with pauses that take no time, so that a back-off is over at once.
    """

    @override
    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(0)


def _batching_sink(store: HonestStore) -> EventSink:
    return BatchingSink(store, clock=HurriedClock())


class RepositorySuite(RepositoryConformance):
    """
    A suite over a store that can go away, reached twice.
    """

    adapter: type[HonestStore] = HonestStore

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        self.store = self.adapter()
        await self.store.open()
        yield self.store
        await self.store.aclose()

    @override
    def unreachable(self, repository: Repository, /) -> AbstractAsyncContextManager[None]:
        return self.store.unreachable()

    @override
    async def let_lease_run_out(self, seconds: float, /) -> None:
        self.store.clock.advance(seconds)


class WriterSuite(BatchWriterConformance):
    """
    A suite over a store that can go away, and refuse.
    """

    adapter: type[HonestStore] = HonestStore

    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[BatchWriter]:
        self.store = self.adapter()
        yield self.store

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return self.store.events()

    @override
    async def buried(self) -> Sequence[DeadLetter]:
        return self.store.letters()

    @override
    def repository(self) -> Repository:
        return self.store

    @override
    def refusing(self, type: str, /) -> AbstractAsyncContextManager[None]:
        return self.store.refusing(type)

    @override
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        return self.store.unreachable()


class BoxSuite(DeadLetterBoxConformance):
    """
    A suite over a store that can go away, and refuse.
    """

    adapter: type[HonestStore] = HonestStore

    @override
    @asynccontextmanager
    async def box(self) -> AsyncGenerator[WriterWithBox]:
        self.store = self.adapter()
        yield self.store

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return self.store.events()

    @override
    def refusing(self, type: str, /) -> AbstractAsyncContextManager[None]:
        return self.store.refusing(type)

    @override
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        return self.store.unreachable()


class FeedSuite(LifeEventFeedConformance):
    """
    A suite over a store that can go away, reached twice.
    """

    adapter: type[HonestStore] = HonestStore

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[FedRepository]:
        self.store = self.adapter()
        yield self.store

    @override
    @asynccontextmanager
    async def beside(self, repository: FedRepository, /) -> AsyncGenerator[FedRepository]:
        yield repository

    @override
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        return self.store.unreachable()


class RunFeedSuite(RunEventFeedConformance):
    """
    A suite over a store that can go away.
    """

    adapter: type[HonestStore] = HonestStore

    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[FedWriter]:
        self.store = self.adapter()
        yield self.store

    @override
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        return self.store.unreachable()


class TrailReaderSuite(TrailReaderConformance):
    """
    A suite over a store that can go away.
    """

    adapter: type[HonestStore] = HonestStore

    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        self.inner = self.adapter()
        yield self.inner

    @override
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        return self.inner.unreachable()


class TrailKeeperSuite(TrailKeeperConformance):
    """
    A suite over a store that can go away.
    """

    adapter: type[HonestStore] = HonestStore

    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        self.inner = self.adapter()
        yield self.inner

    @override
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        return self.inner.unreachable()


class SinkSuite(EventSinkConformance):
    """
    A suite over the batching sink, on a store that can go away, and refuse.
    """

    adapter: Callable[[HonestStore], EventSink] = staticmethod(_batching_sink)

    @override
    @asynccontextmanager
    async def sink(self) -> AsyncGenerator[EventSink]:
        self.store = HonestStore()
        sink = self.adapter(self.store)
        try:
            yield sink
        finally:
            # A liar that lost its events would wait for them for ever.
            with suppress(FlushTimeout):
                await sink.aclose(1)

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return self.store.events()

    @override
    async def buried(self) -> Sequence[DeadLetter]:
        return self.store.letters()

    @override
    def refusing(self, type: str, /) -> AbstractAsyncContextManager[None]:
        return self.store.refusing(type)

    @override
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        return self.store.unreachable()


class SourceSuite(VenueSourceConformance):
    """
    A suite over a venue on paper, with two fills on a page.
    """

    adapter: type[HonestSource] = HonestSource
    symbol = SYMBOL

    @override
    @asynccontextmanager
    async def source(self) -> AsyncGenerator[VenueSource]:
        self.paper = PaperVenue()
        yield self.adapter(self.paper)

    @override
    async def place(self, order: ClientOrderId, /) -> VenueOrderId:
        return self.paper.place(order)

    @override
    async def execute(self, order: ClientOrderId, /) -> TradeId:
        return self.paper.execute(order)

    @override
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        return self.paper.unreachable()

    @override
    def garbled(self) -> AbstractAsyncContextManager[None]:
        return self.paper.answering_nonsense()


class JournalSuite(JournalConformance):
    """
    A suite over a journal in memory, which can fill up and be found by a next process.
    """

    adapter: type[HonestJournal] = HonestJournal

    @override
    @contextmanager
    def journal(self) -> Generator[Journal]:
        self.made = self.adapter()
        yield self.made

    @override
    def full(self, journal: Journal, /) -> AbstractContextManager[None]:
        return self.made.full()

    @override
    def reopened(self, journal: Journal, /) -> Journal:
        return self.made.next()
