"""
The latency of a flush while a bot records 10, 100, 1,000 and 10,000 events a second.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from poslife import BatchingSink, PositionTracker
from poslife.journal import FileJournal
from poslife.postgres import PostgresStore
from poslife.sqlite import SqliteStore
from tests.postgres_server import Databases

__all__ = ["RATES", "Result", "postgres", "sqlite"]

RATES = (10, 100, 1_000, 10_000)
SECONDS = 2.0
BETWEEN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    The figures of one store at one rate, in milliseconds.
    """

    store: str
    rate: int
    median: float
    worst: float


async def sqlite() -> list[Result]:
    """
    Measure one file that syncs every batch.
    """
    with tempfile.TemporaryDirectory() as folder:
        return [
            await _measured(
                "sqlite", SqliteStore(Path(folder) / f"{rate}.db"), rate, Path(folder) / f"{rate}"
            )
            for rate in RATES
        ]


async def postgres(databases: Databases) -> list[Result]:
    """
    Measure a server on this machine that syncs every batch.
    """
    with tempfile.TemporaryDirectory() as folder:
        return [
            await _measured("postgres", PostgresStore(databases.create()), rate, Path(folder) / str(rate))
            for rate in RATES
        ]


async def _measured(name: str, store: SqliteStore | PostgresStore, rate: int, root: Path) -> Result:
    sink = BatchingSink(store, journal=FileJournal(root))
    taken: list[float] = []
    async with PositionTracker(repository=store, sink=sink) as tracker:
        await tracker.flush()
        recording = asyncio.create_task(_record(tracker, rate))
        while not recording.done():
            await asyncio.sleep(BETWEEN)
            begun = time.perf_counter()
            await tracker.flush()
            taken.append(1000 * (time.perf_counter() - begun))
        await recording
    return Result(store=name, rate=rate, median=statistics.median(taken), worst=max(taken))


async def _record(tracker: PositionTracker, rate: int) -> None:
    begun, recorded = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < SECONDS:
        while recorded < passed * rate:
            tracker.record("price.tick", None, {"symbol": "BTC/USDT:USDT", "number": recorded})
            recorded += 1
        await asyncio.sleep(0.001)
