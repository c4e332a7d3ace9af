"""
``poslife verify``.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import poslife
from poslife import EventId
from tests.cli.command import run


def test_verify_says_whether_the_digest_chain_is_intact(tmp_path: Path) -> None:
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
    assert "OK: the digest chain is intact" in whole.stdout
    assert (1, "") == (altered.returncode, altered.stderr)
    assert f"event {event}, run " in altered.stdout
    assert "1 fault in the digest chain" in altered.stdout
    assert "OK" not in altered.stdout


@pytest.mark.parametrize(
    "url, message",
    [
        ("sqlite:////nowhere/bot.db", "there is no file /nowhere/bot.db"),
        ("mysql://localhost/bot", "there is no store for the scheme 'mysql'"),
        ("postgresql://nobody@127.0.0.1:1/bot", "did not answer"),
    ],
    ids=["no file", "another database", "no server"],
)
def test_verify_makes_nothing_and_says_why(url: str, message: str) -> None:
    """
    A store that is not there is an error in a sentence; no file is made to find it empty.
    """
    done = run("verify", url)

    assert 1 == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr
