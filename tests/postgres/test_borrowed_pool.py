"""
A host's pool: it is left as it was, and none of its settings matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest
from typing_extensions import override

from poslife.conformance import RepositoryConformance
from poslife.conformance._example_changes import Story, begin
from poslife.errors import StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.protocols import Repository
from tests.postgres.support import open_at_last, opened_store, session
from tests.postgres_roles import as_bot
from tests.postgres_server import psql

HOSTILE = """
SET default_transaction_isolation = 'serializable';
SET default_transaction_read_only = on;
SET default_transaction_deferrable = on;
SET synchronous_commit = off;
SET search_path = decoys, pg_catalog;
SET TimeZone = 'America/St_Johns';
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
SET extra_float_digits = -10;
SET statement_timeout = '1s';
SET lock_timeout = '1ms';
SET standard_conforming_strings = on;
"""

DECOYS = """
CREATE SCHEMA decoys;
CREATE TABLE decoys.positions (ref text);
CREATE FUNCTION decoys.clock_timestamp() RETURNS timestamptz
    LANGUAGE sql AS 'SELECT ''infinity''::timestamptz';
CREATE FUNCTION decoys.json_populate_recordset(anyelement, json) RETURNS SETOF anyelement
    LANGUAGE sql AS 'SELECT $1 WHERE false';
CREATE FUNCTION decoys.equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR decoys.= (LEFTARG = text, RIGHTARG = text, FUNCTION = decoys.equal);
"""


async def _make_hostile(connection: asyncpg.Connection) -> None:
    """
    Set codecs as bots do, and worse ones: every type that poslife uses becomes another.
    """
    await connection.execute(HOSTILE)
    for name, decoder in (("numeric", float), ("int4", str), ("int8", str), ("uuid", str)):
        await connection.set_type_codec(
            name, encoder=_unreadable, decoder=decoder, schema="pg_catalog", format="text"
        )
    for name in ("json", "jsonb", "timestamptz", "bool", "bytea"):
        await connection.set_type_codec(
            name, encoder=_unreadable, decoder=_unreadable, schema="pg_catalog", format="text"
        )


def _unreadable(_: object) -> str:
    return "not what it was"


@asynccontextmanager
async def hostile_pool(dsn: str, *, as_given: bool = False) -> AsyncGenerator[asyncpg.Pool]:
    psql(dsn, DECOYS)

    async def set_up(connection: asyncpg.Connection) -> None:
        await _make_hostile(connection)

    async with asyncpg.create_pool(
        dsn if as_given else as_bot(dsn),
        min_size=0,
        max_size=4,
        setup=_set_up_again,
        init=set_up,
        statement_cache_size=0,
    ) as pool:
        yield pool


async def _set_up_again(connection: asyncpg.pool.PoolConnectionProxy) -> None:
    # The pool resets what was set with SET when a connection comes back.
    await connection.execute(HOSTILE)


class TestStoreOverAHostilePool(RepositoryConformance):
    """
    The suite over a pool with settings and codecs that would break a store that relied on them.
    """

    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        async with hostile_pool(self.dsn) as pool:
            store = PostgresStore.borrowing(pool)
            await store.open()
            yield store
            await store.aclose()


async def test_a_hostile_pool_migrates_an_empty_database(empty_postgres_dsn: str) -> None:
    """
    Migrations and checks do not depend on the pool's settings either.
    """
    async with hostile_pool(empty_postgres_dsn, as_given=True) as pool:
        store = PostgresStore.borrowing(pool)
        await store.open()
        await store.aclose()
    async with opened_store(empty_postgres_dsn, as_given=True) as store:
        story = await begin(store)
        await story.closed(store)


async def test_a_lent_pool_stays_open_and_as_it_was(postgres_dsn: str) -> None:
    """
    Closing the store closes no pool; its connections are in no transaction and have the host's settings.
    """
    async with asyncpg.create_pool(as_bot(postgres_dsn), min_size=1, max_size=1) as pool:
        before = await _settings(pool)
        store = PostgresStore.borrowing(pool)
        await store.open()
        story = await begin(store)
        await story.opened(store)
        await store.aclose()

        assert before == await _settings(pool)
        async with pool.acquire() as connection:
            assert not connection.is_in_transaction()
            assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
        with pytest.raises(StorageUnavailable, match="not open"):
            await store.ping()


async def _settings(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    rows = await pool.fetch("SELECT name, setting FROM pg_settings ORDER BY name")
    return [(row[0], row[1]) for row in rows]


async def test_the_pool_goes_away(postgres_dsn: str) -> None:
    """
    A pool that its host has closed makes the store unavailable, and the error says so.
    """
    async with asyncpg.create_pool(as_bot(postgres_dsn), min_size=0, max_size=1) as pool:
        store = PostgresStore.borrowing(pool)
        await store.open()
    with pytest.raises(StorageUnavailable, match="pool is clos"):
        await store.ping()


async def test_a_pool_that_cannot_connect() -> None:
    """
    A pool with an invalid DSN makes the store unavailable, with the reason.
    """
    async with asyncpg.create_pool("mysql://host/db", min_size=0) as pool:
        with pytest.raises(StorageUnavailable, match="invalid DSN"):
            await PostgresStore.borrowing(pool).open()


async def test_an_exhausted_pool_is_not_waited_for_for_ever(postgres_dsn: str) -> None:
    """
    The store gives up in time while the host uses every connection of the pool.
    """
    async with asyncpg.create_pool(as_bot(postgres_dsn), min_size=0, max_size=1) as pool:
        store = PostgresStore.borrowing(pool, connect_timeout=0.2)
        await open_at_last(store)
        async with pool.acquire():
            with pytest.raises(StorageUnavailable, match="all connections of the pool are in use"):
                await store.ping()

        await store.ping()


async def test_values_are_pythons_own(postgres_dsn: str) -> None:
    """
    Values are Python's own types: a UUID is a `uuid.UUID`, a number a `Decimal`.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        held = await story.opened(store)
        read = await store.get_by_id(held.id)

        assert type(read.ref) is UUID
        assert type(read.orders[0].run) is UUID
        assert type(read.entered_cost) is Decimal


async def test_without_prepared_statements(postgres_dsn: str) -> None:
    """
    Behind a PgBouncer that pools transactions the store works without prepared statements.
    """
    async with opened_store(postgres_dsn, statement_cache_size=0, pool_size=1) as store:
        story = await begin(store)
        closed = await story.closed(store)

        assert closed == await store.get(closed.ref)


async def test_one_connection_serves_many_tasks(postgres_dsn: str) -> None:
    """
    The pool's size limits connections, not callers.
    """
    async with opened_store(postgres_dsn, pool_size=1) as store:
        story: Story = await begin(store)
        claims = [story.claim(story.pending()) for _ in range(10)]
        committed = await asyncio.gather(*(store.commit(claim) for claim in claims))

        assert [False] * 10 == [each.repeated for each in committed]
    async with session(postgres_dsn) as other:
        assert await other.fetchval("SELECT count(*) FROM poslife.positions") == 10
