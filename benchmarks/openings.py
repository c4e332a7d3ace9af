"""
Openings per second: complete blocks, against the same statements issued by hand.

The floor is the cost of the tracker's own statements when a loop issues them through the same driver: they
are recorded with their arguments from one run of the tracker, and replayed on a fresh database. The venue
answers at once, so that only poslife and the store are measured.

By hand each commit is its own transaction, with any number of concurrent openings. poslife can be faster than
that, because commits that wait at the same time share one transaction and one sync. A single opening has no
other to share with: on SQLite it pays for the change between the event loop, which asks the venue, and the
thread that waits for the disk, which a loop of statements does not.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.recording import Recording, recording_pool, recording_sqlite
from poslife import (
    Account,
    BatchingSink,
    Fill,
    Opened,
    OrderSide,
    PositionKey,
    PositionTracker,
    Side,
    Symbol,
    Timings,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife.memory import MemoryStore
from poslife.postgres import PostgresStore
from poslife.sqlite import SqliteStore
from tests.postgres_server import Databases

ROUNDS = 15
OPENINGS = 64
CONCURRENT = (1, 8)
LANES = 4
_LEASE = Timings(lease=3600)
_numbers = itertools.count(1)

Store = MemoryStore | SqliteStore | PostgresStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    The figures of one store, in openings per second.

    Attributes:
        store: The store.
        concurrent: The number of concurrent openings.
        poslife: Through the tracker.
        floor: The same statements by hand, or ``None`` if there are none.
    """

    store: str
    concurrent: int
    poslife: float
    floor: float | None

    @property
    def ratio(self) -> float | None:
        """
        poslife divided by the floor.
        """
        return None if self.floor is None else self.poslife / self.floor


async def _answer(number: int) -> str:
    return f"v{number}"


async def _open(tracker: PositionTracker, number: int) -> None:
    symbol = Symbol(f"S{number}/USDT:USDT")
    key = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=symbol)
    opening = tracker.opening(key, side=Side.LONG, quantity=Decimal("0.1"), price=Decimal("60000.5"))
    async with opening:
        order = VenueOrderId(await opening.submit(_answer(number)))
        await opening.acknowledged(
            order,
            Fill(
                venue=key.venue,
                account=key.account,
                symbol=symbol,
                trade_id=TradeId(f"t{number}"),
                side=OrderSide.BUY,
                quantity=Decimal("0.1"),
                price=Decimal("60001.25"),
                at=datetime.now(UTC),
                venue_order_id=order,
            ),
        )
    assert isinstance(opening.outcome, Opened)


async def _open_many(tracker: PositionTracker, count: int) -> None:
    for _ in range(count):
        await _open(tracker, next(_numbers))


