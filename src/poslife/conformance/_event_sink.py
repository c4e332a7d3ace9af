"""
The suite for an `EventSink`.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from poslife._domain.event_envelopes import EventHeader, HostBody, HostEvent, Json, RecordedEvent
from poslife._domain.identifiers import RunId
from poslife.conformance import _full_values as full_values
from poslife.conformance._assertions import check, narrowed, refused, same, together
from poslife.conformance._example_values import Examples
from poslife.conformance._hostile_payloads import poisons
from poslife.conformance._promises import promised_by
from poslife.errors import FlushTimeout
from poslife.protocols import DeadLetter, EventSink

__all__ = ["EventSinkConformance"]

BRIEFLY = 0.05
"""
Seconds: a time-out that is meant to go by.
"""

PLAIN: dict[str, Json] = {
    "text": 'Ünïcødé \N{ROCKET} "quoted" \\ and\nlines',
    "whole": 1234567890123456789,
    "broken": -0.125,
    "yes": True,
    "no": False,
    "nothing": None,
    "list": [1, "two", [3.5, None], {}],
    "": {"nested": {"deeper": ["deepest"]}},
}


class EventSinkConformance(ABC):
    """
    What `EventSink` promises, one test for each sentence.

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

    @abstractmethod
    def sink(self) -> AbstractAsyncContextManager[EventSink]:
        """
        A sink over a fresh and empty store. Each test asks once; leaving it closes the sink.
        """

    @abstractmethod
    async def stored(self) -> Sequence[RecordedEvent]:
        """
        The events in the store, in the order in which they were stored.
        """

    @abstractmethod
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        """
        While it is entered, the store behind the sink cannot be reached.
        """

    def refusing(self, type: str, /) -> AbstractAsyncContextManager[None] | None:
        """
        While it is entered, the store refuses events of this type for good.

        *Default*: ``None``, for a store that refuses nothing; what is said of dead letters goes unchecked.
        """
        del type
        return None

    async def buried(self) -> Sequence[DeadLetter]:
        """
        The dead letters in the store. *Default*: none.
        """
        return ()

    @promised_by(EventSink.emit)
    async def test_emit_returns_the_id_at_once(self) -> None:
        """
        `emit` accepts an event and returns its id at once, with and without a store that answers.
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [_event(examples) for _ in range(500)]
            for event in events[:250]:
                returned: object = sink.emit(event)
                check(not inspect.isawaitable(returned), "emit should not need to be awaited")
                same(event.header.id, returned, "what emit returns")
            async with self.unreachable():
                for event in events[250:]:
                    same(event.header.id, sink.emit(event), "what emit returns in an outage")
            await sink.flush()
            await self._check_stored(events)

    @promised_by(EventSink.emit)
    async def test_every_field(self) -> None:
        """
        An event is stored with every field of its header, its payload, its error and the time of recording.
        """
        async with self.sink() as sink:
            examples = Examples()
            header = full_values.full_header(
                examples, full_values.full_pending(examples), "stop_loss.placed", schema=3
            )
            sparse = EventHeader(
                id=examples.event_id(), type="bot.started", occurred_at=examples.at(), run=header.run
            )
            sink.emit(HostEvent(header=header, payload=PLAIN))
            sink.emit(HostEvent(header=sparse, payload={}))
            error = HostEvent(
                header=_event(examples, header.run).header,
                payload={"kept": "as well"},
                error=_raised(ValueError("what went wrong")),
            )
            sink.emit(error)
            await sink.flush()
            first, second, third = await self.stored()
            same(
                RecordedEvent(
                    header=header,
                    body=HostBody(payload=PLAIN),
                    recorded_at=first.recorded_at,
                    sequence=1,
                    digest=first.digest,
                ),
                first,
                "the event",
            )
            same(timedelta(0), first.recorded_at.utcoffset(), "the offset of RecordedEvent.recorded_at")
            same(sparse, second.header, "the header with little in it")
            same(HostBody(payload={}), second.body, "the empty payload")
            told = repr(third.body)
            for words in ("what went wrong", "ValueError", "_raised", "as well"):
                check(words in told, f"an event with an error should tell {words!r}, tells {told}")

    @promised_by(EventSink.emit)
    async def test_numbers_and_order(self) -> None:
        """
        Events of one run are numbered from 1 without gaps, and stored in the order they were emitted.
        """
        async with self.sink() as sink:
            examples = Examples()
            runs = [examples.run_id() for _ in range(3)]
            events = [_event(examples, run) for run in itertools.islice(itertools.cycle(runs), 600)]

            async def tell(mine: Iterable[HostEvent]) -> None:
                for index, event in enumerate(mine):
                    sink.emit(event)
                    if index % 7 == 0:
                        await asyncio.sleep(0)

            # A run each, and all at once.
            await together(*(tell([event for event in events if event.header.run == run]) for run in runs))
            await sink.flush()
            await self._check_stored(events)

    @promised_by(EventSink.emit)
    async def test_batches_keep_the_order(self) -> None:
        """
        Events in several batches with an outage between them are each stored once, in order.
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [_event(examples, examples.run) for _ in range(1500)]
            for event in events[:500]:
                sink.emit(event)
            await asyncio.sleep(0)
            async with self.unreachable():
                for event in events[500:1000]:
                    sink.emit(event)
                    await asyncio.sleep(0)
            for event in events[1000:]:
                sink.emit(event)
            await sink.flush()
            await self._check_stored(events)

    @promised_by(EventSink.emit)
    async def test_emit_from_threads(self) -> None:
        """
        `emit` may be called from any thread, and events of one run are numbered without gaps.
        """
        async with self.sink() as sink:
            examples = Examples()
            shared = examples.run_id()
            told: list[list[HostEvent]] = []
            for _ in range(4):
                own = examples.run_id()
                told.append([_event(examples, run) for _ in range(100) for run in (shared, own)])

            def tell(mine: Sequence[HostEvent]) -> None:
                for event in mine:
                    same(event.header.id, sink.emit(event), "what emit returns in a thread")

            await together(*(asyncio.to_thread(tell, mine) for mine in told))
            await sink.flush()
            stored = await self.stored()
            _check_numbers(stored)
            place = {event.header.id: index for index, event in enumerate(stored)}
            same(sum(map(len, told)), len(stored), "the number of events stored")
            for mine in told:
                places = [place[event.header.id] for event in mine if event.header.run == shared]
                same(sorted(places), places, "the places of one thread's events")

    @promised_by(EventSink.emit)
    async def test_emit_before_the_store_is_there(self) -> None:
        """
        Events may be emitted before the store is connected, and are stored when it is (incident 51).
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [_event(examples) for _ in range(50)]
            async with self.unreachable():
                for event in events:
                    sink.emit(event)
                    await asyncio.sleep(0)
                same([], list(await self._stored_where_it_can_be_asked()), "the events of a store not there")
            await sink.flush()
            await self._check_stored(events)

    @promised_by(EventSink.emit)
    async def test_payloads_of_any_kind(self) -> None:
        """
        `emit` never raises because of what the event holds, and no event costs another (incidents 6, 45).
        """
        async with self.sink() as sink:
            examples = Examples()
            events: list[HostEvent] = []
            for name, payload in poisons().items():
                for event in (
                    _event(examples),
                    HostEvent(header=_event(examples, kind=name).header, payload=payload),
                ):
                    try:
                        returned = sink.emit(event)
                    except Exception as error:
                        raise AssertionError(f"emit raised for {name}: {type(error).__name__}") from error
                    same(event.header.id, returned, f"what emit returns for {name}")
                    events.append(event)
            await sink.flush()
            letters = {letter.record.header.id for letter in await self.buried()}
            stored = await self.stored()
            told = {event.header.id: event for event in stored}
            for event in events:
                check(
                    event.header.id in told or event.header.id in letters,
                    f"the event with {event.header.type} should be stored or kept as a dead letter",
                )
            for recorded in stored:
                narrowed(recorded.body, HostBody, f"the body of the event with {recorded.header.type}")
            good = [event for event in events if event.header.type == "bot.told"]
            for event in good:
                same(
                    HostBody(payload=dict(_plain(event.payload))),
                    told[event.header.id].body,
                    "an event beside a poisoned one",
                )

    @promised_by(EventSink.flush)
    async def test_flush_returns_when_stored(self) -> None:
        """
        `flush` returns when every event emitted before is stored, and at once if none waits.
        """
        async with self.sink() as sink:
            examples = Examples()
            same(None, await _value(sink.flush()), "what flush returns")
            events: list[HostEvent] = []
            for count in (1, 3, 700):
                more = [_event(examples) for _ in range(count)]
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
            events = [_event(examples) for _ in range(20)]
            async with self.unreachable():
                for event in events:
                    sink.emit(event)
                for _ in range(2):
                    error = await refused(sink.flush(BRIEFLY), FlushTimeout, "a flush in an outage")
                    same(len(events), error.backlog, "FlushTimeout.backlog")
                    check(error.waited >= 0, f"FlushTimeout.waited should be seconds, is {error.waited}")
            later = [_event(examples) for _ in range(5)]
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
            events = [_event(examples) for _ in range(20)]
            async with self.unreachable():
                for event in events:
                    sink.emit(event)
                flushing = asyncio.ensure_future(_value(sink.flush()))
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
            events = [_event(examples) for _ in range(700)]
            for event in events:
                sink.emit(event)
            same(None, await _value(sink.aclose()), "what aclose returns")
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
                sink.emit(_event(examples))
            async with self.unreachable():
                for _ in range(4):
                    sink.emit(_event(examples))
                error = await refused(sink.aclose(BRIEFLY), FlushTimeout, "a close in an outage")
            stored = await self.stored()
            same(11, len(stored) + error.backlog, "the events stored and FlushTimeout.backlog together")
            check(error.backlog >= 4, f"FlushTimeout.backlog should be at least 4, is {error.backlog}")

    @promised_by(EventSink.emit, EventSink.flush)
    async def test_dead_letters(self) -> None:
        """
        An event that the store refuses for good is kept as a dead letter, and costs no other (incident 45).
        """
        async with self.sink() as sink:
            refusal = self.refusing("bot.poisoned")
            if refusal is None:
                return
            examples = Examples()
            events = [
                _event(examples, kind="bot.poisoned" if index in (0, 7, 8, 19) else "bot.told")
                for index in range(20)
            ]
            async with refusal:
                for event in events:
                    sink.emit(event)
                await sink.flush()
                letters = await self.buried()
            poisoned = [event.header for event in events if event.header.type == "bot.poisoned"]
            same(poisoned, [letter.record.header for letter in letters], "the headers of the dead letters")
            for letter in letters:
                check(bool(letter.reason), "a dead letter should say why it was refused")
            good = [event.header for event in events if event.header.type == "bot.told"]
            stored = await self.stored()
            same(good, [event.header for event in stored], "the headers of the events beside them")

    async def _stored_where_it_can_be_asked(self) -> Sequence[RecordedEvent]:
        try:
            return await self.stored()
        except Exception:  # noqa: BLE001 - the hook may ask the very store that is not there
            return ()

    async def _check_stored(self, events: Sequence[HostEvent]) -> None:
        """
        Every event is stored, once, whole, in order and numbered.
        """
        stored = await self.stored()
        ids = [event.header.id for event in stored]
        same(len(ids), len(set(ids)), "the number of events stored, each once")
        same(len(events), len(stored), "the number of events stored")
        for run in {event.header.run for event in events}:
            wanted = [event for event in events if event.header.run == run]
            found = [event for event in stored if event.header.run == run]
            same([event.header for event in wanted], [event.header for event in found], "a run's headers")
            same(
                [HostBody(payload=dict(_plain(event.payload))) for event in wanted],
                [event.body for event in found],
                "a run's payloads",
            )
        _check_numbers(stored)


def _check_numbers(stored: Sequence[RecordedEvent]) -> None:
    for run in {event.header.run for event in stored}:
        numbers = [event.sequence for event in stored if event.header.run == run]
        same(list(range(1, len(numbers) + 1)), numbers, "a run's numbers, in the order of storing")


def _event(examples: Examples, run: RunId | None = None, *, kind: str = "bot.told") -> HostEvent:
    header = EventHeader(
        id=examples.event_id(),
        type=kind,
        occurred_at=examples.at(),
        run=examples.run if run is None else run,
    )
    return HostEvent(header=header, payload={"told": str(header.id)})


def _plain(payload: Mapping[str, object]) -> dict[str, Json]:
    return {key: narrowed(value, str, "an example's payload") for key, value in payload.items()}


def _raised(error: Exception) -> Exception:
    """
    The error with a traceback.
    """
    try:
        raise error
    except type(error) as caught:
        return caught


async def _value(call: object) -> object:
    """
    What a call that is declared to return nothing returns.
    """
    if inspect.isawaitable(call):
        result: object = await call
        return result
    raise AssertionError(f"a coroutine should be returned, not {call!r}")
