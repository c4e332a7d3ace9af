"""
Events per second into a store, in batches of 500, against the same rows by the driver's own fastest way.

The floor is handed its rows as finished tuples, made outside the measured time: a binary COPY with the same
durability and time-outs, or for SQLite `executemany` in one transaction over a connection with the same
settings. What a bot writes, `executemany` of an INSERT, stands beside it. All ways take turns, on tables that
are alike, so that a busy moment of the machine strikes all of them.

A loop that turns all the while sees how long one batch keeps everything else waiting.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from typing_extensions import override

from poslife import Severity
from poslife._domain.event_envelopes import EventHeader
from poslife._domain.identifiers import Account, PositionRef, Symbol, Venue
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds, new_ref, new_run_id
from poslife.postgres import PostgresStore
from poslife.postgres._database import Limits, Own
from poslife.postgres._event_writer import EventWriter
from poslife.protocols import EventRecord
from poslife.sqlite import SqliteStore
from poslife.sqlite import _batches as sqlite_batches
from poslife.sqlite._statements import insertion
from poslife.storage._columns import RUN_EVENTS, names_of
from poslife.storage._event_rows import run_event_row
from tests.postgres_server import Databases

__all__ = ["BATCH", "Result", "batch_of", "postgres", "sqlite"]

BATCH = 500
ROUNDS = 40
BATCHES = 4
"""
Of each way in each round.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    What one way does.

    Attributes:
        store: Where to.
        way: How.
        rate: Events per second, in the better quarter of the rounds.
        ratio: That over the floor's.
        ahead: That over the rate of a bot's own way, where one is measured.
        stall: The longest that a batch keeps the event loop from turning, in milliseconds: median and 99th
            percentile of the batches.
    """

    store: str
    way: str
    rate: float
    ratio: float
    ahead: float | None
    stall: tuple[float, float]


BOTS_OWN: Final = "executemany, as bots do"

Act = Callable[[], Awaitable[None]]
Way = Callable[[list[EventRecord]], Act]
"""
Makes of a batch what stores it; only that is measured.
"""

_clock = SystemClock()
_ids, _run = EventIds(_clock), new_run_id(_clock)
_numbers = itertools.count(1)
_refs = [new_ref(_clock) for _ in range(50)]


def batch_of(size: int, refs: Sequence[PositionRef] = _refs) -> list[EventRecord]:
    """
    Events as a bot tells them, about 220 bytes of payload each; most of them about one of these positions.
    """
    return [_event(next(_numbers), refs) for _ in range(size)]


def _event(number: int, refs: Sequence[PositionRef]) -> EventRecord:
    at = _clock.now()
    header = EventHeader(
        id=_ids.new(at),
        type="signal.seen",
        ref=refs[number % len(refs)] if number % 4 else None,
        venue=Venue("bybit"),
        account=Account("main"),
        symbol=Symbol("BTC/USDT:USDT"),
        severity=Severity.INFO,
        occurred_at=at,
        run=_run,
    )
    payload = {
        "side": "long",
        "price": str(Decimal(6_000_000 + number % 9_999) / 100),
        "quantity": "0.015",
        "reason": "signal score above its threshold, volume above its mean of thirty bars",
        "score": number % 97 / 97,
        "attempt": number % 3,
        "indicators": {"rsi": 61.25, "atr": 402.5, "ema": [60111.5, 60099.25]},
    }
    return EventRecord(header=header, recorded_at=at, sequence=number, payload=msgspec.json.encode(payload))


async def _measured(store: str, ways: Mapping[str, Way]) -> list[Result]:
    """
    All ways in turns, the first of them the floor.
    """
    rates: dict[str, list[float]] = {name: [] for name in ways}
    stalls: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-2, ROUNDS):
        for name, way in ways.items():
            rate, longest = await _rate(way), await _stalls(way)
            if number >= 0:
                rates[name].append(rate)
                stalls[name] += longest
    good = {name: _of_a_good_round(found) for name, found in rates.items()}
    floor, bots = next(iter(good.values())), good.get(BOTS_OWN)
    return [
        Result(
            store=store,
            way=name,
            rate=rate,
            ratio=rate / floor,
            ahead=None if bots is None else rate / bots,
            stall=(statistics.median(stalls[name]), statistics.quantiles(stalls[name], n=100)[98]),
        )
        for name, rate in good.items()
    ]


def _of_a_good_round(rates: list[float]) -> float:
    # What else the machine does makes rounds slow, and none fast.
    return statistics.quantiles(rates, n=4)[2]


async def _rate(way: Way) -> float:
    acts = [way(batch_of(BATCH)) for _ in range(BATCHES)]
    with _uncollected():
        begun = time.perf_counter()
        for act in acts:
            await act()
        return BATCH * BATCHES / (time.perf_counter() - begun)


async def _stalls(way: Way) -> list[float]:
    """
    For each batch the longest that the event loop did not turn, in milliseconds.
    """
    longest: list[float] = []
    for act in [way(batch_of(BATCH)) for _ in range(BATCHES)]:
        with _uncollected():
            turning = asyncio.create_task(_longest_turn(written := asyncio.Event()))
            await asyncio.sleep(0)
            await act()
            written.set()
            longest.append(await turning * 1000)
    return longest


@contextmanager
def _uncollected() -> Generator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _longest_turn(done: asyncio.Event) -> float:
    longest, last = 0.0, time.perf_counter()
    while not done.is_set():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


_COLUMNS: Final = list(names_of(RUN_EVENTS))
_PLACES: Final = ", ".join(f"${place}" for place in range(1, len(_COLUMNS) + 1))
_INSERT: Final = f"INSERT INTO poslife.run_events ({', '.join(_COLUMNS)}) VALUES ({_PLACES})"
_SQLITE_INSERT: Final = insertion("run_events", RUN_EVENTS)


async def postgres(databases: Databases) -> list[Result]:
    """
    A PostgreSQL server on this machine, every commit synced to the disk.
    """
    async with AsyncExitStack() as stack:
        ways = {
            "binary COPY, rows at hand": await _copying(stack, databases.create()),
            "poslife, clear": await _storing(stack, databases.create()),
            "poslife, in doubt": await _doubting(stack, databases.create()),
            BOTS_OWN: await _inserting(stack, databases.create()),
        }
        return await _measured("postgres", ways)


async def _opened(stack: AsyncExitStack, dsn: str) -> PostgresStore:
    store = PostgresStore(dsn)
    await store.open()
    stack.push_async_callback(store.aclose)
    return store


async def _copying(stack: AsyncExitStack, dsn: str) -> Way:
    await _opened(stack, dsn)
    connection = await asyncpg.connect(dsn, command_timeout=10)
    stack.push_async_callback(connection.close)
    await connection.execute(Limits().for_session)

    def way(batch: list[EventRecord]) -> Act:
        rows = [run_event_row(record) for record in batch]

        async def act() -> None:
            await connection.copy_records_to_table(
                "run_events", schema_name="poslife", columns=_COLUMNS, records=rows
            )

        return act

    return way


async def _storing(stack: AsyncExitStack, dsn: str) -> Way:
    store = await _opened(stack, dsn)
    return lambda batch: lambda: store.write(batch)


class _Doubtful(EventWriter):
    """
    What a `PostgresStore` writes with, each time as after a lost reply.
    """

    @override
    async def write(self, records: Sequence[EventRecord]) -> None:
        self._in_doubt = True
        await super().write(records)


async def _doubting(stack: AsyncExitStack, dsn: str) -> Way:
    await _opened(stack, dsn)
    writer = _Doubtful(Own(dsn=dsn, size=1, statement_cache_size=100), Limits())
    stack.push_async_callback(writer.aclose)
    return lambda batch: lambda: writer.write(batch)


async def _inserting(stack: AsyncExitStack, dsn: str) -> Way:
    await _opened(stack, dsn)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    stack.push_async_callback(pool.close)

    def way(batch: list[EventRecord]) -> Act:
        async def act() -> None:
            async with pool.acquire() as connection:
                await connection.executemany(_INSERT, [tuple(run_event_row(record)) for record in batch])

        return act

    return way


async def sqlite() -> list[Result]:
    """
    One SQLite file, every commit synced to the disk. The floor runs in the event loop's thread, and bars it.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ways = {
            "executemany, rows at hand": await _bare(stack, folder / "bare.db"),
            "poslife": await _kept(stack, folder / "poslife.db"),
        }
        return await _measured("sqlite", ways)


async def _kept(stack: AsyncExitStack, path: Path) -> Way:
    store = SqliteStore(path)
    await store.open()
    stack.push_async_callback(store.aclose)
    return lambda batch: lambda: store.write(batch)


async def _bare(stack: AsyncExitStack, path: Path) -> Way:
    store = SqliteStore(path)
    await store.open()
    await store.aclose()
    connection = sqlite3.connect(path, isolation_level=None)
    stack.callback(connection.close)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")

    def way(batch: list[EventRecord]) -> Act:
        rows = sqlite_batches.rows_of(batch)

        async def act() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_SQLITE_INSERT, rows)
            connection.execute("COMMIT")

        return act

    return way
