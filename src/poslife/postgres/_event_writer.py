"""
Events over a connection of their own, by COPY.

Straight into the table when the last attempt was clear. After any doubt the table is asked first which of
them it has, and the others are written. That is for speed, not for safety: whatever is sent, the primary key
stores an event once, and a COPY that meets one is undone as a whole. The trading pool is never waited for,
and never made to wait.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Final, NamedTuple, NoReturn

import asyncpg

from poslife._clock import SystemClock
from poslife._events import EventHeader
from poslife._identifiers import EventId
from poslife._ids import new_run_id
from poslife._rows import RUN_EVENT_COLUMNS
from poslife.errors import InvalidUrl, StorageRejected, StorageUnavailable
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

# The ends are for whoever plans it: partitions that cannot have any of them are not looked into.
_STORED: Final = """
SELECT e.event_id
FROM poslife.run_events AS e
WHERE e.event_id = ANY ($1::uuid[]) AND e.event_id BETWEEN $2 AND $3
"""
_WHO: Final = """
SELECT a.pid, a.backend_start
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
        otherwise: Writes a batch that the driver's COPY would turn.
    """

    def __init__(
        self, own: Own, limits: Limits, otherwise: Callable[[Sequence[EventRecord]], Awaitable[None]]
    ) -> None:
        self._own = own
        self._limits = limits
        self._otherwise = otherwise
        self._connection: asyncpg.Connection | None = None
        self._backend: _Backend | None = None
        # What an earlier process may have written is in doubt, too.
        self._in_doubt = True
        self._turn = asyncio.Lock()

    async def write(self, records: Sequence[EventRecord]) -> None:
        """
        See `BatchWriter.write`.
        """
        if not records:
            return
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
        if rows is None:
            await self._otherwise(records)
            return
        await self._connected()  # where it is in doubt, an old backend of ours is ended first
        places: Sequence[int] = range(len(rows))
        if self._in_doubt:
            places = await self._places_of_missing(rows)
        while places:
            try:
                await self._asked(self._copied, rows, places)
                break
            except StorageRejected as refused:
                if not isinstance(refused.__cause__, asyncpg.UniqueViolationError):
                    raise
                missing = await self._places_of_missing(rows)
                if len(missing) >= len(places):
                    raise  # a unique index of somebody else's: that is no repetition
                places = missing
        # Of what an earlier process had written, the next batch may be a part, too.
        self._in_doubt = len(places) < len(rows)

    async def _places_of_missing(self, rows: Sequence[Row]) -> Sequence[int]:
        stored: set[object] = set()

        async def ask(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
            ids = sorted((row[0] for row in rows), key=attrgetter("int"))
            stored.update(record[0] for record in await connection.fetch(_STORED, ids, ids[0], ids[-1]))

        await self._asked(ask, rows, range(len(rows)))
        places: list[int] = []
        for place, (event_id, *_) in enumerate(rows):
            if event_id not in stored:
                stored.add(event_id)
                places.append(place)
        return places

    async def probe(self) -> None:
        """
        See `BatchWriter.probe`.
        """
        clock = SystemClock()
        now, run = clock.now(), new_run_id(clock)
        header = EventHeader(id=EventId(run), type="store.probed", occurred_at=now, run=run)
        rows = rows_of((EventRecord(header=header, recorded_at=now, sequence=1, payload=b"{}"),))
        async with self._turn:
            await self._asked(self._undone, rows, range(1))

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
        self,
        work: Callable[[asyncpg.Connection, Sequence[Row]], Awaitable[None]],
        rows: Sequence[Row],
        places: Sequence[int],
    ) -> None:
        """
        Do *work* with those of *rows*, and say in our words what went wrong, and whether it is in doubt.
        """
        connection = await self._connected()
        chosen = rows if len(places) == len(rows) else [rows[place] for place in places]
        try:
            async with asyncio.timeout(self._limits.command * 2):
                await work(connection, chosen)
        except asyncio.CancelledError:
            self._lose()
            self._in_doubt = True
            raise
        except DRIVER_ERRORS as error:
            await self._fail(error, places)
        except _CODEC_ERRORS as error:
            # The server was told to forget the COPY.
            self._lose()
            raise StorageRejected(f"{type(error).__name__}: {error}") from error

    async def _fail(self, error: BaseException, places: Sequence[int]) -> NoReturn:
        cause = _cause(error)
        row = _row_of(cause, places)
        ruling = ruling_of(cause, row=row)
        # What is put right, or is another server by then, is met by a new connection.
        if ruling.verdict is Verdict.HOLD or not leaves_connection_whole(cause):
            self._lose()
        elif self._connection is not None and self._connection.is_in_transaction():
            try:
                await self._connection.execute("ROLLBACK", timeout=self._limits.command)
            except DRIVER_ERRORS:
                self._lose()
        self._in_doubt = self._in_doubt or ruling.ambiguous
        raise ours(cause, row=row) from cause

    async def _undone(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        await connection.execute("BEGIN")
        await self._copied(connection, rows)
        await connection.execute("ROLLBACK")

    async def _copied(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        await connection.copy_records_to_table(
            "run_events",
            schema_name="poslife",
            columns=_COLUMNS,
            records=rows,
            timeout=self._limits.command,
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
        before, ((pid, started),) = self._backend, await connection.fetch(_WHO)
        if before is not None and self._in_doubt:
            # It may hold these events in a transaction that nobody ends, and every row would wait for it.
            await connection.fetch(_END, *before, int(self._limits.lock * 1000))
        self._backend = _Backend(pid, started)
        return connection

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # The driver may have seen its end already.
            with suppress(asyncpg.InterfaceError):
                connection.terminate()


def _cause(error: BaseException) -> BaseException:
    """
    What the driver ran into, where it says only that it cannot go on after that.
    """
    seen: BaseException = error
    while isinstance(seen, asyncpg.InterfaceError) and isinstance(seen.__context__, DRIVER_ERRORS):
        seen = seen.__context__
    return seen


def _row_of(error: BaseException, places: Sequence[int]) -> int | None:
    """
    The row that the server names. Its words are in its own language, so the number alone is read.
    """
    if not isinstance(error, asyncpg.PostgresError) or not error.context:
        return None
    found = _LINE.search(error.context)
    line = int(found[1]) if found else 0
    return places[line - 1] if 0 < line <= len(places) else None
