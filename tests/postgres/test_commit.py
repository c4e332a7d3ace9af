"""
A commit is checked against the heads, and retried where a position moved meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from poslife._domain.orders import OrderStatus
from poslife.conformance._example_changes import begin
from poslife.errors import (
    StaleVersion,
    StorageBusy,
)
from tests.postgres.support import opened_store, session, somebody_waits
from tests.postgres_server import psql


async def test_concurrent_revisions(postgres_dsn: str) -> None:
    """
    Of concurrent changes planned from one version exactly one is committed; the others are stale.
    """
    async with opened_store(postgres_dsn, pool_size=8) as store:
        story = await begin(store)
        held = await story.opened(store)
        results = await asyncio.gather(
            *(
                store.commit(story.set_order(held, story.exit_order(held, OrderStatus.PREPARED)))
                for _ in range(8)
            ),
            return_exceptions=True,
        )
        stale = [error for error in results if isinstance(error, StaleVersion)]

        assert [(held.version, held.version + 1)] * 7 == [(error.expected, error.stored) for error in stale]
        assert held.version + 1 == (await store.get(held.ref)).version


async def test_a_position_that_appears_while_it_is_claimed(postgres_dsn: str) -> None:
    """
    A position that appeared meanwhile is not overwritten: the second claim is stale, whichever key it has.
    """
    async with opened_store(postgres_dsn) as store, session(postgres_dsn) as rival:
        story = await begin(store)
        there = await story.claimed(store)
        pending = story.pending()
        await rival.execute("BEGIN")
        await rival.execute(APPEARING, str(pending.ref), str(there.ref))
        # Without events, whose numbers would conflict before the positions do.
        commit = asyncio.create_task(store.commit(replace(story.claim(pending), events=())))
        await somebody_waits(postgres_dsn)
        await rival.execute("COMMIT")
        with pytest.raises(StaleVersion) as caught:
            await commit

        assert (0, 1) == (caught.value.expected, caught.value.stored)
        assert await store.find_live(pending.key) is None


APPEARING = """
    INSERT INTO poslife.positions
    SELECT a.*
    FROM poslife.positions AS p,
        json_populate_record(p, json_build_object('ref', $1::text, 'symbol', 'APPEARED')) AS a
    WHERE p.ref = $2::text::uuid
"""


async def test_a_key_contested_for_ever_is_busy(postgres_dsn: str) -> None:
    """
    A key that is taken at each try and free at each look-up ends in `StorageBusy`.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        psql(
            postgres_dsn,
            "CREATE FUNCTION poslife.contest() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'taken' USING ERRCODE = '23505', CONSTRAINT = 'positions_one_live_per_key'; "
            "END $$;"
            "CREATE TRIGGER contest BEFORE INSERT ON poslife.positions FOR EACH ROW "
            "EXECUTE FUNCTION poslife.contest()",
        )
        with pytest.raises(StorageBusy, match="taken and released"):
            await store.commit(story.claim(story.pending()))
