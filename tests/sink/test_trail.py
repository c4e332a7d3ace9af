"""
What a reader of the trail can tell: who wrote, when it happened and when it was written, and what is missing.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

from poslife import BatchingSink, PositionTracker
from poslife.errors import StorageUnavailable
from poslife.events import HostBody
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from tests.sink.paper import Told, event, numbers
from tests.values import OTHER_RUN, RUN

_SOURCE = Path(__file__).parents[2] / "src" / "poslife"


async def test_late_is_not_lost_and_one_writer_is_not_another() -> None:
    """
    Each event says which process wrote it, its number there, and in UTC when it happened and was accepted.

    So nobody searches six hours for events that another process wrote, or that came late (incident 60).
    """
    clock = ManualClock()
    store = Told()
    store.away = StorageUnavailable("connection refused")
    sink = BatchingSink(store, linger=0.0, clock=clock)
    for number in range(3):
        sink.emit(event(number))
        sink.emit(event(number, run=OTHER_RUN))
    clock.advance(3600)
    store.away = None
    await sink.aclose(20)
    told = store.recorded_events()

    assert {RUN: [1, 2, 3], OTHER_RUN: [1, 2, 3]} == {
        run: [one.sequence for one in told if one.header.run == run] for run in (RUN, OTHER_RUN)
    }
    assert all(one.recorded_at.tzinfo is UTC and one.header.occurred_at.tzinfo is UTC for one in told)
    # When it was written into the database, an hour later, is not when it happened.
    assert all(one.recorded_at - one.header.occurred_at < timedelta(minutes=1) for one in told)


async def test_amounts_are_exact_in_the_stored_payload() -> None:
    """
    As text, whatever their size: no float has them (feature 89).
    """
    amounts = [Decimal("1.234e-9"), Decimal("0.1"), Decimal("12345678901234567890.123456789")]
    store = MemoryStore()
    tracker = PositionTracker(repository=store, sink=(sink := BatchingSink(store)))
    tracker.record("balances.seen", None, {"amounts": amounts})
    await sink.aclose(20)
    (one,) = store.recorded_events()

    assert isinstance(one.body, HostBody)
    assert one.body.payload == {"amounts": [str(amount) for amount in amounts]}


def test_no_stored_event_is_ever_changed() -> None:
    """
    No statement of any store updates an event, or deletes one but its own probe, or to move it (feature 78).
    """
    changing = re.compile(r"\b(?:UPDATE|DELETE FROM|TRUNCATE)\s+(?:poslife\.)?(?:run|life)_events\w*[^\"]*")
    found = [
        " ".join(match[0].split())
        for path in sorted(_SOURCE.glob("*/*.py"))
        if path.parent.name in {"sqlite", "postgres"}
        for match in changing.finditer(path.read_text())
    ]

    assert 2 == len(found), found
    assert any("RETURNING *" in statement for statement in found)
    assert any(statement == "DELETE FROM run_events WHERE event_id = ?" for statement in found)


async def test_whoever_reads_sees_what_waits(tmp_path: Path) -> None:
    """
    Depth and lag are there to be asked for, and cost no query (incident 49).
    """
    store = Told()
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
