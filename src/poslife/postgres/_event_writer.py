"""
Events over a connection of their own, by COPY.

Straight into the table when the last attempt was clear; after any doubt into a temporary table first, and
from there what is not stored yet. The trading pool is never waited for, and never made to wait.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn

import asyncpg

from poslife._clock import SystemClock
from poslife._events import EventHeader
from poslife._identifiers import EventId
from poslife._ids import new_run_id
from poslife._rows import RUN_EVENT_COLUMNS
from poslife.errors import InvalidUrl, StorageNotReady, StorageRejected, StorageUnavailable
from poslife.postgres._database import Limits, Own
from poslife.postgres._errors import DRIVER_ERRORS, leaves_connection_whole, left_nothing_behind, ours
from poslife.postgres._event_rows import NotByCopy, Row, look_closely, rows_of
from poslife.postgres._verdicts import Verdict, ruling_of
from poslife.protocols import EventRecord

__all__ = ["EventWriter"]

_COLUMNS: Final = list(RUN_EVENT_COLUMNS)
# What asyncpg's codecs raise in a COPY, where they name no row.
_CODEC_ERRORS: Final = (AttributeError, TypeError, ValueError, OverflowError, struct.error)
_LINE: Final = re.compile(r"^COPY [^,]+, \D*(\d+)", re.MULTILINE)

# Made in the transaction that uses it: what a session had, a pooler may have thrown away.
_BEGIN_STAGED: Final = """
BEGIN;
CREATE TEMPORARY TABLE IF NOT EXISTS poslife_stage (LIKE poslife.run_events) ON COMMIT DELETE ROWS
"""
_UNSTAGE: Final = """
INSERT INTO poslife.run_events (
    event_id, type, schema, ref, venue, account, symbol, ordinal, severity, occurred_at, recorded_at, run,
    correlation, causation, actor, sequence, payload, digest
)
SELECT
    s.event_id, s.type, s.schema, s.ref, s.venue, s.account, s.symbol, s.ordinal, s.severity, s.occurred_at,
    s.recorded_at, s.run, s.correlation, s.causation, s.actor, s.sequence, s.payload, s.digest
