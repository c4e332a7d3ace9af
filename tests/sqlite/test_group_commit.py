"""
Commits that wait at the same time share a transaction and its sync of the disk, and nothing else.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from poslife._domain.changes import Change, Committed
from poslife.conformance._example_changes import Story, begin
from poslife.errors import DuplicatePosition, StaleVersion, StorageBusy, StorageUnavailable
from poslife.sqlite import SqliteStore
from tests.sqlite.busy_writer import BusyWriter
from tests.sqlite.files import opened_store, ours, writer_of


async def ten_claims(store: SqliteStore, story: Story) -> list[Committed]:
    claims = [story.claim(story.pending()) for _ in range(10)]
    writer = BusyWriter(store)
    await writer.begun()
    waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
    await asyncio.sleep(0.01)
    await writer.release()
    return await asyncio.gather(*waiting)


async def test_ten_commits_that_wait_are_one_transaction(tmp_path: Path) -> None:
    """
    Ten commits that wait share one transaction, and each has its own result.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        commits: list[str] = []

        def note(statement: str) -> None:
            if statement == "COMMIT":
                commits.append(statement)

        await writer_of(store).do(lambda session: session.connection.set_trace_callback(note))
        committed = await ten_claims(store, story)

        assert ["COMMIT"] == commits
        assert 10 == len({one.change_id for one in committed})
        assert 10 == len((await store.list_live()).items)


async def test_one_that_is_refused_costs_no_other(tmp_path: Path) -> None:
    """
    A commit that is refused gets its own exception, and the others are made.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        pending = await story.claimed(store)
        rival = story.claim(story.pending(pending.key))
        first, second = story.claim(story.pending()), story.claim(story.pending())
        twice = [story.promote(pending) for _ in range(2)]
        writer = BusyWriter(store)
        await writer.begun()
        changes = (first, rival, twice[0], twice[1], second)
        waiting = [asyncio.create_task(store.commit(change)) for change in changes]
        await asyncio.sleep(0.01)
        await writer.release()
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
        writer = BusyWriter(store)
        await writer.begun()
        waiting = [asyncio.create_task(store.commit(claim)) for _ in range(2)]
        await asyncio.sleep(0.01)
        await writer.release()
        first, second = await asyncio.gather(*waiting)

        assert (False, True) == (first.repeated, second.repeated)
        assert first.positions == second.positions


async def test_a_cancelled_commit_harms_no_other(tmp_path: Path) -> None:
    """
    A commit whose caller is cancelled is made like the others, and repeating it gives its result.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        claims = [story.claim(story.pending()) for _ in range(3)]
        writer = BusyWriter(store)
        await writer.begun()
        waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
        await asyncio.sleep(0.01)
        waiting[1].cancel()
        await writer.release()
        found = await asyncio.gather(*waiting, return_exceptions=True)

        assert [Committed, asyncio.CancelledError, Committed] == [type(one) for one in found]
        assert (await store.commit(claims[1])).repeated


async def test_a_lock_of_another_process_fails_each(tmp_path: Path) -> None:
    """
    If another process holds the lock, each commit is `StorageBusy`, and none is made until it is repeated.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path, lock_timeout=0.1) as store:
        story = await begin(store)
        claims = [story.claim(story.pending()) for _ in range(3)]
        with ours(path) as other:
            other.execute("BEGIN IMMEDIATE")
            writer = BusyWriter(store)
            await writer.begun()
            waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
            await asyncio.sleep(0.01)
            await writer.release()
            found = await asyncio.gather(*waiting, return_exceptions=True)

        assert [StorageBusy] * 3 == [type(one) for one in found]
        assert not any([(await store.commit(claim)).repeated for claim in claims])


async def test_a_disk_that_fills_up_fails_all_of_them(tmp_path: Path) -> None:
    """
    If the disk is full, SQLite rolls the whole transaction back, and each of its commits fails.
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
        writer = BusyWriter(store)
        await writer.begun()
        waiting = [asyncio.create_task(store.commit(change)) for change in changes]
        await asyncio.sleep(0.01)
        await writer.release()
        found = await asyncio.gather(*waiting, return_exceptions=True)

        assert all(isinstance(one, StorageUnavailable) for one in found), found
        await writer_of(store).do(lambda session: session.rows("PRAGMA max_page_count = 1000000"))
        assert not any([(await store.commit(change)).repeated for change in changes])


async def test_each_event_loop_hears_of_its_own(tmp_path: Path) -> None:
    """
    Commits of two event loops share a transaction, and get their results also if a third loop is closed.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        mine, theirs, abandoned = (story.claim(story.pending()) for _ in range(3))
        writer = BusyWriter(store)
        await writer.begun()

        async def leave() -> None:
            # Its loop is closed before the answer comes.
            asyncio.create_task(store.commit(abandoned)).add_done_callback(lambda _: None)
            await asyncio.sleep(0.01)

        await asyncio.to_thread(lambda: asyncio.run(leave()))
        waiting = asyncio.create_task(store.commit(mine))
        elsewhere = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(_committed(store, theirs))))
        await asyncio.sleep(0.05)
        await writer.release()

        assert {mine.id, theirs.id} == {(await waiting).change_id, (await elsewhere).change_id}
        assert (await store.commit(abandoned)).repeated


async def _committed(store: SqliteStore, change: Change) -> Committed:
    return await store.commit(change)
