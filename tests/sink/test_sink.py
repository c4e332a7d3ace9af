"""
The batching sink where its writer, its loop or its host behaves badly.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import pytest
from typing_extensions import override

from poslife import BatchingSink, PositionTracker, RunId, Severity
from poslife._domain.event_envelopes import EventHeader, HostBody, HostEvent
from poslife.errors import FlushTimeout, PoslifeMisuseWarning, StorageRejected, StorageUnavailable
from poslife.memory import MemoryStore
from poslife.protocols import DeadLetter, EventRecord
from poslife.testing.clock import ManualClock
from tests.tracker.scenes import eventually, tracking
from tests.values import AT, OTHER_RUN, RUN, new_event_id


class Emitter:
    """
    Records through a tracker that is not started: only the sink is under test.
    """

    def __init__(self, store: MemoryStore, *, linger: float = 0.0, batch: int = 500) -> None:
        self.store = store
        self.sink = BatchingSink(store, linger=linger, batch=batch)
        self._tracker = PositionTracker(repository=store, sink=self.sink)

    def emit(self, number: int) -> None:
        """
        One event.
        """
        self._tracker.record("tick", None, {"number": number})

    @property
    def stored(self) -> list[int]:
        """
        The numbers stored, in order.
        """
        bodies = [event.body for event in self.store.recorded_events()]
        return [int(str(body.payload["number"])) for body in bodies if isinstance(body, HostBody)]

    def assert_accounts(self) -> None:
        """
        The counts add up.
        """
        stats = self.sink.stats()
        assert stats.emitted == stats.committed + stats.dead_lettered + stats.backlog


class Cancelling(MemoryStore):
    """
    Something of the writer's own is cancelled, once in each of its calls.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cancels = 1
        self.poison = False

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        if self.poison:
            raise StorageRejected("poison")
        if self.cancels:
            self.cancels -= 1
            raise asyncio.CancelledError
        await super().write(records)

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        if self.cancels:
            self.cancels -= 1
            raise asyncio.CancelledError
        await super().bury(letter)


async def test_a_writer_whose_own_task_was_cancelled_does_not_end_the_worker() -> None:
    """
    Nobody asked the sink to stop, so it writes on.
    """
    emitter = Emitter(Cancelling())
    emitter.emit(1)
    await emitter.sink.flush(5)
    assert emitter.stored == [1]
    emitter.assert_accounts()
    await emitter.sink.aclose(1)


async def test_burying_survives_the_same() -> None:
    """
    The event is kept as a dead letter all the same.
    """
    store = Cancelling()
    store.poison = True
    emitter = Emitter(store)
    emitter.emit(1)
    await emitter.sink.flush(5)
    assert len(store.dead_letters()) == 1
    assert emitter.sink.stats().dead_lettered == 1
    await emitter.sink.aclose(1)


def test_one_sink_serves_one_event_loop_after_the_other() -> None:
    """
    `asyncio.run` twice: what is emitted in the second is written without a flush asking for it.
    """
    emitter = Emitter(MemoryStore())

    async def live(number: int) -> None:
        emitter.emit(number)
        for _ in range(200):
            if number in emitter.stored:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it was never written")

    asyncio.run(live(1))
    asyncio.run(live(2))
    assert emitter.stored == [1, 2]


def test_a_loop_closed_with_the_worker_in_it_is_replaced() -> None:
    """
    A host that closes its loop without cancelling what runs there leaves a worker that never ends.
    """
    emitter = Emitter(MemoryStore(), linger=30)
    loop = asyncio.new_event_loop()

    async def emit() -> None:
        emitter.emit(1)

    loop.run_until_complete(emit())
    pending = asyncio.all_tasks(loop)
    loop.close()
    asyncio.run(emitter.sink.flush(5))
    assert emitter.stored == [1]
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
    emitter = Emitter(MemoryStore())
    loop = ClosingLoop()

    async def emit() -> None:
        emitter.emit(1)

    loop.run_until_complete(emit())
    raised: list[BaseException] = []

    def emit_in_thread() -> None:
        try:
            emitter.emit(2)
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
    asyncio.run(emitter.sink.flush(5))
    assert emitter.stored == [1, 2]


