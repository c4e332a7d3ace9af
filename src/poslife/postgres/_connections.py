"""
Sources of connections: a DSN to connect to, or the host's pool.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from poslife.postgres._limits import Limits

__all__ = ["Connection", "Connections", "Dsn", "HostPool"]

Connection = asyncpg.Connection | PoolConnectionProxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """
    A server and a database, and how to connect to them.

    Attributes:
        url: ``postgresql://user@host/database``, as libpq reads it.
        size: The most connections of a pool.
        statement_cache_size: Prepared statements kept for each connection.
    """

    url: str = field(repr=False)
    size: int
    statement_cache_size: int

    async def connect(self, limits: Limits) -> asyncpg.Connection:
        """
        Return a new connection.
        """
        return await asyncpg.connect(
            self.url,
            timeout=limits.connect,
            command_timeout=limits.command,
            statement_cache_size=self.statement_cache_size,
        )

    def shown(self) -> str:
        """
        Return the DSN without user and password.
        """
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return "…"
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


class Connections(Protocol):
    """
    Connections for one piece of work at a time.
    """

    async def acquire(self) -> Connection:
        """
        Return a connection that nothing else uses, within the time for connecting.

        Raises:
            TimeoutError: There was none.
        """
        ...

    async def release(self, connection: Connection) -> None:
        """
        Give a connection back.
        """
        ...

    async def aclose(self) -> None:
        """
        Close all connections: in good order within the time for connecting, else at once.
        """
        ...

    def terminate(self) -> None:
        """
        Terminate all connections immediately.
        """
        ...


class HostPool:
    """
    The connections of a host's pool, which is used and never closed.
    """

    def __init__(self, pool: asyncpg.Pool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits

    async def acquire(self) -> Connection:
        # The pool's own time-out makes a task each time.
        async with asyncio.timeout(self._limits.connect):
            return await self._pool.acquire()

    async def release(self, connection: Connection) -> None:
        await self._pool.release(cast("PoolConnectionProxy", connection), timeout=self._limits.command)

    async def aclose(self) -> None:
        """
        Do nothing: the host closes its pool.
        """

    def terminate(self) -> None:
        """
        Do nothing: the host closes its pool.
        """
