"""
Several processes, and several stores, on one file.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import StorageBusy
from tests.sqlite.files import cells, opened_store, ours

OPENING = Path(__file__).with_name("opening.py")


@asynccontextmanager
async def started(number: int, *arguments: str) -> AsyncGenerator[list[asyncio.subprocess.Process]]:
    """
    Start processes that have the file open, and wait for a line before they open positions.
    """
    processes: list[asyncio.subprocess.Process] = []
    try:
        for _ in range(number):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(OPENING),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        yield processes
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.communicate()


@pytest.mark.slow
async def test_twenty_openings_from_two_processes(tmp_path: Path) -> None:
    """
    Of 20 concurrent openings one wins, and the others get its position (incidents 10, 11).

    The file is new, so that both processes migrate it at once, too.
    """
    path = tmp_path / "bot.db"
    async with started(2, str(path), "10") as processes:
        said = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    results = [line.split() for output, _ in said for line in output.decode().splitlines()]
    (winner,) = (ref for word, ref in results if word == "won")

    assert [winner] * 19 == [ref for word, ref in results if word == "lost"]
    assert [(winner,)] == cells(path, "SELECT ref FROM positions")
    assert [(1,)] == cells(path, "SELECT count(*) FROM changes")


async def test_locked_by_another_process(tmp_path: Path) -> None:
    """
    While another process writes for longer than the time-out, a commit is `StorageBusy`, and reads go on.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path, lock_timeout=0.05) as store:
        story = await begin(store)
        held = await story.opened(store)
        close = story.close(held)
        with ours(path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageBusy, match=r"bot\.db.*locked"):
                await store.commit(close)

            assert held == await store.get(held.ref)
            await store.ping()
        committed = await store.commit(close)

        assert not committed.repeated


async def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    """
    A commit waits for a lock that is released within the time-out, and the event loop goes on meanwhile.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path, lock_timeout=30) as store:
        story = await begin(store)
        with ours(path) as other:
            other.execute("BEGIN IMMEDIATE")
            commit = asyncio.create_task(store.commit(story.claim(story.pending())))
            # Reads are answered by their own thread: by then the commit waits for the lock in its.
            for _ in range(5):
                await store.list_live()

            assert not commit.done()
            other.execute("ROLLBACK")
        committed = await commit

        assert not committed.repeated


async def test_two_stores_see_each_others_commits(tmp_path: Path) -> None:
    """
    A commit of one store is read at once by another on the same file.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as one, opened_store(path) as other:
        story = await begin(one)
        for store, reader in ((one, other), (other, one)) * 5:
            held = await story.opened(store)

            assert held == await reader.get(held.ref)
