"""
The sink over the real journal, its process killed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from poslife import BatchingSink
from poslife.journal import FileJournal
from tests.sink.fakes import FakeStore, assert_accounts, event, numbers

_BOT = """
import asyncio, os, sys
from poslife import BatchingSink, PositionTracker
from poslife.journal import FileJournal
from poslife.errors import StorageUnavailable
from tests.sink.fakes import FakeStore, event

async def main():
    store = FakeStore()
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
    store = FakeStore()
    sink = BatchingSink(store, journal=FileJournal(tmp_path / "events"))
    sink.emit(event(0))
    await sink.aclose(30)
    stored = numbers(store)

    assert 5004 == len(stored) == sink.stats().committed
    # Taken over: one bot's, then the other's, each in its order, then our own.
    assert stored in ([*range(1, 5001), 1, 2, 3, 1], [1, 2, 3, *range(1, 5001), 1])
    assert 5003 == sink.stats().recovered
    assert_accounts(sink)
