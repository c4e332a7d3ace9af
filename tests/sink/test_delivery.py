"""
One batch to one writer: which events are suspected, isolated and buried.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from poslife import BatchingSink, SinkState
from poslife.errors import StorageRejected, StorageUnavailable
from poslife.memory import MemoryStore
from poslife.protocols import EventRecord
from tests.sink.fakes import (
    Cancelling,
    FakeJournal,
    FakeStore,
    HurriedClock,
    about,
    assert_accounts,
    away_for,
    dead_letter_sequences,
    emit_numbered,
    event,
    later,
    numbers,
    payload_numbers,
    quick,
)
from tests.tracker.scenes import eventually
from tests.values import RUN


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
    sink = await emit_numbered(store, 500)

    assert [500, 249, 1, 250] == store.batches
    assert [number for number in range(1, 501) if number != 250] == numbers(store)
    assert ([250], 1) == (dead_letter_sequences(store), sink.stats().dead_lettered)


@pytest.mark.parametrize("row", [0, 7, -1, 500, 10**9], ids=str)
async def test_a_wrong_row_costs_nothing_but_time(row: int) -> None:
    """
    It is tried, never believed.
    """
    store = FakeStore(lambda records: StorageRejected("poison", row=row) if about(records, 3) else None)
    await emit_numbered(store, 9)

    assert ([1, 2, 4, 5, 6, 7, 8, 9], [3]) == (numbers(store), dead_letter_sequences(store))


async def test_a_row_that_kills_the_connection_is_found_and_buried() -> None:
    """
    It looks like an outage each time; that the store takes others gives it away (sink facts, 7).
    """
    store = FakeStore(lambda records: StorageUnavailable("connection reset") if about(records, 333) else None)
    sink = await emit_numbered(store, 500)

    assert ([333], 499) == (dead_letter_sequences(store), sink.stats().committed)
    assert [number for number in range(1, 501) if number != 333] == numbers(store)
    assert sink.stats().store.failures <= 20


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
    Without a journal there is no file, so the stream is held, and the letter is not lost.
    """
    store = FakeStore(lambda records: StorageRejected("poison") if about(records, 1) else None)
    refusals: list[int] = []

    def refuse(_: object) -> Exception | None:
        refusals.append(1)
        return StorageRejected("no") if len(refusals) < 5 else None

    store.failing_to_bury = refuse
    sink = await emit_numbered(store, 2)

    assert ([1], 1, 5) == (dead_letter_sequences(store), sink.stats().dead_lettered, len(refusals))


def refusing(*numbers: int) -> Callable[[Sequence[EventRecord]], Exception | None]:
    marks = [f'"number":{number}'.encode() for number in numbers]
    return lambda records: (
        StorageRejected("poison")
        if any(
            mark + end in (record.payload or b"")
            for record in records
            for mark in marks
            for end in (b",", b"}")
        )
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


async def test_a_bug_of_the_writer_is_no_outage() -> None:
    """
    What it raises for one event alone costs that event; what it raises for all holds nothing for ever.
    """
    store = FakeStore(lambda records: TypeError("a bug") if about(records, 5) else None)
    await emit_numbered(store, 9)

    assert ([1, 2, 3, 4, 6, 7, 8, 9], [5]) == (numbers(store), dead_letter_sequences(store))


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


async def test_an_unknown_error_is_retried_and_then_isolated() -> None:
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
            f'"number":{number}}}'.encode() in (record.payload or b"")
            for number in self.poison
            for record in records
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


async def test_a_letter_that_neither_store_nor_disk_takes_holds_the_stream(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Its event is not let go; when the disk takes the letter, the stream goes on.
    """
    store = FakeStore(lambda records: StorageRejected("poison") if about(records, 2) else None)
    store.failing_to_bury = lambda _: StorageRejected("not even as bytes")
    sink = quick(store, journal=FakeJournal(tmp_path / "one"))
    (tmp_path / "dead-letters.jsonl").mkdir()
    for number in range(3):
        sink.emit(event(number))
    await later(lambda: "a dead letter could not be written to" in caplog.text)

    assert SinkState.HELD is sink.health().writers[0].state
    assert (2, 0) == (sink.stats().backlog, sink.stats().dead_lettered)
    (tmp_path / "dead-letters.jsonl").rmdir()
    await sink.aclose(20)

    assert ([1, 3], 1) == (numbers(store), sink.stats().dead_lettered)
    assert (tmp_path / "dead-letters.jsonl").read_text().count("poison") == 1
