"""
The batching sink: what its host, its event loop and its store do to emit, flush and close.
"""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typing_extensions import override

from poslife import (
    BatchingSink,
    FurtherWriter,
    PositionTracker,
    Severity,
)
from poslife.errors import (
    FlushTimeout,
    InvalidValue,
    PoslifeMisuseWarning,
    StorageNotReady,
    StorageUnavailable,
)
from poslife.events import HostBody
from poslife.journal import FileJournal
from poslife.memory import MemoryStore
from poslife.protocols import EventRecord
from tests.sink.fakes import (
    AWAY,
    FakeJournal,
    FakeStore,
    assert_accounts,
    event,
    journaled,
    later,
    numbers,
    payload_numbers,
    quick,
)
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
    Whoever waited goes; the worker writes on.
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


async def test_closing_while_a_flush_waits_ends_both() -> None:
    """
    A store that is gone for good: both say so in time, and the events are still counted.
    """
    sink = BatchingSink(FakeStore(lambda _: StorageUnavailable("gone for good")), linger=0.0)
    sink.emit(event(1))
    flushing = asyncio.create_task(sink.flush(0.3))
    await asyncio.sleep(0)
    with pytest.raises(FlushTimeout):
        await sink.aclose(0.05)
    with pytest.raises(FlushTimeout):
        await flushing
    assert sink.stats().backlog == 1


async def test_closing_within_a_deadline_says_what_remains_and_loses_nothing() -> None:
    """
    What could not be stored is counted, stays in memory, and a later flush stores it (incident 47).

    Also feature 85.
    """
    writer = FakeStore(lambda _: StorageUnavailable("connection refused"))
    sink = BatchingSink(writer, linger=0.0)
    for number in range(3):
        sink.emit(event(number))
    with pytest.raises(FlushTimeout) as late:
        await sink.aclose(0.01)
    assert (3, 3) == (late.value.backlog, sink.stats().backlog)

    writer.failing = None
    await sink.flush(20)
    await sink.aclose()
    await sink.aclose()

    assert {RUN: [1, 2, 3]} == writer.sequences


async def test_closing_ends_a_flush_that_would_wait_for_ever() -> None:
    """
    Who flushes without a time-out while another closes hears that it was not done.
    """
    writer = FakeStore(lambda _: StorageUnavailable("connection refused"))
    sink = BatchingSink(writer, linger=0.0)
    sink.emit(event(1))
    flushing = asyncio.create_task(sink.flush())
    await asyncio.sleep(0)
    with pytest.raises(FlushTimeout):
        await sink.aclose(0.01)

    with pytest.raises(FlushTimeout, match="1 event was not stored"):
        async with asyncio.timeout(5):
            await flushing


async def test_a_cancelled_closing_leaves_no_worker_behind() -> None:
    """
    The worker is stopped also where the wait for it was cut short; the fixture counts the tasks.
    """
    writer = FakeStore(lambda _: StorageUnavailable("connection refused"))
    sink = BatchingSink(writer, linger=0.0)
    sink.emit(event(1))
    closing = asyncio.create_task(sink.aclose())
    await asyncio.sleep(0.01)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    assert 1 == sink.stats().backlog


async def test_an_event_after_the_end_is_kept_and_warned_of() -> None:
    """
    It waits for a flush, which stores it and leaves no worker behind (incident 47: BOT_STOPPED was lost).
    """
    writer = FakeStore()
    sink = quick(writer)
    sink.emit(event(1))
    await sink.aclose(20)
    with pytest.warns(PoslifeMisuseWarning, match="after aclose"):
        sink.emit(event(2))
    assert (1, {RUN: [1]}) == (sink.stats().backlog, writer.sequences)
    await sink.flush(20)

    assert {RUN: [1, 2]} == writer.sequences


async def test_a_late_close_says_where_the_events_are(tmp_path: Path) -> None:
    """
    Whoever reads the log knows that nothing is lost, and where it is.
    """
    journal = FakeJournal(tmp_path / "one")
    store = FakeStore()
    store.away = AWAY
    sink = journaled(store, journal)
    sink.emit(event(0))
    with pytest.raises(FlushTimeout, match="next start store them") as late:
        await sink.aclose(0.01)

    assert str(tmp_path / "one") == late.value.kept_in


async def test_an_event_after_the_end_is_in_the_journal_and_stored_at_the_next_start() -> None:
    """
    Also where nobody flushes any more (incident 47: BOT_STOPPED was lost).
    """
    journal = FakeJournal()
    store = FakeStore()
    sink = journaled(store, journal)
    sink.emit(event(0))
    await sink.aclose(20)
    with pytest.warns(PoslifeMisuseWarning, match="next start"):
        sink.emit(event(1))

    assert 1 == len(journal.frames)
    again = journaled(store, journal.again())
    await again.flush(20)
    await again.aclose(20)

    assert [1, 2] == numbers(store)
    assert_accounts(sink)


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_records_under_a_run_of_its_own() -> None:
    """
    Parent and child count their events apart: no number of a run is given twice.
    """
    store = FakeStore()
    tracker = PositionTracker(repository=store, sink=BatchingSink(store))
    before = tracker.run
    child = os.fork()
    if not child:
        os._exit(0 if tracker.run != before else 1)
    _, status = os.waitpid(child, 0)

    assert 0 == os.waitstatus_to_exitcode(status)
    assert before == tracker.run


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
async def test_a_forked_child_has_a_queue_and_a_journal_of_its_own(tmp_path: Path) -> None:
    """
    What waits in the parent is the parent's: the child neither stores it nor spoils it.
    """
    store = FakeStore()
    store.away = StorageUnavailable("connection refused")
    sink = BatchingSink(store, journal=FileJournal(tmp_path / "events"))
    for number in range(3):
        sink.emit(event(number))
    child = os.fork()
    if not child:
        code = 1
        try:
            empty = sink.stats()
            sink.emit(event(100))
            stats = sink.stats()
            code = 0 if (empty.backlog, stats.backlog, stats.emitted) == (0, 1, 1) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    store.away = None
    await sink.aclose(30)

    assert 0 == os.waitstatus_to_exitcode(status)
    assert [1, 2, 3] == numbers(store)
    again = BatchingSink(after := FakeStore(), journal=FileJournal(tmp_path / "events"))
    await again.flush(30)
    await again.aclose(30)

    assert 1 == len(numbers(after))
    assert_accounts(again)
