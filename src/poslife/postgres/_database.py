"""
Transactions over a pool, ours or the host's. Arguments are text, and results are JSON text.

SQL casts every argument from ``text`` and every result to it. So only the codec for ``text`` matters,
whichever others a host has set on its connections.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import asyncpg

from poslife._runtime.salts import Salts
from poslife.errors import InvalidUrl, RepositoryError, StorageUnavailable
from poslife.postgres._connections import Connection, Connections, Dsn, HostPool
from poslife.postgres._errors import (
    DRIVER_ERRORS,
    is_lost_connection,
    leaves_connection_whole,
    translate_error,
    was_rolled_back,
)
from poslife.postgres._limits import Limits
from poslife.postgres._pool import Pool

__all__ = ["Database", "Session"]

_TRIES: Final = 5
_AN_HOUR: Final = 3600.0

ResultT = TypeVar("ResultT")


class NotBegun(StorageUnavailable):
    """
    The connection was lost before the transaction began.
    """


class Session:
    """
    One transaction on one connection.

    Attributes:
        begun: The transaction may have begun.
        whole: The connection is in a known state and can be used on.
    """

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._connection = connection
        self._patience = limits.command
        self.begun = False
        self.whole = True

    async def begin(self, script: str) -> None:
        """
        Begin the transaction with the settings of `Limits.begin` and further statements that write nothing.

        Raises:
            NotBegun: The connection was lost; nothing was written.
        """
        try:
            await self.run(script)
        except RepositoryError as error:
            if is_lost_connection(error.__cause__):
                raise NotBegun(str(error.__cause__)) from error.__cause__
            # It may have begun before the server refused a setting or a lock; else a ROLLBACK does nothing.
            self.begun = True
            raise
        self.begun = True

    async def commit(self) -> None:
        """
        Commit the transaction.

        Raises:
            StorageUnavailable: There was no answer, or the transaction had failed before.
        """
        answer = await self.run("COMMIT")
        if answer != "COMMIT":  # pragma: no cover - only after an error that was not raised
            raise StorageUnavailable(f"the server answered COMMIT with {answer}")

    async def roll_back(self) -> None:
        """
        Roll the transaction back where the connection still answers, and terminate the connection otherwise.
        """
        if self.whole and self.begun:
            with suppress(StorageUnavailable):
                await self.run("ROLLBACK")
        self.discard_if_broken()

    def discard_if_broken(self) -> None:
        """
        Terminate a connection in an unknown state, so that its pool makes a new one.
        """
        if not self.whole:
            # The driver may have closed the connection already.
            with suppress(asyncpg.InterfaceError):
                self._connection.terminate()

    async def run(self, script: str, patience: float | None = None) -> str:
        """
        Run statements without arguments, and return the tag of the last one.
        """
        timeout = self._patience if patience is None else patience
        return await self._asked(self._connection.execute(script, timeout=timeout))

    async def be_patient(self) -> None:
        """
        Give each later statement of this transaction an hour, for one that reads a whole table.
        """
        await self.run("SET LOCAL statement_timeout = '1h'")
        self._patience = _AN_HOUR

    async def fetch(self, statement: str, *arguments: str | Sequence[str] | None) -> list[str]:
        """
        Run a statement whose rows are one text each.
        """
        records = await self._asked(self._connection.fetch(statement, *arguments, timeout=self._patience))
        return [_text(record[0]) for record in records]

    async def is_pooled(self) -> bool:
        """
        Tell if a pooler of transactions is between the connection and the server.

        A pooler gives a process id of its own making at the start of a connection.
        """
        (backend,) = await self.fetch("SELECT pg_backend_pid()::text")
        return int(backend) != self._connection.get_server_pid()

    async def fetch_one(self, statement: str, *arguments: str | Sequence[str] | None) -> str | None:
        """
        Run a statement that has at most one row.
        """
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def _asked(self, answer: Awaitable[ResultT]) -> ResultT:
        self.whole = False
        try:
            result = await answer
        except DRIVER_ERRORS as error:
            self.whole = leaves_connection_whole(error)
            raise translate_error(error) from error
        self.whole = True
        return result


def _text(cell: object) -> str:
    if not isinstance(cell, str):
        raise StorageUnavailable(
            f"the pool decodes text as {type(cell).__name__}: lend a pool without a codec for text"
        )
    return cell


class Database:
    """
    A database, in which each piece of work is a transaction.

    Attributes:
        limits: The time-outs.
        salts: The salts of records.
        server: The start time of the server that `keep_epoch` has last checked.
    """

    def __init__(self, source: Dsn | HostPool, limits: Limits) -> None:
        self._source = source
        self.limits = limits
        self.salts = Salts()
        self.server: str | None = None
        self._begin: Final = limits.begin
        self._connections: Connections | None = None

    @property
    def is_open(self) -> bool:
        """
        True between `connect` and `aclose`.
        """
        return self._connections is not None

    def shown(self) -> str:
        """
        Return the DSN without user and password, or a name for the host's pool.
        """
        return self._source.shown() if isinstance(self._source, Dsn) else "PostgreSQL, over the host's pool"

    async def connect(self) -> None:
        """
        Allow connections, which are made when they are needed.
        """
        source = self._source
        self._connections = Pool(source, self.limits) if isinstance(source, Dsn) else source

    async def aclose(self) -> None:
        """
        Close the pool if it is ours: in good order within the time for connecting, else at once.
        """
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.aclose()

    def abandon(self) -> None:
        """
        Terminate the connections immediately if they are ours.
        """
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.terminate()

    async def transact(self, work: Callable[[Session], Awaitable[ResultT]], *, first: str = "") -> ResultT:
        """
        Do *work* in a transaction and commit it.

        It is retried at once where it was certainly rolled back: after a deadlock, or where a pooled
        connection was lost before the transaction began.

        Args:
            work: Does it.
            first: Statements without arguments that write nothing, such as those that lock; they go to the
                server with the one that begins the transaction.
        """
        tries = 1
        while True:
            try:
                return await self._transact_once(work, first)
            except StorageUnavailable as error:
                if tries == _TRIES or not (isinstance(error, NotBegun) or was_rolled_back(error)):
                    raise
                tries += 1

    async def _transact_once(self, work: Callable[[Session], Awaitable[ResultT]], first: str) -> ResultT:
        if (connections := self._connections) is None:
            raise StorageUnavailable("the store is not open: await its open() first")
        connection = await self._lent(connections)
        session = Session(connection, self.limits)
        try:
            await session.begin(f"{self._begin};{first}")
            result = await work(session)
            await session.commit()
        except BaseException:
            await session.roll_back()
            raise
        finally:
            # The transaction's result is known; an error in giving the connection back does not change it.
            with suppress(*DRIVER_ERRORS):
                await connections.release(connection)
        return result

    async def _lent(self, connections: Connections) -> Connection:
        try:
            return await connections.acquire()
        except TimeoutError as error:
            waited = f"no connection within {self.limits.connect:g} s"
            raise StorageUnavailable(
                f"{waited}: the server does not answer, or all connections of the pool are in use"
            ) from error
        except (ValueError, *DRIVER_ERRORS) as error:
            # A refused certificate is both a ValueError and an OSError, and no fault of the DSN.
            unreadable = isinstance(error, ValueError) and not isinstance(error, OSError)
            if unreadable and isinstance(self._source, Dsn):
                raise InvalidUrl(self._source.shown(), str(error)) from error
            if isinstance(error, DRIVER_ERRORS):
                raise translate_error(error) from error
            raise
