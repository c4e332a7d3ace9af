"""
Connections are kept, counted, and replaced when they were idle for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from poslife.postgres._connections import Connections, Dsn
from poslife.postgres._limits import Limits
from poslife.postgres._pool import Pool


@asynccontextmanager
async def pool_to(
    dsn: str, *, size: int = 2, connect: float = 10.0, idle: float = 300.0
) -> AsyncGenerator[Pool]:
    connections = Pool(
        Dsn(url=dsn, size=size, statement_cache_size=100), Limits(connect=connect), longest_idle=idle
    )
    try:
        yield connections
    finally:
        await connections.aclose()


async def backend_of(connections: Connections) -> int:
    connection = await connections.acquire()
    try:
        (row,) = await connection.fetch("SELECT pg_backend_pid()")
    finally:
        await connections.release(connection)
    backend: int = row[0]
    return backend


async def test_one_is_kept_for_whoever_comes_next(postgres_dsn: str) -> None:
    """
    A released connection is used again, and one that was closed is not.
    """
    async with pool_to(postgres_dsn) as connections:
        first = await backend_of(connections)
        assert first == await backend_of(connections)

        connection = await connections.acquire()
        connection.terminate()
        await connections.release(connection)

        assert first != await backend_of(connections)


async def test_one_that_lay_idle_for_long_is_not_trusted(postgres_dsn: str) -> None:
    """
    A connection that was idle for long is replaced, as a firewall may have dropped it.
    """
    async with pool_to(postgres_dsn, idle=0) as connections:
        first = await backend_of(connections)

        assert first != await backend_of(connections)


async def test_never_more_than_so_many(postgres_dsn: str) -> None:
    """
    A caller waits while all connections are in use, and one that is cancelled takes none away.
    """
    async with pool_to(postgres_dsn, size=2) as connections:
        one, other = await connections.acquire(), await connections.acquire()
        impatient, patient = (asyncio.create_task(connections.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait((impatient,))
        assert impatient.cancelled()
        assert not patient.done()

        await connections.release(other)

        assert other is await patient
        await connections.release(other)
        await connections.release(one)
        assert await backend_of(connections) != await both(connections)


async def both(connections: Connections) -> int:
    """
    Return the backend of the second connection, while the first is in use.
    """
    first = await connections.acquire()
    try:
        return await backend_of(connections)
    finally:
        await connections.release(first)


async def test_waited_for_in_vain(postgres_dsn: str) -> None:
    """
    A wait beyond the time-out raises an error, and takes no connection away.
    """
    async with pool_to(postgres_dsn, size=1, connect=0.2) as connections:
        lent = await connections.acquire()
        with pytest.raises(TimeoutError):
            await connections.acquire()
        await connections.release(lent)

        assert lent is await connections.acquire()
        await connections.release(lent)


async def test_one_that_cannot_be_made(postgres_dsn: str) -> None:
    """
    A connection that could not be made takes no place in the pool.
    """
    async with pool_to(f"{postgres_dsn}_not_there", size=1) as connections:
        for _ in range(3):
            with pytest.raises(Exception, match="does not exist"):
                await connections.acquire()


async def test_closed_while_one_is_lent(postgres_dsn: str) -> None:
    """
    Closing waits for a connection in use, and terminates it when the time is over.
    """
    async with pool_to(postgres_dsn, size=2) as connections:
        lent = await connections.acquire()
        closing = asyncio.create_task(connections.aclose())
        await asyncio.sleep(0)
        assert not closing.done()
        await connections.release(lent)
        await closing
        assert lent.is_closed()

        late = await connections.acquire()

        assert late.is_closed()
        await connections.release(late)
    async with pool_to(postgres_dsn, size=1, connect=0.2) as connections:
        lent = await connections.acquire()
        await connections.aclose()

        assert lent.is_closed()
        await connections.release(lent)
