"""
A database that is opened for reading only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from poslife.errors import (
    OpenedForReading,
    PoslifeError,
    SchemaMismatch,
    SchemaVersionError,
    StorageNotReady,
    StoreNotFound,
)
from poslife.events import verify_trail
from poslife.postgres import PostgresStore
from poslife.postgres._migrations import MIGRATIONS
from tests.postgres.support import as_role, count, opened_store, role_in
from tests.postgres_roles import as_reader
from tests.postgres_server import LocalServer, psql
from tests.read_only import fill_store, read_everything, require_refusals

ErrorT = TypeVar("ErrorT", bound=PoslifeError)


@asynccontextmanager
async def reading(dsn: str) -> AsyncGenerator[PostgresStore]:
    store = PostgresStore(dsn, reads_only=True, connect_timeout=60, command_timeout=60)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


async def refusal(dsn: str, kind: type[ErrorT]) -> str:
    """
    Return the message of the exception of *kind* that opening for reading raises.
    """
    with pytest.raises(kind) as caught:
        async with reading(dsn):
            pass
    return str(caught.value)


def state_of(dsn: str) -> str:
    """
    Return all that writing leaves: relations, migrations, rows written, and the next transaction's id.
    """
    relations = "SELECT count(*) FROM pg_class WHERE relkind <> 't'"
    return psql(dsn, f"SELECT ({relations}), pg_snapshot_xmax(pg_current_snapshot())")


async def test_select_is_enough_to_read_everything(postgres_dsn: str) -> None:
    """
    A role with SELECT alone reads as the bot does, beside a running bot, and each writing call is refused.
    """
    async with opened_store(postgres_dsn) as store:
        ref = await fill_store(store)
        expected = await read_everything(store, ref)
        async with reading(as_reader(postgres_dsn)) as reader:
            found = await read_everything(reader, ref)
            report = await verify_trail(reader)
            await require_refusals(reader)

    assert expected == found
    assert 0 < report.life_events


async def test_reading_writes_nothing(postgres_dsn: str) -> None:
    """
    Not even a transaction id is taken: no migration, partition or run is written (feature 87).
    """
    async with opened_store(postgres_dsn) as store:
        ref = await fill_store(store)
    psql(postgres_dsn, "UPDATE poslife.runs SET lease_until = '2020-01-01'")
    before = state_of(postgres_dsn)
    async with reading(postgres_dsn) as reader:
        await read_everything(reader, ref)
        await verify_trail(reader)
        runs = await reader.list_runs()
        left = await reader.list_left_by_ended_runs()

    assert before == state_of(postgres_dsn)
    assert [True] == [run.ended for run in runs.items]
    assert left.items
    assert 0 == count(postgres_dsn, "runs", "lost_at IS NOT NULL")


async def test_a_borrowed_pool_reads_only(postgres_dsn: str) -> None:
    """
    A store over the host's pool can read only, too; the pool's own connections may write.
    """
    async with opened_store(postgres_dsn) as store:
        ref = await fill_store(store)
    async with asyncpg.create_pool(postgres_dsn, min_size=0, timeout=60) as pool:
        reader = PostgresStore.borrowing(pool, reads_only=True, connect_timeout=60, command_timeout=60)
        await reader.open()
        await reader.get(ref)
        with pytest.raises(OpenedForReading, match="over the host's pool"):
            await reader.probe()
        await pool.execute("UPDATE poslife.runs SET lost_at = now()")


async def test_a_standby_can_be_read(postgres_server: LocalServer) -> None:
    """
    A hot standby, which refuses every write, is read and verified as the primary.
    """
    async with opened_store(postgres_server.dsn(), as_given=True) as store:
        ref = await fill_store(store)
        expected = await read_everything(store, ref)
    standby = postgres_server.follow()
    try:
        # Confirmed by the standby as well, so that it has all that came before.
        psql(postgres_server.dsn(), "SET synchronous_commit = remote_apply; CREATE TABLE public.here (x int)")
        async with reading(standby.dsn) as reader:
            found = await read_everything(reader, ref)
            report = await verify_trail(reader)
    finally:
        standby.stop()

    assert expected == found
    assert 0 < report.life_events


# -------------------------------------------------------------------------------------- what cannot be read


async def test_no_database(postgres_dsn: str) -> None:
    """
    A database that is not there is said to be missing, and is not to be created.
    """
    parts = urlsplit(postgres_dsn)
    message = await refusal(urlunsplit(parts._replace(path="/nowhere")), StoreNotFound)

    assert "there is no poslife here" in message
    assert 'database "nowhere" does not exist; check the DSN' in message
    assert "secret" not in message


async def test_a_database_without_poslife_stays_so(empty_postgres_dsn: str) -> None:
    """
    A database without poslife, or with an empty schema of that name, gets none.
    """
    without = await refusal(empty_postgres_dsn, StoreNotFound)
    schemas = psql(empty_postgres_dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'poslife'")
    psql(empty_postgres_dsn, "CREATE SCHEMA poslife")
    empty = await refusal(empty_postgres_dsn, StoreNotFound)

    assert "the database has no schema poslife" in without
    assert urlsplit(empty_postgres_dsn).path[1:] in without
    assert "0" == schemas.strip()
    assert "its schema poslife is empty" in empty


async def test_a_schema_of_another_program(empty_postgres_dsn: str) -> None:
    """
    Another program's schema is refused by the names of its relations.
    """
    psql(empty_postgres_dsn, "CREATE SCHEMA poslife; CREATE TABLE poslife.lives (x int)")

    assert "belongs to another program, with lives" in await refusal(empty_postgres_dsn, StoreNotFound)


async def test_a_newer_schema(postgres_dsn: str) -> None:
    """
    A schema of a newer release that may not be read is refused with both versions.
    """
    newest = MIGRATIONS[-1].version
    psql(
        postgres_dsn,
        "INSERT INTO poslife.poslife_migrations (version, name, sha256, runs_from, applied_at) "
        f"VALUES ({newest + 1}, 'later', '', {newest + 1}, now())",
    )
    message = await refusal(postgres_dsn, SchemaVersionError)

    assert f"at migration {newest + 1}, this release of poslife at migration {newest}" in message
    assert "upgrade poslife" in message


async def test_a_newer_schema_that_may_be_read(postgres_dsn: str) -> None:
    """
    A newer schema that lets this release go on is read, with a column and a table that it does not know.
    """
    async with opened_store(postgres_dsn) as store:
        ref = await fill_store(store)
        expected = await read_everything(store, ref)
    newest = MIGRATIONS[-1].version
    psql(postgres_dsn, "ALTER TABLE poslife.runs ADD COLUMN host text; CREATE TABLE poslife.notes (x text)")
    psql(
        postgres_dsn,
        "INSERT INTO poslife.poslife_migrations (version, name, sha256, runs_from, applied_at) "
        f"VALUES ({newest + 1}, 'later', '', {newest}, now())",
    )
    async with reading(as_reader(postgres_dsn)) as reader:
        found = await read_everything(reader, ref)

    assert expected == found


async def test_a_half_migrated_schema(postgres_dsn: str) -> None:
    """
    An empty list of migrations is what a restore leaves that was cut off.
    """
    psql(postgres_dsn, "DELETE FROM poslife.poslife_migrations")

    assert "it is half migrated" in await refusal(postgres_dsn, SchemaVersionError)


async def test_a_role_without_rights(postgres_dsn: str) -> None:
    """
    A role that may not read is named with the right that it needs, for the schema, all tables or one.
    """
    with role_in(postgres_dsn) as role:
        dsn = as_role(postgres_dsn, role)
        none = await refusal(dsn, StorageNotReady)
        psql(postgres_dsn, f"GRANT USAGE ON SCHEMA poslife TO {role}")
        schema = await refusal(dsn, StorageNotReady)
        psql(postgres_dsn, f"GRANT SELECT ON ALL TABLES IN SCHEMA poslife TO {role}")
        psql(postgres_dsn, f"REVOKE SELECT ON poslife.fills FROM {role}")
        table = await refusal(dsn, SchemaMismatch)

    assert f"the role {role} may not read the schema poslife: GRANT poslife_reader TO {role}" in none
    assert none == schema
    assert "fills: the right to SELECT is missing" in table


async def test_missing_tables_and_columns(postgres_dsn: str) -> None:
    """
    What a reader lacks is listed; what only refuses rows is not asked for.
    """
    psql(postgres_dsn, "ALTER TABLE poslife.runs ADD COLUMN host text NOT NULL")
    async with reading(postgres_dsn):
        pass
    psql(
        postgres_dsn, "DROP TABLE poslife.dead_letters; ALTER TABLE poslife.orders DROP COLUMN venue_order_id"
    )
    with pytest.raises(SchemaMismatch) as caught:
        async with reading(postgres_dsn):
            pass

    assert {"dead_letters is missing", "orders: column venue_order_id is missing"} == {
        *caught.value.differences
    }
