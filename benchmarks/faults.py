"""
What is lost and what is there twice under faults: poslife's sink, and a bot's own way beside it.

``python -m benchmarks.faults [--kills 200]``: 5000 events, 2500 a second, into a real PostgreSQL through a
proxy that fails. "Lost" is what `emit` had returned for and neither the table nor the dead letters hold. It
ends with status 1 where poslife lost anything or stored anything twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table
from typing_extensions import override

from poslife import BatchingSink, EventId, RunId
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds
from poslife.events import EventHeader, HostEvent
from poslife.journal import FileJournal
from poslife.postgres import PostgresStore
from poslife.testing.faults import Cut, FaultProxy, PostgresFaultProxy, Step, Tap, is_commit
from poslife.testing.faults._postgres_dsn import redirect_dsn, upstream_of
from tests.crashes.recording_bot import Deaths, Left, die_again_and_again
from tests.postgres_server import Databases, LocalServer

EVENTS: Final = 5000
RATE: Final = 2500
MARKER: Final = "toxic-7f3a91"
HERE: Final = Path(__file__).parents[1]

_clock = SystemClock()
_ids = EventIds(_clock)
_RUN: Final = RunId(_ids.new())


@dataclass(frozen=True, slots=True)
class Result:
    """
    What became of the events.
    """

    emitted: int
    lost: int
    twice: int
    buried: int
    writes: int
    seconds: float


class System(Protocol):
    """
    A way to store events.
    """

    writes: int

    async def open(self, dsn: str) -> None:
        """
        Make what it needs in the database, and begin.
        """
        ...

    def emit(self, id: EventId, type: str, payload: Mapping[str, object]) -> None:
        """
        Take an event.
        """
        ...

    async def aclose(self) -> None:
        """
        End, in good order.
        """
        ...


class Poslife:
    """
    The sink as `poslife.connect` makes it, with the journal in a directory of its own.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.writes = 0

    async def open(self, dsn: str) -> None:
        """
        Migrate, and begin.
        """
        self._store = PostgresStore(dsn, connect_timeout=2, command_timeout=2)
        await self._store.open()
        self._sink = BatchingSink(self._store, journal=FileJournal(self._directory))

    def emit(self, id: EventId, type: str, payload: Mapping[str, object]) -> None:
        """
        Emit.
        """
        header = EventHeader(id=id, type=type, occurred_at=_clock.now(), run=_RUN)
        self._sink.emit(HostEvent(header=header, payload=payload))

    async def aclose(self) -> None:
        """
        Store what waits.
        """
        await self._sink.aclose(60)
        stats = self._sink.stats().store
        self.writes = stats.writes + stats.failures
        await self._store.aclose()


class OwnWay:
    """
    What bots write themselves: a queue, a task, `executemany`, and an error in the log.
    """

    BATCH: Final = 100
    TABLE: Final = "CREATE TABLE IF NOT EXISTS public.events (id uuid, type text, data jsonb)"
    INSERT: Final = "INSERT INTO public.events (id, type, data) VALUES ($1, $2, $3)"

    def __init__(self) -> None:
        self.writes = 0
        self._queue: asyncio.Queue[tuple[EventId, str, str]] = asyncio.Queue()
        self._batch: list[tuple[EventId, str, str]] = []
        self._ending = False

    async def open(self, dsn: str) -> None:
        """
        Make the table, and begin.
        """
        self._pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2, command_timeout=2, timeout=2)
        await self._pool.execute(self.TABLE)
        self._task = asyncio.create_task(self._work())

    def emit(self, id: EventId, type: str, payload: Mapping[str, object]) -> None:
        """
        Queue it.
        """
        self._queue.put_nowait((id, type, json.dumps(payload, default=str)))

    async def aclose(self) -> None:
        """
        End the task, which writes the batch it has.
        """
        self._ending = True
        await self._task
        await self._pool.close()

    async def _work(self) -> None:
        flushed = time.monotonic()
        while not self._ending:
            with suppress(TimeoutError):
                self._batch.append(await asyncio.wait_for(self._queue.get(), 0.1))
            if len(self._batch) >= self.BATCH or (self._batch and time.monotonic() - flushed >= 5):
                try:
                    await self._flush()
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                    # No connection was to be had; the batch is still there.
                    await asyncio.sleep(0.1)
                flushed = time.monotonic()
        if self._batch:
            await self._flush()

    async def _flush(self) -> None:
        connection = await self._pool.acquire()
        try:
            self.writes += 1
            await connection.executemany(self.INSERT, self._batch)
        except Exception:
            logging.getLogger("bot").exception("batch write failed")
        finally:
            self._batch.clear()
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._pool.release(connection)


