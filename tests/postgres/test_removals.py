"""
Erasures and purges in PostgreSQL.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from poslife.errors import DeadLetterNotFound, ErasureRefused, PurgeRefused, StorageRejected
from poslife.protocols import DeadLetter
from tests.postgres.support import a_record, count, opened_store, records
from tests.postgres_server import psql


async def test_a_bots_role_may_neither_erase_nor_purge(postgres_dsn: str) -> None:
    """
    It is refused with what to do, whatever it was granted, and nothing was changed (feature 117).
    """
    psql(postgres_dsn, "GRANT ALL ON ALL TABLES IN SCHEMA poslife TO poslife_bot")
    async with opened_store(postgres_dsn) as bot:
        batch = records(3)
        await bot.write(batch)
        with pytest.raises(ErasureRefused, match="open the store as the owner of the tables"):
            await bot.erase(batch[0].header.id, why="asked for")
        with pytest.raises(PurgeRefused, match="open the store as the owner of the tables"):
            await bot.purge(batch[0].header.run, 1, why="old")

    assert (3, 0, 0) == (
        count(postgres_dsn, "run_events", "payload IS NOT NULL"),
        count(postgres_dsn, "erasures"),
        count(postgres_dsn, "purges"),
    )


async def test_an_event_in_a_partition_is_erased(postgres_dsn: str) -> None:
    """
    The owner passes the trigger for this one transaction; the row says who, when and why (feature 118).
    """
    async with opened_store(postgres_dsn, as_given=True) as store:
        record, other = records(2)
        await store.write([record, other])
        await store.erase(record.header.id, why="asked for")
    owner = urlsplit(postgres_dsn).username or ""

    assert 0 == count(postgres_dsn, "run_events_default")
    assert 1 == count(postgres_dsn, "run_events", f"payload IS NULL AND event_id = '{record.header.id}'")
    assert 1 == count(postgres_dsn, "run_events", f"payload IS NOT NULL AND event_id = '{other.header.id}'")
    assert 1 == count(
        postgres_dsn,
        "erasures",
        f"what = 'payload' AND by = '{owner}' AND why = 'asked for' AND now() - at < interval '1 hour'",
    )
    for statement in ("UPDATE poslife.run_events SET payload = '{}'", "DELETE FROM poslife.erasures"):
        with pytest.raises(RuntimeError, match="events are append-only"):
            psql(postgres_dsn, statement)


async def test_a_replay_meanwhile_brings_no_payload_back(postgres_dsn: str) -> None:
    """
    Whichever comes first, an erased payload is in no table.
    """
    async with opened_store(postgres_dsn, as_given=True) as store:
        for _ in range(10):
            record = a_record(b'{"name":"a customer"}')
            await store.bury(DeadLetter(record=record, reason="refused"))
            erased, replayed = await asyncio.gather(
                store.erase(record.header.id, why="asked for"),
                store.replay(record.header.id),
                return_exceptions=True,
            )

            assert erased is None
            assert replayed is None or isinstance(replayed, StorageRejected | DeadLetterNotFound)
    stored = psql(
        postgres_dsn,
        "SELECT payload FROM poslife.run_events UNION ALL "
        "SELECT convert_from(record, 'UTF8')::json ->> 'payload' FROM poslife.dead_letters",
    )
    assert "" == stored.strip()


async def test_two_purges_at_once_are_one_after_the_other(postgres_dsn: str) -> None:
    """
    Each has its record, and none fails.
    """
    async with opened_store(postgres_dsn, as_given=True) as store:
        batch = records(6)
        await store.write(batch)
        run = batch[0].header.run
        await asyncio.gather(*(store.purge(run, upto, why="old") for upto in (2, 4, 5)))

        assert 5 == (await store.list_purges()).items[-1].upto
    assert 1 == count(postgres_dsn, "run_events")
