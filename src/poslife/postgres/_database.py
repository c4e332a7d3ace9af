"""
The driver's edge: transactions over a pool, our own or the host's. Text goes in, JSON text comes out.

The only codec that is relied on is the one for ``text``: every argument is cast from it in SQL and every
result to it, so that whatever codecs a host has set on its connections, nothing is turned by them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from poslife.errors import InvalidUrl, InvalidValue, RepositoryError, StorageUnavailable
from poslife.postgres._errors import (
    DRIVER_ERRORS,
    is_lost_connection,
    leaves_connection_whole,
    left_nothing_behind,
    translated,
)

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

__all__ = ["Borrowed", "Database", "Limits", "Own", "Session"]

_TRIES: Final = 5

ResultT = TypeVar("ResultT")


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
                raise InvalidValue(f"{limit}_timeout", seconds, "seconds above 0, at most 3600")

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
    Where to connect to, for a pool of our own.
    """

    dsn: str = field(repr=False)
    size: int
    statement_cache_size: int

    async def create(self, limits: Limits) -> asyncpg.Pool:
        """
        The pool. It connects when it is first asked for a connection.
        """
        return await asyncpg.create_pool(
            self.dsn,
            min_size=0,
            max_size=self.size,
            timeout=limits.connect,
            command_timeout=limits.command,
            statement_cache_size=self.statement_cache_size,
            # Transactions set what they need for themselves alone, so there is nothing to reset.
            reset=_leave_as_is,
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


async def _leave_as_is(_: asyncpg.Connection, /) -> None:
    pass


class NotBegun(StorageUnavailable):
    """
    The connection was lost before the transaction began.
    """


class Session:
    """
    One transaction on one connection.

    Attributes:
        begun: The server said that the transaction has begun.
        whole: The connection is in a known state and can be used on.
    """

    def __init__(self, connection: PoolConnectionProxy, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self.begun = False
        self.whole = True

    async def begin(self) -> None:
        """
        Begin, inheriting nothing.

        Raises:
            NotBegun: The connection had died; nothing was asked of the server.
        """
        try:
            await self.run(self._limits.begin)
        except RepositoryError as error:
            # It may have begun before the server refused one of the settings.
            self.whole = False
            if is_lost_connection(error.__cause__):
                raise NotBegun(str(error.__cause__)) from error.__cause__
            raise
        self.begun = True

    async def commit(self) -> None:
        """
        Commit.

        Raises:
            StorageUnavailable: The answer did not come, or was that the transaction had failed before.
        """
        answer = await self.run("COMMIT")
        if answer != "COMMIT":  # pragma: no cover - only after an error that nobody heard of
            raise StorageUnavailable(f"the server answered COMMIT with {answer}")

    async def roll_back(self) -> None:
        """
        Undo the transaction where the connection can still be asked to, and end the connection otherwise.
        """
        if self.whole and self.begun:
            with suppress(StorageUnavailable):
                await self.run("ROLLBACK")
        self.discard_if_broken()

    def discard_if_broken(self) -> None:
        """
        End a connection in an unknown state at once: it is not used again, and its pool makes a new one.
        """
        if not self.whole:
            # The driver may have seen the end of the connection and taken it back already.
            with suppress(asyncpg.InterfaceError):
                self._connection.terminate()

    async def run(self, script: str, patience: float | None = None) -> str:
        """
        Run statements without arguments, and return the tag of the last one.
        """
        timeout = self._limits.command if patience is None else patience
        return await self._asked(self._connection.execute(script, timeout=timeout))

    async def fetch(self, statement: str, *arguments: str | Sequence[str] | None) -> list[str]:
        """
        Run a statement whose rows are one text each.
        """
        records = await self._asked(
            self._connection.fetch(statement, *arguments, timeout=self._limits.command)
        )
        return [_text(record[0]) for record in records]

    async def fetch_one(self, statement: str, *arguments: str | Sequence[str] | None) -> str | None:
        """
        Run a statement that has at most one row.
        """
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def _asked(self, answer: Awaitable[ResultT]) -> ResultT:
        self.whole = False
        with translated():
            try:
                result = await answer
            except asyncpg.PostgresError as error:
                self.whole = leaves_connection_whole(error)
                raise
        self.whole = True
        return result


def _text(cell: object) -> str:
    if not isinstance(cell, str):
        raise StorageUnavailable(
            f"the pool has a codec of its own for text ({type(cell).__name__}): lend one without"
        )
    return cell


class Database:
    """
    Runs pieces of work, each in a transaction of its own.
    """

    def __init__(self, source: Own | Borrowed, limits: Limits) -> None:
        self._source = source
        self.limits = limits
        self._pool: asyncpg.Pool | None = None

    @property
    def is_open(self) -> bool:
        """
        Whether there is a pool to work with.
        """
        return self._pool is not None

    async def connect(self) -> None:
        """
        Have a pool from here on. It may not have connected yet.
        """
        if isinstance(self._source, Own):
            self._pool = await self._source.create(self.limits)
        else:
            self._pool = self._source.pool

    async def aclose(self) -> None:
        """
        Close the pool if it is ours: in good order within the time for connecting, else at once.
        """
        pool, self._pool = self._pool, None
        if pool is None or isinstance(self._source, Borrowed):
            return
        try:
            async with asyncio.timeout(self.limits.connect):
                await pool.close()
        except DRIVER_ERRORS:
            pool.terminate()

    def abandon(self) -> None:
        """
        Let go of the pool, and of its connections if it is ours, without a word to the server.
        """
        pool, self._pool = self._pool, None
        if pool is not None and isinstance(self._source, Own):
            pool.terminate()

    async def transact(self, work: Callable[[Session], Awaitable[ResultT]]) -> ResultT:
        """
        Do *work* in a transaction and commit it.

        What certainly left nothing behind is met by trying again at once: a deadlock, or a pooled connection
        that had died before the transaction began.
        """
        tries = 1
        while True:
            try:
                return await self._transact_once(work)
            except StorageUnavailable as error:
                if tries == _TRIES or not (isinstance(error, NotBegun) or left_nothing_behind(error)):
                    raise
                tries += 1

    async def _transact_once(self, work: Callable[[Session], Awaitable[ResultT]]) -> ResultT:
        async with self._lent() as session:
            await session.begin()
            try:
                result = await work(session)
                await session.commit()
            except BaseException:
                await session.roll_back()
                raise
            return result

    @asynccontextmanager
    async def _lent(self) -> AsyncGenerator[Session]:
        if (pool := self._pool) is None:
            raise StorageUnavailable("the store is not open: await its open() first")
        with translated(), self._reading_dsn():
            try:
                connection = await pool.acquire(timeout=self.limits.connect)
            except TimeoutError as error:
                waited = f"no connection within {self.limits.connect:g} s"
                raise StorageUnavailable(
                    f"{waited}: the server does not answer, or the pool has none to spare"
                ) from error
        session = Session(connection, self.limits)
        try:
            yield session
        finally:
            session.discard_if_broken()
            # What became of the transaction is known; a connection that cannot be reset is no news of it.
            with suppress(*DRIVER_ERRORS):
                await pool.release(connection, timeout=self.limits.command)

    @contextmanager
    def _reading_dsn(self) -> Generator[None]:
        try:
            yield
        except ValueError as error:
            if isinstance(self._source, Borrowed):
                raise
            raise InvalidUrl(self._source.shown(), str(error)) from error
