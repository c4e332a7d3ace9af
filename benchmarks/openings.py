"""
Openings per second: whole blocks, against the same statements issued by hand.

The floor is what the tracker's own statements cost when a loop issues them through the same driver: recorded
from one
run of the tracker with their arguments, and replayed on a fresh database. The venue answers at once, so that
only
poslife and the store are measured.
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
OPENINGS = 60
_LEASE = Timings(lease=3600)
_numbers = itertools.count(1)

Store = MemoryStore | SqliteStore | PostgresStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    One store's figures.

    Attributes:
        store: Which.
        poslife: Openings per second through the tracker.
        floor: The same statements by hand, or ``None`` where there are none.
    """

    store: str
    poslife: float
    floor: float | None

    @property
    def ratio(self) -> float | None:
        """
        poslife over the floor.
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


async def _through_tracker(store: Store, recording: Recording | None = None) -> float:
    """
    Openings per second through a tracker over *store*.
    """
    tracker = PositionTracker(repository=store, sink=BatchingSink(store), timings=_LEASE)
    async with tracker:
        await tracker.recover()
        await tracker.flush()
        await _open(tracker, next(_numbers))
        if recording is not None:
            recording.begin()
        started = time.perf_counter()
        for _ in range(OPENINGS):
            await _open(tracker, next(_numbers))
        elapsed = time.perf_counter() - started
        if recording is not None:
            recording.end()
    return OPENINGS / elapsed


def _replay_sqlite(path: Path, recording: Recording) -> float:
    # The store reads through a connection of its own; so does the floor.
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


async def _replay_postgres(dsn: str, recording: Recording) -> float:
    connection = await asyncpg.connect(dsn)
    try:
        for call in recording.before:
            await _ask(connection, *call)
        started = time.perf_counter()
        for call in recording.measured:
            await _ask(connection, *call)
        return OPENINGS / (time.perf_counter() - started)
    finally:
        await connection.close()


async def _ask(
    connection: asyncpg.Connection, _: int, method: str, statement: str, arguments: Sequence[Any]
) -> None:
    if method == "execute":
        await connection.execute(statement, *arguments)
    else:
        await connection.fetch(statement, *arguments)


async def memory() -> Result:
    """
    The store in memory: what the library itself costs, with no database behind it.
    """
    rates = [await _through_tracker(MemoryStore()) for _ in range(ROUNDS)]
    return Result(store="memory", poslife=statistics.median(rates), floor=None)


async def sqlite() -> Result:
    """
    One SQLite file, every commit synced to the disk.
    """
    rates: list[float] = []
    floors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        with recording_sqlite() as recording:
            await _through_tracker(SqliteStore(Path(folder) / "recorded.db"), recording)
        for number in range(ROUNDS):
            rates.append(await _through_tracker(SqliteStore(Path(folder) / f"poslife{number}.db")))
            floors.append(
                await asyncio.to_thread(_replay_sqlite, Path(folder) / f"floor{number}.db", recording)
            )
    return Result(store="sqlite", poslife=statistics.median(rates), floor=statistics.median(floors))


async def postgres(databases: Databases) -> Result:
    """
    A PostgreSQL server on this machine, every commit synced to the disk.
    """
    rates: list[float] = []
    floors: list[float] = []
    async with recording_pool(databases.create()) as (pool, recording):
        await _through_tracker(PostgresStore.borrowing(pool), recording)
    for _ in range(ROUNDS):
        rates.append(await _through_tracker(PostgresStore(databases.create())))
        floors.append(await _replay_postgres(databases.create(), recording))
    return Result(store="postgres", poslife=statistics.median(rates), floor=statistics.median(floors))
