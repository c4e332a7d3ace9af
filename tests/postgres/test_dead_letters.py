from __future__ import annotations

import pytest

from poslife.errors import DeadLetterNotFound
from poslife.protocols import DeadLetter
from tests.postgres.support import a_record, count, opened_store, session


async def test_a_replayed_letter_stays_with_its_time(postgres_dsn: str) -> None:
    """
    A dead letter that was replayed keeps its row with the time, is listed no more, and is not replayed again.
    """
    record = a_record()
    async with opened_store(postgres_dsn) as store:
        await store.bury(DeadLetter(record=record, reason="refused", attempts=2))
        await store.replay(record.header.id)

        assert () == (await store.list_dead_letters()).items
        with pytest.raises(DeadLetterNotFound):
            await store.replay(record.header.id)
    assert 1 == count(postgres_dsn, "dead_letters", "replayed_at IS NOT NULL")
    assert 1 == count(postgres_dsn, "run_events")


async def test_a_letter_is_bytes(postgres_dsn: str) -> None:
    """
    An event that no text column takes is kept as bytes, and comes back as it was.
    """
    record = a_record(b'{"a":"\x00"}')
    async with opened_store(postgres_dsn) as store:
        await store.bury(DeadLetter(record=record, reason="a NUL"))
        (buried,) = (await store.list_dead_letters()).items
    async with session(postgres_dsn) as other:
        kind = await other.fetchval("SELECT pg_typeof(record)::text FROM poslife.dead_letters")

    assert record == buried.letter.record
    assert "bytea" == kind
