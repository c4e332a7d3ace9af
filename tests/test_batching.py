"""
The batching sink where its writer, its loop or its host behaves badly.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import NoReturn

import pytest
from typing_extensions import override

from poslife import BatchingSink, PositionTracker
from poslife._events import HostBody
from poslife.errors import FlushTimeout, StorageRejected, StorageUnavailable
from poslife.memory import MemoryStore
from poslife.protocols import DeadLetter, EventRecord
from tests.tracker.scenes import tracking


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