FROM pg_temp.poslife_stage AS s
ON CONFLICT (event_id) DO NOTHING;
COMMIT
"""
_WHO: Final = """
SELECT a.pid, a.backend_start, pg_catalog.has_database_privilege(a.datid, 'TEMPORARY')
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = pg_catalog.pg_backend_pid()
"""
_END: Final = """
SELECT pg_catalog.pg_terminate_backend(a.pid, $3)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = $1 AND a.backend_start = $2 AND a.pid <> pg_catalog.pg_backend_pid()
"""


class _Backend(NamedTuple):
    pid: int
    started: object


class EventWriter:
    """
    Writes batches, and keeps a connection for it.

    Args:
        own: Where to connect to.
        limits: How long things may take.
        otherwise: Writes a batch where temporary tables are not to be had.
    """

    def __init__(
        self, own: Own, limits: Limits, otherwise: Callable[[Sequence[EventRecord]], Awaitable[None]]
    ) -> None:
        self._own = own
        self._limits = limits
        self._otherwise = otherwise
        self._connection: asyncpg.Connection | None = None
        self._backend: _Backend | None = None
        self._may_stage = True
        # What an earlier process may have written is in doubt, too.
        self._in_doubt = True
        self._turn = asyncio.Lock()

    async def write(self, records: Sequence[EventRecord]) -> None:
        """
        See `BatchWriter.write`.
        """
        try:
            rows = rows_of(records)
        except NotByCopy:
            rows = None
        try:
            async with self._turn:
                try:
                    await self._written(records, rows)
                except StorageUnavailable as error:
                    # Bad luck: a deadlock, or a partition that was attached under way.
                    if not left_nothing_behind(error):
                        raise
                    await self._written(records, rows)
        except StorageRejected as refused:
            if refused.row is None:
                # The driver does not say of which row. What is wrong with its type is told here.
                look_closely(records)
            raise

    async def _written(self, records: Sequence[EventRecord], rows: Sequence[Row] | None) -> None:
        await self._connected()  # which tells whether it may stage
        if rows is None or (self._in_doubt and not self._may_stage):
            await self._write_otherwise(records)
        elif self._in_doubt:
            await self._write_in_doubt(rows)
        else:
            try:
                await self._asked(self._copied, rows)
            except _StoredAlready:
                await self._after_a_repetition(records, rows)

    async def _write_in_doubt(self, rows: Sequence[Row]) -> None:
        try:
            await self._asked(self._staged, rows)
        except StorageNotReady as held:
            if not isinstance(held.__cause__, asyncpg.RaiseError):
                raise
            # A trigger's word: of which row is told in a COPY into the table alone.
            try:
                await self._asked(self._copied, rows)
            except _StoredAlready:
                raise held from held.__cause__

    async def _after_a_repetition(self, records: Sequence[EventRecord], rows: Sequence[Row]) -> None:
        if self._may_stage:
            await self._asked(self._staged, rows)
        else:
            await self._write_otherwise(records)

    async def _write_otherwise(self, records: Sequence[EventRecord]) -> None:
        await self._otherwise(records)
        self._in_doubt = False

    async def probe(self) -> None:
        """
        See `BatchWriter.probe`.
        """
        clock = SystemClock()
        now, run = clock.now(), new_run_id(clock)
        header = EventHeader(id=EventId(run), type="store.probed", occurred_at=now, run=run)
        rows = rows_of((EventRecord(header=header, recorded_at=now, sequence=1, payload=b"{}"),))
        async with self._turn:
            await self._connected()  # while in doubt, so that a backend of ours is ended
            doubt, self._in_doubt = self._in_doubt, False
            try:
                await self._asked(self._undone, rows)
            finally:
                self._in_doubt = doubt or self._in_doubt

    async def aclose(self) -> None:
        """
        Close the connection, in good order if that takes no longer than connecting may.
        """
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                try:
                    await connection.close(timeout=self._limits.connect)
                except DRIVER_ERRORS:
                    connection.terminate()

    def abandon(self) -> None:
        """
        Close the connection without a word to the server.
        """
        self._lose()

    async def _asked(
        self, work: Callable[[asyncpg.Connection, Sequence[Row]], Awaitable[None]], rows: Sequence[Row]
    ) -> None:
        """
        Do *work*, and say in our words what went wrong, and whether it is in doubt.
        """
        connection = await self._connected()
        try:
            async with asyncio.timeout(self._limits.command * 2):
                await work(connection, rows)
        except asyncio.CancelledError:
            self._lose()
            self._in_doubt = True
            raise
        except DRIVER_ERRORS as error:
            await self._fail(error, len(rows), straight=work == self._copied)
        except _CODEC_ERRORS as error:
            # The server was told to forget the COPY.
            self._lose()
            raise StorageRejected(f"{type(error).__name__}: {error}") from error
        self._in_doubt = False

    async def _fail(self, error: BaseException, count: int, *, straight: bool) -> NoReturn:
        cause = _cause(error)
        row = _row_of(cause, count)
        ruling = ruling_of(cause, row=row)
        # What is put right, or is another server by then, is met by a new connection.
        if ruling.verdict is Verdict.HOLD or not leaves_connection_whole(cause):
            self._lose()
        elif self._connection is not None and self._connection.is_in_transaction():
            try:
                await self._connection.execute("ROLLBACK", timeout=self._limits.command)
            except DRIVER_ERRORS:
                self._lose()
        if isinstance(cause, asyncpg.UniqueViolationError) and straight:
            # One of them is stored: not poison, but a repetition.
            self._in_doubt = True
            raise _StoredAlready from cause
        self._in_doubt = self._in_doubt or ruling.ambiguous
        raise ours(cause, row=row) from cause

    async def _copied(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        await self._copy(connection, "run_events", "poslife", rows)

    async def _staged(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        await connection.execute(_BEGIN_STAGED)
        await self._copy(connection, "poslife_stage", "pg_temp", rows)
        await connection.execute(_UNSTAGE)

    async def _undone(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        await connection.execute("BEGIN")
        await self._copy(connection, "run_events", "poslife", rows)
        await connection.execute("ROLLBACK")

    async def _copy(
        self, connection: asyncpg.Connection, table: str, schema: str, rows: Sequence[Row]
    ) -> None:
        await connection.copy_records_to_table(
            table, schema_name=schema, columns=_COLUMNS, records=rows, timeout=self._limits.command
        )

    async def _connected(self) -> asyncpg.Connection:
        connection = self._connection
        if connection is not None and not connection.is_closed():
            return connection
        try:
            async with asyncio.timeout(self._limits.connect):
                return await self._connect()
        except DRIVER_ERRORS as error:
            self._lose()
            raise ours(_cause(error)) from error
        except ValueError as error:
            raise InvalidUrl(self._own.shown(), str(error)) from error
        except BaseException:
            self._lose()
            raise

    async def _connect(self) -> asyncpg.Connection:
        connection = self._connection = await asyncpg.connect(
            self._own.dsn,
            timeout=self._limits.connect,
            command_timeout=self._limits.command,
            statement_cache_size=self._own.statement_cache_size,
        )
        await connection.execute(self._limits.for_session)
        before, ((pid, started, may_stage),) = self._backend, await connection.fetch(_WHO)
        if before is not None and self._in_doubt:
            # It may hold these events in a transaction that nobody ends, and every row would wait for it.
            await connection.fetch(_END, *before, int(self._limits.lock * 1000))
        self._backend = _Backend(pid, started)
        self._may_stage = may_stage
        return connection

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # The driver may have seen its end already.
            with suppress(asyncpg.InterfaceError):
                connection.terminate()


class _StoredAlready(Exception):
    pass


def _cause(error: BaseException) -> BaseException:
    """
    What the driver ran into, where it says only that it cannot go on after that.
    """
    seen: BaseException = error
    while isinstance(seen, asyncpg.InterfaceError) and isinstance(seen.__context__, DRIVER_ERRORS):
        seen = seen.__context__
    return seen


def _row_of(error: BaseException, count: int) -> int | None:
    """
    The row that the server names. Its words are in its own language, so the number alone is read.
    """
    if not isinstance(error, asyncpg.PostgresError) or not error.context:
        return None
    found = _LINE.search(error.context)
    row = int(found[1]) - 1 if found else -1
    return row if 0 <= row < count else None
