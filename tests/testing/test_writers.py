"""
The scripted writer fails by its script, and a sink over it loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from typing_extensions import override

from poslife import BatchingSink
from poslife._domain.event_envelopes import EventHeader, HostEvent, RecordedEvent
from poslife._trail.encoding import encode_payload
from poslife.conformance import BatchWriterConformance
from poslife.conformance._example_values import Examples
from poslife.errors import StorageBusy, StorageNotReady, StorageRejected, StorageUnavailable
from poslife.memory import MemoryStore
from poslife.protocols import BatchWriter, DeadLetter, EventRecord
from poslife.testing.clock import ManualClock
from poslife.testing.writers import Hang, LoseReply, Raise, ScriptedWriter, Slow, Store
from tests.conformance.suites_by_adapter import HurriedClock


def _records(count: int) -> list[EventRecord]:
    examples = Examples()
    return [
        EventRecord(
            header=EventHeader(
                id=examples.event_id(), type="bot.told", occurred_at=examples.at(), run=examples.run
            ),
            recorded_at=examples.at(),
            sequence=number,
            payload=encode_payload({"number": number}),
            salt=bytes(16),
        )
        for number in range(1, count + 1)
    ]


def _stored(store: MemoryStore) -> list[int | None]:
    return [event.sequence for event in store.recorded_events()]


class TestScriptedWriter(BatchWriterConformance):
    """
    Without a script it behaves like the writer it is around.
    """

    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[BatchWriter]:
        self.store = MemoryStore()
        self.refused: set[str] = set()
        self.scripted = ScriptedWriter(self.store, refuses=lambda record: record.header.type in self.refused)
        yield self.scripted

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return self.store.recorded_events()

    @override
    async def buried(self) -> Sequence[DeadLetter]:
        return self.store.dead_letters()

    @override
    @asynccontextmanager
    async def refusing(self, type: str, /) -> AsyncGenerator[None]:
        self.refused.add(type)
        yield
        self.refused.remove(type)

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with self.scripted.failing():
            yield


async def test_each_call_takes_a_step() -> None:
    """
    Each call takes one step of the script, and after its end batches are stored.
    """
    store = MemoryStore()
    writer = ScriptedWriter(store, [Raise(StorageBusy("locked")), Store(), LoseReply(OSError("lost"))])
    writer.then(Raise(RuntimeError("a bug")))
    one, two, three, four = _records(4)
    with pytest.raises(StorageBusy):
        await writer.write([one])
    assert [] == _stored(store)
    await writer.write([two])
    with pytest.raises(OSError, match="lost"):
        await writer.write([three])
    assert [2, 3] == _stored(store)
    with pytest.raises(RuntimeError):
        await writer.write([four])
    await writer.write([three, four])

    assert [2, 3, 4] == _stored(store)
    assert [(one,), (two,), (three,), (four,), (three, four)] == writer.batches


async def test_refused_and_toxic_events() -> None:
    """
    A refused event is reported by its row; a toxic one is an outage, except to a probe; the script waits.
    """
    store = MemoryStore()
    writer = ScriptedWriter(
        store,
        [LoseReply()],
        refuses=lambda record: record.sequence == 2,
        toxic=lambda record: record.sequence == 4,
    )
    batch = _records(5)
    with pytest.raises(StorageRejected) as caught:
        await writer.write(batch)
    assert 1 == caught.value.row
    for _ in range(3):
        with pytest.raises(StorageUnavailable, match="died"):
            await writer.write(batch[2:])
        await writer.probe()
    with pytest.raises(StorageUnavailable, match="reply"):
        await writer.write(batch[:1])

    assert [1] == _stored(store)
    assert 3 == writer.probes


async def test_slow_and_hanging() -> None:
    """
    A slow call takes its time by the clock; a hanging one waits for `go_on`, or is cancelled.
    """
    store = MemoryStore()
    clock = ManualClock()
    writer = ScriptedWriter(store, [Slow(3.0), Hang(), Hang()], clock=clock)
    one, two, three = _records(3)
    slow = asyncio.create_task(writer.write([one]))
    await asyncio.sleep(0)
    assert not slow.done()
    clock.advance(3.0)
    await slow
    hanging, cancelled = (asyncio.create_task(writer.write([each])) for each in (two, three))
    await writer.hangs.wait()
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert [1] == _stored(store)
    writer.go_on()
    await hanging

    assert [1, 2] == _stored(store)
    assert not writer.hangs.is_set()
    with pytest.raises(RuntimeError, match="no write hangs"):
        writer.go_on()


async def test_an_outage() -> None:
    """
    Inside `failing`, writes, probes and burials raise its error; outages may be nested.
    """
    store = MemoryStore()
    writer = ScriptedWriter(store)
    (record,) = _records(1)
    letter = DeadLetter(record=replace(record, payload=b""), reason="refused")
    with writer.failing():
        with writer.failing(StorageNotReady("no table")):
            for call in (writer.write([record]), writer.probe(), writer.bury(letter)):
                with pytest.raises(StorageNotReady):
                    await call
        with pytest.raises(StorageUnavailable, match="switched off"):
            await writer.probe()
    await writer.bury(letter)

    assert (letter,) == store.dead_letters()


async def test_a_sink_loses_nothing_over_it() -> None:
    """
    Through lost replies, outages, a refused and a toxic event, the sink stores all others once, in order.
    """
    store = MemoryStore()
    refused, toxic = {7}, {23}
    writer = ScriptedWriter(
        store,
        [LoseReply(), Raise(StorageUnavailable("away")), Raise(OSError("a bug")), LoseReply()],
        refuses=lambda record: record.sequence in refused,
        toxic=lambda record: record.sequence in toxic,
    )
    sink = BatchingSink(writer, clock=HurriedClock())
    examples = Examples()
    for number in range(1, 31):
        header = EventHeader(id=examples.event_id(), type="tick", occurred_at=examples.at(), run=examples.run)
        sink.emit(HostEvent(header=header, payload={"number": number}))
    await sink.flush(10)
    await sink.aclose(5)

    assert [number for number in range(1, 31) if number not in (7, 23)] == _stored(store)
    assert [7, 23] == [letter.record.sequence for letter in store.dead_letters()]
