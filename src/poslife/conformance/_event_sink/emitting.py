"""
Clauses of `EventSink.emit`.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Sequence

from poslife._domain.event_envelopes import EventHeader, HostBody, HostEvent, Json, RecordedEvent
from poslife._domain.identifiers import RunId
from poslife.conformance import _full_values as full_values
from poslife.conformance._assertions import check, check_utc, narrowed, same, together
from poslife.conformance._event_sink.hooks import SinkHooks, check_numbers
from poslife.conformance._example_records import GOOD_TYPE, REFUSED_TYPE, a_host_event, plain_payload
from poslife.conformance._example_values import Examples
from poslife.conformance._hostile_payloads import hostile_payloads
from poslife.conformance._promises import promised_by
from poslife.protocols import EventSink

__all__ = ["EmitTests"]

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


class EmitTests(SinkHooks):
    """
    Events are accepted at once, whatever they hold, and stored whole, numbered and in order.
    """

    @promised_by(EventSink.emit)
    async def test_emit_returns_the_id_at_once(self) -> None:
        """
        `emit` accepts an event and returns its id at once, with and without a store that answers.
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [a_host_event(examples) for _ in range(500)]
            for event in events[:250]:
                returned: object = sink.emit(event)
                check(not inspect.isawaitable(returned), "emit: expected an id at once, got an awaitable")
                same(event.header.id, returned, "the return value of emit")
            async with self.unreachable():
                for event in events[250:]:
                    same(event.header.id, sink.emit(event), "the return value of emit in an outage")
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
                header=a_host_event(examples, header.run).header,
                payload={"kept": "as well"},
                error=_raised(ValueError("out of range")),
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
            check_utc(first.recorded_at, "RecordedEvent.recorded_at")
            same(sparse, second.header, "the sparse header")
            same(HostBody(payload={}), second.body, "the empty payload")
            body = repr(third.body)
            for words in ("out of range", "ValueError", "_raised", "as well"):
                check(words in body, f"an event with an error: expected {words!r} in {body}")

    @promised_by(EventSink.emit)
    async def test_numbers_and_order(self) -> None:
        """
        Events of one run are numbered from 1 without gaps, and stored in the order they were emitted.
        """
        async with self.sink() as sink:
            examples = Examples()
            runs = [examples.run_id() for _ in range(3)]
            events = [a_host_event(examples, run) for run in itertools.islice(itertools.cycle(runs), 600)]

            async def emit_run(run: RunId) -> None:
                for index, event in enumerate(one for one in events if one.header.run == run):
                    sink.emit(event)
                    if index % 7 == 0:
                        await asyncio.sleep(0)

            await together(*map(emit_run, runs))
            await sink.flush()
            await self._check_stored(events)

    @promised_by(EventSink.emit)
    async def test_batches_keep_the_order(self) -> None:
        """
        Events in several batches with an outage between them are each stored once, in order.
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [a_host_event(examples, examples.run) for _ in range(1500)]
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
            by_thread: list[list[HostEvent]] = []
            for _ in range(4):
                own = examples.run_id()
                by_thread.append([a_host_event(examples, run) for _ in range(100) for run in (shared, own)])

            def emit_all(events: Sequence[HostEvent]) -> None:
                for event in events:
                    same(event.header.id, sink.emit(event), "the return value of emit in a thread")

            await together(*(asyncio.to_thread(emit_all, events) for events in by_thread))
            await sink.flush()
            stored = await self.stored()
            check_numbers(stored)
            place = {event.header.id: index for index, event in enumerate(stored)}
            same(sum(map(len, by_thread)), len(stored), "the number of events stored")
            for events in by_thread:
                places = [place[event.header.id] for event in events if event.header.run == shared]
                same(sorted(places), places, "the places of one thread's events")

    @promised_by(EventSink.emit)
    async def test_emit_before_the_store_is_there(self) -> None:
        """
        Events may be emitted before the store is connected, and are stored when it is (incident 51).
        """
        async with self.sink() as sink:
            examples = Examples()
            events = [a_host_event(examples) for _ in range(50)]
            async with self.unreachable():
                for event in events:
                    sink.emit(event)
                    await asyncio.sleep(0)
                same([], list(await self._stored_if_readable()), "the events in a store that is unreachable")
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
            for name, payload in hostile_payloads().items():
                for event in (
                    a_host_event(examples),
                    HostEvent(header=a_host_event(examples, kind=name).header, payload=payload),
                ):
                    try:
                        returned = sink.emit(event)
                    except Exception as error:
                        raise AssertionError(
                            f"emit with {name}: expected an id, got {type(error).__name__}"
                        ) from error
                    same(event.header.id, returned, f"the return value of emit for {name}")
                    events.append(event)
            await sink.flush()
            letters = {letter.record.header.id for letter in await self.buried()}
            stored = await self.stored()
            by_id = {event.header.id: event for event in stored}
            for event in events:
                check(
                    event.header.id in by_id or event.header.id in letters,
                    f"the event with {event.header.type}: expected to be stored or a dead letter, is neither",
                )
            for recorded in stored:
                narrowed(recorded.body, HostBody, f"the body of the event with {recorded.header.type}")
            good = [event for event in events if event.header.type == GOOD_TYPE]
            for event in good:
                same(
                    HostBody(payload=plain_payload(event)),
                    by_id[event.header.id].body,
                    "the body of an event beside a hostile one",
                )

    @promised_by(EventSink.emit, EventSink.flush)
    async def test_dead_letters(self) -> None:
        """
        An event that the store refuses for good is kept as a dead letter, and costs no other (incident 45).
        """
        async with self.sink() as sink:
            refusal = self.refusing(REFUSED_TYPE)
            if refusal is None:
                return
            examples = Examples()
            events = [
                a_host_event(examples, kind=REFUSED_TYPE if index in (0, 7, 8, 19) else GOOD_TYPE)
                for index in range(20)
            ]
            async with refusal:
                for event in events:
                    sink.emit(event)
                await sink.flush()
                letters = await self.buried()
            poisoned = [event.header for event in events if event.header.type == REFUSED_TYPE]
            same(poisoned, [letter.record.header for letter in letters], "the headers of the dead letters")
            for letter in letters:
                check(
                    bool(letter.reason), "DeadLetter.reason: expected the reason of the refusal, got nothing"
                )
            good = [event.header for event in events if event.header.type == GOOD_TYPE]
            stored = await self.stored()
            same(good, [event.header for event in stored], "the headers of the events beside them")

    async def _stored_if_readable(self) -> Sequence[RecordedEvent]:
        try:
            return await self.stored()
        except Exception:  # noqa: BLE001 - the hook may ask the very store that is unreachable
            return ()


def _raised(error: Exception) -> Exception:
    """
    Return the error with a traceback.
    """
    try:
        raise error
    except type(error) as caught:
        return caught
