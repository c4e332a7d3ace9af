"""
`PostgresStore`, the store that a host makes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Self, TypeVar

import asyncpg

from poslife._domain.changes import Change, Committed
from poslife._domain.checks import require_count, require_position_id, require_utc, require_uuid
from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.fill_owner import OwnerCandidates, OwnerQuery
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import (
    EventId,
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
)
from poslife._domain.positions import (
    ClosedPosition,
    LivePosition,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife.errors import InvalidValue, OpenedForReading, PositionNotFound, RunLost, StorageUnavailable
from poslife.postgres import _batches, _dead_letters, _feed, _reads, _removals, _runs, _trail
from poslife.postgres._cells import record_of
from poslife.postgres._connections import Dsn, HostPool
from poslife.postgres._database import Database, Session
from poslife.postgres._epochs import keep_epoch
from poslife.postgres._errors import translated
from poslife.postgres._event_writer import EventWriter
from poslife.postgres._limits import Limits
from poslife.postgres._partitions import PartitionKeeper
from poslife.postgres._read_only import database_exists, require_readable
from poslife.postgres._schema import describe, prepare_schema
from poslife.postgres._together import Commits
from poslife.protocols import (
    BuriedLetter,
    DeadLetter,
    Erasure,
    EventCounts,
    EventRecord,
    FeedPage,
    FeedToken,
    NewRun,
    Page,
    PageToken,
    Purge,
    Run,
)
from poslife.protocols._pages import limited
from poslife.storage._page_tokens import (
    after_closing,
    after_commit,
    after_number,
    after_numbered,
    after_run_event,
    after_stream_event,
    after_uuid,
    run_event_page,
    stream_page,
)
from poslife.storage._removals import require_erasure, require_few, require_purge

__all__ = ["PostgresStore"]

ResultT = TypeVar("ResultT")


class PostgresStore:
    """
    Positions, events and dead letters in a PostgreSQL database, 14 to 18, in the schema ``poslife``.

    It is a `poslife.protocols.Store`, with a small pool of connections, or over the host's pool: see
    `borrowing`. Every transaction is durable and read committed, and has its own time-outs, whatever the
    session, the role or the database sets.

    Args:
        dsn: ``postgresql://user@host/database``, as libpq reads it.
        pool_size: The most connections.
        connect_timeout: Seconds to get a connection, and for the whole of `open`.
        command_timeout: Seconds for the answer to one statement.
        lock_timeout: Seconds for a lock of another transaction; then `StorageBusy` is raised.
        statement_cache_size: Prepared statements kept for each connection; 0 behind a PgBouncer that pools
            transactions.
        reads_only: Open the database for reading only: every transaction is READ ONLY, nothing is created or
            migrated, SELECT is all the role needs, and each call that writes raises `OpenedForReading`.
    """

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 4,
        connect_timeout: float = 10.0,
        command_timeout: float = 10.0,
        lock_timeout: float = 3.0,
        statement_cache_size: int = 100,
        reads_only: bool = False,
    ) -> None:
        if not isinstance(dsn, str):
            raise InvalidValue("dsn", type(dsn), "a str such as postgresql://user@host/database")
        require_count("statement_cache_size", statement_cache_size)
        require_count("pool_size", pool_size)
        if pool_size < 1:
            raise InvalidValue("pool_size", pool_size, "an int of at least 1")
        source = Dsn(url=dsn, size=pool_size, statement_cache_size=statement_cache_size)
        limits = Limits(
            connect=connect_timeout, command=command_timeout, lock=lock_timeout, reads_only=reads_only
        )
        # Without prepared statements there is a pooler of transactions on the way, and so no session for the
        # event writer to set up. Any other pooler is found when the store is opened.
        events = EventWriter(source, limits) if statement_cache_size and not reads_only else None
        self._use(Database(source, limits), events, at_once=pool_size)

    @classmethod
    def borrowing(
        cls,
        pool: asyncpg.Pool,
        /,
        *,
        connect_timeout: float = 10.0,
        command_timeout: float = 10.0,
        lock_timeout: float = 3.0,
        reads_only: bool = False,
    ) -> Self:
        """
        Return a store over the host's pool, which the store never closes.

        Its connections stay as they are, and nothing they are set to is relied on: each transaction sets its
        isolation, read-only mode, durability, search path, time zone and time-outs for itself, and needs no
        codec but the one for ``text``.

        Args:
            pool: Initialised, and bound to the event loop that uses the store.
            connect_timeout: Seconds to get a connection, and for the whole of `open`.
            command_timeout: Seconds for the answer to one statement.
            lock_timeout: Seconds for a lock of another transaction; then `StorageBusy` is raised.
            reads_only: Open the database for reading only, as above.
        """
        limits = Limits(
            connect=connect_timeout, command=command_timeout, lock=lock_timeout, reads_only=reads_only
        )
        store = cls.__new__(cls)
        database = Database(HostPool(pool, limits), limits)
        store._use(database, None, at_once=pool.get_max_size())  # noqa: SLF001 - its own
        return store

    def _use(self, database: Database, events: EventWriter | None, *, at_once: int) -> None:
        self._database = database
        self._events = events
        self._commits = Commits(database, at_once)
        self._opening = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._backend: str | None = None
        self._partitions = PartitionKeeper(database)

    async def open(self) -> None:
        """
        Connect, migrate and check the schema, within *connect_timeout*.

        Raises:
            StoreNotFound: With *reads_only*: there is no database, or no poslife in it.
        """
        async with self._opening:
            if self._database.is_open:
                return
            try:
                with translated():
                    async with asyncio.timeout(self._database.limits.connect):
                        await self._database.connect()
                        if self._database.limits.reads_only:
                            await self._prepare_reading()
                        else:
                            await self._prepare_writing()
            except BaseException:
                self._database.abandon()
                raise

    async def _prepare_reading(self) -> None:
        with database_exists(self._database.shown()):
            await self._transact(require_readable)

    async def _prepare_writing(self) -> None:
        await prepare_schema(self._database)
        await keep_epoch(self._database)
        await self._partitions.keep()
        if self._events is not None and await self._transact(Session.is_pooled):
            # Its sessions serve other clients too, and would keep the writer's settings.
            self._events = None

    async def aclose(self) -> None:
        if self._events is not None:
            await self._events.aclose()
        await self._database.aclose()

    async def ping(self) -> None:
        await self._transact(_answer)

    async def describe(self) -> str:
        return await self._transact(describe)

    def describe_driver(self) -> str:
        return f"asyncpg {asyncpg.__version__}"

    async def commit(self, change: Change, /) -> Committed:
        self._require_writing()
        return await self._commits.commit(change)

    async def get(self, ref: PositionRef, /) -> Position:
        require_uuid("ref", ref)
        position = await self._transact(lambda session: _reads.find_by_ref(session, ref))
        if position is None:
            raise PositionNotFound(ref)
        return position

    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        require_position_id("id", id)
        position = await self._transact(lambda session: _reads.find_by_id(session, id))
        if position is None or isinstance(position, PendingPosition):
            raise PositionNotFound(id)
        return position

    async def find_live(self, key: PositionKey, /) -> LivePosition | None:
        return await self._transact(lambda session: _reads.find_live(session, key))

    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        return await self._transact(lambda session: _reads.read_candidates(session, query))

    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        start, most = after_uuid(after), limited(limit)
        return await self._transact(lambda session: _reads.list_live(session, start, most))

    async def list_in_doubt(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
        start, most = after_uuid(after), limited(limit)
        return await self._transact(lambda session: _reads.list_in_doubt(session, start, most))

    async def list_left_by_ended_runs(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[Position]:
        start, most = after_uuid(after), limited(limit)
        return await self._transact(lambda session: _reads.list_left_by_ended_runs(session, start, most))

    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        require_utc("since", since)
        require_utc("until", until)
        start, most = after_closing(after), limited(limit)
        return await self._transact(lambda session: _reads.list_closed(session, since, until, start, most))

    async def list_fills(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        require_uuid("ref", ref)
        start, most = after_number(after), limited(limit)
        return await self._transact(lambda session: _reads.list_fills(session, ref, start, most))

    async def list_unclaimed(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        start, most = after_number(after), limited(limit)
        return await self._transact(lambda session: _reads.list_unclaimed(session, start, most))

    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        require_uuid("ref", ref)
        start, most = after_uuid(after), limited(limit)
        return await self._transact(lambda session: _reads.list_history(session, ref, start, most))

    async def start_run(self, run: NewRun, /) -> Run:
        return await self._write(lambda session: _runs.start_run(session, run))

    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        require_uuid("run", run)
        renewed = await self._write(lambda session: _runs.renew_run(session, run, lease))
        if renewed is None:
            raise RunLost(run)
        return renewed

    async def end_run(self, run: RunId, /) -> None:
        require_uuid("run", run)
        await self._write(lambda session: _runs.end_run(session, run))

    async def list_runs(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Run]:
        start, most = after_uuid(after), limited(limit)
        return await self._transact(lambda session: _runs.list_runs(session, start, most))

    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        Store host events: over a connection for events alone, or over the host's pool.
        """
        self._require_writing()
        self._require_open()
        await self._partitions.keep()
        if self._events is None:
            await self._write_plainly(records)
        else:
            await self._events.write(records)

    async def probe(self) -> None:
        self._require_writing()
        self._require_open()
        if self._events is None:
            await self._transact(_batches.probe)
        else:
            await self._events.probe()

    async def bury(self, letter: DeadLetter, /) -> None:
        await self._write(lambda session: _dead_letters.bury(session, letter))

    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        start, most = after_uuid(after), limited(limit)
        return await self._transact(lambda session: _dead_letters.list_dead_letters(session, start, most))

    async def replay(self, event: EventId, /) -> None:
        require_uuid("event", event)
        await self._write(lambda session: _dead_letters.replay(session, event))

    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        start, most = after_commit(after), limited(limit)
        rows = await self._transact(lambda session: _feed.fetch_life_events(session, start, most))
        return _feed.life_event_page(rows, start)

    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        start, most = after_run_event(after), limited(limit)
        rows = await self._transact(lambda session: _feed.fetch_run_events(session, start, most))
        return run_event_page([record_of(row) for row in rows], start)

    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        start, most = after_stream_event(after), limited(limit)
        rows = await self._transact(lambda session: _trail.fetch_life_streams(session, start, most))
        return stream_page([record_of(row) for row in rows], start)

    async def count_events(self) -> EventCounts:
        return await self._transact(_trail.count_events)

    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        start, most = after_numbered(after), limited(limit)
        return await self._transact(lambda session: _trail.list_purges(session, start, most))

    async def find_erasures(self, events: Sequence[EventId], /) -> Sequence[Erasure]:
        require_few(events, len(events))
        return await self._transact(lambda session: _trail.find_erasures(session, events))

    async def erase(self, event: EventId, /, *, why: str) -> None:
        require_erasure(event, why)
        await self._write(lambda session: _removals.erase(session, event, why))

    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        require_purge(run, upto, why)
        await self._write(lambda session: _removals.purge(session, run, upto, why))

    async def _write_plainly(self, records: Sequence[EventRecord]) -> None:
        batch = _batches.batch_of(records)

        async def work(session: Session) -> None:
            self._backend = await _batches.take_over(session, self._backend)
            await _batches.write(session, batch)

        # One batch at a time: so a former backend is one that was given up, and none that still works for us.
        async with self._writing:
            await self._transact(work)
            self._backend = None

    def _require_open(self) -> None:
        if not self._database.is_open:
            raise StorageUnavailable("the store is not open: await its open() first")

    def _require_writing(self) -> None:
        if self._database.limits.reads_only:
            raise OpenedForReading(self._database.shown())

    async def _write(self, work: Callable[[Session], Awaitable[ResultT]]) -> ResultT:
        self._require_writing()
        return await self._transact(work)

    async def _transact(self, work: Callable[[Session], Awaitable[ResultT]]) -> ResultT:
        return await self._database.transact(work)


async def _answer(session: Session) -> None:
    await session.fetch("SELECT 'here'")
