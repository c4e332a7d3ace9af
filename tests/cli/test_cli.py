"""
The command: what it says without doing anything.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import poslife
from poslife import EventId


def run(*arguments: str, missing: str | None = None) -> subprocess.CompletedProcess[str]:
    """
    Run the command as a process, with one library as if it were not installed.
    """
    blocked = "" if missing is None else f"sys.modules[{missing!r}] = None; "
    program = f"import sys; {blocked}from poslife.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_version_is_the_packages() -> None:
    """
    ``poslife --version`` says which release is installed.
    """
    done = run("--version")

    assert (0, f"poslife, version {poslife.__version__}\n") == (done.returncode, done.stdout)


def test_verify_says_whether_the_trail_is_whole(tmp_path: Path) -> None:
    """
    Exit status 0 and how much was read; 1 and each event that was altered, by its id (feature 87).
    """
    path = tmp_path / "bot.db"

    async def record() -> EventId:
        tracker = poslife.connect(f"sqlite:///{path}")
        async with tracker:
            return tracker.record("bot.told", None, {"price": 1})

    event = asyncio.run(record())
    whole = run("verify", f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE run_events SET payload = '{\"price\":2}' WHERE type = 'bot.told'")
    altered = run("verify", f"sqlite:///{path}")

    assert (0, "") == (whole.returncode, whole.stderr)
    assert str(path) in whole.stdout
    assert "each follows from the one before it" in whole.stdout
    assert (1, "") == (altered.returncode, altered.stderr)
    assert f"event {event}, run " in altered.stdout
    assert "the trail is not whole: 1 fault" in altered.stdout


@pytest.mark.parametrize(
    "url, said",
    [
        ("sqlite:////nowhere/bot.db", "there is no file /nowhere/bot.db"),
        ("mysql://localhost/bot", "there is no store for 'mysql'"),
        ("postgresql://nobody@127.0.0.1:1/bot", "did not answer"),
    ],
    ids=["no file", "another database", "no server"],
)
def test_verify_makes_nothing_and_says_why(url: str, said: str) -> None:
    """
    A store that is not there is an error in a sentence; no file is made to find it empty.
    """
    done = run("verify", url)

    assert 1 == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_the_demo_and_hides_the_sabotage() -> None:
    """
    What a newcomer can run is listed; what only tests need is not.
    """
    assert {"demo", "verify"} <= set(run("--help").stdout.split())
    shown = run("demo", "--help").stdout

    assert "--dsn" in shown
    assert "--keep" in shown
    assert "sabotage" not in shown


@pytest.mark.parametrize("missing", ["click", "rich", "ccxt", "aiohttp"])
def test_a_missing_extra_says_what_to_install(missing: str) -> None:
    """
    Without one of the libraries the command says which pip command brings it, and no traceback.
    """
    done = run("demo", missing=missing)

    assert 1 == done.returncode
    assert "pip install 'poslife[all]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "dsn, said",
    [
        ("mysql://localhost/bot", "postgresql://"),
        ("postgresql://nobody@127.0.0.1:1/bot", "cannot reach the server"),
    ],
    ids=["another database", "no server"],
)
def test_a_dsn_that_does_not_serve_says_why(dsn: str, said: str) -> None:
    """
    A wrong or unreachable database is an error in a sentence, before anything is started.
    """
    done = run("demo", "--dsn", dsn)

    assert 1 == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr
