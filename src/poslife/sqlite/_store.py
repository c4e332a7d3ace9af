"""
`SqliteStore`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

from poslife._domain.changes import Change, Committed
from poslife._domain.checks import require_position_id, require_utc, require_uuid
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
from poslife._runtime.clock import SystemClock
from poslife._runtime.salts import Salts
from poslife.errors import InvalidValue, OpenedForReading, PositionNotFound, StorageUnavailable
from poslife.protocols import (
    BuriedLetter,
    Clock,
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
from poslife.sqlite import _batches, _dead_letters, _feed, _reads, _removals, _runs, _trail
from poslife.sqlite._commit import commit, prepare
from poslife.sqlite._errors import translated
from poslife.sqlite._migrations import migrate
from poslife.sqlite._read_only import ReadOnlyFile, require_readable
from poslife.sqlite._schema import check_schema
from poslife.sqlite._session import Session, require_sqlite
from poslife.sqlite._worker import Worker
from poslife.storage._page_tokens import (
    after_closing,
    after_event,
    after_number,
    after_numbered,
    after_run_event,
    after_stream_event,
    after_uuid,
)
from poslife.storage._removals import require_erasure, require_few, require_purge

__all__ = ["SqliteStore"]

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class _Workers:
    """
    The writing and the reading thread: a long read delays no commit, and a lock delays no read.

    A store that only reads has no writer.
    """

    writer: Worker | None
    reader: Worker

    @property
    def all(self) -> Sequence[Worker]:
        """
        Both, or the one that there is.
        """
        return (self.reader,) if self.writer is None else (self.reader, self.writer)


class SqliteStore:
    """
    A store in a SQLite file: positions, events and dead letters.

    It is a `poslife.protocols.Store`. Opening it creates the file where there is none.

    One thread with one connection does all the writing, commits before batches of events; another one reads.
    The event loop waits for neither. Each commit is synced to the disk (``synchronous = FULL``) before it
    returns. Several stores, in one process or several of one machine, may have the file open. It has to be on
    a local disk, and may hold no other program's tables.

    Args:
        path: The path of the file. A relative path is resolved against the current folder at once.
        clock: The clock of leases. Processes that share a file should have the same.
        lock_timeout: Seconds to wait while another process writes, before `StorageBusy`.
        reads_only: Open the file for reading only; it must exist, with poslife in it. The bytes of the file
            and of its write-ahead log never change, and each call that writes raises `OpenedForReading`. A
            run whose lease has expired by *clock* is returned as ended, and is not marked as lost.

    Raises:
        InvalidValue: The path names no file, or the time-out is no number of seconds.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Clock | None = None,
        lock_timeout: float = 5.0,
        reads_only: bool = False,
    ) -> None:
        self._path = _file_of(path)
        self._reads_only = reads_only
        self._lock_timeout = _seconds("lock_timeout", lock_timeout)
        self._clock: Clock = SystemClock() if clock is None else clock
        self._salts = Salts()
        self._workers: _Workers | None = None
        self._abandoned: set[Worker] = set()

    async def open(self) -> None:
        """
        Open as the protocol says.

        Raises:
            ConfigurationError: Python's SQLite library is too old.
            StoreNotFound: With *reads_only*: there is no file, or no poslife in it.
        """
        require_sqlite(sqlite3.sqlite_version_info[:3], json=_has_json())
        for worker in tuple(self._abandoned):
            # It may still be migrating, and would hold the file's lock against this opening.
            await worker.left()
            self._abandoned.discard(worker)
        if (workers := self._workers) is None:
            workers = self._workers = _Workers(
                writer=None if self._reads_only else self._worker("writer", reads_only=False),
                reader=self._worker("reader", reads_only=True),
            )
        try:
            if workers.writer is None:
                await workers.reader.do(_prepare_reading)
            else:
                await workers.writer.do(self._prepare)
                await workers.reader.do(_connect)
        except BaseException:
            if self._workers is workers:
                self._workers = None
                self._abandoned |= {*workers.all}
            for worker in workers.all:
                worker.abandon()
            raise

    def _worker(self, name: str, *, reads_only: bool) -> Worker:
        file = ReadOnlyFile(self._path) if self._reads_only else None
        session = Session(self._path, self._lock_timeout, reads_only=reads_only, file=file)
        return Worker(f"poslife sqlite {name}", session)

    def _prepare(self, session: Session) -> None:
        if session.is_open:
            return
        session.connect()
        migrate(session, self._clock.now())
        check_schema(session)

    async def aclose(self) -> None:
        """
        Close the store: jobs that wait are run first, and the threads have ended afterwards.
        """
        workers, self._workers = self._workers, None
        if workers is None:
            return
        try:
            await workers.reader.aclose()
            if workers.writer is not None:
                await workers.writer.aclose()
        except BaseException:
            if workers.writer is not None:
                self._abandoned.add(workers.writer)
                workers.writer.abandon()
            raise

    async def ping(self) -> None:
        await self._read(_answer)

    async def describe(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}, file {self._path}"

    def describe_driver(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    async def commit(self, change: Change, /) -> Committed:
        writer = self._writer()
        with translated(self._path):
            prepared = prepare(change, self._salts)
        return await writer.do(lambda session: commit(session, prepared, self._clock), together=True)

    async def get(self, ref: PositionRef, /) -> Position:
        require_uuid("ref", ref)
        position = await self._read(lambda session: _reads.find_by_ref(session, ref))
        if position is None:
            raise PositionNotFound(ref)
        return position

    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        require_position_id("id", id)
        position = await self._read(lambda session: _reads.find_by_id(session, id))
        if position is None or isinstance(position, PendingPosition):
            raise PositionNotFound(id)
        return position

    async def find_live(self, key: PositionKey, /) -> LivePosition | None:
        return await self._read(lambda session: _reads.find_live(session, key))

    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        return await self._read(lambda session: _reads.read_candidates(session, query))

    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        start, most = after_uuid(after), limited(limit)
        return await self._read(lambda session: _reads.list_live(session, start, most))

    async def list_in_doubt(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
        start, most = after_uuid(after), limited(limit)
        await self._note_lost_runs()
        return await self._read(lambda session: _reads.list_in_doubt(session, start, most, self._clock.now()))

    async def list_left_by_ended_runs(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[Position]:
        start, most = after_uuid(after), limited(limit)
        await self._note_lost_runs()
        return await self._read(
            lambda session: _reads.list_left_by_ended_runs(session, start, most, self._clock.now())
        )

    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        require_utc("since", since)
        require_utc("until", until)
        start, most = after_closing(after), limited(limit)
        return await self._read(lambda session: _reads.list_closed(session, since, until, start, most))

    async def list_fills(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        require_uuid("ref", ref)
        start, most = after_number(after), limited(limit)
        return await self._read(lambda session: _reads.list_fills(session, ref, start, most))

    async def list_unclaimed(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        start, most = after_number(after), limited(limit)
        return await self._read(lambda session: _reads.list_unclaimed(session, start, most))

    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        require_uuid("ref", ref)
        start, most = after_uuid(after), limited(limit)
        return await self._read(lambda session: _reads.list_history(session, ref, start, most))

    async def start_run(self, run: NewRun, /) -> Run:
        return await self._write(lambda session: _runs.start_run(session, run, self._clock))

    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        require_uuid("run", run)
        return await self._write(lambda session: _runs.renew_run(session, run, lease, self._clock))

    async def end_run(self, run: RunId, /) -> None:
        require_uuid("run", run)
        await self._write(lambda session: _runs.end_run(session, run, self._clock))

    async def list_runs(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Run]:
        start, most = after_uuid(after), limited(limit)
        await self._note_lost_runs()
        return await self._read(lambda session: _runs.list_runs(session, start, most, self._clock.now()))

    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        Store a batch as the protocol says. A life event is refused: it is stored with its change.
        """
        await self._write(lambda session: _batches.write(session, records), urgent=False)

    async def probe(self) -> None:
        await self._write(lambda session: _batches.probe(session, self._clock), urgent=False)

    async def bury(self, letter: DeadLetter, /) -> None:
        await self._write(
            lambda session: _dead_letters.bury(session, letter, self._clock.now()), urgent=False
        )

    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        start, most = after_uuid(after), limited(limit)
        return await self._read(lambda session: _dead_letters.list_dead_letters(session, start, most))

    async def replay(self, event: EventId, /) -> None:
        require_uuid("event", event)
        await self._write(
            lambda session: _dead_letters.replay(session, event, self._clock.now()), urgent=False
        )

    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        start, most = after_event(after), limited(limit)
        return await self._read(lambda session: _feed.read_life_events(session, start, most))

    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        start, most = after_run_event(after), limited(limit)
        return await self._read(lambda session: _feed.read_run_events(session, start, most))

    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        start, most = after_stream_event(after), limited(limit)
        return await self._read(lambda session: _trail.read_life_streams(session, start, most))

    async def count_events(self) -> EventCounts:
        return await self._read(_trail.count_events)

    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        start, most = after_numbered(after), limited(limit)
        return await self._read(lambda session: _trail.list_purges(session, start, most))

    async def find_erasures(self, events: Sequence[EventId], /) -> Sequence[Erasure]:
        require_few(events, len(events))
        return await self._read(lambda session: _trail.find_erasures(session, events))

    async def erase(self, event: EventId, /, *, why: str) -> None:
        require_erasure(event, why)
        await self._write(lambda session: _removals.erase(session, event, why, self._clock.now()))

    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        require_purge(run, upto, why)
        await self._write(lambda session: _removals.purge(session, run, upto, why, self._clock.now()))

    async def _note_lost_runs(self) -> None:
        # The lists go by the clock, so a store that only reads gives the same.
        if self._reads_only:
            return
        if await self._read(lambda session: _runs.is_any_lost(session, self._clock)):
            await self._write(lambda session: _runs.note_lost_runs(session, self._clock))

    async def _write(self, work: Callable[[Session], ResultT], *, urgent: bool = True) -> ResultT:
        return await self._writer().do(work, urgent=urgent)

    async def _read(self, work: Callable[[Session], ResultT]) -> ResultT:
        def within_transaction(session: Session) -> ResultT:
            with session.reading():
                return work(session)

        return await self._opened().reader.do(within_transaction)

    def _writer(self) -> Worker:
        if self._reads_only:
            raise OpenedForReading(self._path)
        writer = self._opened().writer
        assert writer is not None  # a store that writes has one
        return writer

    def _opened(self) -> _Workers:
        if self._workers is None:
            raise StorageUnavailable(f"{self._path}: the store is not open: await its open() first")
        return self._workers


def _file_of(path: object) -> str:
    try:
        text: object = os.fspath(cast("os.PathLike[str]", path))
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidValue("path", path, "the path of a file, as a str or os.PathLike[str]")
    if text == ":memory:" or text.startswith("file:"):
        raise InvalidValue(
            "path",
            path,
            "the path of a file",
            hint="for a store in memory use memory:// or poslife.memory.MemoryStore",
        )
    return os.path.abspath(text)  # noqa: PTH100 - Path.resolve would follow links


def _seconds(field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
        raise InvalidValue(field, value, "a number of seconds above zero, at most 3600")
    return float(value)


def _has_json() -> bool:
    connection = sqlite3.connect(":memory:")
    try:
        found = connection.execute("SELECT 1 FROM pragma_function_list WHERE name = 'json'").fetchone()
    finally:
        connection.close()
    return found is not None


def _connect(session: Session) -> None:
    if not session.is_open:
        session.connect()


def _prepare_reading(session: Session) -> None:
    if not session.is_open:
        session.connect()
        require_readable(session)


def _answer(session: Session) -> None:
    session.row("SELECT count(*) FROM poslife_migrations")
