"""
The schema is migrated once, under a lock, and checked before the first trade.
"""

from __future__ import annotations

import asyncio
import enum
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from poslife._domain.event_envelopes import Actor, Severity
from poslife._domain.identifiers import Leg, MarginMode, OrderSide, Side
from poslife._domain.orders import CloseReason, OrderPurpose, OrderStatus
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import Confidence, Origin
from poslife.conformance._example_changes import begin
from poslife.errors import SchemaMismatch, SchemaVersionError
from poslife.sqlite import SqliteStore
from poslife.sqlite._migrations import MIGRATIONS, statements_of
from poslife.sqlite._schema import needed_features
from poslife.sqlite._session import Session
from poslife.storage._columns import FILLS, LIFE_EVENTS, ORDERS, POSITIONS, RUN_EVENTS, names_of
from tests.sqlite.files import cells, opened_store, ours, writer_of


async def _refused(path: Path, kind: type[SchemaMismatch | SchemaVersionError]) -> Exception:
    store = SqliteStore(path)
    with pytest.raises(kind) as caught:
        await store.open()
    return caught.value


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    async with opened_store(tmp_path / "bot.db"):
        pass
    return tmp_path / "bot.db"


def _damaged(path: Path, *statements: str) -> None:
    with ours(path) as connection:
        for statement in statements:
            connection.execute(statement)


def _rewritten(path: Path, table: str, old: str, new: str) -> None:
    """
    Make *table* again, otherwise.
    """
    with ours(path) as connection:
        (definition,) = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
        indexes = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
            (table,),
        ).fetchall()
        assert old in definition
        connection.execute(f"DROP TABLE {table}")
        connection.execute(definition.replace(old, new))
        for (index,) in indexes:
            connection.execute(index)


async def test_what_was_applied_is_written_down(path: Path) -> None:
    """
    The file says which migrations it has had, with their checksums.
    """
    applied = cells(path, "SELECT version, name, sha256 FROM poslife_migrations ORDER BY version")

    assert [(each.version, each.name, each.sha256) for each in MIGRATIONS] == applied


async def test_the_file_is_as_durable_as_promised(path: Path) -> None:
    """
    A write-ahead log, synced at every commit, with foreign keys on, and no copying behind our back.
    """
    async with opened_store(path) as store:

        def settings(session: Session) -> dict[str, object]:
            names = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")
            return {name: session.rows(f"PRAGMA {name}")[0][0] for name in names}

        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "wal_autocheckpoint": 0}
        assert wanted == await writer_of(store).do(settings)


async def test_a_newer_schema_is_refused(path: Path) -> None:
    """
    A file that a newer release has migrated is refused, saying both versions.
    """
    _damaged(
        path, "INSERT INTO poslife_migrations VALUES (900, 'later', 'abc', '2030-01-01T00:00:00.000000Z')"
    )
    error = await _refused(path, SchemaVersionError)

    assert isinstance(error, SchemaVersionError)
    assert (900, MIGRATIONS[-1].version) == (error.found, error.known)
    assert "upgrade poslife" in str(error)


async def test_an_edited_migration_is_refused(path: Path) -> None:
    """
    A migration that is not the one that was applied is found by its checksum.
    """
    _damaged(path, "UPDATE poslife_migrations SET sha256 = 'edited'")
    error = await _refused(path, SchemaVersionError)

    assert "edited" in str(error)


async def test_another_migration_under_the_number_is_refused(path: Path) -> None:
    """
    A migration of another name under one of our numbers is refused.
    """
    _damaged(path, "UPDATE poslife_migrations SET name = 'strange'")
    error = await _refused(path, SchemaVersionError)

    assert "'strange'" in str(error)


async def test_every_mismatch_is_listed(path: Path) -> None:
    """
    A schema damaged in many ways is refused before the first trade, and every difference named (incident 17).
    """
    _damaged(
        path,
        "DROP TABLE dead_letters",
        "ALTER TABLE runs RENAME COLUMN machine TO host",
        "ALTER TABLE changes ADD COLUMN note TEXT",
        "ALTER TABLE changes ADD COLUMN reviewed TEXT CHECK (reviewed <> '')",
        "DROP INDEX positions_one_live_per_key",
        "CREATE UNIQUE INDEX positions_one_live_per_key ON positions (venue, symbol) WHERE status = 'open'",
        "CREATE UNIQUE INDEX one_run_per_machine ON runs (host)",
        "DROP INDEX positions_id_once",
    )
    _rewritten(path, "fills", "quantity TEXT NOT NULL", "quantity REAL NOT NULL")
    _rewritten(path, "run_events", "payload TEXT NOT NULL", "payload TEXT")
    _rewritten(
        path, "orders", "CONSTRAINT orders_of_a_position FOREIGN KEY (ref) REFERENCES positions (ref),", ""
    )
    _rewritten(path, "orders", "'prepared', 'submitting'", "'prepared', 'sending'")
    _rewritten(
        path,
        "changes",
        "CONSTRAINT changes_pkey",
        "CHECK (run <> 'mine, all mine )'), CONSTRAINT changes_pkey",
    )
    _rewritten(path, "orders", "STRICT, WITHOUT ROWID", "WITHOUT ROWID")
    error = await _refused(path, SchemaMismatch)

    assert isinstance(error, SchemaMismatch)
    assert str(path) == error.where
    told = [difference.partition(";")[0].partition(": ") for difference in error.differences]
    found = sorted((table, what.removesuffix(" is missing").split(" is ")[0]) for table, _, what in told)

    assert found == [
        ("changes", "column reviewed"),
        ("changes", "constraint CHECK(run <> 'mine,all mine)')"),
        ("dead_letters is missing", ""),
        ("fills", "column quantity"),
        ("orders", "constraint orders_of_a_position"),
        ("orders", "constraint orders_status_known"),
        ("orders", "kind"),
        ("positions", "unique index positions_id_once"),
        ("positions", "unique index positions_one_live_per_key"),
        ("run_events", "column payload"),
        ("runs", "column host"),
        ("runs", "column machine"),
        ("runs", "unique index one_run_per_machine"),
    ]
    for difference in error.differences:
        assert difference in str(error)


