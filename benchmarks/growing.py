"""
The cost of one event while its table grows from zero to five million rows.

Each store gets batches of 500 through the writer that a sink uses, and syncs every commit to the disk. The
run is divided into ten parts with the same number of batches: in the last, an event should cost what it did
in the first. The positions of the events change as a bot's do, so that an index by position grows in several
places. Only the writes are measured.

At 100,000, 1,000,000 and 10,000,000 rows a second table has the cost of an event since the line above: time,
processor time of this process and of the server, and WAL; and the bytes of a row in the table and each index.

``python -m benchmarks.growing`` stops after a minute for each store; ``--minutes 30`` reaches the end,
and ``--rows 10000000 --minutes 60`` the last line of the second table.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
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
MARKS = (100_000, 1_000_000, 10_000_000)
"""
The numbers of rows at which sizes are read.
"""

HELD = 50
"""
The number of open positions.
"""

BATCHES_TO_A_POSITION = 4
"""
The batches after which one position is replaced by another.
"""

PREPARED = 16
"""
The batches made before the clock starts, so that a store's work after one batch overlaps with the next.
"""

# PostgreSQL's defaults, durable, unlike the tests' server.
_DEFAULTS: Final = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}

_clock = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """
    One written batch.

    Attributes:
        seconds: The time of its write.
        busy: The processor time of this process in it, in seconds.
        memory: The peak memory of the process so far, in bytes.
    """

    seconds: float
    busy: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    A tenth of the run.

    Attributes:
        rows: The rows at its end.
        mean: The mean, in microseconds per event.
        median: The median of the batches, in microseconds per event.
        busy: The processor time of this process, in microseconds per event.
        worst: The slowest batch, in milliseconds.
        memory: The peak memory of the process so far, in bytes.
    """

    rows: int
    mean: float
    median: float
    busy: float
    worst: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """
    The sizes of a store at one moment.

    Attributes:
        table: Bytes of the table, or of the whole store.
        indexes: Bytes of each index, by name.
        wal: Bytes of WAL written so far.
        server: The processor time of the server's processes so far, in seconds; 0 where it cannot be read.
    """

    table: int
    indexes: Mapping[str, int] = field(default_factory=dict[str, int])
    wal: int = 0
    server: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """
    The store at one of `MARKS`, or at the start.

    Attributes:
        rows: The rows.
        seconds: The time of all writes so far.
        busy: The processor time of this process in them.
        sizes: The sizes.
    """

    rows: int
    seconds: float
    busy: float
    sizes: Sizes


Sized = Callable[[], Awaitable[Sizes]]


