"""
The task of one writer: its batches, its own cursor, and what it reads back from the journal.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path

import pytest

from poslife import BatchingSink, FurtherWriter
from poslife.errors import FlushTimeout, StorageRejected
from poslife.events import HostBody
from poslife.protocols import JournalGap
from tests.sink.fakes import (
    AWAY,
    FakeJournal,
    FakeStore,
    assert_accounts,
    close_late,
    event,
    journaled,
    later,
    numbers,
    quick,
)
from tests.tracker.scenes import eventually


async def test_what_is_emitted_at_once_is_written_at_once() -> None:
    """
    One write for all of a moment's events, and never more in one than was set (feature 80).
    """
    writer = FakeStore()
    sink = quick(writer, batch=4)
    for number in range(10):
        sink.emit(event(number))
    await sink.aclose(20)

    assert [4, 4, 2] == writer.batches


async def test_a_full_batch_does_not_linger() -> None:
    """
    Waiting for more is for batches that could take more; a flush does not wait either.
    """
    writer = FakeStore()
    sink = BatchingSink(writer, linger=600.0, batch=2)
    for number in range(3):
        sink.emit(event(number))
    await eventually(lambda: writer.batches == [2])
    await sink.flush(20)
    await sink.aclose()

    assert [2, 1] == writer.batches


async def test_each_writer_gets_every_event_in_order() -> None:
    """
    Once, under the same ids (feature 88).
    """
    store, file = FakeStore(), FakeStore()
    sink = quick(store, FurtherWriter(name="file", writer=file, required=True))
    for number in range(20):
        sink.emit(event(number))
    await sink.aclose(20)

    assert numbers(store) == numbers(file) == list(range(1, 21))
    assert [one.header for one in store.recorded_events()] == [one.header for one in file.recorded_events()]
    assert_accounts(sink)


async def test_an_optional_writer_that_is_away_delays_no_other() -> None:
    """
    The store is written, a flush returns, and the other gets it all when it is back.
    """
    store, file = FakeStore(), FakeStore()
    file.away = AWAY
    journal = FakeJournal()
    sink = quick(store, FurtherWriter(name="file", writer=file), journal=journal)
    for number in range(20):
        sink.emit(event(number))
    await sink.flush(20)

    assert ((20, 0), (0, 20)) == tuple((one.committed, one.backlog) for one in sink.stats().writers)
    assert 0 == journal.forgotten
    file.away = None
    await later(lambda: len(numbers(file)) == 20)
    await sink.aclose(20)

    assert 20 == journal.forgotten
    assert_accounts(sink)


async def test_each_writer_goes_on_from_its_own_mark() -> None:
    """
    After a crash the slow one gets what it had not, and the store nothing.
    """
    store, file = FakeStore(), FakeStore()
    file.away = AWAY
    journal = FakeJournal()
    sink = quick(store, FurtherWriter(name="file", writer=file), journal=journal)
    for number in range(7):
        sink.emit(event(number))
    await sink.aclose(0.05)
    after, late = FakeStore(), FakeStore()
    again = quick(after, FurtherWriter(name="file", writer=late), journal=journal.again())
    await again.flush(20)
    await later(lambda: len(numbers(late)) == 7)
    await again.aclose(20)

    assert ([], list(range(1, 8))) == (numbers(after), numbers(late))
    assert (0, 7) == tuple(one.recovered for one in again.stats().writers)
    assert_accounts(again)


async def test_an_optional_writer_too_far_behind_loses_the_oldest_and_counts_them() -> None:
    """
    It must not fill the disk of the others.
    """
    store, file = FakeStore(), FakeStore()
    file.gate = asyncio.Event()
    sink = quick(store, FurtherWriter(name="file", writer=file, most_behind=30), journal=FakeJournal())
    for number in range(600):
        sink.emit(event(number))
        if number == 0:
            await later(lambda: bool(file.batches))
    file.gate.set()
    await sink.flush(20)
    await later(lambda: sink.stats().further[0].backlog == 0)
    await sink.aclose(20)

    assert [1, *range(571, 601)] == numbers(file)
    assert (569, 0) == (sink.stats().further[0].dropped, sink.stats().dropped)
    assert_accounts(sink)


async def test_what_one_writer_refuses_the_other_may_take() -> None:
    """
    A dead letter is one writer's affair.
    """
    store, file = (
        FakeStore(),
        FakeStore(lambda records: StorageRejected("no") if records[0].sequence == 1 else None),
    )
    sink = quick(store, FurtherWriter(name="file", writer=file, required=True))
    for number in range(2):
        sink.emit(event(number))
    await sink.aclose(20)

    assert ([1, 2], [2]) == (numbers(store), numbers(file))
    assert (0, 1) == tuple(one.dead_lettered for one in sink.stats().writers)


async def test_memory_stays_bounded_behind_a_dead_database() -> None:
    """
    What exceeds the window waits in the journal alone, and is stored in order when the store is back.
    """
    journal = FakeJournal()
    store = FakeStore()
    store.away = AWAY
    sink = journaled(store, journal)
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


@pytest.mark.slow
async def test_a_hundred_thousand_events_behind_a_dead_database_take_no_memory() -> None:
    """
    Beside the journal itself, which here is a dict.
    """

    class Counting(FakeJournal):
        def append(self, frame: bytes, /) -> int:
            self._last += 1
            return self._last

    store = FakeStore()
    store.away = AWAY
    sink = journaled(store, Counting())
    for number in range(10_000):
        sink.emit(event(number))
    tracemalloc.start()
    try:
        for number in range(90_000):
            sink.emit(event(number))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await close_late(sink)

    assert taken < 200_000


async def test_damage_in_the_journal_is_an_event_and_the_rest_is_stored() -> None:
    """
    What the journal cannot give back is counted as dropped, and an event says why.
    """
    journal = FakeJournal()
    dead = journaled(gone := FakeStore(), journal)
    gone.away = AWAY
    for number in range(10):
        dead.emit(event(number))
    await close_late(dead)
    damaged = journal.again()
    del damaged.frames[4], damaged.frames[5]
    damaged.gaps.append(JournalGap(after=3, before=6, reason="000001.log: a checksum is wrong"))
    store = FakeStore()
    sink = journaled(store, damaged)
    await sink.flush(20)
    await sink.aclose(20)

    assert [1, 2, 3, 6, 7, 8, 9, 10] == numbers(store)
    (gap,) = [one for one in store.recorded_events() if one.header.type == "sink.gap"]
    assert isinstance(gap.body, HostBody)
    assert (2, "store") == (gap.body.payload["lost"], gap.body.payload["writer"])
    assert "checksum" in str(gap.body.payload["reason"])
    assert (10, 2) == (sink.stats().recovered, sink.stats().dropped)
    assert_accounts(sink)


async def test_a_frame_that_cannot_be_decoded_is_kept_in_a_file(tmp_path: Path) -> None:
    """
    A newer release's, perhaps: it is no reason to stop, and not thrown away.
    """
    journal = FakeJournal(tmp_path / "one")
    dead = journaled(gone := FakeStore(), journal)
    gone.away = AWAY
    for number in range(3):
        dead.emit(event(number))
    await close_late(dead)
    strange = journal.again()
    strange.frames[2] = b"\x92\x63\xc0"
    store = FakeStore()
    sink = journaled(store, strange)
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
    journal = FakeJournal()
    dead = journaled(gone := FakeStore(), journal)
    gone.away = AWAY
    dead.emit(event(0))
    await close_late(dead)
    found = journal.again()
    found.unreadable = "input/output error"
    store = FakeStore()
    sink = BatchingSink(store, journal=found, linger=0.0)
    with pytest.raises(FlushTimeout, match="input/output error"):
        await sink.flush(0.05)
    found.unreadable = None
    await sink.flush(20)
    await sink.aclose(20)

    assert [1] == numbers(store)
