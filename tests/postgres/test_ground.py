"""
A commit registers its change, holds its run and locks its positions.
"""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from poslife.conformance._example_changes import Story, begin
from poslife.errors import StorageBusy
from poslife.events import verify_trail
from tests.postgres.support import count, opened_store, session, somebody_waits


async def test_a_position_that_appears_while_an_earlier_attempt_is_waited_for(postgres_dsn: str) -> None:
    """
    A change that waited for an earlier attempt sees the positions as they are after it.
    """
    async with (
        opened_store(postgres_dsn) as store,
        opened_store(postgres_dsn) as other,
        session(postgres_dsn) as earlier,
    ):
        story = await begin(store)
        claim = story.claim(pending := story.pending())
        promote = story.promote(pending)
        await earlier.execute("BEGIN")
        await earlier.execute(
            "INSERT INTO poslife.changes SELECT $1::text::uuid, decode(repeat('00', 32), 'hex'), "
            "$1::text::uuid, now()",
            str(promote.id),
        )
        commit = asyncio.create_task(store.commit(promote))
        await somebody_waits(postgres_dsn)
        await other.commit(claim)
        await earlier.execute("ROLLBACK")
        committed = await commit

        assert committed.positions == (await store.get(pending.ref),)


async def test_a_run_does_not_end_under_a_claim(postgres_dsn: str) -> None:
    """
    A claim locks its run until it is committed, so that ending the run waits.
    """
    async with (
        opened_store(postgres_dsn) as store,
        opened_store(postgres_dsn, lock_timeout=0.05) as other,
        session(postgres_dsn) as rival,
    ):
        story = await begin(store)
        await story.claimed(store)
        claim = story.claim(pending := story.pending())
        await rival.execute("BEGIN")
        await rival.execute("UPDATE poslife.positions SET symbol = $1", pending.key.symbol)
        commit = asyncio.create_task(store.commit(claim))
        await somebody_waits(postgres_dsn)
        with pytest.raises(StorageBusy):
            await other.end_run(story.run)
        await rival.execute("ROLLBACK")
        committed = await commit
        await other.end_run(story.run)

        assert committed.positions == (pending,)


async def test_an_end_of_the_run_waits_for_its_openings(postgres_dsn: str) -> None:
    """
    A claim is either committed before its run has ended, or refused.
    """
    async with opened_store(postgres_dsn) as store:
        story = Story()
        for _ in range(10):
            new = story.new_run()
            await store.start_run(new)
            claims = [story.claim(story.pending(run=new.id), run=new.id) for _ in range(3)]
            results = await asyncio.gather(
                store.commit(claims[0]),
                store.end_run(new.id),
                *(store.commit(claim) for claim in claims[1:]),
                return_exceptions=True,
            )
            unsettled = await store.list_left_by_ended_runs(limit=1000)
            there = {position.ref for position in unsettled.items}
            for claim, result in zip(claims, [results[0], *results[2:]], strict=True):
                committed = not isinstance(result, BaseException)
                assert committed is (claim.transitions[0].ref in there)


_LOCK_STREAM = "SELECT pg_advisory_lock(hashtextextended($1, 31648266190939751))"


async def test_events_about_no_position_are_numbered_after_those_waited_for(postgres_dsn: str) -> None:
    """
    A commit that waited for others of its run links its events about no position to theirs.
    """
    async with (
        opened_store(postgres_dsn) as store,
        opened_store(postgres_dsn) as other,
        session(postgres_dsn) as rival,
    ):
        story = await begin(store)
        await rival.execute(_LOCK_STREAM, str(story.run))
        commits = [
            asyncio.create_task(one.commit(story.unclaimed("no such order", "another")))
            for one in (store, other, store, other)
        ]
        await somebody_waits(postgres_dsn)
        await rival.execute("SELECT pg_advisory_unlock_all()")
        await asyncio.gather(*commits)
        report = await verify_trail(store)

        assert () == report.faults
        assert 8 == count(postgres_dsn, "life_events", "ref IS NULL")


async def test_a_stream_that_stays_locked_costs_no_connection(postgres_dsn: str) -> None:
    """
    A commit that waits too long for the stream of its run gives up, and its connection serves the next.
    """
    async with (
        opened_store(postgres_dsn, pool_size=1, lock_timeout=0.05) as store,
        session(postgres_dsn) as rival,
    ):
        story = await begin(store)
        unclaimed = story.unclaimed("no such order")
        await rival.execute(_LOCK_STREAM, str(story.run))
        backends = await _backends(rival)
        with pytest.raises(StorageBusy):
            await store.commit(unclaimed)
        await rival.execute("SELECT pg_advisory_unlock_all()")
        committed = await store.commit(unclaimed)

        assert not committed.repeated
        assert backends == await _backends(rival)


async def _backends(connection: asyncpg.Connection) -> list[int]:
    rows = await connection.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() ORDER BY pid"
    )
    return [row["pid"] for row in rows]
