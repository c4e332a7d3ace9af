from __future__ import annotations

from dataclasses import replace

from poslife.conformance._example_changes import begin
from tests.postgres.support import opened_store
from tests.postgres_server import psql


async def test_ids_come_from_the_sequence(postgres_dsn: str) -> None:
    """
    A position gets the next id of the sequence at its first fill, and keeps it.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        await store.commit(story.claim(story.pending()))
        psql(postgres_dsn, "SELECT setval('poslife.position_ids', 41)")
        held = await story.opened(store)
        closed = await story.closed(store)

        assert 42 == held.id
        assert 43 == closed.id
        assert held == await store.get(held.ref)


async def test_an_order_is_overwritten_whole(postgres_dsn: str) -> None:
    """
    A touched order replaces the stored one, with no second row.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        claimed = await story.claimed(store)
        order = replace(claimed.orders[0], price=None)
        revised = await store.commit(story.set_order(claimed, order))

        assert order == (await store.get(claimed.ref)).orders[0]
        assert revised.positions == (await store.get(claimed.ref),)
    assert "1" == psql(postgres_dsn, "SELECT count(*) FROM poslife.orders").strip()
