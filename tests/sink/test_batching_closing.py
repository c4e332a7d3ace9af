"""
The end of a batching sink: what is stored by then, what is left, and the child of a fork.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from poslife import BatchingSink, PositionTracker
from poslife.errors import FlushTimeout, PoslifeMisuseWarning, StorageUnavailable
from poslife.journal import FileJournal
from tests.sink.fakes import AWAY, FakeJournal, FakeStore, assert_accounts, event, journaled, numbers, quick
from tests.values import RUN

# Python 3.12 warns of forks beside threads; a test run has some, and the child runs none of them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


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
        async with asyncio.timeout(60):
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
    A reader of the log knows that nothing is lost, and where it is.
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
    Also without another flush (incident 47: BOT_STOPPED was lost).
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
