"""
A connection that fails at any statement: the same change again gives the first result.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from poslife._domain.changes import Change, Committed
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_values import Examples
from poslife.errors import StorageBusy, StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.testing.faults import Cut, PostgresFaultProxy
from tests.postgres.support import a_record, commit_until_known, count, opened_store, session
from tests.postgres_server import psql

# BEGIN with the locks of streams, the ground, the rows, COMMIT.
STATEMENTS_OF_A_COMMIT = 4

Making = Callable[[Story, PostgresStore], Awaitable[Change]]


async def a_claim(story: Story, store: PostgresStore) -> Change:
    return story.claim(story.pending())


async def a_revision(story: Story, store: PostgresStore) -> Change:
    pending = await story.claimed(store)
    return story.set_order(pending, replace(pending.orders[0], status=OrderStatus.SUBMITTING))


async def a_promotion(story: Story, store: PostgresStore) -> Change:
    return story.promote(await story.claimed(store))


async def a_close(story: Story, store: PostgresStore) -> Change:
    return story.close(await story.opened(store))


async def unclaimed_fills(story: Story, store: PostgresStore) -> Change:
    return story.unclaimed("no such order", "another")


KINDS = [a_claim, a_revision, a_promotion, a_close, unclaimed_fills]


def _name(making: Making) -> str:
    return getattr(making, "__name__", "change")


@asynccontextmanager
async def told(dsn: str, *, command_timeout: float = 5.0) -> AsyncGenerator[_Scene]:
    async with (
        PostgresFaultProxy.for_dsn(dsn) as proxy,
        opened_store(
            proxy.dsn, pool_size=1, command_timeout=command_timeout, lock_timeout=command_timeout / 2
        ) as store,
    ):
        story = await begin(store)
        # Prepare every statement, so that from here on each takes one round trip.
        await story.closed(store)
        await store.commit(story.unclaimed("no such order"))
        yield _Scene(dsn, proxy, store, story)


class _Scene:
    def __init__(self, dsn: str, proxy: PostgresFaultProxy, store: PostgresStore, story: Story) -> None:
        self.dsn = dsn
        self.proxy = proxy
        self.store = store
        self.story = story

    async def check_once(self, change: Change, committed: Committed) -> None:
        """
        Check that the change is stored once.
        """
        again = await self.store.commit(change)

        assert replace(committed, repeated=True) == again
        for position in committed.positions:
            assert position == await self.store.get(position.ref)
            assert count(self.dsn, "positions", f"ref = '{position.ref}'") == 1
            if isinstance(position, PersistedPosition):
                assert position == await self.store.get_by_id(position.id)
        assert count(self.dsn, "changes", f"change_id = '{change.id}'") == 1
        ids = ",".join(f"'{event.header.id}'" for event in change.events)
        if ids:
            assert count(self.dsn, "life_events", f"event_id IN ({ids})") == len(change.events)
        for stored in change.fills:
            assert count(self.dsn, "fills", f"trade_id = '{stored.fill.trade_id}'") == 1


@pytest.mark.parametrize("making", KINDS, ids=_name)
async def test_a_commit_takes_four_round_trips(postgres_dsn: str, making: Making) -> None:
    """
    A commit takes four round trips, which the tests below rely on.
    """
    async with told(postgres_dsn) as scene:
        change = await making(scene.story, scene.store)
        scene.proxy.forget()
        await scene.store.commit(change)

        assert STATEMENTS_OF_A_COMMIT == len(scene.proxy.statements)


@pytest.mark.slow
@pytest.mark.parametrize("making", KINDS, ids=_name)
async def test_every_reply_lost_in_turn(postgres_dsn: str, making: Making) -> None:
    """
    A change repeated gives the first result, whichever reply was lost, that to COMMIT included.
    """
    async with told(postgres_dsn) as scene:
        for number in range(1, STATEMENTS_OF_A_COMMIT + 1):
            change = await making(scene.story, scene.store)
            trap = scene.proxy.drop_reply(number)
            committed = await commit_until_known(scene.store, change)

            assert trap.sprung
            assert committed.repeated is (number == STATEMENTS_OF_A_COMMIT)
            await scene.check_once(change, committed)
            scene.proxy.disarm()


@pytest.mark.slow
@pytest.mark.parametrize("making", KINDS, ids=_name)
async def test_every_request_lost_in_turn(postgres_dsn: str, making: Making) -> None:
    """
    A change is committed once when it is repeated, before whichever statement the connection was cut.
    """
    async with told(postgres_dsn) as scene:
        for number in range(1, STATEMENTS_OF_A_COMMIT + 1):
            change = await making(scene.story, scene.store)
            trap = scene.proxy.cut_before(number)
            committed = await commit_until_known(scene.store, change)

            assert trap.sprung
            assert not committed.repeated
            await scene.check_once(change, committed)
            scene.proxy.disarm()


@pytest.mark.slow
@pytest.mark.parametrize("making", [a_claim, a_promotion, a_close], ids=_name)
async def test_silence_at_every_statement(postgres_dsn: str, making: Making) -> None:
    """
    A connection that falls silent is given up in time, and the retry waits for its transaction.
    """
    async with told(postgres_dsn, command_timeout=0.2) as scene, opened_store(postgres_dsn) as patient:
        for number in range(1, STATEMENTS_OF_A_COMMIT + 1):
            change = await making(scene.story, patient)
            trap = scene.proxy.drop_reply(number, cut=Cut.SILENCE)
            with pytest.raises(StorageUnavailable):
                await scene.store.commit(change)
            committed = await commit_until_known(scene.store, change)

            assert trap.sprung
            await scene.check_once(change, committed)
            scene.proxy.disarm()


async def test_a_cut_connection_is_told_of_and_replaced(postgres_dsn: str) -> None:
    """
    A cut connection raises an error for an unknown result, with the driver's error as its cause.
    """
    async with told(postgres_dsn) as scene:
        scene.proxy.drop_reply_to_commit()
        change = scene.story.claim(scene.story.pending())
        with pytest.raises(StorageUnavailable, match="08003") as caught:
            await scene.store.commit(change)

        assert caught.value.__cause__ is not None
        assert (await scene.store.commit(change)).repeated


async def test_a_connection_that_died_in_the_pool_is_not_noticed(postgres_dsn: str) -> None:
    """
    A connection that was cut before BEGIN is replaced without an error, as nothing can be written.
    """
    async with told(postgres_dsn) as scene:
        trap = scene.proxy.cut_before(1)
        committed = await scene.store.commit(scene.story.claim(scene.story.pending()))

        assert trap.sprung
        assert not committed.repeated


async def test_an_attempt_in_flight_is_waited_for(postgres_dsn: str) -> None:
    """
    A repetition is busy while an earlier attempt is open, and committed when it has ended.
    """
    async with opened_store(postgres_dsn, lock_timeout=0.05) as store:
        story = await begin(store)
        change = await a_claim(story, store)
        async with session(postgres_dsn) as earlier:
            await earlier.execute("BEGIN")
            await earlier.execute(REGISTERED, str(change.id))
            with pytest.raises(StorageBusy):
                await store.commit(change)
        committed = await commit_until_known(store, change)

        assert not committed.repeated


REGISTERED = """
    INSERT INTO poslife.changes (change_id, fingerprint, run, at)
    VALUES ($1::text::uuid, decode(repeat('00', 32), 'hex'), $1::text::uuid, now())
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, STATEMENTS_OF_A_COMMIT + 1), ids=str)
async def test_cancelled_at_every_statement(postgres_dsn: str, number: int) -> None:
    """
    Cancellation passes through, its connection is not used again, and the repeated change is stored once.
    """
    async with told(postgres_dsn, command_timeout=0.3) as scene:
        change = await a_promotion(scene.story, scene.store)
        trap = scene.proxy.drop_reply(number, cut=Cut.SILENCE)
        commit = asyncio.create_task(scene.store.commit(change))
        await trap.wait()
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        committed = await commit_until_known(scene.store, change)

        await scene.check_once(change, committed)


@pytest.mark.slow
async def test_every_backend_ended(postgres_dsn: str) -> None:
    """
    After an administrator has ended every session the next call works on new connections.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        held = await asyncio.gather(*(story.opened(store) for _ in range(4)))
        psql(
            postgres_dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        read = await asyncio.gather(*(store.get(position.ref) for position in held))

        assert list(held) == list(read)


@pytest.mark.slow
async def test_lost_replies_of_a_write(postgres_dsn: str) -> None:
    """
    A batch repeated stores every event once, whichever reply was lost.
    """
    from poslife.errors import StorageUnavailable

    examples = Examples()
    async with (
        PostgresFaultProxy.for_dsn(postgres_dsn) as proxy,
        opened_store(proxy.dsn, pool_size=1) as store,
    ):
        await store.write([])
        for number in range(1, 4):
            header = replace(a_record().header, id=examples.event_id())
            record = replace(a_record(), header=header)
            trap = proxy.drop_reply(number)
            for _ in range(2):
                try:
                    await store.write([record])
                except StorageUnavailable:
                    continue
            proxy.disarm()

            assert trap.sprung
            assert count(postgres_dsn, "run_events", f"event_id = '{header.id}'") == 1
