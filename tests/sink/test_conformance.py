"""
A folding sink keeps the contract of a sink.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from typing_extensions import override

from poslife import BatchingSink, FoldingSink
from poslife.conformance import EventSinkConformance
from poslife.errors import StorageUnavailable
from poslife.events import RecordedEvent
from poslife.memory import MemoryStore
from poslife.protocols import EventRecord, EventSink
from tests.sink.folding_fakes import TICK


class GoesAway(MemoryStore):
    answers = True

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        if not self.answers:
            raise StorageUnavailable("switched off")
        await super().write(records)


class TestFoldingSink(EventSinkConformance):
    """
    It keeps what `EventSink` promises for everything it does not fold.
    """

    @asynccontextmanager
    @override
    async def sink(self) -> AsyncGenerator[EventSink]:
        self.store = GoesAway()
        sink = FoldingSink(BatchingSink(self.store), fold={TICK})
        yield sink
        await sink.aclose()

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return self.store.recorded_events()

    @asynccontextmanager
    @override
    async def unreachable(self) -> AsyncGenerator[None]:
        self.store.answers = False
        yield
        self.store.answers = True
