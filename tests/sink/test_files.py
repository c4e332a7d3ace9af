"""
The sink over the real journal: SIGKILL, fork, and the file system.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from poslife import BatchingSink, PositionTracker
from poslife.errors import StorageUnavailable
from poslife.journal import FileJournal
from tests.sink.paper import Told, assert_accounts, event, numbers

_BOT = """
import asyncio, os, sys
from poslife import BatchingSink, PositionTracker
from poslife.journal import FileJournal
from poslife.errors import StorageUnavailable
from tests.sink.paper import Told, event

async def main():
    store = Told()
    store.away = StorageUnavailable("connection refused")
    sink = BatchingSink(store, journal=FileJournal(sys.argv[1]))
    for number in range(int(sys.argv[2])):
        sink.emit(event(number))
    print("emitted", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def killed(root: Path, count: int) -> None:
    """
    A bot that emits, with its database away, and is killed.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _BOT, str(root), str(count)], stdout=subprocess.PIPE, cwd=Path.cwd()
    ) as bot:
        assert bot.stdout is not None
        assert b"emitted\n" == bot.stdout.readline()
        bot.send_signal(signal.SIGKILL)


@pytest.mark.slow
async def test_what_emit_returned_survives_sigkill(tmp_path: Path) -> None:
    """
    Two bots are killed, with more events than memory holds; the third has them all stored, once, in order.
    """
    for count in (5000, 3):
        killed(tmp_path / "events", count)
    store = Told()
    sink = BatchingSink(store, journal=FileJournal(tmp_path / "events"))
    sink.emit(event(0))
    await sink.aclose(30)
    stored = numbers(store)

    assert 5004 == len(stored) == sink.stats().committed
    # Taken over: one bot's, then the other's, each in its order, then our own.
    assert stored in ([*range(1, 5001), 1, 2, 3, 1], [1, 2, 3, *range(1, 5001), 1])
    assert 5003 == sink.stats().recovered
    assert_accounts(sink)


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