class Poisoned(MemoryStore):
    """
    Refuses any batch with one of the poisoned numbers; is away for some calls.
    """

    def __init__(self, poison: frozenset[int]) -> None:
        super().__init__()
        self.poison = poison
        self.calls = 0

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        self.calls += 1
        await asyncio.sleep(0)
        if self.calls % 7 == 3:
            raise StorageUnavailable("away")
        if any(
            f'"number":{number}}}'.encode() in record.payload for number in self.poison for record in records
        ):
            raise StorageRejected("poison")
        await super().write(records)


async def test_poison_among_hundreds_costs_nothing_but_itself() -> None:
    """
    The others are stored in order, the poisoned are dead letters, and the counts add up at every step.
    """
    poison = frozenset({0, 250, 499})
    emitter = Emitter(Poisoned(poison))
    for number in range(500):
        emitter.emit(number)
    flushing = asyncio.create_task(emitter.sink.flush(20))
    while not flushing.done():
        emitter.assert_accounts()
        await asyncio.sleep(0.001)
    await flushing
    assert emitter.stored == [number for number in range(500) if number not in poison]
    assert len(emitter.store.dead_letters()) == 3
    await emitter.sink.aclose(1)


async def test_closing_while_a_flush_waits_ends_both() -> None:
    """
    A store that is gone for good: both say so in time, and the events are still counted.
    """
    store = Poisoned(frozenset())

    async def away(_: Sequence[EventRecord], /) -> None:
        raise StorageUnavailable("gone for good")

    store.write = away  # type: ignore[method-assign]
    emitter = Emitter(store)
    emitter.emit(1)
    flushing = asyncio.create_task(emitter.sink.flush(0.3))
    await asyncio.sleep(0)
    with pytest.raises(FlushTimeout):
        await emitter.sink.aclose(0.05)
    with pytest.raises(FlushTimeout):
        await flushing
    assert emitter.sink.stats().backlog == 1


async def test_a_payload_that_raises_when_it_is_read_breaks_no_trade() -> None:
    """
    It is recorded with severity ERROR and what it raised.
    """

    class Torn(dict[str, object]):
        @override
        def keys(self) -> NoReturn:
            raise RuntimeError("dictionary changed size during iteration")

        @override
        def __iter__(self) -> NoReturn:
            raise RuntimeError("dictionary changed size during iteration")

    class Loud(str):
        __slots__ = ()

        @override
        def __str__(self) -> NoReturn:
            raise RuntimeError("loud")

    released = memoryview(b"x")
    released.release()
    store = MemoryStore()
    async with tracking(store) as tracker:
        with pytest.warns(UserWarning, match="payload"):
            tracker.record("torn", None, Torn(a=1))
        tracker.record("released", None, {"view": released, "loud": Loud("x")})
        await tracker.flush(5)
    assert {"torn", "released"} <= {event.header.type for event in store.recorded_events()}


# ----------------------------------------------------------------------------------- what the sink promises


def event(number: int, *, run: RunId = RUN, **payload: object) -> HostEvent:
    """
    An event as a host's tracker makes it.
    """
    header = EventHeader(id=new_event_id(), type="tick", occurred_at=AT, run=run)
    return HostEvent(header=header, payload={"number": number, **payload})


class Writer(MemoryStore):
    """
    Fails as told, by what `failing` makes of each call, and remembers how much was asked of it at once.
    """

    def __init__(self, failing: Callable[[Sequence[EventRecord]], Exception | None] | None = None) -> None:
        super().__init__()
        self.failing = failing
        self.failing_to_bury: list[Exception] = []
        self.away: Exception | None = None
        self.sizes: list[int] = []

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        self.sizes.append(len(records))
        if self.failing is not None and (error := self.failing(records)) is not None:
            raise error
        await super().write(records)

    @override
    async def probe(self) -> None:
        if self.away is not None:
            raise self.away

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        if self.failing_to_bury:
            raise self.failing_to_bury.pop(0)
        await super().bury(letter)

    @property
    def sequences(self) -> dict[RunId, list[int]]:
        """
        The numbers of the events stored, in order, by run.
        """
        found: dict[RunId, list[int]] = {}
        for one in self.recorded_events():
            assert one.sequence is not None
            found.setdefault(one.header.run, []).append(one.sequence)
        return found


