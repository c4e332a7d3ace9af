"""
One system, killed by SIGKILL again and again while it emits.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.faults.injected import RATE, Fault
from benchmarks.faults.runs import Result, stored_by_usual_way
from benchmarks.faults.systems import IDS, UsualWay
from poslife import EventId, RunId
from tests.crashes.recording_bot import Deaths, Left, die_again_and_again
from tests.postgres_server import Databases

__all__ = ["emit_until_killed", "kill_poslife", "kill_poslife_on_sqlite", "kill_usual_way"]

HERE: Final = Path(__file__).parents[2]


async def kill_poslife(databases: Databases, kills: int) -> Result:
    """
    Kill a bot with poslife's sink into PostgreSQL.
    """
    dsn = databases.create()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        left = await die_again_and_again(dsn, Path(directory), kills=kills, rate=RATE, seed=7)
    seconds = time.monotonic() - began
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT event_id, run, sequence, xmin::text::bigint FROM poslife.run_events"
        )
        buried = await connection.fetchval("SELECT count(*) FROM poslife.dead_letters")
    finally:
        await connection.close()
    databases.drop(dsn)
    stored = [(EventId(row[0]), RunId(row[1]), row[2], row[3]) for row in rows]
    return _result(left, stored, buried, seconds)


async def kill_poslife_on_sqlite(kills: int) -> Result:
    """
    Kill a bot with poslife's sink into SQLite.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "bot.sqlite")
        left = await die_again_and_again(str(path), Path(directory), kills=kills, rate=RATE, seed=11)
        seconds = time.monotonic() - began
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT event_id, run, sequence, rowid FROM run_events").fetchall()
            (buried,) = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
    stored = [(EventId(UUID(row[0])), RunId(UUID(row[1])), row[2], row[3]) for row in rows]
    return _result(left, stored, buried, seconds)


def _result(
    left: Left, stored: Sequence[tuple[EventId, RunId, int, int]], buried: int, seconds: float
) -> Result:
    deaths = Deaths.of(left, stored)
    if deaths.gaps or deaths.disordered:
        raise AssertionError(f"runs with gaps or out of order: {deaths}")
    return Result(len(left.returned), deaths.lost, deaths.twice, buried, 0, seconds)


async def kill_usual_way(databases: Databases, kills: int) -> Result:
    """
    Kill a bot with the usual way.
    """
    dsn = databases.create()
    dice = random.Random(7)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        returned = Path(directory, "returned")
        returned.touch()  # noqa: ASYNC240 - nothing else runs here
        for _ in range(kills):
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.faults", "--bot", dsn, "--returned", str(returned)),
                cwd=HERE,
            )
            size = returned.stat().st_size  # noqa: ASYNC240
            async with asyncio.timeout(30):
                while returned.stat().st_size == size:  # noqa: ASYNC110, ASYNC240 - a file
                    await asyncio.sleep(0.005)
            await asyncio.sleep(dice.uniform(0, 0.4))
            child.kill()
            await child.wait()
        emitted = {UUID(line) for line in returned.read_text("ascii").split()}  # noqa: ASYNC240
    seconds = time.monotonic() - began
    found = await stored_by_usual_way(dsn)
    databases.drop(dsn)
    return Result(len(emitted), len(emitted - set(found)), len(found) - len(set(found)), 0, 0, seconds)


async def emit_until_killed(dsn: str, returned: str) -> None:
    """
    Emit events the usual way, and append the id of each to the file *returned*.
    """
    system = UsualWay()
    await system.open(dsn)
    file = os.open(returned, os.O_WRONLY | os.O_APPEND)
    fault = Fault()
    began = time.monotonic()
    number = 0
    while True:
        while number < (time.monotonic() - began) * RATE:
            number += 1
            event = IDS.new()
            system.emit(event, *fault.event(number))
            os.write(file, b"%b\n" % event.hex.encode())
        await asyncio.sleep(0.002)
