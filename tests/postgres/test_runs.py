"""
Leases follow the database's clock.
"""

from __future__ import annotations

import pytest

from poslife.conformance._example_changes import Story
from poslife.errors import RunLost
from tests.postgres.support import opened_store
from tests.postgres_server import psql


async def test_a_lost_lease_stays_lost_when_the_clock_goes_back(postgres_dsn: str) -> None:
    """
    A run that was lost stays lost when the server's clock is set back.
    """
    async with opened_store(postgres_dsn) as store:
        story = Story()
        new = story.new_run()
        await store.start_run(new)
        psql(postgres_dsn, "UPDATE poslife.runs SET lease_until = now() - interval '1 second'")
        with pytest.raises(RunLost):
            await store.renew_run(new.id, 60.0)
        # The effect of a clock set back by an hour.
        psql(postgres_dsn, "UPDATE poslife.runs SET lease_until = lease_until + interval '1 hour'")
        claim = story.claim(story.pending(run=new.id), run=new.id)

        with pytest.raises(RunLost):
            await store.renew_run(new.id, 60.0)
        with pytest.raises(RunLost):
            await store.start_run(new)
        with pytest.raises(RunLost):
            await store.commit(claim)
        assert [True] == [run.ended for run in (await store.list_runs()).items]


async def test_the_clock_is_the_databases(postgres_dsn: str) -> None:
    """
    A lease begins and ends by the server's clock, to the microsecond, in UTC.
    """
    async with opened_store(postgres_dsn) as store:
        run = await store.start_run(Story().new_run(lease=0.25))
        stored = psql(
            postgres_dsn,
            "SELECT extract(epoch FROM started_at) || ' ' || (lease_until - started_at) FROM poslife.runs",
        )

    assert stored.split() == [f"{run.started_at.timestamp():.6f}", "00:00:00.25"]
