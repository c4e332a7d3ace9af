"""
Helpers that the tests of the store in PostgreSQL share.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from poslife._domain.changes import Change, Committed
from poslife._domain.event_envelopes import EventHeader, RecordedEvent
from poslife._domain.identifiers import event_id_at
from poslife.conformance._example_values import Examples
from poslife.errors import StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.postgres._cells import event_of
from poslife.postgres._statements import listed_events
from poslife.protocols import EventRecord
from poslife.storage._columns import RUN_EVENTS
from poslife.testing.faults import FaultProxy, PostgresFaultProxy
from tests.postgres_roles import as_bot
from tests.postgres_server import psql

__all__ = [
    "a_record",
    "as_role",
    "away",
    "commit_until_known",
    "count",
    "open_at_last",
    "opened_store",
    "postgres_error",
    "records",
    "refusing",
    "role_in",
    "session",
    "somebody_waits",
    "stored_in",
    "writing",
]


@asynccontextmanager
async def session(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    """
    Connect as another program does.
    """
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def open_at_last(store: PostgresStore) -> None:
    """
    Open a store whose short time-outs are made for outages, however slow the disk is.
    """
    async with asyncio.timeout(60):
        while True:
            with suppress(StorageUnavailable):
                return await store.open()


@asynccontextmanager
async def opened_store(
    dsn: str,
    *,
    pool_size: int = 4,
    connect_timeout: float = 60.0,
    command_timeout: float = 60.0,
    lock_timeout: float = 60.0,
    statement_cache_size: int = 100,
    as_given: bool = False,
) -> AsyncGenerator[PostgresStore]:
    """
    Open a store as the bot, or as the role of the DSN.
    """
    store = PostgresStore(
        dsn if as_given else as_bot(dsn),
        pool_size=pool_size,
        connect_timeout=connect_timeout,
        command_timeout=command_timeout,
        lock_timeout=lock_timeout,
        statement_cache_size=statement_cache_size,
    )
    await (open_at_last(store) if connect_timeout < 1 else store.open())
    try:
        yield store
    finally:
        await store.aclose()


async def commit_until_known(store: PostgresStore, change: Change) -> Committed:
    """
    Repeat the change, as the contract says, until its result is known.
    """
    async with asyncio.timeout(60):
        while True:
            try:
                return await store.commit(change)
            except StorageUnavailable:
                await asyncio.sleep(0.02)


def count(dsn: str, table: str, condition: str = "true") -> int:
    return int(psql(dsn, f"SELECT count(*) FROM poslife.{table} WHERE {condition}"))


STORED = f"""
SELECT row_to_json(t)::text
FROM poslife.run_events AS e CROSS JOIN LATERAL (SELECT {listed_events(RUN_EVENTS, "e")}) AS t
ORDER BY e.tableoid, e.ctid
"""


async def stored_in(dsn: str) -> Sequence[RecordedEvent]:
    """
    Return the host events, in the order they were stored.
    """
    async with session(dsn) as other:
        await other.execute("SET TimeZone = 'UTC'")
        return [event_of(row[0]) for row in await other.fetch(STORED)]


@asynccontextmanager
async def refusing(dsn: str, type: str) -> AsyncGenerator[None]:
    """
    Refuse events of a type for good meanwhile.
    """
    psql(dsn, f"ALTER TABLE poslife.run_events ADD CONSTRAINT poison CHECK (type <> '{type}')")
    yield
    psql(dsn, "ALTER TABLE poslife.run_events DROP CONSTRAINT poison")


@asynccontextmanager
async def away(network: FaultProxy) -> AsyncGenerator[None]:
    """
    Make the server unreachable meanwhile.
    """
    network.refuse()
    network.reset_all()
    yield
    network.accept()


def records(number: int, *, first: int = 1) -> list[EventRecord]:
    examples = Examples()
    return [
        EventRecord(
            header=EventHeader(
                id=event_id_at(datetime.now(UTC), 1000 * first + index),
                type="bot.told",
                occurred_at=datetime.now(UTC),
                run=examples.run,
            ),
            recorded_at=datetime.now(UTC),
            sequence=first + index,
            payload=b'{"a":1}',
            salt=bytes(16),
        )
        for index in range(number)
    ]


@asynccontextmanager
async def writing(
    dsn: str, *, command_timeout: float = 10.0, lock_timeout: float = 3.0
) -> AsyncGenerator[tuple[PostgresFaultProxy, PostgresStore]]:
    """
    A store that has written an event, so that nothing is in doubt.
    """
    async with PostgresFaultProxy.for_dsn(as_bot(dsn)) as proxy:
        store = PostgresStore(proxy.dsn, command_timeout=command_timeout, lock_timeout=lock_timeout)
        await store.open()
        try:
            await store.write(records(1, first=1000))
            proxy.forget()
            yield proxy, store
        finally:
            await store.aclose()


def a_record(payload: bytes = b'{"a":1}') -> EventRecord:
    examples = Examples()
    header = EventHeader(id=examples.event_id(), type="bot.told", occurred_at=examples.at(), run=examples.run)
    return EventRecord(header=header, recorded_at=examples.at(), sequence=1, payload=payload, salt=bytes(16))


async def somebody_waits(dsn: str) -> None:
    async with asyncio.timeout(60), session(dsn) as watcher:
        while not await watcher.fetchval(  # noqa: ASYNC110 - no event tells of another session's lock
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


def postgres_error(code: str, **fields: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new(
        {"C": code, "M": "said the server", "S": "FEHLER", "V": "ERROR", **fields}
    )


def as_role(dsn: str, role: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:secret@{parts.hostname}:{parts.port}"))


@contextmanager
def role_in(dsn: str, group: str = "") -> Generator[str]:
    """
    A role for one test alone, with the password "secret", and a member of *group* if there is one.
    """
    name = f"bot_of_{urlsplit(dsn).path[1:]}"
    psql(dsn, f"CREATE ROLE {name} LOGIN PASSWORD 'secret'{f' IN ROLE {group}' if group else ''}")
    yield name
    psql(dsn, f"DROP OWNED BY {name}; DROP ROLE {name}")
