"""
Migrations are applied once, and known by their checksums.
"""

from __future__ import annotations

import asyncio

import pytest

from poslife.errors import SchemaMismatch, SchemaVersionError, StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.postgres._migrations import MIGRATIONS
from tests.postgres_server import psql


async def test_an_empty_database_is_migrated_once(empty_postgres_dsn: str) -> None:
    """
    Opening brings an empty database up to date; ten stores that open at once do it once.
    """
    stores = [PostgresStore(empty_postgres_dsn, pool_size=1) for _ in range(10)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.aclose() for store in stores))

    rows = psql(empty_postgres_dsn, "SELECT version, name, sha256, runs_from FROM poslife.poslife_migrations")
    known = MIGRATIONS

    assert [f"{each.version}|{each.name}|{each.sha256}|{each.runs_from}" for each in known] == rows.split()
    assert [each.version for each in known] == list(range(1, len(known) + 1))


async def test_a_newer_schema_is_refused(postgres_dsn: str) -> None:
    """
    A database that only newer releases may use is left alone; the error says what to do.
    """
    newest = MIGRATIONS[-1].version
    psql(
        postgres_dsn,
        "INSERT INTO poslife.poslife_migrations (version, name, sha256, runs_from, applied_at) "
        f"VALUES ({newest + 1}, 'of_tomorrow', 'abc', {newest + 1}, now())",
    )
    store = PostgresStore(postgres_dsn)
    with pytest.raises(SchemaVersionError, match=f"that knows migration {newest + 1}") as caught:
        await store.open()

    assert (newest + 1, newest) == (caught.value.found, caught.value.known)
    with pytest.raises(StorageUnavailable, match="not open"):
        await store.ping()


async def test_an_edited_migration_is_refused(postgres_dsn: str) -> None:
    """
    A migration that was edited after it had been applied is found by its checksum.
    """
    psql(postgres_dsn, "UPDATE poslife.poslife_migrations SET sha256 = repeat('0', 64) WHERE version = 1")
    with pytest.raises(SchemaVersionError, match="was edited"):
        await PostgresStore(postgres_dsn).open()


async def test_a_migration_of_another_name_is_refused(postgres_dsn: str) -> None:
    """
    A migration with a known number and another name is refused.
    """
    psql(postgres_dsn, "UPDATE poslife.poslife_migrations SET name = 'of_another_branch' WHERE version = 1")
    with pytest.raises(SchemaVersionError, match="of_another_branch"):
        await PostgresStore(postgres_dsn).open()


LIST = "ALTER TABLE poslife.poslife_migrations"
UNREADABLE = {
    f"{LIST} ALTER runs_from DROP NOT NULL; UPDATE poslife.poslife_migrations SET runs_from = NULL": (
        r'"runs_from":null.*did not write: Expected `int`'
    ),
    f"{LIST} DROP COLUMN runs_from": "missing required field `runs_from`",
    f"{LIST} ALTER COLUMN name TYPE integer USING 7": "Expected `str`, got `int`",
}


@pytest.mark.parametrize("damage, reason", UNREADABLE.items())
async def test_a_list_of_migrations_that_cannot_be_read(postgres_dsn: str, damage: str, reason: str) -> None:
    """
    A row of the list that poslife did not write is refused with the row.
    """
    psql(postgres_dsn, damage)
    with pytest.raises(SchemaMismatch, match=reason) as caught:
        await PostgresStore(postgres_dsn).open()

    assert caught.value.where.startswith("database poslife_test_")


async def test_a_list_of_migrations_that_a_newer_release_has_extended(postgres_dsn: str) -> None:
    """
    A further column of the list that may be null is passed over.
    """
    psql(postgres_dsn, "ALTER TABLE poslife.poslife_migrations ADD COLUMN by text")
    store = PostgresStore(postgres_dsn)
    await store.open()
    await store.aclose()