class HurriedClock(ManualClock):
    """
    Every sleep is over at once, and remembered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    @override
    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


def quick(writer: Writer, *, batch: int = 500) -> BatchingSink:
    return BatchingSink(writer, clock=HurriedClock(), linger=0.0, batch=batch)


def away_for(calls: int, error: Exception) -> Callable[[Sequence[EventRecord]], Exception | None]:
    left = iter(range(calls))
    return lambda _: error if next(left, None) is not None else None


def refusing(*numbers: int) -> Callable[[Sequence[EventRecord]], Exception | None]:
    marks = [f'"number":{number}'.encode() for number in numbers]
    return lambda records: (
        StorageRejected("poison")
        if any(mark + end in record.payload for record in records for mark in marks for end in (b",", b"}"))
        else None
    )


async def test_events_are_numbered_without_gaps_from_any_thread() -> None:
    """
    Two runs, four threads and the loop itself: each run counts 1, 2, 3 … and is stored so (incident 50).

    Also feature 87.
    """
    writer = Writer()
    sink = quick(writer, batch=37)
    runs = (RUN, OTHER_RUN)

    def emit() -> None:
        for number in range(200):
            sink.emit(event(number, run=runs[number % 2]))

    threads = [threading.Thread(target=emit) for _ in range(4)]
    for thread in threads:
        thread.start()
    emit()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await sink.flush(20)
    await sink.aclose()

    assert {RUN: list(range(1, 501)), OTHER_RUN: list(range(1, 501))} == writer.sequences
    assert (1000, 1000, 0, 0) == (
        sink.stats().emitted,
        sink.stats().committed,
        sink.stats().dead_lettered,
        sink.stats().backlog,
    )
    assert max(writer.sizes) <= 37


def test_events_may_come_before_there_is_a_loop() -> None:
    """
    What is emitted before the start is kept, and stored first (incident 51).
    """
    writer = Writer()
    sink = quick(writer)
    ids = [sink.emit(event(number)) for number in range(3)]

    async def later_on() -> None:
        sink.emit(event(3))
        await sink.aclose(20)

    asyncio.run(later_on())

    assert ids == [one.header.id for one in writer.recorded_events()][:3]
    assert {RUN: [1, 2, 3, 4]} == writer.sequences


async def test_what_is_emitted_at_once_is_written_at_once() -> None:
    """
    One write for all of a moment's events, and never more in one than was set (feature 80).
    """
    writer = Writer()
    sink = quick(writer, batch=4)
    for number in range(10):
        sink.emit(event(number))
    await sink.aclose(20)

    assert [4, 4, 2] == writer.sizes


async def test_a_full_batch_does_not_linger() -> None:
    """
    Waiting for more is for batches that could take more; a flush does not wait either.
    """
    writer = Writer()
    sink = BatchingSink(writer, linger=600.0, batch=2)
    for number in range(3):
        sink.emit(event(number))
    await eventually(lambda: writer.sizes == [2])
    await sink.flush(20)
    await sink.aclose()

    assert [2, 1] == writer.sizes


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
    writer = Writer()
    sink = quick(writer)
    for number in range(50):
        sink.emit(event(number, value=POISONS[poison] if number == 25 else None))
    await sink.aclose(20)

    assert {RUN: list(range(1, 51))} == writer.sequences
    assert () == writer.dead_letters()


async def test_each_row_the_store_refuses_becomes_a_dead_letter_with_its_reason() -> None:
    """
    The good rows around it are stored, in order, and the letter says what it is and why (incidents 45, 46).

    Also feature 83.
    """
    writer = Writer(refusing(0, 7, 8, 19))
    sink = quick(writer)
    for number in range(20):
        sink.emit(event(number))
    await sink.aclose(20)

    assert {RUN: [number + 1 for number in range(20) if number not in {0, 7, 8, 19}]} == writer.sequences
    assert [1, 8, 9, 20] == [letter.record.sequence for letter in writer.dead_letters()]
    assert {f"poslife.errors.StorageRejected: {StorageRejected('poison')}"} == {
        letter.reason for letter in writer.dead_letters()
    }
    assert (16, 4, 0) == (sink.stats().committed, sink.stats().dead_lettered, sink.stats().backlog)


async def test_a_letter_that_cannot_be_kept_yet_is_kept_later() -> None:
    """
    The event is not let go before it is stored in one way or the other, whatever burying raises.
    """
    writer = Writer(refusing(1))
    writer.failing_to_bury = [StorageUnavailable("away"), RuntimeError("a bug"), StorageRejected("no")]
    sink = quick(writer)
    for number in range(3):
        sink.emit(event(number))
    await sink.aclose(20)

    assert ([1, 3], 1) == (writer.sequences[RUN], len(writer.dead_letters()))


async def test_a_store_that_is_away_gets_everything_in_order_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Events wait, with growing pauses; the host hears that they do, and that it is over (incident 48).

    Also feature 82.
    """
    writer = Writer(away_for(12, StorageUnavailable("connection refused")))
    writer.away = StorageUnavailable("connection refused")
    clock = HurriedClock()
    sink = BatchingSink(writer, clock=clock, linger=0.0)
    for number in range(5):
        sink.emit(event(number))
    with caplog.at_level("WARNING", "poslife.sink"):
        await sink.flush(20)
    await sink.aclose()

    assert {RUN: [1, 2, 3, 4, 5]} == writer.sequences
    assert () == writer.dead_letters()
    assert 12 == len(clock.slept)
    for attempt, pause in enumerate(clock.slept):
        longest = min(5.0, 0.05 * 2**attempt)
        assert longest / 2 <= pause <= longest
    assert 2 == len(caplog.records)
    assert "waiting, 5 events wait: " in caplog.records[0].message
    assert "answers again" in caplog.records[1].message


