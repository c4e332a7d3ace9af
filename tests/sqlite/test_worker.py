"""
One thread does the writing: the loop does not wait, commits go first, and a cancelled caller harms nothing.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from poslife._domain.event_envelopes import EventHeader
from poslife._trail.encoding import encode_payload
from poslife.conformance._example_changes import Story, begin
from poslife.errors import AlreadyClosed, StorageUnavailable
from poslife.protocols import EventRecord
from poslife.sqlite import SqliteStore
from poslife.sqlite._session import Session
from poslife.sqlite._worker import Worker
from tests.sqlite.files import cells, opened_store, recorded_events, writer_of


class Held:
    """
    The writing thread, kept busy until it is let go.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._may_go_on = threading.Event()
        self._task = asyncio.create_task(writer_of(store).do(lambda _: self._may_go_on.wait(20)))

    async def begun(self) -> None:
        await asyncio.sleep(0)

    async def let_go(self) -> None:
        self._may_go_on.set()
        await self._task


def _record(story: Story, number: int) -> EventRecord:
    return EventRecord(
        header=EventHeader(id=story.event_id(), type="bot.ticked", occurred_at=story.at(), run=story.run),
        recorded_at=story.at(),
        sequence=number,
        payload=encode_payload({"number": number}),
    )


async def test_the_event_loop_goes_on(tmp_path: Path) -> None:
    """
    While the writing thread is held up, the loop runs, and reads are answered.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        held = Held(store)
        await held.begun()
        commit = asyncio.create_task(store.commit(story.claim(story.pending())))
        for _ in range(10):
            assert () == (await store.list_live()).items
        assert not commit.done()
        await held.let_go()
        await commit
        assert 1 == len((await store.list_live()).items)


async def test_commits_go_before_batches(tmp_path: Path) -> None:
    """
    Commits that wait are made before batches of events that waited longer; after some, a batch has its turn.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        done: list[str] = []
        held = Held(store)
        await held.begun()

        async def written(number: int) -> None:
            await store.write([_record(story, number)])
            done.append("batch")

        async def committed() -> None:
            await store.commit(story.claim(story.pending()))
            done.append("commit")

        async with asyncio.TaskGroup() as tasks:
            for number in (1, 2):
                tasks.create_task(written(number))
            await asyncio.sleep(0)
            for _ in range(40):
                tasks.create_task(committed())
            await asyncio.sleep(0)
            tasks.create_task(held.let_go())

        # Opening, starting the run, holding the thread up, and two transactions of 16 are over 32 in a row.
        assert [32, 41] == [index for index, what in enumerate(done) if what == "batch"]
        assert 42 == len(done)
        assert [1, 2] == [event.sequence for event in recorded_events(path)]


async def test_a_cancelled_commit_is_whole(tmp_path: Path) -> None:
    """
    Cancelling who waits for a commit does not stop it half-way; repeating the change gives its first result.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        for turns in range(8):
            claim = story.claim(pending := story.pending())
            commit = asyncio.create_task(store.commit(claim))
            for _ in range(turns):
                await asyncio.sleep(0)
            commit.cancel()
            with pytest.raises(asyncio.CancelledError):
                await commit
            first = await store.commit(claim)
            again = await store.commit(claim)

            assert replace(first, repeated=True) == again
            assert pending == await store.get(pending.ref)


async def test_a_cancelled_commit_that_is_refused(tmp_path: Path) -> None:
    """
    Nobody is told of a refusal where nobody waits any more.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        stale = story.close(await story.opened(store))
        await store.commit(stale)
        held = Held(store)
        await held.begun()
        commit = asyncio.create_task(store.commit(replace(stale, id=story.change_id())))
        await asyncio.sleep(0)
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        await held.let_go()
        with pytest.raises(AlreadyClosed):
            await store.commit(replace(stale, id=story.change_id()))


async def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    """
    What was handed in before the store is closed is done; afterwards its threads have ended.
    """
    path = tmp_path / "bot.db"
    store = SqliteStore(path)
    await store.open()
    story = await begin(store)
    held = Held(store)
    await held.begun()
    batches = [asyncio.create_task(store.write([_record(story, number)])) for number in range(1, 4)]
    commits = [asyncio.create_task(store.commit(story.claim(story.pending()))) for _ in range(50)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.aclose())
    await held.let_go()
    await asyncio.gather(closing, *commits, *batches)

    assert [(50, 3)] == cells(
        path, "SELECT (SELECT count(*) FROM positions), (SELECT count(*) FROM run_events)"
    )
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("poslife")]


async def test_a_cancelled_opening_leaves_nothing_running(tmp_path: Path) -> None:
    """
    An opening that is cancelled lets go of the file and of its threads; the store can be opened afterwards.
    """
    store = SqliteStore(tmp_path / "bot.db")
    for turns in range(6):
        opening = asyncio.create_task(store.open())
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    await store.open()
    await store.ping()
    await store.aclose()


async def test_a_cancelled_closing(tmp_path: Path) -> None:
    """
    A closing that is cancelled is done to its end without anybody who waits.
    """
    store = SqliteStore(tmp_path / "bot.db")
    for turns in range(4):
        await store.open()
        closing = asyncio.create_task(store.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])


async def test_opened_and_closed_concurrently(tmp_path: Path) -> None:
    """
    Opening twice at once opens once; who opens while the store is being closed is told, or finds it open.
    """
    store = SqliteStore(tmp_path / "bot.db")
    await asyncio.gather(store.open(), store.open(), store.open())
    await store.ping()
    await asyncio.gather(store.aclose(), store.aclose())
    opened, _ = await asyncio.gather(store.open(), store.aclose(), return_exceptions=True)

    assert opened is None or isinstance(opened, StorageUnavailable)
    await store.aclose()


async def test_a_closed_worker_refuses(tmp_path: Path) -> None:
    """
    A worker that was closed takes nothing in.
    """
    worker = Worker("poslife test", Session(str(tmp_path / "bot.db"), 1.0, reads_only=False))
    with pytest.raises(StorageUnavailable, match="not open"):
        await worker.do(lambda session: session.rows("SELECT 1"))
    await worker.aclose()
    with pytest.raises(StorageUnavailable, match="closed"):
        await worker.do(Session.connect)


async def test_used_from_two_event_loops(tmp_path: Path) -> None:
    """
    A store opened in one event loop answers in another.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        held = await story.opened(store)

        async def read() -> object:
            return await store.get(held.ref)

        assert held == await asyncio.to_thread(lambda: asyncio.run(read()))
