"""
Several processes and tasks at once: one wins, the others are told who has won.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from poslife._domain.orders import OrderStatus
from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import Story, begin
from poslife.errors import FillAlreadyStored, StaleVersion, StorageBusy
from tests.postgres.support import count, opened_store, session
from tests.postgres_server import psql

OPENING = Path(__file__).with_name("opening.py")


@asynccontextmanager
async def started(number: int, *arguments: str) -> AsyncGenerator[list[asyncio.subprocess.Process]]:
    """
    Processes that are connected and wait for a line before they open.
    """
    processes: list[asyncio.subprocess.Process] = []
    try:
        for _ in range(number):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(OPENING),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        yield processes
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.communicate()


@pytest.mark.slow
async def test_twenty_openings_from_two_processes(postgres_dsn: str) -> None:
    """
    Of 20 concurrent openings exactly one wins; the others are given the position that has (incidents 10, 11).
    """
    async with started(2, postgres_dsn, "10") as processes:
        said = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    results = [line.split() for output, _ in said for line in output.decode().splitlines()]
    (winner,) = (ref for word, ref in results if word == "won")

    assert [winner] * 19 == [ref for word, ref in results if word == "lost"]
    assert count(postgres_dsn, "positions") == 1
    assert psql(postgres_dsn, "SELECT ref FROM poslife.positions").strip() == winner
    assert count(postgres_dsn, "changes") == 1


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
    It is not written over: the claim that came second is stale, whichever key it has.
    """
    async with opened_store(postgres_dsn) as store, session(postgres_dsn) as rival:
        story = await begin(store)
        there = await story.claimed(store)
        pending = story.pending()
        await rival.execute("BEGIN")
        await rival.execute(APPEARING, str(pending.ref), str(there.ref))
        # Without events: their numbers would collide, and the position must defend itself.
        commit = asyncio.create_task(store.commit(replace(story.claim(pending), events=())))
        await _somebody_waits(postgres_dsn)
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


async def test_a_position_that_appears_while_an_earlier_attempt_is_waited_for(postgres_dsn: str) -> None:
    """
    A change that had to wait sees the positions as they are afterwards, not as they were before.
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
        await _somebody_waits(postgres_dsn)
        await other.commit(claim)
        await earlier.execute("ROLLBACK")
        committed = await commit

        assert committed.positions == (await store.get(pending.ref),)


async def test_a_key_released_while_it_is_waited_for(postgres_dsn: str) -> None:
    """
    A claim waits for the change that is about to release its key, and then has it (incident 24).
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        for _ in range(10):
            held = await story.opened(store)
            claim = story.claim(story.pending(held.key))
            # Whichever comes first: closed before the claim, or refused and tried again.
            closed, claimed = await asyncio.gather(
                store.commit(story.close(held)), store.commit(claim), return_exceptions=True
            )

            assert not isinstance(closed, BaseException)
            if isinstance(claimed, BaseException):
                claimed = await store.commit(claim)
            assert claimed.positions[0] == await store.find_live(held.key)


async def test_a_flip_with_a_fill_that_is_stored(postgres_dsn: str) -> None:
    """
    A change that releases a key and claims it is not in its own way: told is the fill that is.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        held = await story.opened(store)
        await store.commit(taken := story.unclaimed("taken"))
        close, claim = story.close(held), story.claim(story.pending(held.key))
        flip = story.change(*claim.transitions, *close.transitions, fills=taken.fills)
        with pytest.raises(FillAlreadyStored):
            await store.commit(flip)

        assert held == await store.find_live(held.key)


async def test_changes_of_two_positions_do_not_deadlock(postgres_dsn: str) -> None:
    """
    Positions are locked in one order, whatever order a change names them in.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        one, two = await story.opened(store), await story.opened(store)
        for _ in range(10):
            steps = [
                story.order_set(held, replace(held.orders[0], venue_order_id=story.venue_order()))
                for held in (one, two)
            ]
            results = await asyncio.gather(
                store.commit(story.change(*steps)),
                store.commit(story.change(*reversed(steps))),
                return_exceptions=True,
            )

            assert sorted(type(result).__name__ for result in results) == ["Committed", "StaleVersion"]
            one, two = _held(await store.get(one.ref)), _held(await store.get(two.ref))


def _held(position: object) -> PersistedPosition:
    assert isinstance(position, PersistedPosition)
    return position


async def test_a_locked_position_is_busy(postgres_dsn: str) -> None:
    """
    Where somebody else holds a lock for longer than the time-out, it is `StorageBusy`; nothing is written.
    """
    async with opened_store(postgres_dsn, lock_timeout=0.05) as store:
        story = await begin(store)
        held = await story.opened(store)
        close = story.close(held)
        async with session(postgres_dsn) as other:
            await other.execute("BEGIN")
            await other.execute("SELECT FROM poslife.positions FOR UPDATE")
            with pytest.raises(StorageBusy, match="55P03"):
                await store.commit(close)

            assert held == await store.get(held.ref)
        committed = await store.commit(close)

        assert not committed.repeated


async def test_a_run_does_not_end_under_a_claim(postgres_dsn: str) -> None:
    """
    Between the check of its lease and its commit a claim holds its run: whoever ends it waits.
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
        await _somebody_waits(postgres_dsn)
        with pytest.raises(StorageBusy):
            await other.end_run(story.run)
        await rival.execute("ROLLBACK")
        committed = await commit
        await other.end_run(story.run)

        assert committed.positions == (pending,)


async def _somebody_waits(dsn: str) -> None:
    async with asyncio.timeout(10), session(dsn) as watcher:
        while not await watcher.fetchval(  # noqa: ASYNC110 - no event tells of another session's lock
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


async def test_an_end_of_the_run_waits_for_its_openings(postgres_dsn: str) -> None:
    """
    Run and claim exclude each other: either the claim was there before the end, or it is refused.
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