async def test_a_lost_reply_stores_nothing_twice() -> None:
    """
    The store had written the batch when it fell silent; written again, every event is there once.
    """

    class Forgetful(Writer):
        @override
        async def write(self, records: Sequence[EventRecord], /) -> None:
            await super().write(records)
            if len(self.sizes) == 1:
                raise StorageUnavailable("the reply was lost")

    writer = Forgetful()
    sink = quick(writer)
    for number in range(3):
        sink.emit(event(number))
    await sink.aclose(20)

    assert ([3, 3], {RUN: [1, 2, 3]}) == (writer.sizes, writer.sequences)


async def test_what_nobody_foresaw_is_retried_and_then_isolated() -> None:
    """
    An adapter's bug over one row costs that row; one that goes away by itself costs none.
    """
    passing = Writer(away_for(3, RuntimeError("a bug")))
    lasting = Writer(
        lambda records: RuntimeError("a bug") if any(record.sequence == 3 for record in records) else None
    )
    for writer in (passing, lasting):
        sink = quick(writer)
        for number in range(5):
            sink.emit(event(number))
        await sink.aclose(20)

    assert ({RUN: [1, 2, 3, 4, 5]}, ()) == (passing.sequences, passing.dead_letters())
    assert {RUN: [1, 2, 4, 5]} == lasting.sequences
    assert ["builtins.RuntimeError: a bug"] == [letter.reason for letter in lasting.dead_letters()]


async def test_a_flush_that_takes_too_long_says_how_much_waits_and_why() -> None:
    """
    Nothing is lost: the sink goes on, and the next flush finds everything stored.
    """
    writer = Writer(lambda _: StorageUnavailable("connection refused"))
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
    writer = Writer()
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


async def test_closing_within_a_deadline_says_what_remains_and_loses_nothing() -> None:
    """
    What could not be stored is counted, stays in memory, and a later flush stores it (incident 47).

    Also feature 85.
    """
    writer = Writer(lambda _: StorageUnavailable("connection refused"))
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
    writer = Writer(lambda _: StorageUnavailable("connection refused"))
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
    writer = Writer(lambda _: StorageUnavailable("connection refused"))
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
    writer = Writer()
    sink = quick(writer)
    sink.emit(event(1))
    await sink.aclose(20)
    with pytest.warns(PoslifeMisuseWarning, match="after aclose"):
        sink.emit(event(2))
    assert (1, {RUN: [1]}) == (sink.stats().backlog, writer.sequences)
    await sink.flush(20)

    assert {RUN: [1, 2]} == writer.sequences


@pytest.mark.parametrize(
    "thing", ["pending", None, 7, {"type": "tick"}, object()], ids=lambda thing: type(thing).__name__
)
async def test_what_is_no_event_is_kept_and_warned_of(thing: Any) -> None:
    """
    It is stored as ``poslife.misuse`` with severity ERROR and what it was (incident 45, 46).
    """
    writer = Writer()
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
    writer = Writer()
    sink = quick(writer)
    thing: Any = "pending"
    with warnings.catch_warnings(action="error"):
        sink.emit(thing)
        await sink.aclose(20)
        sink.emit(thing)
    await sink.flush(20)

    assert 2 == len(writer.recorded_events())
