"""
The foil's tables, in the store of the demo.

SQLite takes any value in any column, unless the table is STRICT: then it refuses ``'pending'``, too.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from examples.demo.faults import LOCK_TIMEOUT
from examples.demo.old_way import OldStore

if TYPE_CHECKING:
    import asyncpg

__all__ = ["open_old_store"]

SQLITE_TABLES = """
CREATE TABLE IF NOT EXISTS old_way_positions (
    id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, quantity TEXT NOT NULL, status TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS old_way_events (
    id INTEGER PRIMARY KEY, event_type TEXT NOT NULL, event_data TEXT NOT NULL,
    position_id INTEGER, symbol TEXT
) STRICT;
"""

POSTGRES_TABLES = """
CREATE TABLE IF NOT EXISTS old_way_positions (
    id SERIAL PRIMARY KEY, symbol TEXT NOT NULL, quantity TEXT NOT NULL, status TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS old_way_events (
    id SERIAL PRIMARY KEY, event_type TEXT NOT NULL, event_data TEXT NOT NULL,
    position_id INTEGER, symbol TEXT
);
"""


@contextlib.asynccontextmanager
async def open_old_store(place: str) -> AsyncGenerator[OldStore]:
    """
    The foil's tables at *place*: a file, or the DSN of a database.
    """
    if "://" in place:
        import asyncpg

        pool = await asyncpg.create_pool(place, min_size=1, max_size=2)
        async with pool:
            await pool.execute(POSTGRES_TABLES)
            yield _PostgresStore(pool)
        return
    with contextlib.closing(sqlite3.connect(Path(place), timeout=10.0)) as connection:
        connection.executescript(SQLITE_TABLES)
        connection.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT * 1000:.0f}")
        yield _SqliteStore(connection)


class _PostgresStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def execute(self, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        """
        See `OldStore.execute`.
        """
        return [tuple(row) for row in await self._pool.fetch(statement, *arguments)]

    async def executemany(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """
        See `OldStore.executemany`.
        """
        await self._pool.executemany(statement, rows)


class _SqliteStore:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def execute(self, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        """
        See `OldStore.execute`.
        """
        with self._connection:
            return self._connection.execute(_numbered(statement), arguments).fetchall()

    async def executemany(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """
        See `OldStore.executemany`.
        """
        with self._connection:
            self._connection.executemany(_numbered(statement), rows)


def _numbered(statement: str) -> str:
    return re.sub(r"\$(\d+)", r"?\1", statement)
