"""
The sink with a journal: what a killed process left, what memory does not hold, what the disk refuses.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from poslife import BatchingSink, Overflow, Severity, SinkHealth
from poslife.errors import FlushTimeout, PoslifeMisuseWarning, StorageUnavailable
from poslife.events import HostBody
from poslife.protocols import JournalGap
from tests.sink.paper import HurriedClock, PaperJournal, Told, assert_accounts, event, later, numbers
from tests.tracker.scenes import eventually
from tests.values import OTHER_RUN

AWAY = StorageUnavailable("connection refused")


def quick(
    store: Told, journal: PaperJournal, *, batch: int = 50, overflow: Overflow | None = None
) -> BatchingSink:
    return BatchingSink(
        store, journal=journal, clock=HurriedClock(), linger=0.0, batch=batch, overflow=overflow
    )


async def close(sink: BatchingSink) -> None:
    with pytest.raises(FlushTimeout):
        await sink.aclose(0.01)


async def test_what_a_killed_process_left_is_stored_at_the_next_start() -> None:
    """
    Emitted and never stored: the next process recovers it, before anything of its own (incidents 47, 51).
    """
    killed = PaperJournal()
    before = Told()
    before.away = AWAY
    sink = quick(before, killed)
    for number in range(130):
        sink.emit(event(number))
    await close(sink)
    store = Told()
    again = quick(store, killed.again())
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
    journal = PaperJournal()
    sink = quick(Told(), journal)
    for number in range(10):
        sink.emit(event(number))
    await sink.aclose(20)
    again = quick(store := Told(), journal.again())
    await again.flush(20)
    await again.aclose(20)

    assert (0, []) == (again.stats().recovered, numbers(store))
    assert (10, {}) == (journal.forgotten, journal.frames)


async def test_a_mark_that_a_crash_set_back_stores_nothing_twice() -> None:
    """
    The store passes over what it has, by event id.
    """
    journal = PaperJournal()
    store = Told()
    sink = quick(store, journal)
    sink.emit(event(1))
    sink.emit(event(2))
    crashed = journal.again()
    await sink.flush(20)
    again = quick(store, crashed)
    await again.flush(20)
    await again.aclose(20)
    await sink.aclose(20)

    assert [1, 2] == numbers(store)
    assert (2, 2) == (again.stats().recovered, again.stats().committed)


async def test_memory_stays_bounded_behind_a_dead_database() -> None:
    """
    What exceeds the window waits in the journal alone, and is stored in order when the store is back.
    """
    journal = PaperJournal()
    store = Told()
    store.away = AWAY
    sink = quick(store, journal)
    for number in range(5_000):
        sink.emit(event(number))
    with pytest.raises(FlushTimeout):
        await sink.flush(0.01)

    assert 5_000 == sink.stats().backlog
    store.away = None
    await sink.flush(20)
    await sink.aclose(20)

    assert list(range(1, 5_001)) == numbers(store)
    assert journal.read_back >= 4_600
    assert_accounts(sink)


async def test_events_of_a_full_disk_wait_in_memory_and_the_host_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Order and numbers stay; the alarm rings when it begins and when it is over; two lines are logged.
    """
    journal = PaperJournal()
    store = Told()
    store.away = AWAY
    told: list[SinkHealth] = []
    sink = BatchingSink(store, journal=journal, clock=HurriedClock(), linger=0.0, alarm=told.append)
    sink.emit(event(0))
    journal.refuses = "no space left on the device"
    for number in range(1, 4):
        sink.emit(event(number))

    assert ("no space left on the device", 3) == (sink.health().journal_failure, sink.health().only_in_memory)
    assert not sink.health().ok
    journal.refuses = None
    sink.emit(event(4))

    assert sink.health().journal_failure is None
    assert [False, True] == [health.journal_failure is None for health in told]
    store.away = None
    await sink.aclose(20)

    assert [1, 2, 3, 4, 5] == numbers(store)
    assert 2 == sum("journal takes" in record.message for record in caplog.records)


