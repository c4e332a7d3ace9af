"""
Accepting events: they are numbered, and kept in the journal or in memory.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, timedelta

import pytest

from poslife import BatchingSink, Overflow, Severity, SinkHealth
from poslife.errors import StorageUnavailable
from poslife.events import HostBody
from poslife.testing.clock import ManualClock
from tests.sink.fakes import (
    AWAY,
    FakeJournal,
    FakeStore,
    HurriedClock,
    assert_accounts,
    close_late,
    event,
    journaled,
    numbers,
    quick,
)
from tests.values import OTHER_RUN, RUN


async def test_events_are_numbered_without_gaps_from_any_thread() -> None:
    """
    Two runs, four threads and the loop itself: each run counts 1, 2, 3 … and is stored so (incident 50).

    Also feature 87.
    """
    writer = FakeStore()
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
    assert max(writer.batches) <= 37


async def test_late_is_not_lost_and_one_writer_is_not_another() -> None:
    """
    Each event says which process wrote it, its number there, and in UTC when it happened and was accepted.

    So no reader searches six hours for events that another process wrote, or that came late (incident 60).
    """
    clock = ManualClock()
    store = FakeStore()
    store.away = StorageUnavailable("connection refused")
    sink = BatchingSink(store, linger=0.0, clock=clock)
    for number in range(3):
        sink.emit(event(number))
        sink.emit(event(number, run=OTHER_RUN))
    clock.advance(3600)
    store.away = None
    await sink.aclose(20)
    events = store.recorded_events()

    assert {RUN: [1, 2, 3], OTHER_RUN: [1, 2, 3]} == {
        run: [one.sequence for one in events if one.header.run == run] for run in (RUN, OTHER_RUN)
    }
    assert all(one.recorded_at.tzinfo is UTC and one.header.occurred_at.tzinfo is UTC for one in events)
    # When it was written into the database, an hour later, is not when it happened.
    assert all(one.recorded_at - one.header.occurred_at < timedelta(minutes=1) for one in events)


async def test_what_a_killed_process_left_is_stored_at_the_next_start() -> None:
    """
    Emitted and never stored: the next process recovers it, before anything of its own (incidents 47, 51).
    """
    killed = FakeJournal()
    before = FakeStore()
    before.away = AWAY
    sink = journaled(before, killed)
    for number in range(130):
        sink.emit(event(number))
    await close_late(sink)
    store = FakeStore()
    again = journaled(store, killed.again())
    for number in range(5):
        again.emit(event(number, run=OTHER_RUN))
    await again.aclose(20)

    assert [*range(1, 131), *range(1, 6)] == numbers(store)
    assert (5, 130, 135, 0) == (
        again.stats().emitted,
        again.stats().recovered,
        again.stats().committed,
        again.stats().backlog,
    )
    assert_accounts(again)


async def test_what_was_stored_is_not_recovered() -> None:
    """
    The mark says how far the store is, and what lies before it is let go.
    """
    journal = FakeJournal()
    sink = journaled(FakeStore(), journal)
    for number in range(10):
        sink.emit(event(number))
    await sink.aclose(20)
    again = journaled(store := FakeStore(), journal.again())
    await again.flush(20)
    await again.aclose(20)

    assert (0, []) == (again.stats().recovered, numbers(store))
    assert (10, {}) == (journal.forgotten, journal.frames)


async def test_a_mark_that_a_crash_set_back_stores_nothing_twice() -> None:
    """
    The store passes over what it has, by event id.
    """
    journal = FakeJournal()
    store = FakeStore()
    sink = journaled(store, journal)
    sink.emit(event(1))
    sink.emit(event(2))
    crashed = journal.again()
    await sink.flush(20)
    again = journaled(store, crashed)
    await again.flush(20)
    await again.aclose(20)
    await sink.aclose(20)

    assert [1, 2] == numbers(store)
    assert (2, 2) == (again.stats().recovered, again.stats().committed)


async def test_a_journal_that_cannot_be_opened_breaks_no_start() -> None:
    """
    Events wait in memory and are stored; what was in the journal comes when it can be opened.
    """
    left = FakeJournal()
    first = journaled(dead := FakeStore(), left)
    dead.away = AWAY
    first.emit(event(0))
    await close_late(first)
    journal = left.again()
    journal.refuses = "permission denied"
    store = FakeStore()
    clock = HurriedClock()
    sink = BatchingSink(store, journal=journal, clock=clock, linger=0.0)
    sink.emit(event(1, run=OTHER_RUN))
    await sink.flush(20)

    assert ([1], "permission denied") == (numbers(store), sink.health().journal_failure)
    journal.refuses = None
    clock.advance(10)
    sink.emit(event(2, run=OTHER_RUN))
    await sink.aclose(20)

    assert [1, 1, 2] == numbers(store)
    assert_accounts(sink)


async def test_a_journal_with_a_bug_breaks_no_emit() -> None:
    """
    Whatever it raises, the event waits in memory (incident 53).
    """

    class Broken(FakeJournal):
        def append(self, frame: bytes, /) -> int:
            raise ZeroDivisionError

    store = FakeStore()
    sink = journaled(store, Broken())
    sink.emit(event(0))
    await sink.aclose(20)

    assert [1] == numbers(store)
    assert "ZeroDivisionError" in str(sink.health().journal_failure)


async def test_events_of_a_full_disk_wait_in_memory_and_the_alarm_rings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Order and numbers stay; the alarm rings when it begins and when it is over; two lines are logged.
    """
    journal = FakeJournal()
    store = FakeStore()
    store.away = AWAY
    alarms: list[SinkHealth] = []
    sink = BatchingSink(store, journal=journal, clock=HurriedClock(), linger=0.0, alarm=alarms.append)
    sink.emit(event(0))
    journal.refuses = "no space left on the device"
    for number in range(1, 4):
        sink.emit(event(number))

    assert ("no space left on the device", 3) == (sink.health().journal_failure, sink.health().only_in_memory)
    assert not sink.health().ok
    journal.refuses = None
    sink.emit(event(4))

    assert sink.health().journal_failure is None
    assert [False, True] == [health.journal_failure is None for health in alarms]
    store.away = None
    await sink.aclose(20)

    assert [1, 2, 3, 4, 5] == numbers(store)
    assert 2 == sum("journal takes" in record.message for record in caplog.records)


