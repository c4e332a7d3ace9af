"""
The live status of a sink: alarms, log lines, and the file for dead letters.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from poslife import BatchingSink, SinkHealth, SinkState
from poslife._sink.backlog import Backlog
from poslife._sink.status import SinkStatus, WriterStatus
from poslife.testing.clock import ManualClock
from tests.sink.fakes import AWAY, FakeJournal, FakeStore, HurriedClock, event
from tests.tracker.scenes import eventually


async def test_an_hour_without_the_database_is_a_handful_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    """
    It begins, a reminder every ten minutes, it ends (incident 49: 945 warnings).
    """
    store = FakeStore()
    store.away = AWAY
    clock = HurriedClock()
    sink = BatchingSink(store, clock=clock, linger=0.0)
    sink.emit(event(0))
    began = clock.monotonic()
    await eventually(lambda: clock.monotonic() - began >= 3600)
    store.away = None
    await sink.aclose(20)

    assert 5 <= len([record for record in caplog.records if record.name == "poslife.sink"]) <= 9


def status_of(
    journal: FakeJournal | None = None, *, alarm: Callable[[SinkHealth], None] | None = None
) -> tuple[SinkStatus, WriterStatus, ManualClock]:
    clock = ManualClock()
    status = SinkStatus(journal, clock=clock, alarm=alarm)
    backlog = Backlog(window=10, window_bytes=1 << 20)
    return status, status.add_writer("store", backlog, required=True), clock


def test_an_alarm_rings_once_for_each_change_of_state() -> None:
    """
    With the health of that moment: the new state, its reason and since when.
    """
    rung: list[SinkHealth] = []
    _, writer, clock = status_of(alarm=rung.append)
    began = clock.now()
    clock.advance(5)
    for reason in ("connection refused", "connection reset"):
        writer.set(SinkState.WAITING, reason)
        clock.advance(5)
    writer.set(SinkState.OK, None)
    first, last = (health.writers[0] for health in rung)

    assert (SinkState.WAITING, "connection refused") == (first.state, first.reason)
    assert (SinkState.OK, None) == (last.state, last.reason)
    assert [began + timedelta(seconds=5), began + timedelta(seconds=15)] == [first.since, last.since]


def test_an_alarm_that_raises_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """
    It is the host's own code; the sink logs it and goes on.
    """

    def broken(_: SinkHealth) -> None:
        raise ZeroDivisionError

    _, writer, _ = status_of(alarm=broken)
    writer.set(SinkState.HELD, "no table run_events")

    assert SinkState.HELD is writer.state
    assert "the host's alarm raised" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_hold_is_logged_as_an_error_even_during_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    """
    An outage is one line, a hold that follows it another: a person has to act.
    """
    _, writer, _ = status_of()
    writer.set(SinkState.WAITING, "connection refused")
    writer.set(SinkState.SUSPECTING, "connection reset")
    writer.set(SinkState.HELD, "no table run_events")

    assert [("WARNING", "waiting"), ("ERROR", "held")] == [
        (record.levelname, record.message.split(": ")[1].split(",")[0]) for record in caplog.records
    ]


def test_dead_letters_have_a_file_where_the_journal_has_a_root(tmp_path: Path) -> None:
    """
    It lies beside the processes' directories, which do not outlive their events.
    """
    file = status_of(FakeJournal(tmp_path / "one"))[0].dead_letter_file()

    assert file is not None
    assert tmp_path / "dead-letters.jsonl" == file.path
    assert status_of(FakeJournal())[0].dead_letter_file() is None
    assert status_of()[0].dead_letter_file() is None
