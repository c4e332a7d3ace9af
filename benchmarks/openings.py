"""
Openings per second: whole blocks, against the same statements issued by hand.

The floor is what the tracker's own statements cost when a loop issues them through the same driver: recorded
from one run of the tracker with their arguments, and replayed on a fresh database. The venue answers at once,
so that only poslife and the store are measured.

By hand each commit is a transaction of its own, however many openings are under way. So poslife can be faster
than the floor, for its commits that wait at the same time share one transaction and one way to the disk. One
opening at a time has nobody to share with: on SQLite it pays for the venue's answer to be asked on the event
loop while another thread waits for the disk, which a loop that issues statements does not.
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
AT_ONCE = (1, 8)
LANES = 4
_LEASE = Timings(lease=3600)
_numbers = itertools.count(1)

Store = MemoryStore | SqliteStore | PostgresStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    One store's figures.

    Attributes:
        store: Which.
        at_once: How many openings are under way at a time.
        poslife: Openings per second through the tracker.
        floor: The same statements by hand, or ``None`` where there are none.
    """

    store: str
    at_once: int
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


async def _open_many(tracker: PositionTracker, count: int) -> None:
    for _ in range(count):
        await _open(tracker, next(_numbers))


async def _through_tracker(store: Store, recording: Recording | None = None, *, at_once: int = 1) -> float:
    """
    Openings per second through a tracker over *store*, so many *at_once*.
    """
    tracker = PositionTracker(repository=store, sink=BatchingSink(store), timings=_LEASE)
    async with tracker:
        await tracker.recover()
        await tracker.flush()
        await _open(tracker, next(_numbers))
        if recording is not None:
            recording.begin()
        started = time.perf_counter()
        await asyncio.gather(*(_open_many(tracker, OPENINGS // at_once) for _ in range(at_once)))
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
    The measured calls of each opening; they were recorded one opening after the other.
    """
    calls = recording.measured
    each, rest = divmod(len(calls), OPENINGS)
    if rest:
        raise RuntimeError(f"{len(calls)} statements are not the same number for each of {OPENINGS} openings")
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
    The store in memory: what the library itself costs, with no database behind it.
    """
    rates = [await _through_tracker(MemoryStore()) for _ in range(ROUNDS)]
    return [Result(store="memory", at_once=1, poslife=statistics.median(rates), floor=None)]


async def sqlite() -> list[Result]:
    """
    One SQLite file, every commit synced to the disk.

    It has one writer, by hand or not, so the floor is the same however many openings are under way.
    """
    rates: dict[int, list[float]] = {at_once: [] for at_once in AT_ONCE}
    floors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / f"{number}.db" for number in itertools.count())
        with recording_sqlite() as recording:
            await _through_tracker(SqliteStore(next(files)), recording)
        for _ in range(ROUNDS):
            for at_once in AT_ONCE:
                rates[at_once].append(await _through_tracker(SqliteStore(next(files)), at_once=at_once))
            floors.append(await asyncio.to_thread(_replay_sqlite, next(files), recording))
    floor = statistics.median(floors)
    return [
        Result(store="sqlite", at_once=at_once, poslife=statistics.median(found), floor=floor)
        for at_once, found in rates.items()
    ]


async def postgres(databases: Databases) -> list[Result]:
    """
    A PostgreSQL server on this machine, every commit synced to the disk.

    Openings that are under way at once share the pool's connections; by hand, as many are used.
    """
    rates: dict[int, list[float]] = {at_once: [] for at_once in AT_ONCE}
    floors: dict[int, list[float]] = {at_once: [] for at_once in AT_ONCE}
    async with recording_pool(databases.create()) as (pool, recording):
        await _through_tracker(PostgresStore.borrowing(pool), recording)
    for _ in range(ROUNDS):
        for at_once in AT_ONCE:
            store = PostgresStore(databases.create(), pool_size=LANES)
            rates[at_once].append(await _through_tracker(store, at_once=at_once))
            lanes = min(at_once, LANES)
            floors[at_once].append(await _replay_postgres(databases.create(), recording, lanes))
    return [
        Result(
            store="postgres",
            at_once=at_once,
            poslife=statistics.median(rates[at_once]),
            floor=statistics.median(floors[at_once]),
        )
        for at_once in AT_ONCE
    ]