async def test_beyond_the_memory_the_less_severe_are_dropped_counted_and_told() -> None:
    """
    Exactly how many, of which run and which numbers, is itself an event (incident 49; features 84, 87).
    """
    journal = PaperJournal()
    journal.refuses = "read-only file system"
    store = Told()
    store.away = AWAY
    sink = quick(store, journal, overflow=Overflow(most=3, drop_below=Severity.ERROR))
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


async def test_whoever_wants_no_event_dropped_gets_none_dropped() -> None:
    """
    With ``drop_below=None`` memory takes them all.
    """
    store = Told()
    sink = BatchingSink(store, linger=0.0, overflow=Overflow(most=1, drop_below=None))
    for number in range(100):
        sink.emit(event(number, severity=Severity.DEBUG))
    await sink.aclose(20)

    assert (list(range(1, 101)), 0) == (numbers(store), sink.stats().dropped)


async def test_a_journal_that_cannot_be_opened_breaks_no_start() -> None:
    """
    Events wait in memory and are stored; what was in the journal comes when it can be opened.
    """
    left = PaperJournal()
    first = quick(dead := Told(), left)
    dead.away = AWAY
    first.emit(event(0))
    await close(first)
    journal = left.again()
    journal.refuses = "permission denied"
    store = Told()
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


async def test_damage_in_the_journal_is_an_event_and_the_rest_is_stored() -> None:
    """
    What the journal cannot give back is counted as dropped and told, with the reason.
    """
    journal = PaperJournal()
    dead = quick(gone := Told(), journal)
    gone.away = AWAY
    for number in range(10):
        dead.emit(event(number))
    await close(dead)
    damaged = journal.again()
    del damaged.frames[4], damaged.frames[5]
    damaged.gaps.append(JournalGap(after=3, before=6, reason="000001.log: a checksum is wrong"))
    store = Told()
    sink = quick(store, damaged)
    await sink.flush(20)
    await sink.aclose(20)

    assert [1, 2, 3, 6, 7, 8, 9, 10] == numbers(store)
    (gap,) = [one for one in store.recorded_events() if one.header.type == "sink.gap"]
    assert isinstance(gap.body, HostBody)
    assert (2, "store") == (gap.body.payload["lost"], gap.body.payload["writer"])
    assert "checksum" in str(gap.body.payload["reason"])
    assert (10, 2) == (sink.stats().recovered, sink.stats().dropped)
    assert_accounts(sink)


async def test_a_frame_that_nobody_can_read_is_kept_in_a_file(tmp_path: Path) -> None:
    """
    A newer release's, perhaps: it is no reason to stop, and not thrown away.
    """
    journal = PaperJournal(tmp_path / "one")
    dead = quick(gone := Told(), journal)
    gone.away = AWAY
    for number in range(3):
        dead.emit(event(number))
    await close(dead)
    strange = journal.again()
    strange.frames[2] = b"\x92\x63\xc0"
    store = Told()
    sink = quick(store, strange)
    await sink.flush(20)
    await sink.aclose(20)

    assert [1, 3] == numbers(store)
    assert (1, 0) == (sink.stats().dead_lettered, sink.stats().dropped)
    assert '"frame": "kmPA"' in (tmp_path / "dead-letters.jsonl").read_text()
    assert_accounts(sink)


async def test_a_journal_that_cannot_be_read_now_is_read_later() -> None:
    """
    Its events wait; they are not given up.
    """
    journal = PaperJournal()
    dead = quick(gone := Told(), journal)
    gone.away = AWAY
    dead.emit(event(0))
    await close(dead)
    found = journal.again()
    found.unreadable = "input/output error"
    store = Told()
    sink = BatchingSink(store, journal=found, linger=0.0)
    with pytest.raises(FlushTimeout, match="input/output error"):
        await sink.flush(0.05)
    found.unreadable = None
    await sink.flush(20)
    await sink.aclose(20)

    assert [1] == numbers(store)


