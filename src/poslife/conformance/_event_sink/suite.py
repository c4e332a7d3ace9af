"""
The suite for an `EventSink`.
"""

from __future__ import annotations

from poslife.conformance._event_sink.emitting import EmitTests
from poslife.conformance._event_sink.flushing import FlushTests

__all__ = ["EventSinkConformance"]


class EventSinkConformance(EmitTests, FlushTests):
    """
    The tests of `EventSink`, one for each sentence of its contract.

    Say how a fresh sink is made, how to read what it stored, and how to take its store away::

        class TestMySink(EventSinkConformance):
            @asynccontextmanager
            async def sink(self) -> AsyncGenerator[EventSink]:
                self.store = MyStore()
                sink = MySink(self.store)
                yield sink
                await sink.aclose()

            async def stored(self) -> Sequence[RecordedEvent]:
                return self.store.events

            @asynccontextmanager
            async def unreachable(self) -> AsyncGenerator[None]:
                self.store.answers = False
                yield
                self.store.answers = True
    """