async def grown(
    store: SqliteStore | PostgresStore, sized: Sized, *, rows: int, seconds: float
) -> tuple[list[Written], list[Mark]]:
    """
    Write until there are *rows* rows, or *seconds* have passed.
    """
    marks = [Mark(rows=0, seconds=0.0, busy=0.0, sizes=await sized())]
    refs = [new_ref(_clock) for _ in range(HELD)]
    written: list[Written] = []
    give_up = time.perf_counter() + seconds
    while len(written) * BATCH < rows and time.perf_counter() < give_up:
        left = -(-rows // BATCH) - len(written)
        batches = [batch_of(BATCH, refs) for _ in range(min(left, PREPARED))]
        for batch in batches:
            begun, worked = time.perf_counter(), time.process_time()
            await store.write(batch)
            taken, busy = time.perf_counter() - begun, time.process_time() - worked
            written.append(Written(seconds=taken, busy=busy, memory=_most_memory()))
            if len(written) * BATCH in MARKS:
                marks.append(_mark(written, await sized()))
            if len(written) % BATCHES_TO_A_POSITION == 0:
                refs[len(written) // BATCHES_TO_A_POSITION % HELD] = new_ref(_clock)
    return written, marks


def _mark(written: Sequence[Written], sizes: Sizes) -> Mark:
    return Mark(
        rows=len(written) * BATCH,
        seconds=sum(batch.seconds for batch in written),
        busy=sum(batch.busy for batch in written),
        sizes=sizes,
    )


def _most_memory() -> int:
    # In kilobytes, except on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def parts_of(written: Sequence[Written]) -> list[Part]:
    """
    Divide *written* into ten parts with the same number of batches; the last also has the remainder.
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


_SIZES: Final = """
SELECT coalesce(whole.relname, c.relname) AS name, sum(pg_relation_size(c.oid))::bigint AS bytes
FROM pg_class AS c
LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
LEFT JOIN pg_class AS whole ON whole.oid = i.inhparent
WHERE c.relkind IN ('r', 'i') AND coalesce(whole.relname, c.relname) LIKE 'run\\_events%'
GROUP BY 1 ORDER BY 2 DESC
"""


async def _sizes_in_postgres(dsn: str) -> Sizes:
    connection = await asyncpg.connect(dsn)
    try:
        bytes_of = {row["name"]: row["bytes"] for row in await connection.fetch(_SIZES)}
        wal = await connection.fetchval("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        processes = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    finally:
        await connection.close()
    table = bytes_of.pop("run_events")
    server = sum(_processor_time(row["pid"]) for row in processes)
    return Sizes(table=table, indexes=bytes_of, wal=wal, server=server)


def _processor_time(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended, or this is no Linux
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def _opened(name: str) -> AsyncGenerator[tuple[SqliteStore | PostgresStore, Sized]]:
    with ExitStack() as stack:
        store: SqliteStore | PostgresStore
        if name == "sqlite":
            file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "growing.db"
            store = SqliteStore(file)

            async def sized() -> Sizes:
                return Sizes(table=file.stat().st_size)
        else:
            server = LocalServer(settings=_DEFAULTS)
            stack.callback(server.close)
            dsn = Databases(administration_dsn=server.dsn()).create()
            store = PostgresStore(dsn)

            async def sized() -> Sizes:
                return await _sizes_in_postgres(dsn)

        await store.open()
        try:
            yield store, sized
        finally:
            await store.aclose()


def _table(name: str, parts: Sequence[Part]) -> Table:
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


def _marks_table(name: str, marks: Sequence[Mark]) -> Table:
    table = Table(title=f"{name}: an event since the row above, and the bytes of a row", title_justify="left")
    for heading in ("rows", "us/event", "CPU", "server's CPU", "WAL, bytes", "table, bytes/row"):
        table.add_column(heading, justify="right")
    indexes = list(marks[-1].sizes.indexes)
    for index in indexes:
        table.add_column(index.removeprefix("run_events_"), justify="right")
    for before, mark in itertools.pairwise(marks):
        count, sizes = mark.rows - before.rows, mark.sizes
        table.add_row(
            f"{mark.rows:,}",
            f"{1e6 * (mark.seconds - before.seconds) / count:.2f}",
            f"{1e6 * (mark.busy - before.busy) / count:.2f}",
            f"{1e6 * (sizes.server - before.sizes.server) / count:.2f}",
            f"{(sizes.wal - before.sizes.wal) / count:,.0f}",
            f"{sizes.table / mark.rows:.1f}",
            *(f"{sizes.indexes.get(index, 0) / mark.rows:.1f}" for index in indexes),
        )
    return table


async def _measured(name: str, *, rows: int, seconds: float) -> tuple[list[Part], list[Mark]]:
    async with _opened(name) as (store, sized):
        written, marks = await grown(store, sized, rows=rows, seconds=seconds)
        return parts_of(written), marks


def main() -> None:
    """
    Run the benchmark for one store, or for both.
    """
    options = argparse.ArgumentParser(prog="python -m benchmarks.growing")
    options.add_argument("--rows", type=int, default=ROWS, help="rows to write (default: %(default)s)")
    options.add_argument(
        "--minutes", type=float, default=1, help="time limit for each store (default: %(default)s)"
    )
    options.add_argument("--store", choices=("sqlite", "postgres"), help="only this store (default: both)")
    chosen = options.parse_args()
    console = Console()
    console.print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"asyncpg {asyncpg.__version__}, {platform.machine()}"
    )
    for name in (chosen.store,) if chosen.store else ("sqlite", "postgres"):
        parts, marks = asyncio.run(_measured(name, rows=chosen.rows, seconds=60 * chosen.minutes))
        console.print(_table(name, parts))
        console.print(_marks_table(name, marks))


if __name__ == "__main__":
    main()
