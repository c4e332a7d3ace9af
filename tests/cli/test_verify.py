"""
``poslife verify``.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import poslife
from poslife import EventId
from poslife.sqlite import SqliteStore
from tests.cli.command import run
from tests.postgres_roles import as_reader
from tests.postgres_server import psql
from tests.tampering import tamper


def record(path: Path, *kinds: str) -> list[EventId]:
    """
    Record events of these types into a new store.
    """

    async def recorded() -> list[EventId]:
        async with poslife.connect(f"sqlite:///{path}") as tracker:
            return [tracker.record(kind, None, {"price": 1}) for kind in kinds]

    return asyncio.run(recorded())


def bytes_of(path: Path) -> bytes:
    """
    Return the bytes of file and log, read by another process: closing the file here would drop its locks.
    """
    return subprocess.check_output(["cat", path, f"{path}-wal"])


async def opened(path: Path, work: Callable[[SqliteStore], Awaitable[None]]) -> None:
    """
    Work with the store as its owner.
    """
    store = SqliteStore(path)
    await store.open()
    await work(store)
    await store.aclose()


def test_verify_says_whether_the_digest_chain_is_intact(tmp_path: Path) -> None:
    """
    Exit status 0 and how much was read; 1 and each event that was altered, by its id (feature 87).
    """
    path = tmp_path / "bot.db"
    event, _, another = record(path, "bot.told", "bot.left", "bot.told")
    whole = run("verify", f"sqlite:///{path}")
    tamper(path, f"UPDATE run_events SET payload = '{{\"price\":2}}' WHERE event_id = '{event}'")
    altered = run("verify", f"sqlite:///{path}")
    tamper(path, "UPDATE run_events SET payload = '{\"price\":2}' WHERE type = 'bot.told'")
    twice = run("verify", f"sqlite:///{path}")

    assert (0, "") == (whole.returncode, whole.stderr)
    assert str(path) in whole.stdout
    # The run's beginning and end are events, too.
    assert "0 life events, 5 host events" in whole.stdout
    assert "OK: the digest chain is intact" in whole.stdout
    assert (1, "") == (altered.returncode, altered.stderr)
    assert f"event {event}, run " in altered.stdout
    assert "1 fault in the digest chain" in altered.stdout
    assert "OK" not in altered.stdout
    assert 1 == twice.returncode
    assert f"event {another}, run " in twice.stdout
    assert "2 faults in the digest chain" in twice.stdout


def test_verify_names_a_run_whose_beginning_was_purged(tmp_path: Path) -> None:
    """
    What is left of it is intact, and a reader learns who purged what, and why; without a purge it is a fault.
    """
    path = tmp_path / "bot.db"
    record(path, "bot.told", "bot.told")

    async def purge(store: SqliteStore) -> None:
        of = (await store.read_run_events()).items[0].header.run
        await store.purge(of, 2, why="older than a year")

    asyncio.run(opened(path, purge))
    purged = run("verify", f"sqlite:///{path}")
    tamper(path, "DELETE FROM purges")
    removed = run("verify", f"sqlite:///{path}")

    assert (0, "") == (purged.returncode, purged.stderr)
    assert ": host events up to number 2 purged by " in purged.stdout
    assert ": older than a year" in purged.stdout
    assert "OK: the digest chain is intact" in purged.stdout
    assert 1 == removed.returncode
    assert "before number 3 of its run, 1 to 2 is missing" in removed.stdout


def test_verify_says_what_was_erased_and_what_it_cannot_verify(tmp_path: Path) -> None:
    """
    An erasure and an unknown record format are no faults, and both are counted (feature 118).
    """
    path = tmp_path / "bot.db"
    first, second, _ = record(path, "bot.told", "bot.told", "bot.told")

    async def erase(store: SqliteStore) -> None:
        await store.erase(first, why="asked for")

    asyncio.run(opened(path, erase))
    tamper(path, f"UPDATE run_events SET format = 9 WHERE event_id = '{second}'")
    told = run("verify", f"sqlite:///{path}")
    tamper(path, "DELETE FROM erasures")
    removed = run("verify", f"sqlite:///{path}")

    assert (0, "") == (told.returncode, told.stderr)
    assert "1 payload or piece of evidence erased" in told.stdout
    assert "not verified: 1 event has a record format that this release does not know" in told.stdout
    assert 1 == removed.returncode
    assert f"event {first}, run " in removed.stdout
    assert "its payload is missing, and no erasure of it is recorded" in removed.stdout


@pytest.mark.parametrize(
    "url, status, message",
    [
        ("sqlite:////nowhere/bot.db", 3, "there is no file /nowhere/bot.db"),
        ("mysql://localhost/bot", 2, "there is no store for the scheme 'mysql'"),
        ("postgresql://nobody@127.0.0.1:1/bot", 3, "did not answer"),
    ],
    ids=["no file", "another database", "no server"],
)
def test_verify_makes_nothing_and_says_why(url: str, status: int, message: str) -> None:
    """
    A store that is not there is an error in a sentence; no file is made to find it empty.
    """
    done = run("verify", url)

    assert status == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_makes_no_schema_to_find_it_whole(empty_postgres_dsn: str) -> None:
    """
    A PostgreSQL database without poslife is said to have none, and gets none (feature 87).
    """
    done = run("verify", empty_postgres_dsn)

    assert (3, "") == (done.returncode, done.stdout)
    assert "there is no poslife here" in done.stderr
    assert (
        "0" == psql(empty_postgres_dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'poslife'").strip()
    )


def test_verify_needs_select_alone(postgres_dsn: str) -> None:
    """
    A role that may only read verifies a database.
    """
    done = run("verify", as_reader(postgres_dsn))

    assert (0, "") == (done.returncode, done.stderr)
    assert "OK: the digest chain is intact" in done.stdout


def test_verify_reads_beside_a_running_bot(tmp_path: Path) -> None:
    """
    A bot goes on while its file is verified, which changes no byte of it.
    """
    path = tmp_path / "bot.db"

    async def verified() -> subprocess.CompletedProcess[str]:
        async with poslife.connect(f"sqlite:///{path}") as tracker:
            tracker.record("bot.told", None, {"price": 1})
            await tracker.flush(60)
            before = await asyncio.to_thread(bytes_of, path)
            done = await asyncio.to_thread(run, "verify", f"sqlite:///{path}")

            assert before == await asyncio.to_thread(bytes_of, path)
            return done

    done = asyncio.run(verified())

    assert (0, "") == (done.returncode, done.stderr)
    assert "0 life events, 2 host events" in done.stdout


def test_verify_of_a_store_in_memory_has_nothing_to_read() -> None:
    """
    A store in memory is another process's, and is not taken for an empty one.
    """
    done = run("verify", "memory://")

    assert 3 == done.returncode
    assert "the process that made it" in done.stderr
