"""
Files of each format, kept: today's code opens, migrates and verifies them, and reads what was written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest

from poslife._trail.records import decode_record
from poslife.errors import SchemaMismatch, SchemaVersionError
from poslife.events import verify_trail
from poslife.journal import FileJournal
from poslife.sqlite import SqliteStore
from poslife.sqlite._migrations import MIGRATIONS
from tests.golden.story import EXPECTED, FORMAT, JOURNAL, LINES, POSTGRES, SQLITE, Expected, Store, facts_of
from tests.postgres_server import psql, restore

ANEW = (
    "the golden files in tests/golden are not of today's schema: run nox -s golden, and commit what it made; "
    "once 0.1.0 is released write a migration instead, which changes none that is released"
)

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def expected() -> Expected:
    return msgspec.json.decode((FORMAT / EXPECTED).read_bytes(), type=Expected)


@asynccontextmanager
async def opened(store: Store) -> AsyncGenerator[Store]:
    try:
        await store.open()
    except (SchemaVersionError, SchemaMismatch) as error:
        pytest.fail(f"{ANEW}\n{error}")
    try:
        yield store
    finally:
        await store.aclose()


async def assert_as_expected(store: Store, expected: Expected) -> None:
    found, report = await facts_of(store), await verify_trail(store)

    assert (expected.life_events, expected.host_events) == (found.life_events, found.host_events)
    assert expected.dead_letters == found.dead_letters
    # A later release may have further columns.
    assert expected.positions == [
        {name: position[name] for name in kept}
        for kept, position in zip(expected.positions, found.positions, strict=True)
    ]
    assert report.whole
    assert len(expected.life_events) == report.life_events
    assert len(expected.host_events) + len(expected.dead_letters) == report.host_events
    assert 1 == report.erased


def test_the_golden_files_are_of_todays_schema() -> None:
    """
    Until the first release they are made anew with every change of a migration.
    """
    with closing(sqlite3.connect(f"{(FORMAT / SQLITE).as_uri()}?mode=ro&immutable=1", uri=True)) as kept:
        applied = dict(kept.execute("SELECT version, sha256 FROM poslife_migrations").fetchall())
    of_postgres = PROJECT / "src" / "poslife" / "postgres" / "migrations"
    sums = [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(of_postgres.glob("*.sql"))]
    dump = (FORMAT / POSTGRES).read_text("utf-8")

    assert {each.version: each.sha256 for each in MIGRATIONS if each.version in applied} == applied, ANEW
    assert [text for text in sums[: len(applied)] if text not in dump] == [], ANEW


def test_each_golden_file_is_small() -> None:
    """
    Each is below 200 kB: they are kept for ever.
    """
    assert [] == [
        file.name for file in FORMAT.rglob("*") if file.is_file() and file.stat().st_size >= 200_000
    ]


async def test_a_golden_sqlite_file(expected: Expected, tmp_path: Path) -> None:
    """
    A file of format 1 is opened, migrated, verified and read.
    """
    shutil.copy(FORMAT / SQLITE, tmp_path / "bot.db")
    async with opened(SqliteStore(tmp_path / "bot.db", lock_timeout=60)) as store:
        await assert_as_expected(store, expected)


async def test_a_golden_dump_of_postgres(expected: Expected, empty_postgres_dsn: str) -> None:
    """
    A dump of format 1 is restored, opened, migrated, verified and read; the server's epoch begins.
    """
    from poslife.postgres import PostgresStore

    restore(empty_postgres_dsn, (FORMAT / POSTGRES).read_text("utf-8"))
    async with opened(PostgresStore(empty_postgres_dsn, connect_timeout=60, command_timeout=60)) as store:
        await assert_as_expected(store, expected)

    assert "2" == psql(empty_postgres_dsn, "SELECT max(epoch) FROM poslife.epochs").strip()


def test_a_golden_journal(expected: Expected, tmp_path: Path) -> None:
    """
    The events in a killed process's journal of format 1 are taken over.
    """
    shutil.copytree(FORMAT / JOURNAL, tmp_path / "journal")
    journal = FileJournal(tmp_path / "journal")
    journal.open()
    records = [decode_record(frame) for _, frame in journal.read(0).frames]
    journal.close()

    assert expected.host_events == [(str(one.header.id), one.digest.hex()) for one in records]


def test_golden_lines_of_json(expected: Expected) -> None:
    """
    Lines of format 1 are JSON with the ids and digests of the events.
    """
    lines = [json.loads(line) for line in (FORMAT / LINES).read_text("utf-8").splitlines()]

    assert [*expected.life_events, *expected.host_events] == [
        (line["event_id"], line["digest"]) for line in lines
    ]
    assert {1} == {line["format"] for line in lines}


@pytest.mark.slow
@pytest.mark.postgres
def test_the_golden_files_made_anew_are_the_same(tmp_path: Path) -> None:
    """
    `nox -s golden` makes the bytes that are kept. SQLite writes its release into a file, so that its contents
    are compared; a journal's segment has a salt, so that it is not.
    """
    subprocess.run([sys.executable, "-m", "tests.golden", tmp_path / "new"], cwd=PROJECT, check=True)
    kept, new = contents_of(FORMAT), contents_of(tmp_path / "new")

    assert kept.keys() == new.keys(), ANEW
    assert [] == [name for name, contents in kept.items() if contents != new[name]], ANEW


def contents_of(folder: Path) -> dict[str, object]:
    contents: dict[str, object] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.name == SQLITE:
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
                contents[file.name] = list(connection.iterdump())
        elif JOURNAL not in file.parts:
            contents[str(file.relative_to(folder))] = file.read_bytes()
    return contents
