"""
Commits that wait at the same time share one way to the disk, and nothing else.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from poslife._domain.changes import Change, Committed
from poslife.conformance._example_changes import Story, begin
from poslife.errors import DuplicatePosition, StaleVersion, StorageBusy, StorageUnavailable
from poslife.sqlite import SqliteStore
from poslife.testing.faults import ChildProgram, checkpoint, kill_at, run_to_end
from tests.sqlite.files import cells, opened_store, ours, writer_of
from tests.sqlite.test_worker import Held

COMMITTING = "tests.sqlite.test_together"


async def ten_claims(store: SqliteStore, story: Story) -> list[Committed]:
    claims = [story.claim(story.pending()) for _ in range(10)]
    held = Held(store)
    await held.begun()
    waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
    await asyncio.sleep(0.01)
    await held.let_go()
    return await asyncio.gather(*waiting)


async def test_ten_commits_that_wait_are_one_transaction(tmp_path: Path) -> None:
    """
    Each has its own result, and is there; the disk was waited for once.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        commits: list[str] = []

        def tell(statement: str) -> None:
            if statement == "COMMIT":
                commits.append(statement)

        await writer_of(store).do(lambda session: session.connection.set_trace_callback(tell))
        committed = await ten_claims(store, story)

        assert ["COMMIT"] == commits
        assert 10 == len({one.change_id for one in committed})
        assert 10 == len((await store.list_live()).items)


async def test_one_that_is_refused_costs_no_other(tmp_path: Path) -> None:
    """
    A key that is taken, a version that is stale: each hears it for itself, and the others are committed.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        pending = await story.claimed(store)
        rival = story.claim(story.pending(pending.key))
        first, second = story.claim(story.pending()), story.claim(story.pending())
        twice = [story.promote(pending) for _ in range(2)]
        held = Held(store)
        await held.begun()
        changes = (first, rival, twice[0], twice[1], second)
        waiting = [asyncio.create_task(store.commit(change)) for change in changes]
        await asyncio.sleep(0.01)
        await held.let_go()
        found = await asyncio.gather(*waiting, return_exceptions=True)

        assert [Committed, DuplicatePosition, Committed, StaleVersion, Committed] == [
            type(one) for one in found
        ]
        assert 3 == len((await store.list_live()).items)


async def test_the_same_change_twice_is_committed_once(tmp_path: Path) -> None:
    """
    A repetition that waits beside its first attempt gets the first's result.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        claim = story.claim(story.pending())
        held = Held(store)
        await held.begun()
        waiting = [asyncio.create_task(store.commit(claim)) for _ in range(2)]
        await asyncio.sleep(0.01)
        await held.let_go()
        first, second = await asyncio.gather(*waiting)

        assert (False, True) == (first.repeated, second.repeated)
        assert first.positions == second.positions


async def test_whoever_is_cancelled_harms_no_other(tmp_path: Path) -> None:
    """
    Its own change is committed all the same, and repeating it gives its result.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        claims = [story.claim(story.pending()) for _ in range(3)]
        held = Held(store)
        await held.begun()
        waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
        await asyncio.sleep(0.01)
        waiting[1].cancel()
        await held.let_go()
        found = await asyncio.gather(*waiting, return_exceptions=True)

        assert [Committed, asyncio.CancelledError, Committed] == [type(one) for one in found]
        assert (await store.commit(claims[1])).repeated


async def test_a_lock_of_another_process_is_told_to_each(tmp_path: Path) -> None:
    """
    None of them was written; repeated, all are.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path, lock_timeout=0.1) as store:
        story = await begin(store)
        claims = [story.claim(story.pending()) for _ in range(3)]
        with ours(path) as other:
            other.execute("BEGIN IMMEDIATE")
            held = Held(store)
            await held.begun()
            waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
            await asyncio.sleep(0.01)
            await held.let_go()
            found = await asyncio.gather(*waiting, return_exceptions=True)

        assert [StorageBusy] * 3 == [type(one) for one in found]
        assert not any([(await store.commit(claim)).repeated for claim in claims])


async def test_a_disk_that_fills_up_fails_all_of_them(tmp_path: Path) -> None:
    """
    SQLite rolls the whole transaction back, so none of them is told that it was committed.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        await writer_of(store).do(lambda session: session.rows("PRAGMA max_page_count = 1"))
        changes = [
            story.claim(story.pending()),
            story.unclaimed("long " * 40_000),
            story.claim(story.pending()),
        ]
        held = Held(store)
        await held.begun()
        waiting = [asyncio.create_task(store.commit(change)) for change in changes]
        await asyncio.sleep(0.01)
        await held.let_go()
        found = await asyncio.gather(*waiting, return_exceptions=True)

        assert all(isinstance(one, StorageUnavailable) for one in found), found
        await writer_of(store).do(lambda session: session.rows("PRAGMA max_page_count = 1000000"))
        assert not any([(await store.commit(change)).repeated for change in changes])


async def test_each_event_loop_hears_of_its_own(tmp_path: Path) -> None:
    """
    Commits of two event loops share a transaction; one that is closed meanwhile costs no other its answer.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        mine, theirs, nobodys = (story.claim(story.pending()) for _ in range(3))
        held = Held(store)
        await held.begun()

        async def leave() -> None:
            # Its loop is closed before the answer comes.
            asyncio.create_task(store.commit(nobodys)).add_done_callback(lambda _: None)
            await asyncio.sleep(0.01)

        await asyncio.to_thread(lambda: asyncio.run(leave()))
        waiting = asyncio.create_task(store.commit(mine))
        elsewhere = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(_committed(store, theirs))))
        await asyncio.sleep(0.05)
        await held.let_go()

        assert {mine.id, theirs.id} == {(await waiting).change_id, (await elsewhere).change_id}
        assert (await store.commit(nobodys)).repeated


async def _committed(store: SqliteStore, change: Change) -> Committed:
    return await store.commit(change)


async def three(path: str) -> None:
    """
    Three commits together, with a checkpoint before each statement and after the end.
    """
    store = SqliteStore(path)
    await store.open()
    story = await begin(store)
    claims = [story.claim(story.pending()) for _ in range(3)]
    await writer_of(store).do(lambda session: session.connection.set_trace_callback(told))
    held = Held(store)
    await held.begun()
    waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
    await asyncio.sleep(0.05)
    await held.let_go()
    await asyncio.gather(*waiting)
    checkpoint("committed")
    await store.aclose()


def told(statement: str) -> None:
    """
    Stand still.
    """
    if statement.startswith(("SAVEPOINT", "RELEASE", "COMMIT")):
        checkpoint(statement)


@pytest.mark.slow
async def test_killed_within_a_transaction_of_several(tmp_path: Path) -> None:
    """
    All of them or none: whoever was told is there, and nobody else.
    """
    whole = await run_to_end(ChildProgram.module(COMMITTING, str(tmp_path / "whole.db")))

    assert ["SAVEPOINT part", "RELEASE part"] * 3 + ["COMMIT", "committed"] == list(whole.checkpoints)
    for where, name in enumerate(whole.checkpoints):
        path = tmp_path / f"killed{where}.db"
        report = await kill_at(ChildProgram.module(COMMITTING, str(path)), where)

        assert report.was_killed
        expected = 3 if name == "committed" else 0
        assert [(expected, expected)] == cells(
            path, "SELECT (SELECT count(*) FROM positions), (SELECT count(*) FROM changes)"
        )


if __name__ == "__main__":
    asyncio.run(three(sys.argv[1]))
