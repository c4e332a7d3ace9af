"""
The sink over the real journal: the child of a fork.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from poslife import BatchingSink, PositionTracker
from poslife.errors import StorageUnavailable
from poslife.journal import FileJournal
from tests.sink.paper import Told, assert_accounts, event, numbers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_records_under_a_run_of_its_own() -> None:
    """
    Parent and child count their events apart: no number of a run is given twice.
    """
    store = Told()
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
    store = Told()
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
    again = BatchingSink(after := Told(), journal=FileJournal(tmp_path / "events"))
    await again.flush(30)
    await again.aclose(30)

    assert 1 == len(numbers(after))
    assert_accounts(again)