# --------------------------------------------------------------------------------------------------- faults


class _Toxic:
    """
    The connection dies whenever these bytes are sent.
    """

    def __init__(self) -> None:
        self._tail = b""

    def requested(self, data: bytes, /) -> Iterator[Step]:
        seen = self._tail + data
        self._tail = seen[-len(MARKER) :]
        yield Cut.RESET if MARKER.encode() in seen else data

    def replied(self, data: bytes, /) -> Iterator[Step]:
        yield data


class Fault:
    """
    None; the others change one thing about it.
    """

    name = "none"
    rate: float = RATE
    pause = 0.5
    """Seconds between the last event and the shutdown, in which a bot's own way comes to an end."""
    refused_type = False

    def event(self, number: int) -> tuple[str, Mapping[str, object]]:
        """
        The kind and the payload of an event.
        """
        return "tick", {"number": number, "symbol": "DBR/USDT:USDT", "price": "0.02761", "note": "x" * 150}

    @asynccontextmanager
    async def way(self, dsn: str) -> AsyncGenerator[str]:
        """
        The DSN through the proxy.
        """
        async with PostgresFaultProxy.for_dsn(dsn) as proxy:
            self.arm(proxy)
            yield proxy.dsn

    def arm(self, proxy: PostgresFaultProxy) -> None:
        """
        Set the proxy's traps.
        """

    async def meanwhile(self, server: LocalServer) -> None:
        """
        What happens beside.
        """


class NotANumber(Fault):
    """
    A price that JSON has no word for, and that every bot meets.
    """

    name = "NaN in one payload"

    @override
    def event(self, number: int) -> tuple[str, Mapping[str, object]]:
        kind, payload = super().event(number)
        return kind, {**payload, "price": float("nan")} if number == EVENTS // 2 else payload


class Refused(Fault):
    """
    A trigger says no to it.
    """

    name = "one row the database refuses"
    refused_type = True

    @override
    def event(self, number: int) -> tuple[str, Mapping[str, object]]:
        kind, payload = super().event(number)
        return "poison" if number == EVENTS // 2 else kind, payload


class ToxicRow(Fault):
    """
    It looks like an outage each time.
    """

    name = "toxic row: the connection dies when it is sent"

    @override
    def event(self, number: int) -> tuple[str, Mapping[str, object]]:
        kind, payload = super().event(number)
        return kind, {**payload, "note": MARKER} if number == EVENTS // 2 else payload

    @override
    @asynccontextmanager
    async def way(self, dsn: str) -> AsyncGenerator[str]:
        def tap() -> Tap:
            return _Toxic()

        async with FaultProxy(upstream_of(dsn), tap=tap) as proxy:
            yield redirect_dsn(dsn, proxy.host, proxy.port)


class Burst(Fault):
    """
    As fast as it goes, and then the bot ends.
    """

    name = "burst, then shutdown"
    rate = float("inf")
    pause = 0.05


class Crash(Fault):
    """
    The server's processes are ended at once.
    """

    name = "database crash, restart after 0.5 s"

    @override
    async def meanwhile(self, server: LocalServer) -> None:
        await asyncio.sleep(1)
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.start)


