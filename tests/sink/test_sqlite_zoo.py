"""
The sink over a real SQLite file, under real faults: nothing lost, nothing twice, and the bot never notices.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from poslife import BatchingSink, SinkState
from poslife.errors import FlushTimeout, StorageNotReady
from poslife.journal import FileJournal
from poslife.sqlite import SqliteStore
from tests.sink.small_disk import fill, mounted
from tests.sink.sqlite_scene import PROJECT, Scene, found_in, scene
from tests.sink.zoo import POISON, TradingBot, assert_all_there, reaches
from tests.sqlite.files import cells

pytestmark = pytest.mark.slow

HELD, WAITING = SinkState.HELD, SinkState.WAITING

Outage = Callable[[Scene], AbstractAsyncContextManager[None]]

HOLDING = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def locked(there: Scene) -> AsyncGenerator[None]:
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        HOLDING,
        str(there.path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    await other.stdout.readline()
    try:
        yield
    finally:
        await other.communicate(b"")


def changed(before: str, after: str) -> Outage:
    """
    A change to the file, and its undoing.
    """

    @asynccontextmanager
    async def outage(there: Scene) -> AsyncGenerator[None]:
        cells(there.path, before)
        yield
        cells(there.path, after)

    return outage


@asynccontextmanager
async def moved(there: Scene) -> AsyncGenerator[None]:
    there.path.rename(there.path.with_suffix(".moved"))
    yield
    there.path.with_suffix(".moved").rename(there.path)


OUTAGES = [
    pytest.param(locked, WAITING, "another process holds its lock", id="locked by another process"),
    pytest.param(
        changed("ALTER TABLE run_events RENAME TO gone", "ALTER TABLE gone RENAME TO run_events"),
        HELD,
        "no such table",
        id="missing table",
    ),
    pytest.param(
        changed(
            "ALTER TABLE run_events RENAME payload TO gone", "ALTER TABLE run_events RENAME gone TO payload"
        ),
        HELD,
        "no column named payload",
        id="missing column",
    ),
    pytest.param(moved, HELD, "moved, deleted or replaced", id="moved away"),
]


@pytest.mark.parametrize("outage, state, reason", OUTAGES)
async def test_an_outage_costs_nothing(outage: Outage, state: SinkState, reason: str, tmp_path: Path) -> None:
    """
    The sink tells what is wrong, trading goes on, and afterwards every event is there once (incident 48).
    """
    async with scene(tmp_path / "bot.sqlite", tmp_path) as there, outage(there):
        await reaches(there.sink, state, reason)
        await there.bot.emits(100)

    assert 0 == there.sink.stats().dead_lettered


async def test_rows_that_the_file_refuses_are_set_aside_alone(tmp_path: Path) -> None:
    """
    Refused by a trigger, they become dead letters; the rest of their batches is stored (incident 45).
    """
    path = tmp_path / "bot.sqlite"
    async with scene(path, tmp_path, is_poison=lambda number: number in {150, 151, 300}) as there:
        cells(
            path,
            f"CREATE TRIGGER refuses BEFORE INSERT ON run_events WHEN NEW.type = '{POISON}' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
        await there.bot.emits(300)
        await there.sink.flush(10)
    buried = {one.id for one in found_in(path) if one.buried}

    assert there.bot.poison == buried
    assert 3 == len(buried)


async def test_a_deleted_file_costs_what_was_in_it_and_nothing_that_waits(tmp_path: Path) -> None:
    """
    Nothing is written into a file without a name; what waits goes into the next one.
    """
    path = tmp_path / "bot.sqlite"
    store = SqliteStore(path)
    await store.open()
    sink = BatchingSink(store, journal=FileJournal(tmp_path / "journal"), batch=100, linger=0.01)
    async with TradingBot(sink) as bot:
        await bot.emits(100)
        await sink.flush(10)
        for file in tmp_path.glob("bot.sqlite*"):
            file.unlink()
        await reaches(sink, HELD, "deleted")
        await bot.emits(100)
    with pytest.raises(FlushTimeout):
        await sink.aclose(0.1)
    before = sink.stats()
    await store.aclose()
    store = SqliteStore(path)
    await store.open()
    again = BatchingSink(store, journal=FileJournal(tmp_path / "journal"))
    await again.flush(10)
    await again.aclose(10)
    await store.aclose()
    found = found_in(path)

    assert [] == bot.wrong
    assert before.backlog == again.stats().recovered == again.stats().committed == len(found)
    assert before.committed + before.backlog == len(bot.emitted)
    assert list(bot.emitted)[before.committed :] == [one.id for one in found]


# --------------------------------------------------------------------------------------------- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, 4):
        yield disk


async def test_a_full_disk_costs_nothing(small_disk: Path, tmp_path: Path) -> None:
    """
    The file's disk is full, and the journal's is not: all is stored when there is room again.
    """
    async with scene(small_disk / "bot.sqlite", tmp_path) as there:
        fill(small_disk / "filler")
        await reaches(there.sink, HELD, "the disk is full")
        await there.bot.emits(100)
        (small_disk / "filler").unlink()

    assert 0 == there.sink.stats().dead_lettered


async def test_a_disk_that_is_mounted_read_only_at_the_start_costs_nothing(
    small_disk: Path, tmp_path: Path
) -> None:
    """
    The store cannot be opened; the sink takes events all the same, and stores them when it can.
    """
    path = small_disk / "bot.sqlite"
    store = SqliteStore(path)
    await store.open()
    await store.aclose()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    sink = BatchingSink(store, journal=FileJournal(tmp_path / "journal"), batch=100, linger=0.01)
    with pytest.raises(StorageNotReady):
        await store.open()
    async with TradingBot(sink) as bot:
        await reaches(sink, WAITING, "not open")
        await bot.emits(100)
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
        await store.open()
        await bot.emits(100)
    await sink.aclose(15)
    await store.aclose()

    assert_all_there(bot, found_in(path))


async def test_files_that_may_not_grow_any_more_cost_nothing(tmp_path: Path) -> None:
    """
    A limit on the size of files, in a process of its own: what writing says then is no full disk.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.sink.limited_bot",
        str(tmp_path),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    async with asyncio.timeout(60):
        said, _ = await child.communicate()

    assert 0 == child.returncode, said.decode()