async def test_what_does_no_harm_is_let_be(path: Path) -> None:
    """
    A nullable column more, an index more, a table more: none of our business. Layout does not count.
    """
    _damaged(
        path,
        "ALTER TABLE positions ADD COLUMN note TEXT",
        "ALTER TABLE positions ADD COLUMN tagged INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX by_symbol ON positions (symbol)",
        "CREATE TABLE mine (x)",
    )
    _rewritten(
        path,
        "dead_letters",
        "reason TEXT NOT NULL,",
        '\n\n /* why */ "reason"   TEXT NOT NULL, -- yes, why\n',
    )
    async with opened_store(path) as store:
        story = await begin(store)
        await story.opened(store)


async def test_a_file_of_another_program(tmp_path: Path) -> None:
    """
    A database whose tables are called like ours, and are not, is refused and left as it is.
    """
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE positions (x)")
        connection.execute("CREATE VIEW orders AS SELECT 1")
    connection.close()
    error = await _refused(path, SchemaMismatch)

    assert isinstance(error, SchemaMismatch)
    assert ["orders", "positions"] == [difference.split()[0] for difference in error.differences]
    assert "a file of its own" in str(error)
    assert [("orders",), ("positions",)] == cells(path, "SELECT name FROM sqlite_schema ORDER BY name")


async def test_a_strange_list_of_migrations(tmp_path: Path) -> None:
    """
    A list of migrations that is not ours is refused, showing what it says.
    """
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE poslife_migrations (version, name, sha256)")
        connection.execute("INSERT INTO poslife_migrations VALUES ('one', 2, 3)")
    connection.close()
    error = await _refused(path, SchemaMismatch)

    assert "('one', 2, 3)" in str(error)


async def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """
    Where a migration cannot be applied, nothing of it is.
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
    However many open a new file at once, it is migrated once.
    """
    stores = [SqliteStore(tmp_path / "bot.db") for _ in range(12)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.aclose() for store in stores))

    assert [(len(MIGRATIONS),)] == cells(tmp_path / "bot.db", "SELECT count(*) FROM poslife_migrations")


def test_statements_of_a_script() -> None:
    """
    A script is taken apart at its semicolons, not at those in comments, texts and triggers.
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


@pytest.mark.parametrize(
    "table,column,kind",
    [
        ("positions", "status", PositionStatus),
        ("positions", "leg", Leg),
        ("positions", "margin_mode", MarginMode),
        ("positions", "side", Side),
        ("positions", "confidence", Confidence),
        ("positions", "origin", Origin),
        ("positions", "close_reason", CloseReason),
        ("orders", "purpose", OrderPurpose),
        ("orders", "side", OrderSide),
        ("orders", "status", OrderStatus),
        ("orders", "close_reason", CloseReason),
        ("fills", "side", OrderSide),
        ("fills", "leg", Leg),
        ("life_events", "severity", Severity),
        ("life_events", "actor", Actor),
    ],
    ids=str,
)
def test_checks_name_every_member(table: str, column: str, kind: type[enum.Enum]) -> None:
    """
    A column takes exactly the members of its enumeration.
    """
    check = needed_features()[table][f"constraint {table}_{column}_known"].definition
    none = {""} if column == "margin_mode" else set[str]()

    assert {str(member.value) for member in kind} | none == set(re.findall(r"'([^']*)'", check))


@pytest.mark.parametrize(
    "table,columns",
    [
        ("positions", names_of(POSITIONS)),
        ("orders", names_of(ORDERS)),
        ("fills", ("number", *names_of(FILLS))),
        ("life_events", ("number", *names_of(LIFE_EVENTS))),
        ("run_events", names_of(RUN_EVENTS)),
    ],
    ids=str,
)
def test_tables_have_the_columns_of_their_values(table: str, columns: Sequence[str]) -> None:
    """
    A table has exactly the columns that its values are written to, in their order (incident 36).
    """
    there = [what.removeprefix("column ") for what in needed_features()[table] if what.startswith("column ")]

    assert list(columns) == there


def test_every_number_and_time_is_checked() -> None:
    """
    No column for a number or a time is without its check.
    """
    for table, features in needed_features().items():
        for what in features:
            column = what.removeprefix("column ")
            if column.endswith(("_at", "_until", "quantity", "_cost", "price")) or column in ("at", "filled"):
                assert f"constraint {table}_{column}_sound" in features
