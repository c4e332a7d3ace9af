"""
Host events by COPY, over a connection for them alone: commits neither wait for them nor delay them.

A batch is copied into the table at once where the result of the last one is known. Else the table is asked
first which events it has, and the others are copied. The primary key stores an event once in either case: a
COPY that meets a stored event is undone as a whole, and the question saves that attempt.
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
from poslife._trail.record_format import SALT_BYTES
from poslife.errors import InvalidUrl, StorageRejected, StorageUnavailable
from poslife.postgres._connections import Dsn
from poslife.postgres._copy_format import BEGIN, END, require_sound, rows_of
from poslife.postgres._error_table import Verdict, ruling_of
from poslife.postgres._errors import DRIVER_ERRORS, leaves_connection_whole, translate_error, was_rolled_back
from poslife.postgres._limits import Limits
from poslife.protocols import EventRecord
from poslife.storage._columns import RUN_EVENTS, names_of

__all__ = ["STORED", "EventWriter"]

ResultT = TypeVar("ResultT")

_COLUMNS: Final = list(names_of(RUN_EVENTS))
# Records encoded at a time: while the server stores those before them, and while the event loop waits.
_PART: Final = 250
_LINE: Final = re.compile(r"^COPY [^,]+, \D*(\d+)", re.MULTILINE)

# The planner leaves out the partitions outside the first and the last id.
STORED: Final = """
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
    A writer of batches, with its connection.

    Args:
        dsn: Where to connect to.
        limits: The time-outs.
    """

    def __init__(self, dsn: Dsn, limits: Limits) -> None:
        self._dsn = dsn
        self._limits = limits
        self._connection: asyncpg.Connection | None = None
        self._backend: _Backend | None = None
        # An earlier process may have stored some of the first events.
        self._in_doubt = True
        self._turn = asyncio.Lock()

    async def write(self, records: Sequence[EventRecord]) -> None:
        if not records:
            return
        async with self._turn:
            try:
                await self._written(records)
            except StorageUnavailable as error:
                # A deadlock, or a partition that was attached meanwhile.
                if not was_rolled_back(error):
                    raise
                await self._written(records)

    async def _written(self, records: Sequence[EventRecord]) -> None:
        await self._connected()  # in doubt this terminates our former backend
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
                    raise  # an operator's unique index refused it: it is no repetition
                places = missing
        # The next batch may have events that an earlier process stored, too.
        self._in_doubt = len(places) < len(records)

    async def _places_of_missing(self, records: Sequence[EventRecord]) -> Sequence[int]:
        for row, record in enumerate(records):
            if type(record.header.id) is not UUID:
                require_sound(records[: row + 1])
        ids = [record.header.id for record in records]
        ordered = sorted(ids, key=attrgetter("int"))
        found = await self._asked(
            lambda connection: connection.fetch(STORED, ordered, ordered[0], ordered[-1])
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
        record = EventRecord(
            header=header, recorded_at=now, sequence=1, payload=b"{}", salt=bytes(SALT_BYTES)
        )
        async with self._turn:
            await self._asked(partial(_undone, records=[record]), range(1))

    async def aclose(self) -> None:
        """
        Close the connection: in good order within the time for connecting, else at once.
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
        Terminate the connection immediately.
        """
        self._lose()

    async def _asked(
        self, work: Callable[[asyncpg.Connection], Awaitable[ResultT]], places: Sequence[int] = ()
    ) -> ResultT:
        """
        Do *work*, translate its errors, and note if its result is in doubt.

        Args:
            work: The statements to run.
            places: The places in the batch of the rows of a COPY.
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
            # An invalid event, found while the COPY was sent: the driver has told the server to give it up.
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
        # After a repair or a failover a new connection is needed.
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
            # Its transaction may hold these events without an end, and each row would wait for it.
            await connection.fetch(_END, *before, int(self._limits.lock * 1000))
        self._backend = _Backend(pid, started)
        return connection

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # The driver may have closed it already.
            with suppress(asyncpg.InterfaceError):
                connection.terminate()


async def _copy(connection: asyncpg.Connection, records: Sequence[EventRecord]) -> None:
    await connection.copy_to_table(
        "run_events", schema_name="poslife", columns=_COLUMNS, source=_Parts(records), format="binary"
    )


class _Parts:
    """
    The data of a COPY, in parts.
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
    Return the error behind an `asyncpg.InterfaceError` that only says that the driver cannot continue.
    """
    seen: BaseException = error
    while isinstance(seen, asyncpg.InterfaceError) and isinstance(seen.__context__, DRIVER_ERRORS):
        seen = seen.__context__
    return seen


def _row_of(error: BaseException, places: Sequence[int]) -> int | None:
    """
    Return the row that the server names, by its number: the other words are in the server's language.
    """
    if not isinstance(error, asyncpg.PostgresError) or not error.context:
        return None
    found = _LINE.search(error.context)
    line = int(found[1]) if found else 0
    return places[line - 1] if 0 < line <= len(places) else None
