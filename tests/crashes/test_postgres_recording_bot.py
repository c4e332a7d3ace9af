"""
A bot killed under load whose events go to PostgreSQL.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from poslife import EventId, RunId
from tests.crashes.recording_bot import Deaths, assert_survived, die_again_and_again
from tests.postgres.support import session
from tests.postgres_roles import as_bot

KILLS = 5


@pytest.mark.slow
async def test_a_bot_killed_under_load_loses_nothing_in_postgres(postgres_dsn: str, tmp_path: Path) -> None:
    """
    2500 events a second, five deaths; the server may still be writing what a dead bot had sent (incident 48).
    """
    left = await die_again_and_again(as_bot(postgres_dsn), tmp_path, kills=KILLS)
    async with session(postgres_dsn) as other:
        rows = await other.fetch(
            "SELECT event_id, run, sequence, xmin::text::bigint AS turn FROM poslife.run_events"
        )
        assert await other.fetchval("SELECT count(*) FROM poslife.dead_letters") == 0
    stored = [(EventId(row[0]), RunId(row[1]), row[2], row[3]) for row in rows]

    assert_survived(Deaths.of(left, stored), KILLS)
