"""
A bot killed under load, again and again: what `emit` returned for is stored, once.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from poslife import EventId, RunId
from tests.crashes.recording_bot import Deaths, assert_survived, die_again_and_again

KILLS = 5


@pytest.mark.slow
async def test_a_bot_killed_under_load_loses_nothing_in_sqlite(tmp_path: Path) -> None:
    """
    2500 events a second, five deaths at moments of their own, one database (incident 48).
    """
    path = tmp_path / "bot.sqlite"
    left = await die_again_and_again(str(path), tmp_path, kills=KILLS)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT event_id, run, sequence, rowid FROM run_events").fetchall()
        assert connection.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
    stored = [(EventId(UUID(row[0])), RunId(UUID(row[1])), row[2], row[3]) for row in rows]

    assert_survived(Deaths.of(left, stored), KILLS)
