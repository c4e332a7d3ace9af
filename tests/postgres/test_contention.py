"""
Several processes and tasks at once: one wins, and the others get the winner.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import begin
from poslife.errors import StorageBusy
from tests.postgres.support import count, opened_store, session
from tests.postgres_roles import as_bot
from tests.postgres_server import psql

OPENING = Path(__file__).with_name("opening.py")


@asynccontextmanager
async def started(number: int, *arguments: str) -> AsyncGenerator[list[asyncio.subprocess.Process]]:
    """
    Start processes that connect and wait for a line before they open.
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
async def test_twenty_openings_from_two_processes(postgres_dsn: str) -> None:
    """
    Of 20 concurrent openings one wins; the others get the winner's position (incidents 10, 11).
    """
    async with started(2, as_bot(postgres_dsn), "10") as processes:
        said = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    results = [line.split() for output, _ in said for line in output.decode().splitlines()]
    (winner,) = (ref for word, ref in results if word == "won")

    assert [winner] * 19 == [ref for word, ref in results if word == "lost"]
    assert count(postgres_dsn, "positions") == 1
    assert psql(postgres_dsn, "SELECT ref FROM poslife.positions").strip() == winner
    assert count(postgres_dsn, "changes") == 1


async def test_changes_of_two_positions_do_not_deadlock(postgres_dsn: str) -> None:
    """
    Positions are locked in one order, whatever order a change names them in.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        one, two = await story.opened(store), await story.opened(store)
        for _ in range(10):
            steps = [
                story.order_set(held, replace(held.orders[0], venue_order_id=story.venue_order()))
                for held in (one, two)
            ]
            results = await asyncio.gather(
                store.commit(story.change(*steps)),
                store.commit(story.change(*reversed(steps))),
                return_exceptions=True,
            )

            assert sorted(type(result).__name__ for result in results) == ["Committed", "StaleVersion"]
            one, two = _held(await store.get(one.ref)), _held(await store.get(two.ref))


def _held(position: object) -> PersistedPosition:
    assert isinstance(position, PersistedPosition)
    return position


async def test_a_locked_position_is_busy(postgres_dsn: str) -> None:
    """
    A lock of another transaction beyond the time-out is `StorageBusy`, and nothing is written.
    """
    async with opened_store(postgres_dsn, lock_timeout=0.05) as store:
        story = await begin(store)
        held = await story.opened(store)
        close = story.close(held)
        async with session(postgres_dsn) as other:
            await other.execute("BEGIN")
            await other.execute("SELECT FROM poslife.positions FOR UPDATE")
            with pytest.raises(StorageBusy, match="55P03"):
                await store.commit(close)

            assert held == await store.get(held.ref)
        committed = await store.commit(close)

        assert not committed.repeated
