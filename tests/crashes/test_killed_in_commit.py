"""
Killed while the server commits: PostgreSQL finishes what a dead process has asked for.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from poslife.testing.bybit import SimulatedBybit
from tests.crashes.forking import WarmProcess
from tests.crashes.world import World
from tests.postgres.support import session
from tests.postgres_roles import as_bot

pytestmark = pytest.mark.slow

HELD = 42

# The commit of a position's second order takes as long as somebody holds the lock.
HOLD_COMMIT = f"""
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({HELD});
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON poslife.orders
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.ordinal = 1) EXECUTE FUNCTION public.hold();
"""

WAITING = """
SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.datname = current_database()
JOIN pg_stat_activity AS a ON a.pid = l.pid AND a.datid = d.oid
WHERE NOT l.granted
"""


async def until_waiting(connection: Any, sessions: int) -> None:
    """
    Return when this many sessions of the database wait for a lock.
    """
    while await connection.fetchval(WAITING) < sessions:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.005)


async def test_a_commit_that_comes_through_after_the_death(warm: WarmProcess, postgres_dsn: str) -> None:
    """
    The next life waits for it, and so takes over the exit it has prepared: nobody else would ever end it.
    """
    async with SimulatedBybit() as venue, session(postgres_dsn) as connection:
        other: Any = connection  # asyncpg is not typed
        world = World(warm, as_bot(postgres_dsn), venue, "main")
        await other.execute(HOLD_COMMIT)
        await other.execute(f"SELECT pg_advisory_lock({HELD})")
        report = await world.live("two exits", killed_after=until_waiting(other, 1))
        assert report.was_killed
        assert report.checkpoints[-1].startswith("before commit order.prepared")
        checking = asyncio.create_task(world.check())
        waiting = asyncio.create_task(until_waiting(other, 2))
        await asyncio.wait((checking, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        await asyncio.wait((waiting,))
        await other.execute(f"SELECT pg_advisory_unlock({HELD})")
        await checking
