"""
One system under one fault.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.faults.injected import EVENTS, Fault
from benchmarks.faults.systems import IDS, Poslife, System, UsualWay
from poslife import EventId
from tests.postgres_server import Databases, LocalServer

__all__ = ["Result", "run", "stored_by_usual_way"]


@dataclass(frozen=True, slots=True)
class Result:
    """
    The outcome for the events of one run.
    """

    emitted: int
    lost: int
    twice: int
    buried: int
    writes: int
    seconds: float


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
_STORED_BY_USUAL_WAY: Final = "SELECT id, false FROM public.events"


async def run(fault: Fault, server: LocalServer, databases: Databases, *, poslife: bool) -> Result:
    """
    Emit all events through poslife, or else the usual way, under *fault*.
    """
    dsn = databases.create()
    with tempfile.TemporaryDirectory() as directory:
        system: System = Poslife(Path(directory)) if poslife else UsualWay()
        first = Poslife(Path(directory, "first")) if poslife else UsualWay()
        await first.open(dsn)
        await first.aclose()
        if fault.refused_type:
            await _execute(dsn, _REFUSING.format(table="poslife.run_events" if poslife else "public.events"))
        emitted: list[EventId] = []
        async with fault.proxied(dsn) as proxied:
            await system.open(proxied)
            meanwhile = asyncio.create_task(fault.meanwhile(server))
            began = time.monotonic()
            for number in range(EVENTS):
                while number >= (time.monotonic() - began) * fault.rate:  # noqa: ASYNC110 - keeps the rate
                    await asyncio.sleep(0.002)
                emitted.append(IDS.new())
                system.emit(emitted[-1], *fault.event(number))
            await asyncio.sleep(fault.pause)
            await system.aclose()
            seconds = time.monotonic() - began
            await meanwhile
    rows = await _fetch(dsn, _STORED if poslife else _STORED_BY_USUAL_WAY)
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


async def stored_by_usual_way(dsn: str) -> list[UUID]:
    """
    Return the ids in the usual way's table.
    """
    return [row[0] for row in await _fetch(dsn, _STORED_BY_USUAL_WAY)]


async def _fetch(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
