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
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Final, NamedTuple, NoReturn, Self, TypeVar
from uuid import UUID

import asyncpg

from poslife._domain.event_envelopes import EventHeader
from poslife._domain.identifiers import EventId
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import new_run_id
from poslife.errors import InvalidUrl, StorageRejected, StorageUnavailable
from poslife.postgres._connections import Dsn
from poslife.postgres._copy_format import BEGIN, END, require_sound, rows_of
from poslife.postgres._error_table import Verdict, ruling_of
from poslife.postgres._errors import DRIVER_ERRORS, leaves_connection_whole, translate_error, was_rolled_back
from poslife.postgres._limits import Limits
from poslife.protocols import EventRecord
from poslife.storage._columns import RUN_EVENTS, names_of

__all__ = ["EventWriter"]

ResultT = TypeVar("ResultT")

_COLUMNS: Final = list(names_of(RUN_EVENTS))
# So many are encoded while the server stores those before them, and while the event loop waits.
_PART: Final = 250
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
        dsn: Where to connect to.
        limits: How long things may take.
    """

    def __init__(self, dsn: Dsn, limits: Limits) -> None:
        self._dsn = dsn
        self._limits = limits
        self._connection: asyncpg.Connection | None = None
        self._backend: _Backend | None = None
        # What an earlier process may have written is in doubt, too.
        self._in_doubt = True
        self._turn = asyncio.Lock()

    async def write(self, records: Sequence[EventRecord]) -> None:
        if not records:
            return
        async with self._turn:
            try:
                await self._written(records)
            except StorageUnavailable as error:
                # Bad luck: a deadlock, or a partition that was attached under way.
                if not was_rolled_back(error):
                    raise
                await self._written(records)

    async def _written(self, records: Sequence[EventRecord]) -> None:
        await self._connected()  # where it is in doubt, an old backend of ours is ended first
        places: Sequence[int] = range(len(records))
        if self._in_doubt:
            places = await self._places_of_missing(records)
        while places:
            try:
                await self._asked(partial(_copy, records=[records[place] for place in places]), places)
                break
            except StorageRejected as refused:
                if not isinstance(refused.__cause__, asyncpg.UniqueViolationError):
                    raise
                missing = await self._places_of_missing(records)
                if len(missing) >= len(places):
                    raise  # a unique index of somebody else's: that is no repetition
                places = missing
        # Of what an earlier process had written, the next batch may be a part, too.
        self._in_doubt = len(places) < len(records)

    async def _places_of_missing(self, records: Sequence[EventRecord]) -> Sequence[int]:
        for row, record in enumerate(records):
            if type(record.header.id) is not UUID:
                require_sound(records[: row + 1])
        ids = [record.header.id for record in records]
        ordered = sorted(ids, key=attrgetter("int"))
        found = await self._asked(
            lambda connection: connection.fetch(_STORED, ordered, ordered[0], ordered[-1])
        )
        seen: set[UUID] = {record[0] for record in found}
        places: list[int] = []
        for place, event_id in enumerate(ids):
            if event_id not in seen:
                seen.add(event_id)
                places.append(place)
        return places

    async def probe(self) -> None:
        clock = SystemClock()
        now, run = clock.now(), new_run_id(clock)
        header = EventHeader(id=EventId(run), type="store.probed", occurred_at=now, run=run)
        record = EventRecord(header=header, recorded_at=now, sequence=1, payload=b"{}")
        async with self._turn:
            await self._asked(partial(_undone, records=[record]), range(1))

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
        self, work: Callable[[asyncpg.Connection], Awaitable[ResultT]], places: Sequence[int] = ()
    ) -> ResultT:
        """
        Do *work*, and say in our words what went wrong, and whether it is in doubt.

        Args:
            work: What to do.
            places: Where in the batch the rows of a COPY stand.
        """
        connection = await self._connected()
        try:
            async with asyncio.timeout(self._limits.command * 2):
                return await work(connection)
        except asyncio.CancelledError:
            self._lose()
            self._in_doubt = True
            raise
        except StorageRejected as refused:
            # An event of which we saw that it is not sound, amid a COPY that the server was told to forget.
            self._lose()
            if refused.row is not None:
                refused.row = places[refused.row]
            raise
        except DRIVER_ERRORS as error:
            await self._fail(error, places)

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
        raise translate_error(cause, row=row) from cause

    async def _connected(self) -> asyncpg.Connection:
        connection = self._connection
        if connection is not None and not connection.is_closed():
            return connection
        try:
            async with asyncio.timeout(self._limits.connect):
                return await self._connect()
        except DRIVER_ERRORS as error:
            self._lose()
            raise translate_error(_cause(error)) from error
        except ValueError as error:
            raise InvalidUrl(self._dsn.shown(), str(error)) from error
        except BaseException:
            self._lose()
            raise

    async def _connect(self) -> asyncpg.Connection:
        connection = self._connection = await self._dsn.connect(self._limits)
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


async def _copy(connection: asyncpg.Connection, records: Sequence[EventRecord]) -> None:
    await connection.copy_to_table(
        "run_events", schema_name="poslife", columns=_COLUMNS, source=_Parts(records), format="binary"
    )


class _Parts:
    """
    A COPY's data, as the driver asks for it.
    """

    def __init__(self, records: Sequence[EventRecord]) -> None:
        self._records = records
        self._begin = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        begin, end = self._begin, self._begin + _PART
        if begin >= len(self._records):
            raise StopAsyncIteration
        self._begin = end
        rows = rows_of(self._records[begin:end], first=begin)
        head, tail = BEGIN if begin == 0 else b"", END if end >= len(self._records) else b""
        return b"".join((head, *rows, tail))


async def _undone(connection: asyncpg.Connection, records: Sequence[EventRecord]) -> None:
    await connection.execute("BEGIN")
    await _copy(connection, records)
    await connection.execute("ROLLBACK")


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