class ReplyLost(Fault):
    """
    It was stored, and nobody is told.
    """

    name = "reply lost after commit, every 7th"

    @override
    def arm(self, proxy: PostgresFaultProxy) -> None:
        # A COPY, or a statement of the bot's own way, is a transaction by itself.
        proxy.drop_reply(7, matching=_stores_events, repeating=True)


def _stores_events(sql: str) -> bool:
    return is_commit(sql) or "COMMIT" in sql or "INTO public.events" in sql or sql.startswith("COPY")


FAULTS: Final = (Fault, NotANumber, Refused, ToxicRow, Burst, Crash, ReplyLost)


# ----------------------------------------------------------------------------------------------------- a run


_REFUSING: Final = """
CREATE FUNCTION public.refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.type = 'poison' THEN RAISE 'no' USING ERRCODE = '22P02'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuses BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.refuses();
"""
_STORED: Final = """
SELECT event_id, false FROM poslife.run_events UNION ALL SELECT event_id, true FROM poslife.dead_letters
"""
_OWN_STORED: Final = "SELECT id, false FROM public.events"


async def _run(fault: Fault, server: LocalServer, databases: Databases, *, ours: bool) -> Result:
    dsn = databases.create()
    with tempfile.TemporaryDirectory() as directory:
        system: System = Poslife(Path(directory)) if ours else OwnWay()
        first = Poslife(Path(directory, "first")) if ours else OwnWay()
        await first.open(dsn)
        await first.aclose()
        if fault.refused_type:
            await _execute(dsn, _REFUSING.format(table="poslife.run_events" if ours else "public.events"))
        emitted: list[EventId] = []
        async with fault.way(dsn) as way:
            await system.open(way)
            beside = asyncio.create_task(fault.meanwhile(server))
            began = time.monotonic()
            for number in range(EVENTS):
                while number >= (time.monotonic() - began) * fault.rate:  # noqa: ASYNC110 - a pace
                    await asyncio.sleep(0.002)
                emitted.append(_ids.new())
                system.emit(emitted[-1], *fault.event(number))
            await asyncio.sleep(fault.pause)
            await system.aclose()
            seconds = time.monotonic() - began
            await beside
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_STORED if ours else _OWN_STORED)
    finally:
        await connection.close()
    databases.drop(dsn)
    found = [row[0] for row in rows]
    return Result(
        emitted=len(emitted),
        lost=len(set(emitted) - set(found)),
        twice=len(found) - len(set(found)),
        buried=sum(row[1] for row in rows),
        writes=system.writes,
        seconds=seconds,
    )


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


# -------------------------------------------------------------------------------------------------- SIGKILL


async def _kill_ours(databases: Databases, kills: int) -> Result:
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
    return _of_deaths(left, stored, buried, seconds)


async def _kill_ours_on_sqlite(kills: int) -> Result:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "bot.sqlite")
        left = await die_again_and_again(str(path), Path(directory), kills=kills, rate=RATE, seed=11)
        seconds = time.monotonic() - began
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT event_id, run, sequence, rowid FROM run_events").fetchall()
            (buried,) = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
    stored = [(EventId(UUID(row[0])), RunId(UUID(row[1])), row[2], row[3]) for row in rows]
    return _of_deaths(left, stored, buried, seconds)


def _of_deaths(
    left: Left, stored: Sequence[tuple[EventId, RunId, int, int]], buried: int, seconds: float
) -> Result:
    deaths = Deaths.of(left, stored)
    if deaths.gaps or deaths.disordered:
        raise AssertionError(f"runs with gaps or out of order: {deaths}")
    return Result(len(left.returned), deaths.lost, deaths.twice, buried, 0, seconds)


