"""
What an event costs while its table grows from nothing to five million rows.

Each store is handed batches of 500 through the writer that a sink uses, every commit synced to the disk. What
was written is cut into ten parts of as many batches: in the last an event should cost what it did in the
first. Refs come and go as a bot's positions do, so that an index by position grows in more than one place.
Only the writes are measured, not the making of the events.

``python -m benchmarks.growing`` stops after a minute for each store; ``--minutes 30`` goes all the way.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.draining import BATCH, batch_of
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import new_ref
from poslife.postgres import PostgresStore
from poslife.sqlite import SqliteStore
from tests.postgres_server import Databases, LocalServer

ROWS = 5_000_000
PARTS = 10
HELD = 50
"""
Positions that events are about, at a time.
"""

BATCHES_TO_A_POSITION = 4
"""
After so many batches one of them is closed, and another opened.
"""

AT_HAND = 16
"""
Batches that are made before the clock runs: what a store does after a batch, it may do while the next waits.
"""

# As PostgreSQL comes, and durable: the tests' server is neither.
_AS_IT_COMES: Final = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}

_clock = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """
    One batch.

    Attributes:
        seconds: How long its write took.
        busy: How many of them this process had a processor.
        memory: The most memory the process has had by then, in bytes.
    """

    seconds: float
    busy: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    A tenth of what was written.

    Attributes:
        rows: How many there were at its end.
        mean: Microseconds an event.
        median: The same of the batch in the middle.
        busy: Microseconds of a processor's time an event, in this process.
        worst: The slowest batch, in milliseconds.
        memory: The most memory the process has had by then, in bytes.
    """

    rows: int
    mean: float
    median: float
    busy: float
    worst: float
    memory: int


async def grown(store: SqliteStore | PostgresStore, *, rows: int, seconds: float) -> list[Written]:
    """
    Write until there are so many rows, or so many seconds have passed.
    """
    refs = [new_ref(_clock) for _ in range(HELD)]
    written: list[Written] = []
    give_up = time.perf_counter() + seconds
    while len(written) * BATCH < rows and time.perf_counter() < give_up:
        left = -(-rows // BATCH) - len(written)
        batches = [batch_of(BATCH, refs) for _ in range(min(left, AT_HAND))]
        for batch in batches:
            begun, worked = time.perf_counter(), time.process_time()
            await store.write(batch)
            taken, busy = time.perf_counter() - begun, time.process_time() - worked
            written.append(Written(seconds=taken, busy=busy, memory=_most_memory()))
            if len(written) % BATCHES_TO_A_POSITION == 0:
                refs[len(written) // BATCHES_TO_A_POSITION % HELD] = new_ref(_clock)
    return written


def _most_memory() -> int:
    # Kilobytes, but for macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def parts_of(written: Sequence[Written]) -> list[Part]:
    """
    Ten parts of as many batches each; what is left over belongs to the last.
    """
    size = max(len(written) // PARTS, 1)
    starts = range(0, min(size * PARTS, len(written)), size)
    ends = [*starts[1:], len(written)]
    return [_part(written, start, end) for start, end in zip(starts, ends, strict=True)]


def _part(written: Sequence[Written], start: int, end: int) -> Part:
    seconds = [batch.seconds for batch in written[start:end]]
    return Part(
        rows=end * BATCH,
        mean=1e6 * statistics.fmean(seconds) / BATCH,
        median=1e6 * statistics.median(seconds) / BATCH,
        busy=1e6 * statistics.fmean(batch.busy for batch in written[start:end]) / BATCH,
        worst=1e3 * max(seconds),
        memory=written[end - 1].memory,
    )


@asynccontextmanager
async def _opened(name: str) -> AsyncGenerator[SqliteStore | PostgresStore]:
    with ExitStack() as stack:
        store: SqliteStore | PostgresStore
        if name == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            store = SqliteStore(Path(folder) / "growing.db")
        else:
            server = LocalServer(settings=_AS_IT_COMES)
            stack.callback(server.close)
            store = PostgresStore(Databases(administration_dsn=server.dsn()).create())
        await store.open()
        try:
            yield store
        finally:
            await store.aclose()


def _shown(name: str, parts: Sequence[Part]) -> Table:
    table = Table(title=f"{name}: events written in batches of {BATCH}", title_justify="left")
    for heading in ("rows", "events/s", "us/event", "median", "CPU", "worst, ms", "MiB"):
        table.add_column(heading, justify="right")
    for part in parts:
        table.add_row(
            f"{part.rows:,}",
            f"{1e6 / part.mean:,.0f}",
            f"{part.mean:.2f}",
            f"{part.median:.2f}",
            f"{part.busy:.2f}",
            f"{part.worst:,.0f}",
            f"{part.memory / 2**20:,.0f}",
        )
    first, last = parts[0], parts[-1]
    table.add_section()
    table.add_row(
        "last / first",
        f"{first.mean / last.mean:.2f}",
        f"{last.mean / first.mean:.2f}",
        f"{last.median / first.median:.2f}",
        f"{last.busy / first.busy:.2f}",
        "",
        f"{last.memory / first.memory:.2f}",
    )
    return table


async def _measured(name: str, *, rows: int, seconds: float) -> list[Part]:
    async with _opened(name) as store:
        return parts_of(await grown(store, rows=rows, seconds=seconds))


def main() -> None:
    """
    Run it for one store, or for both.
    """
    options = argparse.ArgumentParser(prog="python -m benchmarks.growing")
    options.add_argument("--rows", type=int, default=ROWS, help="how far (default: %(default)s)")
    options.add_argument("--minutes", type=float, default=1, help="for each, at most (default: %(default)s)")
    options.add_argument("--store", choices=("sqlite", "postgres"), help="one of them (default: both)")
    chosen = options.parse_args()
    console = Console()
    console.print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"asyncpg {asyncpg.__version__}, {platform.machine()}"
    )
    for name in (chosen.store,) if chosen.store else ("sqlite", "postgres"):
        parts = asyncio.run(_measured(name, rows=chosen.rows, seconds=60 * chosen.minutes))
        console.print(_shown(name, parts))


if __name__ == "__main__":
    main()
