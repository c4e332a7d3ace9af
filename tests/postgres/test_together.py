"""
Commits that wait for a connection share one transaction, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from poslife._domain.changes import Change, Committed
from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import Story, begin
from poslife.errors import DuplicatePosition, StaleVersion, StorageBusy, StorageUnavailable
from poslife.events import verify_trail
from poslife.postgres import PostgresStore
from poslife.testing.faults import PostgresFaultProxy
from tests.postgres.support import commit_until_known, count, opened_store, session
from tests.postgres_roles import as_bot

STATEMENTS_OF_A_COMMIT = 4


@asynccontextmanager
async def narrow(dsn: str, *, lock_timeout: float = 60.0) -> AsyncGenerator[tuple[PostgresStore, Story]]:
    """
    A store with one connection, so that commits have to wait.
    """
    async with opened_store(dsn, pool_size=1, command_timeout=60, lock_timeout=lock_timeout) as store:
        yield store, await begin(store)


async def at_once(store: PostgresStore, changes: Sequence[Change]) -> list[Committed | BaseException]:
    return await asyncio.gather(*(store.commit(change) for change in changes), return_exceptions=True)


async def test_commits_that_wait_are_one_transaction(postgres_dsn: str) -> None:
    """
    The first of ten commits goes alone, and nine that waited share a transaction; each has its own result.
    """
    async with PostgresFaultProxy.for_dsn(postgres_dsn) as proxy, narrow(proxy.dsn) as (store, story):
        pending = [story.pending() for _ in range(10)]
        claims, promotes = [story.claim(one) for one in pending], [story.promote(one) for one in pending]
        await store.commit(story.claim(story.pending()))  # every statement is prepared from here on
        proxy.forget()
        claimed = await at_once(store, claims)

        assert 2 * STATEMENTS_OF_A_COMMIT == len(proxy.statements)
        promoted = await at_once(store, promotes)
        assert 4 * STATEMENTS_OF_A_COMMIT == len(proxy.statements)
        for made, changes in ((claimed, claims), (promoted, promotes)):
            for committed, change in zip(made, changes, strict=True):
                assert isinstance(committed, Committed)
                assert (change.id, False) == (committed.change_id, committed.repeated)
                again = await store.commit(change)
                assert (committed.positions, True) == (again.positions, again.repeated)
        held = [await store.get(one.ref) for one in pending]
        assert 10 == len({one.id for one in held if isinstance(one, PersistedPosition)})
        assert () == (await verify_trail(store)).faults


async def test_one_that_is_refused_costs_no_other(postgres_dsn: str) -> None:
    """
    A taken key, a stale version and a repetition each get their own result, and the others are committed.
    """
    async with narrow(postgres_dsn) as (store, story):
        pending = await story.claimed(store)
        rival = story.claim(story.pending(pending.key))
        first, second, before = (story.claim(story.pending()) for _ in range(3))
        committed_before = await store.commit(before)
        twice = [story.promote(pending) for _ in range(2)]
        found = await at_once(store, (first, rival, twice[0], before, twice[1], second))

        assert [Committed, DuplicatePosition, Committed, Committed, StaleVersion, Committed] == [
            type(one) for one in found
        ]
        assert isinstance(found[3], Committed)
        assert (True, committed_before.positions) == (found[3].repeated, found[3].positions)
        assert 4 == len((await store.list_live()).items)


async def test_two_claims_of_one_key(postgres_dsn: str) -> None:
    """
    One of two claims wins, and the other gets the winner's position, also where both waited.
    """
    async with narrow(postgres_dsn) as (store, story):
        other, key = story.claim(story.pending()), story.key()
        rivals = [story.claim(story.pending(key)) for _ in range(3)]
        found = await at_once(store, (other, *rivals))
        won = [one for one in found[1:] if isinstance(one, Committed)]

        assert 1 == len(won)
        for one in found[1:]:
            if isinstance(one, DuplicatePosition):
                assert one.existing == won[0].positions[0]
        assert 2 == sum(isinstance(one, DuplicatePosition) for one in found)


async def test_whoever_is_cancelled_harms_no_other(postgres_dsn: str) -> None:
    """
    A cancelled commit leaves the others alone, and gives its one result when it is repeated.
    """
    async with narrow(postgres_dsn) as (store, story):
        claims = [story.claim(story.pending()) for _ in range(5)]
        waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
        await asyncio.sleep(0)
        for task in (waiting[0], waiting[2]):
            task.cancel()
        found = await asyncio.gather(*waiting, return_exceptions=True)

        assert [False, True, False, True, True] == [isinstance(one, Committed) for one in found]
        for claim in claims:
            await commit_until_known(store, claim)
        assert 5 == count(postgres_dsn, "positions")
        assert 5 == len((await store.list_live()).items)


async def test_a_lock_of_somebody_elses_holds_up_only_who_needs_it(postgres_dsn: str) -> None:
    """
    A lock delays only the change that needs it, which gets `StorageBusy`; the others are committed.
    """
    async with (
        opened_store(postgres_dsn, pool_size=2, lock_timeout=0.3) as store,
        session(postgres_dsn) as other,
    ):
        story = await begin(store)
        pending = await story.claimed(store)
        async with other.transaction():
            await other.execute("SELECT FROM poslife.positions WHERE ref = $1 FOR UPDATE", pending.ref)
            held_up = story.promote(pending)
            claims = [story.claim(story.pending()) for _ in range(6)]
            found = await at_once(store, (*claims[:3], held_up, *claims[3:]))

            assert [Committed] * 3 + [StorageBusy] + [Committed] * 3 == [type(one) for one in found]
        assert not (await store.commit(held_up)).repeated


@pytest.mark.slow
async def test_every_reply_lost_in_turn(postgres_dsn: str) -> None:
    """
    Each change of a shared transaction gives its one result when repeated, whichever reply was lost.
    """
    async with PostgresFaultProxy.for_dsn(postgres_dsn) as proxy, narrow(proxy.dsn) as (store, story):
        await story.closed(store)
        done = count(postgres_dsn, "positions")
        for number in range(STATEMENTS_OF_A_COMMIT + 1, 2 * STATEMENTS_OF_A_COMMIT + 1):
            claims = [story.claim(story.pending()) for _ in range(5)]
            trap = proxy.drop_reply(number)
            found = await at_once(store, claims)

            assert trap.sprung
            # A transaction that had not begun is retried without an error.
            begun = number > STATEMENTS_OF_A_COMMIT + 1
            kinds = [Committed, *[StorageUnavailable if begun else Committed] * 4]
            assert kinds == [type(one) for one in found]
            proxy.disarm()
            again = await asyncio.gather(*(commit_until_known(store, claim) for claim in claims))
            done += 5
            assert [claim.id for claim in claims] == [one.change_id for one in again]
            there = number == 2 * STATEMENTS_OF_A_COMMIT or not begun
            assert [True] + [there] * 4 == [one.repeated for one in again]
            assert done == count(postgres_dsn, "positions")
        assert () == (await verify_trail(store)).faults


async def test_a_lent_pool_is_shared_in_the_same_way(postgres_dsn: str) -> None:
    """
    A host's pool has as many transactions at a time as connections.
    """
    async with asyncpg.create_pool(as_bot(postgres_dsn), min_size=1, max_size=1) as pool:
        store = PostgresStore.borrowing(pool)
        await store.open()
        story = await begin(store)
        found = await at_once(store, [story.claim(story.pending()) for _ in range(12)])

        assert all(isinstance(one, Committed) for one in found)
        assert 12 == len((await store.list_live()).items)


async def test_a_store_that_is_closed_answers_who_waits(postgres_dsn: str) -> None:
    """
    A commit that waits while the store is closed is committed or raises an error.
    """
    async with narrow(postgres_dsn) as (store, story):
        waiting = [asyncio.create_task(store.commit(story.claim(story.pending()))) for _ in range(20)]
        await asyncio.sleep(0)
        await store.aclose()
        async with asyncio.timeout(60):
            found = await asyncio.gather(*waiting, return_exceptions=True)

        assert {type(one) for one in found} <= {Committed, StorageUnavailable}
        assert sum(isinstance(one, Committed) for one in found) == count(postgres_dsn, "positions")
