"""
One batch to one writer: what is retried, held, suspected, isolated and buried.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from poslife import BatchingSink, SinkState
from poslife.errors import (
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.memory import MemoryStore
from poslife.protocols import DeadLetter, EventRecord
from tests.sink.fakes import (
    FakeJournal,
    FakeStore,
    HurriedClock,
    assert_accounts,
    dead_letter_sequences,
    event,
    numbers,
    payload_numbers,
    quick,
)
from tests.tracker.scenes import eventually
from tests.values import RUN


def about(records: Sequence[EventRecord], *sequences: int) -> bool:
    return any(record.sequence in sequences for record in records)


async def emitted(store: FakeStore, count: int) -> BatchingSink:
    sink = quick(store)
    for number in range(count):
        sink.emit(event(number))
    await sink.aclose(20)
    assert_accounts(sink)
    return sink


async def test_the_row_a_store_names_is_found_at_once() -> None:
    """
    One poisoned row of 500 costs three writes more, and the order is kept (incident 45; feature 81).
    """

    def refuses(records: Sequence[EventRecord]) -> Exception | None:
        for place, record in enumerate(records):
            if record.sequence == 250:
                return StorageRejected("NaN", row=place)
        return None

    store = FakeStore(refuses)
    sink = await emitted(store, 500)

    assert [500, 249, 1, 250] == store.batches
    assert [number for number in range(1, 501) if number != 250] == numbers(store)
    assert ([250], 1) == (dead_letter_sequences(store), sink.stats().dead_lettered)


@pytest.mark.parametrize("told", [0, 7, -1, 500, 10**9], ids=str)
async def test_a_wrong_row_costs_nothing_but_time(told: int) -> None:
    """
    It is tried, never believed.
    """
    store = FakeStore(lambda records: StorageRejected("poison", row=told) if about(records, 3) else None)
    await emitted(store, 9)

    assert ([1, 2, 4, 5, 6, 7, 8, 9], [3]) == (numbers(store), dead_letter_sequences(store))


async def test_a_row_that_kills_the_connection_is_found_and_buried() -> None:
    """
    It looks like an outage each time; that the store takes others gives it away (sink facts, 7).
    """
    store = FakeStore(lambda records: StorageUnavailable("connection reset") if about(records, 333) else None)
    sink = await emitted(store, 500)

    assert ([333], 499) == (dead_letter_sequences(store), sink.stats().committed)
    assert [number for number in range(1, 501) if number != 333] == numbers(store)
    assert sink.stats().store.failures <= 20


async def test_an_outage_makes_no_event_a_suspect() -> None:
    """
    A store that does not take a probe either is away, however long.
    """
    store = FakeStore()
    store.away = StorageUnavailable("no route to host")
    sink = quick(store)
    sink.emit(event(0))
    await eventually(lambda: len(store.batches) > 50)

    assert SinkState.WAITING is sink.health().writers[0].state
    store.away = None
    await sink.aclose(20)

    assert ([1], []) == (numbers(store), dead_letter_sequences(store))


async def test_a_lock_makes_no_event_a_suspect() -> None:
    """
    Somebody's lock is nothing an event did, however often it is met.
    """
    left = iter(range(60))
    store = FakeStore(lambda _: StorageBusy("locked") if next(left, None) is not None else None)
    await emitted(store, 3)

    assert ([1, 2, 3], []) == (numbers(store), dead_letter_sequences(store))


async def test_a_missing_table_holds_the_stream_until_somebody_acts() -> None:
    """
    Nothing is buried for it, and the host hears what to do (incident 52; feature 90).
    """
    left = iter(range(40))
    store = FakeStore(
        lambda _: StorageNotReady("no table run_events") if next(left, None) is not None else None
    )
    states: list[SinkState] = []
    sink = BatchingSink(
        store, clock=HurriedClock(), linger=0.0, alarm=lambda health: states.append(health.writers[0].state)
    )
    for number in range(3):
        sink.emit(event(number))
    await sink.aclose(20)

    assert ([1, 2, 3], []) == (numbers(store), dead_letter_sequences(store))
    assert [SinkState.HELD, SinkState.OK] == states


async def test_more_dead_letters_than_a_few_a_minute_hold_the_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    A constraint that refuses everything is the store's fault: burying the whole stream would be no help.
    """
    store = FakeStore(lambda _: StorageRejected("violates check constraint"))
    clock = HurriedClock()
    sink = BatchingSink(store, clock=clock, linger=0.0, letters_a_minute=3)
    for number in range(10):
        sink.emit(event(number))
    began = clock.monotonic()
    await eventually(lambda: len(store.dead_letters()) >= 6)
    taken = clock.monotonic() - began
    store.failing = None
    await sink.aclose(20)

    assert taken >= 60
    assert sorted(set(range(1, 11)) - set(numbers(store))) == dead_letter_sequences(store)
    assert "more than 3 events a minute" in caplog.text
    assert_accounts(sink)


async def test_a_letter_the_store_refuses_is_kept_in_a_file(tmp_path: Path) -> None:
    """
    With the event, the reason and the time; the stream goes on.
    """
    store = FakeStore(lambda records: StorageRejected("poison") if about(records, 2) else None)
    store.failing_to_bury = lambda _: StorageRejected("not even as bytes")
    sink = quick(store, journal=FakeJournal(tmp_path / "one"))
    for number in range(3):
        sink.emit(event(number, note="x\udc80y"))
    await sink.aclose(20)
    (line,) = (tmp_path / "dead-letters.jsonl").read_text().split()[:1] or [""]
    kept = [json.loads(line) for line in (tmp_path / "dead-letters.jsonl").read_text().splitlines() if line]

    assert line
    assert ([1, 3], 1) == (numbers(store), sink.stats().dead_lettered)
    assert [2] == [letter["record"]["sequence"] for letter in kept]
    assert "poison" in kept[0]["reason"]
    assert_accounts(sink)


