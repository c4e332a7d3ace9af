"""
Where connections come from: our own, or the host's pool.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from poslife.errors import InvalidValue
from poslife.postgres._errors import DRIVER_ERRORS

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

__all__ = ["Borrowed", "Connection", "Connections", "Lent", "Limits", "Own", "Owned"]

# What lay idle for longer may have been forgotten by a firewall on the way, which tells nobody.
_LONGEST_IDLE: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How long things may take, in seconds.

    Attributes:
        connect: To get a connection, or to open the store.
        command: For the answer to one statement. The server gives up earlier, so that its word arrives.
        lock: For a lock that somebody else holds.
    """

    connect: float = 10.0
    command: float = 10.0
    lock: float = 3.0

    def __post_init__(self) -> None:
        for limit in ("connect", "command", "lock"):
            seconds: object = getattr(self, limit)
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 3600:
                raise InvalidValue(
                    f"{limit}_timeout", seconds, "a number of seconds above zero, at most 3600"
                )

    @property
    def begin(self) -> str:
        """
        How every transaction begins: taking over nothing that the session, the role or the database says.

        The time-out for an idle transaction ends one whose connection fell silent, and frees its locks.
        """
        command = _milliseconds(self.command)
        return (
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE;"
            "SET LOCAL synchronous_commit = on;"
            "SET LOCAL search_path = pg_catalog;"
            "SET LOCAL TimeZone = 'UTC';"
            f"SET LOCAL lock_timeout = {_milliseconds(self.lock)};"
            f"SET LOCAL statement_timeout = {max(command * 4 // 5, 1)};"
            f"SET LOCAL idle_in_transaction_session_timeout = {command}"
        )

    @property
    def for_session(self) -> str:
        """
        The same for a connection of our own, whose transactions are statements by themselves.
        """
        command = _milliseconds(self.command)
        seconds = max(round(self.command / 3), 1)
        return (
            "SET default_transaction_isolation = 'read committed';"
            "SET default_transaction_read_only = off;"
            "SET synchronous_commit = on;"
            "SET search_path = pg_catalog;"
            "SET TimeZone = 'UTC';"
            f"SET lock_timeout = {_milliseconds(self.lock)};"
            f"SET statement_timeout = {max(command * 4 // 5, 1)};"
            f"SET idle_in_transaction_session_timeout = {command};"
            "SET idle_session_timeout = 0;"
            # From PostgreSQL 17 on.
            "SELECT set_config('transaction_timeout', '0', false)"
            " WHERE current_setting('transaction_timeout', true) IS NOT NULL;"
            # So that the server, too, sees the end of a network that swallows everything, and lets go.
            f"SET tcp_user_timeout = {command};"
            f"SET tcp_keepalives_idle = {seconds};"
            f"SET tcp_keepalives_interval = {seconds};"
            "SET tcp_keepalives_count = 2"
        )


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """
    Where to connect to, for connections of our own.
    """

    dsn: str = field(repr=False)
    size: int
    statement_cache_size: int

    async def connect(self, limits: Limits) -> asyncpg.Connection:
        """
        A new connection.
        """
        return await asyncpg.connect(
            self.dsn,
            timeout=limits.connect,
            command_timeout=limits.command,
            statement_cache_size=self.statement_cache_size,
        )

    def shown(self) -> str:
        """
        The DSN without user and password.
        """
        try:
            parts = urlsplit(self.dsn)
        except ValueError:
            return "…"
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """
    The host's pool: used, never closed.
    """

    pool: asyncpg.Pool


if TYPE_CHECKING:
    Connection = asyncpg.Connection | PoolConnectionProxy


class Connections(Protocol):
    """
    Connections to work with, one at a time.
    """

    async def acquire(self) -> Connection:
        """
        One that nobody else uses, within the time for connecting.

        Raises:
            TimeoutError: There was none.
        """
        ...

    async def release(self, connection: Connection) -> None:
        """
        Give it back.
        """
        ...

    async def aclose(self) -> None:
        """
        Let go of them: in good order within the time for connecting, else at once.
        """
        ...

    def terminate(self) -> None:
        """
        Let go of them without a word to the server.
        """
        ...


class Owned:
    """
    Our own: at most so many, made when they are needed, and kept for whoever comes next.

    A transaction of ours leaves nothing behind on its connection, and says itself whether that is sound. So
    there is nothing to reset, and neither lending one nor taking it back needs a task, as asyncpg's pool has
    it.

    Args:
        own: Where to connect to, and how many times at most.
        limits: How long things may take.
        longest_idle: After how many seconds without use one is no longer trusted.
    """

    def __init__(self, own: Own, limits: Limits, *, longest_idle: float = _LONGEST_IDLE) -> None:
        self._own = own
        self._limits = limits
        self._longest_idle = longest_idle
        self._free = asyncio.Semaphore(own.size)
        self._kept: list[tuple[float, asyncpg.Connection]] = []
        self._lent: set[Connection] = set()
        self._closed = False

    async def acquire(self) -> Connection:
        """
        See `Connections.acquire`.
        """
        if self._kept and not self._free.locked():
            connection = await self._next()  # at once, or within the time for connecting anew
        else:
            async with asyncio.timeout(self._limits.connect):
                connection = await self._next()
        self._lent.add(connection)
        if self._closed:
            connection.terminate()  # and whoever asked for it hears that it is closed
        return connection

    async def _next(self) -> asyncpg.Connection:
        await self._free.acquire()
        try:
            return self._sound() or await self._own.connect(self._limits)
        except BaseException:
            self._free.release()
            raise

    def _sound(self) -> asyncpg.Connection | None:
        """
        The one that was used last, if it can be used again.
        """
        oldest = time.monotonic() - self._longest_idle
        while self._kept:
            used, connection = self._kept.pop()
            if used > oldest and not connection.is_closed():
                return connection
            connection.terminate()
        return None

    async def release(self, connection: Connection) -> None:
        """
        See `Connections.release`.
        """
        self._lent.discard(connection)
        if not connection.is_closed():
            self._kept.append((time.monotonic(), cast("asyncpg.Connection", connection)))
        self._free.release()

    async def aclose(self) -> None:
        """
        See `Connections.aclose`.
        """
        try:
            async with asyncio.timeout(self._limits.connect):
                # Who waits for one is before us, and is served.
                for _ in range(self._own.size):
                    await self._free.acquire()
                self._closed = True
                while self._kept:
                    await self._kept[-1][1].close()
                    self._kept.pop()
        except DRIVER_ERRORS:
            pass
        finally:
            self.terminate()
            for _ in range(self._own.size):
                self._free.release()

    def terminate(self) -> None:
        """
        See `Connections.terminate`.
        """
        self._closed = True
        for connection in (*self._lent, *(kept for _, kept in self._kept)):
            connection.terminate()
        self._kept.clear()


class Lent:
    """
    The host's.
    """

    def __init__(self, pool: asyncpg.Pool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits

    async def acquire(self) -> Connection:
        """
        See `Connections.acquire`.
        """
        # Its own time-out would take a task each time.
        async with asyncio.timeout(self._limits.connect):
            return await self._pool.acquire()

    async def release(self, connection: Connection) -> None:
        """
        See `Connections.release`.
        """
        await self._pool.release(cast("PoolConnectionProxy", connection), timeout=self._limits.command)

    async def aclose(self) -> None:
        """
        Nothing to do: the host closes it.
        """

    def terminate(self) -> None:
        """
        Nothing to do: the host closes it.
        """