async def test_beyond_the_memory_the_less_severe_are_dropped_counted_and_recorded() -> None:
    """
    Exactly how many, of which run and which numbers, is itself an event (incident 49; features 84, 87).
    """
    journal = FakeJournal()
    journal.refuses = "read-only file system"
    store = FakeStore()
    store.away = AWAY
    sink = journaled(store, journal, overflow=Overflow(most=3, drop_below=Severity.ERROR))
    for number in range(6):
        sink.emit(event(number))
    sink.emit(event(6, severity=Severity.ERROR))
    assert_accounts(sink)
    store.away = None
    await sink.flush(20)
    sink.emit(event(7))
    await sink.aclose(20)

    assert [1, 2, 3, 7, 8] == numbers(store)
    (gap,) = [one for one in store.recorded_events() if one.header.type == "sink.gap"]
    assert isinstance(gap.body, HostBody)
    assert (3, 4, 6) == tuple(gap.body.payload[name] for name in ("dropped", "first", "last"))
    assert Severity.ERROR is gap.header.severity
    assert (3, 9) == (sink.stats().dropped, sink.stats().emitted)
    assert_accounts(sink)


async def test_without_drop_below_no_event_is_dropped() -> None:
    """
    With ``drop_below=None`` memory takes them all.
    """
    store = FakeStore()
    sink = BatchingSink(store, linger=0.0, overflow=Overflow(most=1, drop_below=None))
    for number in range(100):
        sink.emit(event(number, severity=Severity.DEBUG))
    await sink.aclose(20)

    assert (list(range(1, 101)), 0) == (numbers(store), sink.stats().dropped)


async def test_a_sink_that_goes_on_after_its_end_finds_what_it_had_left() -> None:
    """
    It closed while the store was away; the events were in the journal, and are counted once.
    """
    journal = FakeJournal()
    store = FakeStore()
    store.away = AWAY
    sink = journaled(store, journal, batch=2)
    for number in range(40):
        sink.emit(event(number))
    await close_late(sink)
    assert_accounts(sink)
    store.away = None
    await sink.flush(20)
    await sink.aclose(20)

    assert list(range(1, 41)) == numbers(store)
    assert (40, 0, 40) == (sink.stats().emitted, sink.stats().recovered, sink.stats().committed)
    assert_accounts(sink)


async def test_what_a_full_disk_kept_in_memory_goes_into_the_journal_at_the_end() -> None:
    """
    If there is room by then, the next start has it.
    """
    journal = FakeJournal()
    journal.refuses = "no space left on the device"
    store = FakeStore()
    store.away = AWAY
    sink = journaled(store, journal)
    journal.refuses = None
    sink.emit(event(0))
    journal.refuses = "no space left on the device"
    sink.emit(event(1))
    journal.refuses = None
    await close_late(sink)
    again = journaled(after := FakeStore(), journal.again())
    await again.flush(20)
    await again.aclose(20)

    assert [1, 2] == numbers(after)
    store.away = None
    await sink.flush(20)
    await sink.aclose(20)

    assert [1, 2] == numbers(store)
    assert_accounts(sink)
