"""
The batching sink: what its host, its event loop and its store do to emit and flush.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

import pytest
from typing_extensions import override

from poslife import BatchingSink, FurtherWriter, PositionTracker, Severity
from poslife.errors import (
    FlushTimeout,
    InvalidValue,
    PoslifeMisuseWarning,
    StorageNotReady,
    StorageUnavailable,
)
from poslife.events import HostBody
from poslife.memory import MemoryStore
from poslife.protocols import EventRecord
from tests.sink.fakes import AWAY, FakeJournal, FakeStore, event, later, numbers, payload_numbers, quick
from tests.values import RUN


def test_events_may_come_before_there_is_a_loop() -> None:
    """
    What is emitted before the start is kept, and stored first (incident 51).
    """
    writer = FakeStore()
    sink = quick(writer)
    ids = [sink.emit(event(number)) for number in range(3)]

    async def later_on() -> None:
        sink.emit(event(3))
        await sink.aclose(20)

    asyncio.run(later_on())

    assert ids == [one.header.id for one in writer.recorded_events()][:3]
    assert {RUN: [1, 2, 3, 4]} == writer.sequences


POISONS: dict[str, object] = {
    "NaN": float("nan"),
    "infinity": float("inf"),
    "NUL": "a\x00b",
    "a symbol of 60 characters": "x" * 60,
    "an order id that is a number": 12345,
    "an id over 2^31": 2**31,
    "a severity over 20 characters": "x" * 21,
    "the old sentinel": "pending",
}


@pytest.mark.parametrize("poison", list(POISONS))
async def test_none_of_the_old_poisons_is_one(poison: str) -> None:
    """
    Each of them once cost 49 good rows of 49; now it is stored like the others (incident 45).
    """
    writer = FakeStore()
    sink = quick(writer)
    for number in range(50):
        sink.emit(event(number, value=POISONS[poison] if number == 25 else None))
    await sink.aclose(20)

    assert {RUN: list(range(1, 51))} == writer.sequences
    assert () == writer.dead_letters()


@pytest.mark.parametrize(
    "thing", ["pending", None, 7, {"type": "tick"}, object()], ids=lambda thing: type(thing).__name__
)
async def test_what_is_no_event_is_kept_and_warned_of(thing: Any) -> None:
    """
    It is stored as ``poslife.misuse`` with severity ERROR and what it was (incident 45, 46).
    """
    writer = FakeStore()
    sink = quick(writer)
    with pytest.warns(PoslifeMisuseWarning, match="takes a HostEvent"):
        sink.emit(thing)
    await sink.aclose(20)

    (kept,) = writer.recorded_events()
    assert ("poslife.misuse", Severity.ERROR) == (kept.header.type, kept.header.severity)
    assert isinstance(kept.body, HostBody)
    assert "emitted" in kept.body.payload


async def test_warnings_turned_into_errors_break_no_emit() -> None:
    """
    Under ``-W error`` neither misuse nor an event after the end raises into trading code.
    """
    writer = FakeStore()
    sink = quick(writer)
    thing: Any = "pending"
    with warnings.catch_warnings(action="error"):
        sink.emit(thing)
        await sink.aclose(20)
        sink.emit(thing)
    await sink.flush(20)

    assert 2 == len(writer.recorded_events())


async def test_amounts_are_exact_in_the_stored_payload() -> None:
    """
    As text, whatever their size: no float has them (feature 89).
    """
    amounts = [Decimal("1.234e-9"), Decimal("0.1"), Decimal("12345678901234567890.123456789")]
    store = MemoryStore()
    tracker = PositionTracker(repository=store, sink=(sink := BatchingSink(store)))
    tracker.record("balances.seen", None, {"amounts": amounts})
    await sink.aclose(20)
    (one,) = store.recorded_events()

    assert isinstance(one.body, HostBody)
    assert one.body.payload == {"amounts": [str(amount) for amount in amounts]}


def test_two_writers_of_one_name_are_refused() -> None:
    """
    They would share a cursor.
    """
    two = [FurtherWriter(name="file", writer=FakeStore()) for _ in range(2)]
    with pytest.raises(InvalidValue, match="different names"):
        BatchingSink(FakeStore(), further=two)


def test_one_sink_serves_one_event_loop_after_the_other() -> None:
    """
    `asyncio.run` twice: what is emitted in the second is written without a flush asking for it.
    """
    store = MemoryStore()
    sink = BatchingSink(store, linger=0.0)

    async def live(number: int) -> None:
        sink.emit(event(number))
        for _ in range(200):
            if number in payload_numbers(store):
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it was never written")

    asyncio.run(live(1))
    asyncio.run(live(2))
    assert payload_numbers(store) == [1, 2]


def test_a_loop_closed_with_the_worker_in_it_is_replaced() -> None:
    """
    A host that closes its loop without cancelling what runs there leaves a worker that never ends.
    """
    store = MemoryStore()
    sink = BatchingSink(store, linger=30)
    loop = asyncio.new_event_loop()

    async def emit() -> None:
        sink.emit(event(1))

    loop.run_until_complete(emit())
    pending = asyncio.all_tasks(loop)
    loop.close()
    asyncio.run(sink.flush(5))
    assert payload_numbers(store) == [1]
    for task in pending:
        # The host's loop is gone; asyncio would complain of it when the test has long ended.
        setattr(task, "_log_destroy_pending", False)  # noqa: B010 - private, and no other way


class ClosingLoop(asyncio.SelectorEventLoop):
    """
    Closed by another thread between the question and the call.
    """

    closing = False

    @override
    def call_soon_threadsafe(self, *args: object, **kwargs: object) -> NoReturn:
        raise RuntimeError("Event loop is closed")


def test_a_thread_may_emit_while_the_loop_closes() -> None:
    """
    It never raises into trading code, and the event waits for the next loop.
    """
    store = MemoryStore()
    sink = BatchingSink(store, linger=0.0)
    loop = ClosingLoop()

    async def emit() -> None:
        sink.emit(event(1))

    loop.run_until_complete(emit())
    raised: list[BaseException] = []

    def emit_in_thread() -> None:
        try:
            sink.emit(event(2))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the bug
            raised.append(error)

    thread = threading.Thread(target=emit_in_thread)
    thread.start()
    thread.join()
    assert not raised
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    asyncio.run(sink.flush(5))
    assert payload_numbers(store) == [1, 2]


async def test_a_flush_that_takes_too_long_says_how_much_waits_and_why() -> None:
    """
    Nothing is lost: the sink goes on, and the next flush finds everything stored.
    """
    writer = FakeStore(lambda _: StorageUnavailable("connection refused"))
    sink = BatchingSink(writer, linger=0.0)
    sink.emit(event(1))
    sink.emit(event(2))
    with pytest.raises(
        FlushTimeout, match=r"2 events were not stored.*connection refused.*none is lost"
    ) as late:
        await sink.flush(0.01)
    writer.failing = None
    await sink.flush(20)
    await sink.aclose()

    assert 2 == late.value.backlog
    assert {RUN: [1, 2]} == writer.sequences


async def test_a_cancelled_flush_stops_nothing() -> None:
    """
    The waiter goes; the worker writes on.
    """
    writer = FakeStore()
    gate = asyncio.Event()

    async def gated(records: Sequence[EventRecord], /) -> None:
        await gate.wait()
        await MemoryStore.write(writer, records)

    writer.write = gated  # type: ignore[method-assign]
    sink = BatchingSink(writer, linger=0.0)
    sink.emit(event(1))
    flushing = asyncio.create_task(sink.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    gate.set()
    await sink.flush(20)
    await sink.aclose()

    assert {RUN: [1]} == writer.sequences


async def test_a_flush_waits_for_a_required_one() -> None:
    """
    It says what keeps it.
    """
    store, file = FakeStore(), FakeStore()
    file.away = AWAY
    sink = quick(store, FurtherWriter(name="file", writer=file, required=True))
    sink.emit(event(0))
    with pytest.raises(FlushTimeout, match="connection refused"):
        await sink.flush(0.02)
    file.away = None
    await sink.aclose(20)

    assert [1] == numbers(file)


async def test_a_flush_during_a_hold_says_why() -> None:
    """
    The reason is the store's own.
    """
    store = FakeStore(lambda _: StorageNotReady("no table run_events"))
    sink = BatchingSink(store, linger=0.0)
    sink.emit(event(0))
    with pytest.raises(FlushTimeout, match="no table run_events"):
        await sink.flush(0.02)
    with pytest.raises(FlushTimeout):
        await sink.aclose(0.01)


async def test_the_journal_is_synced_and_emptied_while_events_wait() -> None:
    """
    What a loss of power can cost is a second's worth, and what is stored takes no disk.
    """
    journal = FakeJournal()
    store = FakeStore()
    store.away = AWAY
    sink = BatchingSink(store, journal=journal, linger=0.0, sync_every=0.01)
    sink.emit(event(0))
    await later(lambda: journal.synced == 1)
    store.away = None
    await sink.flush(20)
    await later(lambda: journal.forgotten == 1)
    await sink.aclose(20)

    assert journal.closed
