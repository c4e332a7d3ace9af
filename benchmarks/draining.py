"""
Events per second into a store, in batches of 500, against the driver's own fastest method for the same rows.

The floor gets its rows as finished tuples, made outside the measured time: a binary COPY with the same
durability and time-outs, or for SQLite `executemany` in one transaction over a connection with the same
settings. For comparison there is a bot's usual method, `executemany` of an INSERT. All methods take turns, on
equal tables, so that a busy moment of the machine affects all of them.

A task that yields continuously measures for how long one batch blocks the event loop.
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
from poslife._trail.records import sealed
from poslife.postgres import PostgresStore
from poslife.postgres._connections import Dsn
from poslife.postgres._event_writer import EventWriter
from poslife.postgres._limits import Limits
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
The batches of each method in each round.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    The figures of one method.

    Attributes:
        store: The store.
        method: The method.
        rate: Events per second: the upper quartile of the rounds.
        ratio: *rate* divided by the floor's.
        ahead: *rate* divided by that of a bot's usual method, where that is measured.
        stall: The longest time for which a batch blocks the event loop, in milliseconds: median and 99th
            percentile of the batches.
    """

    store: str
    method: str
    rate: float
    ratio: float
    ahead: float | None
    stall: tuple[float, float]


USUAL: Final = "executemany, as in most bots"

Act = Callable[[], Awaitable[None]]
Method = Callable[[list[EventRecord]], Act]
"""
Prepares a batch and returns the call that stores it; only the call is measured.
"""

_clock = SystemClock()
_ids, _run = EventIds(_clock), new_run_id(_clock)
_numbers = itertools.count(1)
_refs = [new_ref(_clock) for _ in range(50)]


def batch_of(size: int, refs: Sequence[PositionRef] = _refs) -> list[EventRecord]:
    """
    Return events like a bot's, with about 220 bytes of payload each; most are about one of these positions.
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
    record = EventRecord(header=header, recorded_at=at, sequence=number, payload=msgspec.json.encode(payload))
    return sealed(record, before=bytes(32), salt=header.id.bytes)


async def _measured(store: str, methods: Mapping[str, Method]) -> list[Result]:
    """
    Measure all methods in turns; the first is the floor.
    """
    rates: dict[str, list[float]] = {name: [] for name in methods}
    stalls: dict[str, list[float]] = {name: [] for name in methods}
    for number in range(-2, ROUNDS):
        for name, method in methods.items():
            rate, longest = await _rate(method), await _stalls(method)
            if number >= 0:
                rates[name].append(rate)
                stalls[name] += longest
    good = {name: _upper_quartile(found) for name, found in rates.items()}
    floor, usual = next(iter(good.values())), good.get(USUAL)
    return [
        Result(
            store=store,
            method=name,
            rate=rate,
            ratio=rate / floor,
            ahead=None if usual is None else rate / usual,
            stall=(statistics.median(stalls[name]), statistics.quantiles(stalls[name], n=100)[98]),
        )
        for name, rate in good.items()
    ]


def _upper_quartile(rates: list[float]) -> float:
    # Not the median: other load on the machine only makes rounds slower.
    return statistics.quantiles(rates, n=4)[2]


async def _rate(method: Method) -> float:
    acts = [method(batch_of(BATCH)) for _ in range(BATCHES)]
    with _without_gc():
        begun = time.perf_counter()
        for act in acts:
            await act()
        return BATCH * BATCHES / (time.perf_counter() - begun)


async def _stalls(method: Method) -> list[float]:
    """
    Return, for each batch, the longest time for which the event loop was blocked, in milliseconds.
    """
    longest: list[float] = []
    for act in [method(batch_of(BATCH)) for _ in range(BATCHES)]:
        with _without_gc():
            yielding = asyncio.create_task(_longest_block(written := asyncio.Event()))
            await asyncio.sleep(0)
            await act()
            written.set()
            longest.append(await yielding * 1000)
    return longest


@contextmanager
def _without_gc() -> Generator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _longest_block(done: asyncio.Event) -> float:
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
    Measure a PostgreSQL server on this machine that syncs every commit to the disk.
    """
    async with AsyncExitStack() as stack:
        methods = {
            "binary COPY of finished rows": await _copying(stack, databases.create()),
            "poslife": await _storing(stack, databases.create()),
            "poslife after a lost reply": await _doubting(stack, databases.create()),
            USUAL: await _inserting(stack, databases.create()),
        }
        return await _measured("postgres", methods)


async def _opened(stack: AsyncExitStack, dsn: str) -> PostgresStore:
    store = PostgresStore(dsn)
    await store.open()
    stack.push_async_callback(store.aclose)
    return store


async def _copying(stack: AsyncExitStack, dsn: str) -> Method:
    await _opened(stack, dsn)
    connection = await asyncpg.connect(dsn, command_timeout=10)
    stack.push_async_callback(connection.close)
    await connection.execute(Limits().for_session)

    def method(batch: list[EventRecord]) -> Act:
        rows = [run_event_row(record) for record in batch]

        async def act() -> None:
            await connection.copy_records_to_table(
                "run_events", schema_name="poslife", columns=_COLUMNS, records=rows
            )

        return act

    return method


async def _storing(stack: AsyncExitStack, dsn: str) -> Method:
    store = await _opened(stack, dsn)
    return lambda batch: lambda: store.write(batch)


class _Doubtful(EventWriter):
    """
    The event writer of a `PostgresStore`, which treats each batch as after a lost reply.
    """

    @override
    async def write(self, records: Sequence[EventRecord]) -> None:
        self._in_doubt = True
        await super().write(records)


async def _doubting(stack: AsyncExitStack, dsn: str) -> Method:
    await _opened(stack, dsn)
    writer = _Doubtful(Dsn(url=dsn, size=1, statement_cache_size=100), Limits())
    stack.push_async_callback(writer.aclose)
    return lambda batch: lambda: writer.write(batch)


async def _inserting(stack: AsyncExitStack, dsn: str) -> Method:
    await _opened(stack, dsn)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    stack.push_async_callback(pool.close)

    def method(batch: list[EventRecord]) -> Act:
        async def act() -> None:
            async with pool.acquire() as connection:
                await connection.executemany(_INSERT, [tuple(run_event_row(record)) for record in batch])

        return act

    return method


async def sqlite() -> list[Result]:
    """
    Measure one SQLite file that syncs every commit to the disk. The floor blocks the event loop.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        methods = {
            "executemany of finished rows": await _bare(stack, folder / "bare.db"),
            "poslife": await _kept(stack, folder / "poslife.db"),
        }
        return await _measured("sqlite", methods)


async def _kept(stack: AsyncExitStack, path: Path) -> Method:
    store = SqliteStore(path)
    await store.open()
    stack.push_async_callback(store.aclose)
    return lambda batch: lambda: store.write(batch)


async def _bare(stack: AsyncExitStack, path: Path) -> Method:
    store = SqliteStore(path)
    await store.open()
    await store.aclose()
    connection = sqlite3.connect(path, isolation_level=None)
    stack.callback(connection.close)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")

    def method(batch: list[EventRecord]) -> Act:
        rows = sqlite_batches.rows_of(batch)

        async def act() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_SQLITE_INSERT, rows)
            connection.execute("COMMIT")

        return act

    return method
