"""
The two systems: poslife's sink, and a bot's usual way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import asyncpg

from poslife import BatchingSink, EventId, RunId
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds
from poslife.events import EventHeader, HostEvent
from poslife.journal import FileJournal
from poslife.postgres import PostgresStore

__all__ = ["IDS", "Poslife", "System", "UsualWay"]

_clock = SystemClock()
IDS: Final = EventIds(_clock)
_RUN: Final = RunId(IDS.new())


class System(Protocol):
    """
    A way to store events.
    """

    writes: int

    async def open(self, dsn: str) -> None:
        """
        Create its tables, and start.
        """
        ...

    def emit(self, id: EventId, type: str, payload: Mapping[str, object]) -> None:
        """
        Accept an event.
        """
        ...

    async def aclose(self) -> None:
        """
        Stop in an orderly way.
        """
        ...


class Poslife:
    """
    The sink as `poslife.connect` creates it, with its journal in *directory*.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.writes = 0

    async def open(self, dsn: str) -> None:
        """
        Migrate, and start.
        """
        self._store = PostgresStore(dsn, connect_timeout=2, command_timeout=2)
        await self._store.open()
        self._sink = BatchingSink(self._store, journal=FileJournal(self._directory))

    def emit(self, id: EventId, type: str, payload: Mapping[str, object]) -> None:
        """
        Emit the event.
        """
        header = EventHeader(id=id, type=type, occurred_at=_clock.now(), run=_RUN)
        self._sink.emit(HostEvent(header=header, payload=payload))

    async def aclose(self) -> None:
        """
        Store the backlog, and stop.
        """
        await self._sink.aclose(60)
        stats = self._sink.stats().store
        self.writes = stats.writes + stats.failures
        await self._store.aclose()


class UsualWay:
    """
    A bot's own code: a queue, a task, `executemany`, and an error in the log.
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
        Create the table, and start.
        """
        self._pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2, command_timeout=2, timeout=2)
        await self._pool.execute(self.TABLE)
        self._task = asyncio.create_task(self._work())

    def emit(self, id: EventId, type: str, payload: Mapping[str, object]) -> None:
        """
        Put the event into the queue.
        """
        self._queue.put_nowait((id, type, json.dumps(payload, default=str)))

    async def aclose(self) -> None:
        """
        Stop the task, which writes the batch that it has.
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
                    # There was no connection; the batch is kept.
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
