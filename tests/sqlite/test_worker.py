"""
A thread that does the writing: the event loop does not wait, commits go first, and cancelling is harmless.
"""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from poslife._domain.event_envelopes import EventHeader
from poslife._trail.encoding import encode_payload
from poslife.conformance._example_changes import Story, begin
from poslife.errors import (
    AlreadyClosed,
    RepositoryError,
    StorageUnavailable,
)
from poslife.protocols import EventRecord
from poslife.sqlite import SqliteStore
from poslife.sqlite._session import Session
from poslife.sqlite._worker import Worker
from tests.sqlite.busy_writer import BusyWriter
from tests.sqlite.files import cells, opened_store, recorded_events, writer_of


def _record(story: Story, number: int) -> EventRecord:
    return EventRecord(
        header=EventHeader(id=story.event_id(), type="bot.ticked", occurred_at=story.at(), run=story.run),
        recorded_at=story.at(),
        sequence=number,
        payload=encode_payload({"number": number}),
        salt=bytes(16),
    )


async def test_the_event_loop_goes_on(tmp_path: Path) -> None:
    """
    While the writing thread is busy, the event loop runs and reads are answered.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        writer = BusyWriter(store)
        await writer.begun()
        commit = asyncio.create_task(store.commit(story.claim(story.pending())))
        for _ in range(10):
            assert () == (await store.list_live()).items
        assert not commit.done()
        await writer.release()
        await commit
        assert 1 == len((await store.list_live()).items)


async def test_commits_go_before_batches(tmp_path: Path) -> None:
    """
    Commits go before batches that have waited longer; after 32 in a row a batch has its turn.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        done: list[str] = []
        writer = BusyWriter(store)
        await writer.begun()

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
            tasks.create_task(writer.release())

        # Opening, starting the run, holding the thread up, and two transactions of 16 are over 32 in a row.
        assert [32, 41] == [index for index, what in enumerate(done) if what == "batch"]
        assert 42 == len(done)
        assert [1, 2] == [event.sequence for event in recorded_events(path)]


async def test_a_cancelled_commit_is_whole(tmp_path: Path) -> None:
    """
    A commit whose caller is cancelled is made in full or not at all, and repeating it gives its first result.
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
    A refusal of a commit whose caller was cancelled is dropped, and the next one is raised.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        stale = story.close(await story.opened(store))
        await store.commit(stale)
        writer = BusyWriter(store)
        await writer.begun()
        commit = asyncio.create_task(store.commit(replace(stale, id=story.change_id())))
        await asyncio.sleep(0)
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        await writer.release()
        with pytest.raises(AlreadyClosed):
            await store.commit(replace(stale, id=story.change_id()))


async def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    """
    Closing a store finishes the jobs handed in before it, and ends its threads.
    """
    path = tmp_path / "bot.db"
    others = set(threading.enumerate())
    store = SqliteStore(path)
    await store.open()
    story = await begin(store)
    writer = BusyWriter(store)
    await writer.begun()
    batches = [asyncio.create_task(store.write([_record(story, number)])) for number in range(1, 4)]
    commits = [asyncio.create_task(store.commit(story.claim(story.pending()))) for _ in range(50)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.aclose())
    await writer.release()
    await asyncio.gather(closing, *commits, *batches)

    assert [(50, 3)] == cells(
        path, "SELECT (SELECT count(*) FROM positions), (SELECT count(*) FROM run_events)"
    )
    assert not [thread for thread in set(threading.enumerate()) - others if thread.name.startswith("poslife")]


async def test_an_abandoned_worker_is_waited_for(tmp_path: Path) -> None:
    """
    A store whose closing was cancelled waits for its former writing thread before it is opened again.
    """
    store = SqliteStore(tmp_path / "bot.db")
    await store.open()
    writer = BusyWriter(store)
    await writer.begun()
    closing = asyncio.create_task(store.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    opening = asyncio.create_task(store.open())
    done, _ = await asyncio.wait([opening], timeout=0.1)

    assert not done
    await writer.release()
    await opening
    await store.ping()
    await store.aclose()


async def test_a_closed_worker_refuses(tmp_path: Path) -> None:
    """
    A closed worker refuses jobs.
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


async def test_a_fork(tmp_path: Path) -> None:
    """
    A store refuses to work in a forked child, instead of hanging or damaging the file.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        await store.ping()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                try:
                    # The parent's loop is the child's, too; a step of the coroutine is enough.
                    store.ping().send(None)
                    os.write(writing, b"went on")
                except RepositoryError as error:
                    os.write(writing, str(error).encode())
            finally:
                os._exit(0)
        os.close(writing)
        _, status = os.waitpid(child, 0)
        said = os.read(reading, 10_000).decode()
        os.close(reading)

        assert 0 == status
        assert "opened before a fork" in said
        await store.ping()
        worker = writer_of(store)
        worker._process -= 1  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(StorageUnavailable, match="opened before a fork"):
            await store.write([])
        worker._process += 1  # pyright: ignore[reportPrivateUsage]