async def test_the_journal_is_synced_and_emptied_while_events_wait() -> None:
    """
    What a loss of power can cost is a second's worth, and what is stored takes no disk.
    """
    journal = PaperJournal()
    store = Told()
    store.away = AWAY
    sink = BatchingSink(store, journal=journal, linger=0.0, sync_every=0.01)
    sink.emit(event(0))
    await later(lambda: journal.synced == 1)
    store.away = None
    await sink.flush(20)
    await later(lambda: journal.forgotten == 1)
    await sink.aclose(20)

    assert journal.closed


async def test_a_late_close_says_where_the_events_are(tmp_path: Path) -> None:
    """
    Whoever reads the log knows that nothing is lost, and where it is.
    """
    journal = PaperJournal(tmp_path / "one")
    store = Told()
    store.away = AWAY
    sink = quick(store, journal)
    sink.emit(event(0))
    with pytest.raises(FlushTimeout, match="next start store them") as late:
        await sink.aclose(0.01)

    assert str(tmp_path / "one") == late.value.kept_in


async def test_a_journal_with_a_bug_breaks_no_emit() -> None:
    """
    Whatever it raises, the event waits in memory (incident 53).
    """

    class Broken(PaperJournal):
        def append(self, frame: bytes, /) -> int:
            raise ZeroDivisionError

    store = Told()
    sink = quick(store, Broken())
    sink.emit(event(0))
    await sink.aclose(20)

    assert [1] == numbers(store)
    assert "ZeroDivisionError" in str(sink.health().journal_failure)


async def test_an_hour_without_the_database_is_a_handful_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    """
    It begins, a reminder every ten minutes, it ends (incident 49: 945 warnings).
    """
    store = Told()
    store.away = AWAY
    clock = HurriedClock()
    sink = BatchingSink(store, clock=clock, linger=0.0)
    sink.emit(event(0))
    began = clock.monotonic()
    await eventually(lambda: clock.monotonic() - began >= 3600)
    store.away = None
    await sink.aclose(20)

    assert 5 <= len([record for record in caplog.records if record.name == "poslife.sink"]) <= 9


@pytest.mark.slow
async def test_a_hundred_thousand_events_behind_a_dead_database_take_no_memory() -> None:
    """
    Beside the journal itself, which here is a dict.
    """

    class Counting(PaperJournal):
        def append(self, frame: bytes, /) -> int:
            self._last += 1
            return self._last

    store = Told()
    store.away = AWAY
    sink = quick(store, Counting())
    for number in range(10_000):
        sink.emit(event(number))
    tracemalloc.start()
    try:
        for number in range(90_000):
            sink.emit(event(number))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await close(sink)

    assert taken < 200_000


async def test_an_event_after_the_end_is_in_the_journal_and_stored_at_the_next_start() -> None:
    """
    Also where nobody flushes any more (incident 47: BOT_STOPPED was lost).
    """
    journal = PaperJournal()
    store = Told()
    sink = quick(store, journal)
    sink.emit(event(0))
    await sink.aclose(20)
    with pytest.warns(PoslifeMisuseWarning, match="next start"):
        sink.emit(event(1))

    assert 1 == len(journal.frames)
    again = quick(store, journal.again())
    await again.flush(20)
    await again.aclose(20)

    assert [1, 2] == numbers(store)
    assert_accounts(sink)


async def test_a_sink_that_goes_on_after_its_end_finds_what_it_had_left() -> None:
    """
    It closed while the store was away; the events were in the journal, and are counted once.
    """
    journal = PaperJournal()
    store = Told()
    store.away = AWAY
    sink = quick(store, journal, batch=2)
    for number in range(40):
        sink.emit(event(number))
    await close(sink)
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
    journal = PaperJournal()
    journal.refuses = "no space left on the device"
    store = Told()
    store.away = AWAY
    sink = quick(store, journal)
    journal.refuses = None
    sink.emit(event(0))
    journal.refuses = "no space left on the device"
    sink.emit(event(1))
    journal.refuses = None
    await close(sink)
    again = quick(after := Told(), journal.again())
    await again.flush(20)
    await again.aclose(20)

    assert [1, 2] == numbers(after)
    store.away = None
    await sink.flush(20)
    await sink.aclose(20)

    assert [1, 2] == numbers(store)
    assert_accounts(sink)
