"""
What the tests of the store in PostgreSQL have in common.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from poslife._domain.changes import Change, Committed
from poslife.errors import StorageUnavailable
from poslife.postgres import PostgresStore
from tests.postgres_server import psql

__all__ = ["commit_until_known", "count", "opened_store", "session"]


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
