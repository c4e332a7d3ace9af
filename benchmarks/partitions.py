"""
Reads of host events in PostgreSQL that leave partitions, or pages, out: ``python -m benchmarks.partitions``.

The history of a position on 3, 90 and 720 partitions of a day, from all of them and from those since its ref
was made; and the host events of ten seconds among a million rows, with and without the index on their time.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from poslife._domain.identifiers import position_ref_at
from poslife.postgres._partition_ranges import Width, missing
from poslife.postgres._reads import LIST_HISTORY, history_arguments
from poslife.postgres._upkeep import keep_up
from tests.postgres_server import Databases, LocalServer

PARTITIONS: Final = (3, 90, 720)
ROWS: Final = 1_000_000
HELD_FOR: Final = timedelta(hours=20)
EVENTS_OF_THE_POSITION: Final = 100
ROWS_OF_A_DAY: Final = 200
ROUNDS: Final = 101

# Rows from $1 on, one every $2 milliseconds, about the position $4 or none.
_FILL: Final = """
INSERT INTO poslife.run_events (
    event_id, type, schema, ref, severity, occurred_at, recorded_at, run, actor, sequence, format,
    payload, salt, commitment, digest
)
SELECT
    overlay(
        overlay(id PLACING '7' || substr(md5(n::text), 1, 3) FROM 15 FOR 4)
        PLACING '8' || substr(md5(n::text), 4, 3) || '-' || substr(md5(n::text), 7, 12) FROM 20 FOR 17
    )::uuid,
    'bot.told', 1, $4::uuid, 'info', at, at, '0190aaaa-0000-7000-8000-000000000000', 'strategy', n, 1,
    repeat('x', 150), decode(repeat('00', 16), 'hex'), decode(repeat('00', 32), 'hex'),
    decode(repeat('00', 32), 'hex')
FROM (
    SELECT n, $1::timestamptz + n * $2::float8 * interval '1 millisecond' AS at
    FROM generate_series(1, $3::integer) AS n
) AS times
CROSS JOIN LATERAL (SELECT poslife.first_id(at)::text AS id) AS ids
"""

_WINDOW: Final = """
SELECT count(*), max(e.sequence) FROM poslife.run_events AS e
WHERE e.occurred_at >= $1 AND e.occurred_at < $2
"""


async def _median(call: Callable[[], Awaitable[object]], rounds: int) -> float:
    """
    Return the median of the calls, in milliseconds.
    """
    taken: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        await call()
        taken.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(taken)


async def history(dsn: str, partitions: int) -> tuple[float, float]:
    """
    Return the milliseconds of a position's history from all partitions, and from those since its ref.
    """
    await keep_up(dsn, Width.DAY)
    connection = await asyncpg.connect(dsn)
    try:
        now = datetime.now(UTC)
        earlier = [
            one
            for one in missing(Width.DAY, (), now - timedelta(days=max(partitions - 3, 0)), now)
            if one.name < f"run_events_{now:%Y_%m_%d}"
        ]
        for one in earlier:
            await connection.execute(
                f"CREATE TABLE poslife.{one.name} PARTITION OF poslife.run_events "
                f"FOR VALUES FROM ('{one.begin}') TO ('{one.end}')"
            )
        first = now - timedelta(days=len(earlier))
        rows = ROWS_OF_A_DAY * (len(earlier) + 1)
        await connection.execute(_FILL, first, 86_400_000 / ROWS_OF_A_DAY, rows - ROWS_OF_A_DAY, None)
        ref = position_ref_at(now - HELD_FOR, 1 << 16)
        step = HELD_FOR / timedelta(milliseconds=1) / EVENTS_OF_THE_POSITION
        await connection.execute(_FILL, now - HELD_FOR, step, EVENTS_OF_THE_POSITION, ref)
        await connection.execute("VACUUM ANALYZE poslife.run_events")
        bound = history_arguments(ref, UUID(int=0), 1000)
        unbound = (*bound[:3], str(UUID(int=0)))
        found = [len(await connection.fetch(LIST_HISTORY, *given)) for given in (unbound, bound)]
        if found != [EVENTS_OF_THE_POSITION] * 2:
            message = f"expected {EVENTS_OF_THE_POSITION} events, got {found}"
            raise ValueError(message)
        return (
            await _median(lambda: connection.fetch(LIST_HISTORY, *unbound), ROUNDS),
            await _median(lambda: connection.fetch(LIST_HISTORY, *bound), ROUNDS),
        )
    finally:
        await connection.close()


async def window(dsn: str, rows: int) -> tuple[float, float, int]:
    """
    Return the milliseconds of a window of ten seconds without and with the index, and the index's bytes.
    """
    await keep_up(dsn, Width.MONTH)
    connection = await asyncpg.connect(dsn)
    try:
        begin = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        await connection.execute(_FILL, begin, 86_400_000 / rows, rows, None, timeout=600)
        await connection.execute("VACUUM ANALYZE poslife.run_events", timeout=600)
        noon = begin + timedelta(hours=12)
        arguments = noon, noon + timedelta(seconds=10)
        with_index = await _median(lambda: connection.fetch(_WINDOW, *arguments), 21)
        size = await connection.fetchval(
            "SELECT sum(pg_relation_size(i.inhrelid)) FROM pg_inherits AS i "
            "WHERE i.inhparent = 'poslife.run_events_by_time'::regclass"
        )
        await connection.execute("DROP INDEX poslife.run_events_by_time")
        without = await _median(lambda: connection.fetch(_WINDOW, *arguments), 21)
        return without, with_index, int(size)
    finally:
        await connection.close()


async def _measured(console: Console, rows: int) -> None:
    server = LocalServer(settings={"shared_buffers": "128MB", "max_wal_size": "1GB"})
    try:
        databases = Databases(administration_dsn=server.dsn())
        table = Table(title=f"History of a position: {EVENTS_OF_THE_POSITION} host events, ms")
        for heading in ("partitions", "all", "since its ref was made"):
            table.add_column(heading, justify="right")
        for partitions in PARTITIONS:
            unbound, bound = await history(databases.create(), partitions)
            table.add_row(f"{partitions}", f"{unbound:.2f}", f"{bound:.2f}")
        console.print(table)
        without, with_index, size = await window(databases.create(), rows)
        table = Table(title=f"Host events of 10 s among {rows:,} rows, by occurred_at")
        for heading in ("without index, ms", "BRIN, ms", "BRIN, kB"):
            table.add_column(heading, justify="right")
        table.add_row(f"{without:.1f}", f"{with_index:.1f}", f"{size / 1000:,.0f}")
        console.print(table)
    finally:
        server.close()


def main() -> None:
    """
    Run the benchmark.
    """
    options = argparse.ArgumentParser(prog="python -m benchmarks.partitions")
    options.add_argument("--rows", type=int, default=ROWS, help="rows for the window (default: %(default)s)")
    asyncio.run(_measured(Console(), options.parse_args().rows))


if __name__ == "__main__":
    main()
