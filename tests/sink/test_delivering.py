"""
One batch to one writer: what is retried, held, suspected, isolated and buried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from poslife import BatchingSink, SinkState
from poslife.errors import (
    FlushTimeout,
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.protocols import EventRecord
from tests.sink.paper import HurriedClock, PaperJournal, Told, assert_accounts, event, numbers
from tests.tracker.scenes import eventually


def about(records: Sequence[EventRecord], *sequences: int) -> bool:
    return any(record.sequence in sequences for record in records)


def quick(store: Told, *, letters_a_minute: int = 20, journal: PaperJournal | None = None) -> BatchingSink:
    return BatchingSink(
        store,
        clock=HurriedClock(),
        linger=0.0,
        letters_a_minute=letters_a_minute,
        journal=journal,
    )


async def emitted(store: Told, count: int) -> BatchingSink:
    sink = quick(store)
    for number in range(count):
        sink.emit(event(number))
    await sink.aclose(20)
    assert_accounts(sink)
    return sink


def letters(store: Told) -> list[int | None]:
    return [letter.record.sequence for letter in store.dead_letters()]


async def test_the_row_a_store_names_is_found_at_once() -> None:
    """
    One poisoned row of 500 costs three writes more, and the order is kept (incident 45; feature 81).
    """

    def refuses(records: Sequence[EventRecord]) -> Exception | None:
        for place, record in enumerate(records):
            if record.sequence == 250:
                return StorageRejected("NaN", row=place)
        return None

    store = Told(refuses)
    sink = await emitted(store, 500)

    assert [500, 249, 1, 250] == store.batches
    assert [number for number in range(1, 501) if number != 250] == numbers(store)
    assert ([250], 1) == (letters(store), sink.stats().dead_lettered)


@pytest.mark.parametrize("told", [0, 7, -1, 500, 10**9], ids=str)
async def test_a_wrong_row_costs_nothing_but_time(told: int) -> None:
    """
    It is tried, never believed.
    """
    store = Told(lambda records: StorageRejected("poison", row=told) if about(records, 3) else None)
    await emitted(store, 9)

    assert ([1, 2, 4, 5, 6, 7, 8, 9], [3]) == (numbers(store), letters(store))


async def test_a_row_that_kills_the_connection_is_found_and_buried() -> None:
    """
    It looks like an outage each time; that the store takes others gives it away (sink facts, 7).
    """
    store = Told(lambda records: StorageUnavailable("connection reset") if about(records, 333) else None)
    sink = await emitted(store, 500)

    assert ([333], 499) == (letters(store), sink.stats().committed)
    assert [number for number in range(1, 501) if number != 333] == numbers(store)
    assert sink.stats().store.failures <= 20


async def test_an_outage_makes_no_event_a_suspect() -> None:
    """
    A store that does not take a probe either is away, however long.
    """
    store = Told()
    store.away = StorageUnavailable("no route to host")
    sink = quick(store)
    sink.emit(event(0))
    await eventually(lambda: len(store.batches) > 50)

    assert SinkState.WAITING is sink.health().writers[0].state
    store.away = None
    await sink.aclose(20)

    assert ([1], []) == (numbers(store), letters(store))


async def test_a_lock_makes_no_event_a_suspect() -> None:
    """
    Somebody's lock is nothing an event did, however often it is met.
    """
    left = iter(range(60))
    store = Told(lambda _: StorageBusy("locked") if next(left, None) is not None else None)
    await emitted(store, 3)

    assert ([1, 2, 3], []) == (numbers(store), letters(store))


async def test_a_missing_table_holds_the_stream_until_somebody_acts() -> None:
    """
    Nothing is buried for it, and the host hears what to do (incident 52; feature 90).
    """
    left = iter(range(40))
    store = Told(lambda _: StorageNotReady("no table run_events") if next(left, None) is not None else None)
    states: list[SinkState] = []
    sink = BatchingSink(
        store, clock=HurriedClock(), linger=0.0, alarm=lambda health: states.append(health.writers[0].state)
    )
    for number in range(3):
        sink.emit(event(number))
    await sink.aclose(20)

    assert ([1, 2, 3], []) == (numbers(store), letters(store))
    assert [SinkState.HELD, SinkState.OK] == states


async def test_more_dead_letters_than_a_few_a_minute_hold_the_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    A constraint that refuses everything is the store's fault: burying the whole stream would be no help.
    """
    store = Told(lambda _: StorageRejected("violates check constraint"))
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
    assert sorted(set(range(1, 11)) - set(numbers(store))) == letters(store)
    assert "more than 3 events a minute" in caplog.text
    assert_accounts(sink)


async def test_a_letter_the_store_refuses_is_kept_in_a_file(tmp_path: Path) -> None:
    """
    With the event, the reason and the time; the stream goes on.
    """
    store = Told(lambda records: StorageRejected("poison") if about(records, 2) else None)
    store.failing_to_bury = lambda _: StorageRejected("not even as bytes")
    sink = quick(store, journal=PaperJournal(tmp_path / "one"))
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
    store = Told(lambda records: StorageRejected("poison") if about(records, 1) else None)
    refusals: list[int] = []

    def refuse(_: object) -> Exception | None:
        refusals.append(1)
        return StorageRejected("no") if len(refusals) < 5 else None

    store.failing_to_bury = refuse
    sink = await emitted(store, 2)

    assert ([1], 1, 5) == (letters(store), sink.stats().dead_lettered, len(refusals))


Failing = Callable[[Sequence[EventRecord]], BaseException | None]


async def test_a_bug_of_the_writer_is_told_apart_from_an_outage() -> None:
    """
    What it raises for one event alone costs that event; what it raises for all holds nothing for ever.
    """
    store = Told(lambda records: TypeError("a bug") if about(records, 5) else None)
    await emitted(store, 9)

    assert ([1, 2, 3, 4, 6, 7, 8, 9], [5]) == (numbers(store), letters(store))


async def test_a_flush_during_a_hold_says_why() -> None:
    """
    The reason is the store's own.
    """
    store = Told(lambda _: StorageNotReady("no table run_events"))
    sink = BatchingSink(store, linger=0.0)
    sink.emit(event(0))
    with pytest.raises(FlushTimeout, match="no table run_events"):
        await sink.flush(0.02)
    with pytest.raises(FlushTimeout):
        await sink.aclose(0.01)


async def test_a_refusal_that_may_pass_is_tried_as_often_as_it_says() -> None:
    """
    What an event refers to may be committed meanwhile: only the last of its tries is believed, for all of the
    batch; the others are stored, in order.
    """
    store = Told(
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
    assert ([1, 3, 4], [2]) == (numbers(store), letters(store))
    assert [6] == [letter.attempts for letter in store.dead_letters()]
    assert 1 == sink.stats().dead_lettered


async def test_a_refusal_that_passes_costs_no_event() -> None:
    """
    At the third try its parent is there.
    """
    answers = [StorageRejected("no such parent", row=1, tries=5)] * 2
    store = Told(lambda _: answers.pop() if answers else None)
    await emitted(store, 4)

    assert ([4, 4, 4], [1, 2, 3, 4], []) == (store.batches, numbers(store), letters(store))
