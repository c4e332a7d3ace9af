"""
``poslife migrate``.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import poslife
from tests.cli.command import run
from tests.postgres.support import count, opened_store, records
from tests.postgres_roles import as_bot
from tests.postgres_server import psql


def day(days: int) -> str:
    return f"run_events_{datetime.now(UTC) + timedelta(days=days):%Y_%m_%d}"


def test_migrate_makes_schema_and_partitions(empty_postgres_dsn: str) -> None:
    """
    An owner makes schema and partitions with it; again, and nothing is left to do.
    """
    first = run("migrate", empty_postgres_dsn, "--partitions", "day")
    second = run("migrate", empty_postgres_dsn)

    assert (0, "") == (first.returncode, first.stderr)
    where, schema, partitions = first.stdout.splitlines()
    assert where.startswith("PostgreSQL ")
    assert "migrated: 0001_positions" == schema
    assert f"partitions by day: made 3, {day(0)} to {day(2)}" == partitions
    assert (0, "") == (second.returncode, second.stderr)
    assert [where, "the schema is up to date", "partitions by day: none was missing"] == (
        second.stdout.splitlines()
    )


def test_a_bots_role_may_not(postgres_dsn: str) -> None:
    """
    Run by the bot's role it makes nothing, and says who can; a width of its own is refused.
    """
    month = f"run_events_{datetime.now(UTC):%Y_%m}"
    psql(postgres_dsn, f"DROP TABLE poslife.{month}")
    url = as_bot(postgres_dsn)
    done, width = run("migrate", url), run("migrate", url, "--partitions", "day")

    assert (1, "") == (done.returncode, done.stderr)
    assert f"partition {month} not made" in done.stdout
    assert "have the owner of the tables run `poslife migrate URL`" in done.stdout
    assert 3 == width.returncode
    assert "permission denied for table settings" in width.stderr
    assert "month" == psql(postgres_dsn, "SELECT value FROM poslife.settings").strip()


@pytest.mark.slow
async def test_migrate_beside_a_bot_that_writes(postgres_dsn: str) -> None:
    """
    Events that were written without a partition are moved to theirs, while the bot goes on writing: each is
    stored, once.
    """
    month = f"run_events_{datetime.now(UTC):%Y_%m}"
    psql(postgres_dsn, f"DROP TABLE poslife.{month}")
    begun, done = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def write() -> int:
        written = 0
        async with opened_store(postgres_dsn) as store:
            while not done.is_set():
                await store.write(records(50, first=written + 1))
                written += 50
                if written == 500:
                    begun.set()
        return written

    def migrated() -> tuple[int, str]:
        try:
            made = run("migrate", postgres_dsn)
        finally:
            done.set()
        return made.returncode, made.stdout

    writing = asyncio.create_task(write())
    await begun.wait()
    status, output = await loop.run_in_executor(None, migrated)
    written = await writing

    assert 0 == status, output
    assert f"made {month}" in output
    assert "moved " in output
    assert (written, 0) == (count(postgres_dsn, month), count(postgres_dsn, "run_events_default"))


def test_migrate_a_file(tmp_path: Path) -> None:
    """
    A file is migrated alone: it has no partitions, and one that is not there is an error.
    """
    path = tmp_path / "bot.db"
    url = f"sqlite:///{path}"
    missing = run("migrate", url)

    async def opened() -> None:
        async with poslife.connect(url):
            pass

    asyncio.run(opened())
    done, refused = run("migrate", url), run("migrate", url, "--partitions", "day")

    assert 3 == missing.returncode
    assert f"there is no file {path}" in missing.stderr
    assert (0, "") == (done.returncode, done.stderr)
    assert "the schema is up to date" == done.stdout.splitlines()[1]
    assert 2 == refused.returncode
    assert "--partitions day: only PostgreSQL has partitions; leave the option out" in refused.stderr


@pytest.mark.parametrize(
    "url, status, message",
    [
        ("memory://", 3, "a store in memory"),
        ("mysql://localhost/bot", 2, "there is no store for the scheme 'mysql'"),
        ("postgresql://nobody@127.0.0.1:1/bot", 3, "did not answer"),
    ],
    ids=["memory", "another database", "no server"],
)
def test_a_store_that_cannot_be_migrated(url: str, status: int, message: str) -> None:
    """
    A store that is not there is an error in a sentence.
    """
    done = run("migrate", url)

    assert status == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_schema_of_a_newer_release_is_left_alone(postgres_dsn: str) -> None:
    """
    A schema that a newer release has made is not migrated, and the message says so.
    """
    psql(
        postgres_dsn,
        "INSERT INTO poslife.poslife_migrations (version, name, sha256, runs_from, applied_at) "
        "VALUES (999, 'later', 'x', 999, now())",
    )
    done = run("migrate", postgres_dsn)

    assert 3 == done.returncode
    assert "newer release" in done.stderr
