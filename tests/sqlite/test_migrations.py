"""
Migrations: applied once, under a lock, and recognised by their checksums.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from poslife.errors import SchemaMismatch, SchemaVersionError
from poslife.sqlite import SqliteStore
from poslife.sqlite._migrations import MIGRATIONS, statements_of
from tests.sqlite.files import cells, refusal_of_open


async def test_what_was_applied_is_written_down(path: Path) -> None:
    """
    The file records its migrations with their checksums.
    """
    applied = cells(path, "SELECT version, name, sha256, runs_from FROM poslife_migrations ORDER BY version")

    assert [(each.version, each.name, each.sha256, each.runs_from) for each in MIGRATIONS] == applied


async def test_a_newer_schema_is_refused(path: Path) -> None:
    """
    A file that only newer releases may use is refused with both versions.
    """
    later = "(900, 'later', 'abc', 900, '2030-01-01T00:00:00.000000Z')"
    cells(path, f"INSERT INTO poslife_migrations VALUES {later}")
    error = await refusal_of_open(path, SchemaVersionError)

    assert (900, MIGRATIONS[-1].version) == (error.found, error.known)
    assert "upgrade poslife" in str(error)


async def test_an_edited_migration_is_refused(path: Path) -> None:
    """
    A migration that was edited after it had been applied is found by its checksum.
    """
    cells(path, "UPDATE poslife_migrations SET sha256 = 'edited'")
    error = await refusal_of_open(path, SchemaVersionError)

    assert "edited" in str(error)


async def test_another_migration_under_the_number_is_refused(path: Path) -> None:
    """
    A migration of another name under a known number is refused.
    """
    cells(path, "UPDATE poslife_migrations SET name = 'strange'")
    error = await refusal_of_open(path, SchemaVersionError)

    assert "'strange'" in str(error)


async def test_a_file_of_another_program(tmp_path: Path) -> None:
    """
    A database of another program with tables of the same names is refused and left as it is.
    """
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE positions (x)")
        connection.execute("CREATE VIEW orders AS SELECT 1")
    connection.close()
    error = await refusal_of_open(path, SchemaMismatch)

    assert ["orders", "positions"] == [difference.split()[0] for difference in error.differences]
    assert "a file of its own" in str(error)
    assert [("orders",), ("positions",)] == cells(path, "SELECT name FROM sqlite_schema ORDER BY name")


async def test_a_strange_list_of_migrations(tmp_path: Path) -> None:
    """
    A table of migrations of another program is refused with its row.
    """
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE poslife_migrations (version, name, sha256)")
        connection.execute("INSERT INTO poslife_migrations VALUES ('one', 2, 3)")
    connection.close()
    error = await refusal_of_open(path, SchemaMismatch)

    assert "('one', 2, 3)" in str(error)


async def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """
    A migration that fails leaves nothing of it in the file.
    """
    path = tmp_path / "bot.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
        # An index in the way: it is found when half of the tables are made.
        connection.execute("CREATE INDEX fills_once ON mine (x)")
    connection.close()
    with pytest.raises(Exception, match="fills_once"):
        await SqliteStore(path).open()

    assert [("fills_once",), ("mine",)] == cells(path, "SELECT name FROM sqlite_schema ORDER BY name")


async def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    """
    A new file that is opened many times at once is migrated once.
    """
    stores = [SqliteStore(tmp_path / "bot.db", lock_timeout=60) for _ in range(12)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.aclose() for store in stores))

    assert [(len(MIGRATIONS),)] == cells(tmp_path / "bot.db", "SELECT count(*) FROM poslife_migrations")


def test_statements_of_a_script() -> None:
    """
    A script is split at its semicolons, but not at those in comments, texts and triggers.
    """
    script = """
    -- First; this.
    CREATE TABLE a (b TEXT DEFAULT ';');
    CREATE TRIGGER c AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END;
    """
    connection = sqlite3.connect(":memory:")
    statements = list(statements_of(script))
    for statement in statements:
        connection.execute(statement)
    connection.close()

    assert 2 == len(statements)
