"""
What happens to the database: it is away for a while, and somebody adds a constraint by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncpg

__all__ = [
    "LOCK_TIMEOUT",
    "LONGEST_TYPE",
    "DatabaseClosed",
    "FileLocked",
    "Outage",
    "Outages",
    "adding_by_hand",
    "removing_by_hand",
]

LOCK_TIMEOUT = 0.5
"""
How long both bots wait for a lock on the SQLite file, seconds. By default both would wait five.
"""

LONGEST_TYPE = 24
"""
What somebody thought was enough for the name of an event's type.
"""


class Outage(Protocol):
    """
    A way for a database to be away.
    """

    @property
    def told(self) -> str:
        """
        What happens, for readers.
        """
        ...

    async def begin(self) -> None:
        """
        It is away from now on.
        """
        ...

    async def end(self) -> None:
        """
        It is back.
        """
        ...


class FileLocked:
    """
    Another process than the bots' takes the lock for writing on a SQLite file, and keeps it.
    """

    told = (
        "Another process takes the lock for writing on the file, and keeps it. "
        f"The bots wait {LOCK_TIMEOUT} s for a lock."
    )

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    async def begin(self) -> None:
        """
        See `Outage.begin`.
        """
        self._connection = await asyncio.to_thread(self._lock)

    def _lock(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    async def end(self) -> None:
        """
        See `Outage.end`.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class DatabaseClosed:
    """
    The server ends every connection to a database, and takes no new one.
    """

    told = "The server ends every connection to the database, and takes no new one."

    def __init__(self, server: asyncpg.Connection, name: str) -> None:
        self._server = server
        self._name = name

    async def begin(self) -> None:
        """
        See `Outage.begin`.
        """
        await self._server.execute(f"ALTER DATABASE {self._name} WITH ALLOW_CONNECTIONS false")
        await self._server.execute(
            # The bots' and no others: what the server does there itself is not ours to end.
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = $1 AND usename = current_user",
            self._name,
        )

    async def end(self) -> None:
        """
        See `Outage.end`.
        """
        await self._server.execute(f"ALTER DATABASE {self._name} WITH ALLOW_CONNECTIONS true")


class Outages:
    """
    One outage for both bots: it begins for the first that is to see it, and ends with the last.

    Attributes:
        told: What happens, for readers.
    """

    def __init__(self, outage: Outage) -> None:
        self.told = outage.told
        self._outage = outage
        self._turn = asyncio.Lock()
        self._over = asyncio.Event()
        self._seen_by = 0

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncGenerator[None]:
        """
        While this lasts the database is away; after it, it is back.
        """
        async with self._turn:
            if not self._seen_by:
                await self._outage.begin()
                self._over.clear()
            self._seen_by += 1
        try:
            yield
        finally:
            async with self._turn:
                self._seen_by -= 1
                if not self._seen_by:
                    await self._outage.end()
                    self._over.set()
        await self._over.wait()


def adding_by_hand(table: str, column: str, *, postgres: bool) -> str:
    """
    The statement that somebody adds a constraint with: no type of an event has so many letters.
    """
    if postgres:
        return f"ALTER TABLE {table} ADD CONSTRAINT added_by_hand CHECK (length({column}) <= {LONGEST_TYPE})"
    return (
        f"CREATE TRIGGER {table}_added_by_hand BEFORE INSERT ON {table}"
        f" WHEN length(NEW.{column}) > {LONGEST_TYPE}"
        f" BEGIN SELECT RAISE(ABORT, 'added_by_hand: {column} has more than {LONGEST_TYPE} letters'); END"
    )


def removing_by_hand(table: str, *, postgres: bool) -> str:
    """
    The statement that takes it away again.
    """
    if postgres:
        return f"ALTER TABLE {table} DROP CONSTRAINT added_by_hand"
    return f"DROP TRIGGER {table}_added_by_hand"
