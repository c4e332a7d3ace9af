"""
Counts and states, at one moment.
"""

from __future__ import annotations

from pathlib import Path

from poslife import BatchingSink, FurtherWriter, SinkState
from poslife.errors import StorageRejected, StorageUnavailable
from tests.sink.fakes import AWAY, FakeJournal, FakeStore, event, numbers, quick
from tests.tracker.scenes import eventually


async def test_health_shows_how_much_waits_and_since_when(tmp_path: Path) -> None:
    """
    Depth and lag are there to be asked for, and cost no query (incident 49).
    """
    store = FakeStore()
    store.away = StorageUnavailable("connection refused")
    sink = BatchingSink(store, linger=0.0)
    for number in range(4):
        sink.emit(event(number))
    health = sink.health().writers[0]

    assert (4, 4) == (health.backlog, sink.stats().backlog)
    assert health.oldest is not None
    store.away = None
    await sink.aclose(20)

    assert [1, 2, 3, 4] == numbers(store)


async def test_only_required_writers_make_a_sink_unwell() -> None:
    """
    An optional writer that is away is seen, and no reason to stop trading; a store that is away is one.
    """
    store, file = FakeStore(), FakeStore()
    file.away = AWAY
    sink = quick(store, FurtherWriter(name="file", writer=file))
    sink.emit(event(0))
    await sink.flush(20)
    await eventually(lambda: sink.health().writers[1].state is SinkState.WAITING)
    unwell = sink.health().writers[1]

    assert ("file", False) == (unwell.name, unwell.required)
    assert "connection refused" in str(unwell.reason)
    assert sink.health().ok
    store.away = AWAY
    sink.emit(event(1))
    await eventually(lambda: sink.health().writers[0].state is SinkState.WAITING)

    assert not sink.health().ok
    store.away = file.away = None
    await sink.aclose(20)

    assert sink.health().ok


async def test_the_counts_of_a_sink_are_those_of_its_store() -> None:
    """
    The properties without a writer's name are the store's; a further writer's are beside them.
    """
    store, file = FakeStore(), FakeStore(lambda records: StorageRejected("no"))
    sink = quick(store, FurtherWriter(name="file", writer=file, required=True), journal=FakeJournal())
    for number in range(3):
        sink.emit(event(number))
    await sink.aclose(20)
    stats = sink.stats()

    assert (3, 0, 3, 0, 0, 0) == (
        stats.emitted,
        stats.recovered,
        stats.committed,
        stats.dead_lettered,
        stats.dropped,
        stats.backlog,
    )
    assert ("store", "file") == tuple(one.name for one in stats.writers)
    assert (0, 3) == (stats.further[0].committed, stats.further[0].dead_lettered)
    assert (1, 0) == (stats.store.writes, stats.store.failures)
    assert stats.journal is not None
    assert 3 == stats.journal.last