async def _kill_own_way(databases: Databases, kills: int) -> Result:
    dsn = databases.create()
    dice = random.Random(7)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        words = Path(directory, "words")
        words.touch()  # noqa: ASYNC240 - nothing else runs here
        for _ in range(kills):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.faults", "--bot", dsn, "--words", str(words), cwd=HERE
            )
            size = words.stat().st_size  # noqa: ASYNC240
            async with asyncio.timeout(30):
                while words.stat().st_size == size:  # noqa: ASYNC110, ASYNC240 - a file
                    await asyncio.sleep(0.005)
            await asyncio.sleep(dice.uniform(0, 0.4))
            child.kill()
            await child.wait()
        returned = {UUID(line) for line in words.read_text("ascii").split()}  # noqa: ASYNC240
    seconds = time.monotonic() - began
    connection = await asyncpg.connect(dsn)
    try:
        found = [row[0] for row in await connection.fetch(_OWN_STORED)]
    finally:
        await connection.close()
    databases.drop(dsn)
    return Result(len(returned), len(returned - set(found)), len(found) - len(set(found)), 0, 0, seconds)


async def _bot(dsn: str, words: str) -> None:
    """
    The bot's own way, until somebody kills it.
    """
    system = OwnWay()
    await system.open(dsn)
    told = os.open(words, os.O_WRONLY | os.O_APPEND)
    fault = Fault()
    began = time.monotonic()
    number = 0
    while True:
        while number < (time.monotonic() - began) * RATE:
            number += 1
            event = _ids.new()
            system.emit(event, *fault.event(number))
            os.write(told, b"%b\n" % event.hex.encode())
        await asyncio.sleep(0.002)


# -------------------------------------------------------------------------------------------------- printing


def _add(table: Table, name: str, ours: Result, own: Result | None) -> None:
    beside = (
        ("", "", "")
        if own is None
        else (f"{own.lost} of {own.emitted}", str(own.twice), f"{own.seconds:.1f}")
    )
    table.add_row(
        name,
        f"{ours.lost} of {ours.emitted}",
        str(ours.twice),
        str(ours.buried),
        str(ours.writes or ""),
        f"{ours.seconds:.1f}",
        *beside,
    )


async def _table(kills: int) -> tuple[Table, bool]:
    table = Table(title=f"{EVENTS} events, {RATE} a second, into PostgreSQL", title_justify="left")
    table.add_column("fault")
    for heading in ("poslife: lost", "twice", "dead-lettered", "writes", "s", "own way: lost", "twice", "s"):
        table.add_column(heading, justify="right")
    sound = True
    server = LocalServer()
    try:
        databases = Databases(administration_dsn=server.dsn())
        for kind in FAULTS:
            ours = await _run(kind(), server, databases, ours=True)
            own = await _run(kind(), server, databases, ours=False)
            sound &= not ours.lost and not ours.twice
            _add(table, kind.name, ours, own)
        if kills:
            few = min(kills, 20)
            ours = await _kill_ours(databases, kills)
            own = await _kill_own_way(databases, few)
            sound &= not ours.lost and not ours.twice
            _add(table, f"SIGKILL, {kills} times (own way: {few})", ours, own)
            ours = await _kill_ours_on_sqlite(kills)
            sound &= not ours.lost and not ours.twice
            _add(table, f"SIGKILL, {kills} times, into SQLite", ours, None)
    finally:
        server.close()
    return table, sound


def main() -> None:
    """
    Run all of it.
    """
    options = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--bot", help=argparse.SUPPRESS)
    options.add_argument("--words", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    logging.disable()
    if chosen.bot is not None:
        asyncio.run(_bot(chosen.bot, chosen.words))
        return
    console = Console(width=150)
    console.print(f"Python {platform.python_version()}, asyncpg {asyncpg.__version__}, {platform.machine()}")
    table, sound = asyncio.run(_table(chosen.kills))
    console.print(table)
    if not sound:
        console.print("poslife lost something, or stored something twice")
        sys.exit(1)


if __name__ == "__main__":
    main()
