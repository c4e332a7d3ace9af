"""
Clauses of `EventSink.flush` and `EventSink.aclose`.
"""

from __future__ import annotations

import asyncio

from poslife._domain.event_envelopes import HostEvent
from poslife.conformance._assertions import check, refused, result_of, same, together
from poslife.conformance._event_sink.hooks import SinkHooks
from poslife.conformance._example_records import a_host_event
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.errors import FlushTimeout
from poslife.protocols import EventSink

__all__ = ["FlushTests"]

BRIEFLY = 0.05
"""
A time-out that is meant to go by, in seconds.
"""


class FlushTests(SinkHooks):
    """
    A flush returns when all is stored, or says that it is not; either way nothing is lost.
    """

    @promised_by(EventSink.flush)
    async def test_flush_returns_when_stored(self) -> None:
        """
        `flush` returns when every event emitted before is stored, and at once if none waits.
        """
        async with self.sink() as sink:
            examples = Examples()
            same(None, await result_of(sink.flush()), "the return value of flush")
            events: list[HostEvent] = []
            for count in (1, 3, 700):
                more = [a_host_event(examples) for _ in range(count)]
                for event in more:
                    sink.emit(event)
                events += more
                await together(sink.flush(), sink.flush(60.0))
                await self._check_stored(events)

    @promised_by(EventSink.flush)
    async def test_flush_timeout_loses_nothing(self) -> None:
        """
        A flush that times out raises `FlushTimeout` and loses nothing; the sink goes on (incidents 47, 48).
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [a_host_event(examples) for _ in range(20)]
            async with self.unreachable():
                for event in events:
                    sink.emit(event)
                for _ in range(2):
                    error = await refused(sink.flush(BRIEFLY), FlushTimeout, "a flush in an outage")
                    same(len(events), error.backlog, "FlushTimeout.backlog")
                    check(error.waited >= 0, f"FlushTimeout.waited: expected seconds, got {error.waited}")
            later = [a_host_event(examples) for _ in range(5)]
            for event in later:
                sink.emit(event)
            await sink.flush()
            await self._check_stored([*events, *later])

    @promised_by(EventSink.flush)
    async def test_flush_is_cancelled(self) -> None:
        """
        A flush that is cancelled loses nothing.
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [a_host_event(examples) for _ in range(20)]
            async with self.unreachable():
                for event in events:
                    sink.emit(event)
                flushing = asyncio.ensure_future(result_of(sink.flush()))
                await asyncio.sleep(0)
                flushing.cancel()
                await asyncio.gather(flushing, return_exceptions=True)
            await sink.flush()
            await self._check_stored(events)

    @promised_by(EventSink.aclose)
    async def test_aclose_flushes(self) -> None:
        """
        `aclose` flushes and stops, and closing a closed sink does nothing (incident 47).
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [a_host_event(examples) for _ in range(700)]
            for event in events:
                sink.emit(event)
            same(None, await result_of(sink.aclose()), "the return value of aclose")
            await self._check_stored(events)
            await sink.aclose()
            await sink.aclose(BRIEFLY)
            await self._check_stored(events)

    @promised_by(EventSink.aclose)
    async def test_aclose_says_what_is_left(self) -> None:
        """
        `aclose` raises `FlushTimeout` at its deadline, with the number of events that were not stored.
        """
        async with self.sink() as sink:
            examples = Examples()
            for _ in range(7):
                sink.emit(a_host_event(examples))
            async with self.unreachable():
                for _ in range(4):
                    sink.emit(a_host_event(examples))
                error = await refused(sink.aclose(BRIEFLY), FlushTimeout, "a close in an outage")
            stored = await self.stored()
            # A write that was under way at the deadline may have ended well after all, and is in both.
            together = len(stored) + error.backlog
            check(
                together >= 11,
                f"the events stored and FlushTimeout.backlog: expected 11 or more, got {together}",
            )
            check(4 <= error.backlog <= 11, f"FlushTimeout.backlog: expected 4 to 11, got {error.backlog}")