async def test_a_letter_with_no_place_to_go_waits() -> None:
    """
    Without a journal there is no file, so it is held and told, never let go.
    """
    store = FakeStore(lambda records: StorageRejected("poison") if about(records, 1) else None)
    refusals: list[int] = []

    def refuse(_: object) -> Exception | None:
        refusals.append(1)
        return StorageRejected("no") if len(refusals) < 5 else None

    store.failing_to_bury = refuse
    sink = await emitted(store, 2)

    assert ([1], 1, 5) == (dead_letter_sequences(store), sink.stats().dead_lettered, len(refusals))


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


async def test_a_letter_that_cannot_be_kept_yet_is_kept_later() -> None:
    """
    The event is not let go before it is stored in one way or the other, whatever burying raises.
    """
    writer = FakeStore(refusing(1))
    errors = [StorageUnavailable("away"), RuntimeError("a bug"), StorageRejected("no")]
    writer.failing_to_bury = lambda _: errors.pop(0) if errors else None
    sink = quick(writer)
    for number in range(3):
        sink.emit(event(number))
    await sink.aclose(20)

    assert ([1, 3], 1) == (writer.sequences[RUN], len(writer.dead_letters()))


async def test_a_bug_of_the_writer_is_told_apart_from_an_outage() -> None:
    """
    What it raises for one event alone costs that event; what it raises for all holds nothing for ever.
    """
    store = FakeStore(lambda records: TypeError("a bug") if about(records, 5) else None)
    await emitted(store, 9)

    assert ([1, 2, 3, 4, 6, 7, 8, 9], [5]) == (numbers(store), dead_letter_sequences(store))


async def test_a_refusal_that_may_pass_is_tried_as_often_as_it_says() -> None:
    """
    What an event refers to may be committed meanwhile: only the last of its tries is believed, for all of the
    batch; the others are stored, in order.
    """
    store = FakeStore(
        lambda records: (
            StorageRejected("no such parent", row=1, tries=5)
            if len(records) > 1 and about(records, 2)
            else StorageRejected("no such parent", row=0, tries=5)
            if about(records, 2)
            else None
        )
    )
    sink = await emitted(store, 4)

    assert [4, 4, 4, 4, 4, 1, 1, 2] == store.batches
    assert ([1, 3, 4], [2]) == (numbers(store), dead_letter_sequences(store))
    assert [6] == [letter.attempts for letter in store.dead_letters()]
    assert 1 == sink.stats().dead_lettered


async def test_a_refusal_that_passes_costs_no_event() -> None:
    """
    At the third try its parent is there.
    """
    answers = [StorageRejected("no such parent", row=1, tries=5)] * 2
    store = FakeStore(lambda _: answers.pop() if answers else None)
    await emitted(store, 4)

    assert ([4, 4, 4], [1, 2, 3, 4], []) == (store.batches, numbers(store), dead_letter_sequences(store))


async def test_each_row_the_store_refuses_becomes_a_dead_letter_with_its_reason() -> None:
    """
    The good rows around it are stored, in order, and the letter says what it is and why (incidents 45, 46).

    Also feature 83.
    """
    writer = FakeStore(refusing(0, 7, 8, 19))
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


async def test_a_store_that_is_away_gets_everything_in_order_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Events wait, with growing pauses; the host hears that they do, and that it is over (incident 48).

    Also feature 82.
    """
    writer = FakeStore(away_for(12, StorageUnavailable("connection refused")))
    writer.probe_error = StorageUnavailable("connection refused")
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

    class Forgetful(FakeStore):
        @override
        async def write(self, records: Sequence[EventRecord], /) -> None:
            await super().write(records)
            if len(self.batches) == 1:
                raise StorageUnavailable("the reply was lost")

    writer = Forgetful()
    sink = quick(writer)
    for number in range(3):
        sink.emit(event(number))
    await sink.aclose(20)

    assert ([3, 3], {RUN: [1, 2, 3]}) == (writer.batches, writer.sequences)


async def test_what_nobody_foresaw_is_retried_and_then_isolated() -> None:
    """
    An adapter's bug over one row costs that row; one that goes away by itself costs none.
    """
    passing = FakeStore(away_for(3, RuntimeError("a bug")))
    lasting = FakeStore(
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
    store = Poisoned(poison)
    sink = BatchingSink(store, linger=0.0)
    for number in range(500):
        sink.emit(event(number))
    flushing = asyncio.create_task(sink.flush(20))
    while not flushing.done():
        assert_accounts(sink)
        await asyncio.sleep(0.001)
    await flushing
    assert payload_numbers(store) == [number for number in range(500) if number not in poison]
    assert len(store.dead_letters()) == 3
    await sink.aclose(1)


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
    store = Cancelling()
    sink = BatchingSink(store, linger=0.0)
    sink.emit(event(1))
    await sink.flush(5)
    assert payload_numbers(store) == [1]
    assert_accounts(sink)
    await sink.aclose(1)


async def test_burying_survives_the_same() -> None:
    """
    The event is kept as a dead letter all the same.
    """
    store = Cancelling()
    store.poison = True
    sink = BatchingSink(store, linger=0.0)
    sink.emit(event(1))
    await sink.flush(5)
    assert len(store.dead_letters()) == 1
    assert sink.stats().dead_lettered == 1
    await sink.aclose(1)
