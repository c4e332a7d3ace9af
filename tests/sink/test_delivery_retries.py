"""
One batch to one writer: what is retried, and what is held.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from typing_extensions import override

from poslife import BatchingSink, SinkState
from poslife.errors import StorageBusy, StorageNotReady, StorageRejected, StorageUnavailable
from poslife.protocols import EventRecord
from tests.sink.fakes import (
    Cancelling,
    FakeStore,
    HurriedClock,
    about,
    assert_accounts,
    away_for,
    dead_letter_sequences,
    emit_numbered,
    event,
    numbers,
    payload_numbers,
    quick,
)
from tests.tracker.scenes import eventually
from tests.values import RUN


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
    A lock is no fault of an event, however often it is met.
    """
    left = iter(range(60))
    store = FakeStore(lambda _: StorageBusy("locked") if next(left, None) is not None else None)
    await emit_numbered(store, 3)

    assert ([1, 2, 3], []) == (numbers(store), dead_letter_sequences(store))


async def test_a_missing_table_holds_the_stream_until_it_is_there() -> None:
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
    sink = await emit_numbered(store, 4)

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
    await emit_numbered(store, 4)

    assert ([4, 4, 4], [1, 2, 3, 4], []) == (store.batches, numbers(store), dead_letter_sequences(store))


async def test_a_writer_whose_own_task_was_cancelled_does_not_end_the_worker() -> None:
    """
    The sink itself was not cancelled, so it writes on.
    """
    store = Cancelling()
    sink = BatchingSink(store, linger=0.0)
    sink.emit(event(1))
    await sink.flush(5)
    assert payload_numbers(store) == [1]
    assert_accounts(sink)
    await sink.aclose(1)
