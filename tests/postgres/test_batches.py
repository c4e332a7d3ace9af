"""
Batches over a host's pool, and the former backend of a batch in doubt.
"""

from __future__ import annotations

import time

import asyncpg
import pytest

from poslife.errors import (
    StorageUnavailable,
)
from poslife.postgres import PostgresStore
from poslife.postgres._batches import take_over
from poslife.postgres._database import Session
from poslife.postgres._limits import Limits
from poslife.testing.faults import Cut, PostgresFaultProxy
from tests.postgres.support import count, records, session
from tests.postgres_roles import as_bot


@pytest.mark.slow
async def test_over_a_borrowed_pool_the_old_backend_is_ended_too(postgres_dsn: str) -> None:
    """
    A retry over another connection of the host's pool terminates the backend of the silent one.
    """
    batch = records(10)
    async with PostgresFaultProxy.for_dsn(as_bot(postgres_dsn)) as proxy:
        pool = await asyncpg.create_pool(proxy.dsn, min_size=1, max_size=2)
        store = PostgresStore.borrowing(pool, command_timeout=2.0, lock_timeout=1.5)
        try:
            await store.open()
            await store.write(records(1, first=100))
            trap = proxy.cut_before(matching=lambda sql: sql == "COMMIT", cut=Cut.SILENCE)
            with pytest.raises(StorageUnavailable):
                await store.write(batch)
            began = time.monotonic()
            await store.write(batch)

            assert trap.sprung
            assert time.monotonic() - began < 1.4
        finally:
            await store.aclose()
            pool.terminate()
    assert 11 == count(postgres_dsn, "run_events")


async def test_a_backend_that_somebody_else_uses_by_now_is_left_alone(postgres_dsn: str) -> None:
    """
    A backend that a pooler has lent to another client is not terminated.
    """
    async with session(postgres_dsn) as lent, session(postgres_dsn) as own:
        for ours in (False, True):
            async with own.transaction():
                session_of_ours = Session(lent, Limits())
                await session_of_ours.begin(Limits().begin)
                former = await take_over(session_of_ours, None)
                if not ours:
                    await session_of_ours.commit()
                    await lent.execute("BEGIN; SELECT pg_current_xact_id()")
                await take_over(Session(own, Limits()), former)
            if ours:
                with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
                    await lent.execute("COMMIT")
            else:
                await lent.execute("COMMIT")
