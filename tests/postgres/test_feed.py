"""
A reader of the feed misses no event, in whatever order transactions end.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from poslife._domain.identifiers import EventId, event_id_at
from poslife.conformance._example_changes import begin
from poslife.postgres import PostgresStore
from poslife.protocols import EventRecord, FeedToken
from tests.postgres.support import count, opened_store, session


async def test_a_transaction_that_ends_late_is_not_passed_over(postgres_dsn: str) -> None:
    """
    A reader of the feed gets the events of a transaction that began early and ended late, once (sink facts,
    13).
    """
    async with opened_store(postgres_dsn) as store, session(postgres_dsn) as other:
        story = await begin(store)
        transaction = other.transaction()
        await transaction.start()
        await other.execute("SELECT pg_current_xact_id()")
        late = EventId(event_id_at(datetime(2026, 1, 1, tzinfo=UTC), 99))
        await other.execute(
            """
            INSERT INTO poslife.life_events (
                event_id, type, schema, severity, occurred_at, recorded_at, run, actor, version, index, body,
                sequence, format, salt, commitment, digest, epoch
            ) VALUES (
                $1, 'position.unheard_of', 2, 'info', now(), now(), $2, 'strategy', 0, 0, '{}',
                1, 1, decode(repeat('00', 16), 'hex'), sha256(''), sha256(''), 1
            )
            """,
            late,
            late,
        )
        await story.opened(store)
        before = await store.read_life_events()

        assert () == before.items
        await transaction.commit()
        after = await store.read_life_events(before.next)
        again = await store.read_life_events(after.next)

    assert late in {item.header.id for item in after.items}
    assert len(after.items) > 1
    assert () == again.items


@pytest.mark.slow
async def test_four_writers_at_once_and_a_reader_that_follows(postgres_dsn: str) -> None:
    """
    A reader gets each event of four writers once, those of a position in their order.
    """
    seen: list[EventRecord] = []
    done = asyncio.Event()

    async def follow(store: PostgresStore) -> None:
        token: FeedToken | None = None
        while True:
            ended = done.is_set()
            page = await store.read_life_events(token, limit=7)
            seen.extend(page.items)
            token = page.next
            if ended and not page.items:
                return
            await asyncio.sleep(0)

    async def live(store: PostgresStore) -> None:
        story = await begin(store)
        for _ in range(10):
            await story.closed(store)

    async with opened_store(postgres_dsn, pool_size=6) as store:
        following = asyncio.create_task(follow(store))
        await asyncio.gather(*(live(store) for _ in range(4)))
        done.set()
        await following
    stored = count(postgres_dsn, "life_events")
    ids = [one.header.id for one in seen]

    assert stored == len(ids) == len(set(ids))
    places: dict[object, list[tuple[int, int]]] = {}
    for one in seen:
        assert one.version is not None
        assert one.index is not None
        places.setdefault(one.header.ref, []).append((one.version, one.index))
    assert all(found == sorted(found) for found in places.values())