async def _through_tracker(store: Store, recording: Recording | None = None, *, concurrent: int = 1) -> float:
    """
    Return the openings per second through a tracker over *store*.
    """
    tracker = PositionTracker(repository=store, sink=BatchingSink(store), timings=_LEASE)
    async with tracker:
        await tracker.recover()
        await tracker.flush()
        await _open(tracker, next(_numbers))
        if recording is not None:
            recording.begin()
        started = time.perf_counter()
        await asyncio.gather(*(_open_many(tracker, OPENINGS // concurrent) for _ in range(concurrent)))
        elapsed = time.perf_counter() - started
        if recording is not None:
            recording.end()
    return OPENINGS / elapsed


def _replay_sqlite(path: Path, recording: Recording) -> float:
    # Like the store, the floor reads through a separate connection.
    connections = [
        sqlite3.connect(
            database if database == ":memory:" else path, isolation_level=None, cached_statements=256
        )
        for database in recording.databases
    ]
    try:
        for call in recording.before:
            _issue(connections, *call)
        started = time.perf_counter()
        for call in recording.measured:
            _issue(connections, *call)
        return OPENINGS / (time.perf_counter() - started)
    finally:
        for connection in connections:
            connection.close()


def _issue(
    connections: Sequence[sqlite3.Connection], number: int, method: str, statement: str, arguments: Any
) -> None:
    if method == "execute":
        connections[number].execute(statement, arguments).fetchall()
    else:
        connections[number].executemany(statement, arguments)


async def _replay_postgres(dsn: str, recording: Recording, lanes: int) -> float:
    connections = [await asyncpg.connect(dsn) for _ in range(lanes)]
    try:
        for call in recording.before:
            await _ask(connections[0], *call)
        openings = _by_opening(recording)
        started = time.perf_counter()
        await asyncio.gather(
            *(_ask_all(connection, openings[lane::lanes]) for lane, connection in enumerate(connections))
        )
        return OPENINGS / (time.perf_counter() - started)
    finally:
        for connection in connections:
            await connection.close()


def _by_opening(recording: Recording) -> list[Sequence[tuple[int, str, str, Any]]]:
    """
    Divide the measured calls by opening; they were recorded one opening after the other.
    """
    calls = recording.measured
    each, rest = divmod(len(calls), OPENINGS)
    if rest:
        raise RuntimeError(
            f"expected the same number of statements for {OPENINGS} openings, got {len(calls)}"
        )
    return [calls[start : start + each] for start in range(0, len(calls), each)]


async def _ask_all(
    connection: asyncpg.Connection, openings: Sequence[Sequence[tuple[int, str, str, Any]]]
) -> None:
    for calls in openings:
        for call in calls:
            await _ask(connection, *call)


async def _ask(
    connection: asyncpg.Connection, _: int, method: str, statement: str, arguments: Sequence[Any]
) -> None:
    if method == "execute":
        await connection.execute(statement, *arguments)
    else:
        await connection.fetch(statement, *arguments)


async def memory() -> list[Result]:
    """
    Measure the store in memory: the cost of the library itself.
    """
    rates = [await _through_tracker(MemoryStore()) for _ in range(ROUNDS)]
    return [Result(store="memory", concurrent=1, poslife=statistics.median(rates), floor=None)]


async def sqlite() -> list[Result]:
    """
    Measure one SQLite file that syncs every commit to the disk.

    It has one writer in either case, so the floor is the same for any number of concurrent openings.
    """
    rates: dict[int, list[float]] = {concurrent: [] for concurrent in CONCURRENT}
    floors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / f"{number}.db" for number in itertools.count())
        with recording_sqlite() as recording:
            await _through_tracker(SqliteStore(next(files)), recording)
        for _ in range(ROUNDS):
            for concurrent in CONCURRENT:
                store = SqliteStore(next(files))
                rates[concurrent].append(await _through_tracker(store, concurrent=concurrent))
            floors.append(await asyncio.to_thread(_replay_sqlite, next(files), recording))
    floor = statistics.median(floors)
    return [
        Result(store="sqlite", concurrent=concurrent, poslife=statistics.median(found), floor=floor)
        for concurrent, found in rates.items()
    ]


async def postgres(databases: Databases) -> list[Result]:
    """
    Measure a PostgreSQL server on this machine that syncs every commit to the disk.

    Concurrent openings share the pool's connections; by hand, the same number is used.
    """
    rates: dict[int, list[float]] = {concurrent: [] for concurrent in CONCURRENT}
    floors: dict[int, list[float]] = {concurrent: [] for concurrent in CONCURRENT}
    async with recording_pool(databases.create()) as (pool, recording):
        await _through_tracker(PostgresStore.borrowing(pool), recording)
    for _ in range(ROUNDS):
        for concurrent in CONCURRENT:
            store = PostgresStore(databases.create(), pool_size=LANES)
            rates[concurrent].append(await _through_tracker(store, concurrent=concurrent))
            lanes = min(concurrent, LANES)
            floors[concurrent].append(await _replay_postgres(databases.create(), recording, lanes))
    return [
        Result(
            store="postgres",
            concurrent=concurrent,
            poslife=statistics.median(rates[concurrent]),
            floor=statistics.median(floors[concurrent]),
        )
        for concurrent in CONCURRENT
    ]
