"""
What the tests of the store in PostgreSQL have in common.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from poslife._domain.changes import Change, Committed
from poslife._domain.event_envelopes import RecordedEvent
from poslife.errors import StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.postgres._cells import event_of
from poslife.postgres._statements import listed_events
from poslife.storage._columns import RUN_EVENTS
from poslife.testing.faults import FaultProxy
from tests.postgres_server import psql

__all__ = ["away", "commit_until_known", "count", "opened_store", "refusing", "session", "stored_in"]


@asynccontextmanager
async def session(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    """
    A connection of somebody else's.
    """
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def opened_store(
    dsn: str,
    *,
    pool_size: int = 4,
    connect_timeout: float = 10.0,
    command_timeout: float = 10.0,
    lock_timeout: float = 3.0,
    statement_cache_size: int = 100,
) -> AsyncGenerator[PostgresStore]:
    store = PostgresStore(
        dsn,
        pool_size=pool_size,
        connect_timeout=connect_timeout,
        command_timeout=command_timeout,
        lock_timeout=lock_timeout,
        statement_cache_size=statement_cache_size,
    )
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


async def commit_until_known(store: PostgresStore, change: Change) -> Committed:
    """
    Repeat the change as the contract says, until the store tells what became of it.
    """
    async with asyncio.timeout(20):
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
    The host events, in the order they were stored.
    """
    async with session(dsn) as other:
        await other.execute("SET TimeZone = 'UTC'")
        return [event_of(row[0]) for row in await other.fetch(STORED)]


@asynccontextmanager
async def refusing(dsn: str, type: str) -> AsyncGenerator[None]:
    """
    Meanwhile the table refuses events of a type for good.
    """
    psql(dsn, f"ALTER TABLE poslife.run_events ADD CONSTRAINT poison CHECK (type <> '{type}')")
    yield
    psql(dsn, "ALTER TABLE poslife.run_events DROP CONSTRAINT poison")


@asynccontextmanager
async def away(network: FaultProxy) -> AsyncGenerator[None]:
    """
    Meanwhile the server cannot be reached.
    """
    network.refuse()
    network.reset_all()
    yield
    network.accept()
