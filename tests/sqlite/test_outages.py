"""
Outages while the store writes: each has its exception, nothing is half written, and a retry works.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from poslife.conformance._example_changes import begin
from poslife.conformance._example_values import Examples
from poslife.errors import (
    RepositoryError,
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.protocols import DeadLetter
from poslife.sqlite import SqliteStore
from tests.sqlite.files import cells, opened_store, ours, writer_of
from tests.sqlite.test_batches import records, sequences

Outage = Callable[[SqliteStore, Path], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def locked(store: SqliteStore, path: Path) -> AsyncGenerator[None]:
    with ours(path) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def altered(before: str, after: str) -> Outage:
    @asynccontextmanager
    async def outage(store: SqliteStore, path: Path) -> AsyncGenerator[None]:
        cells(path, before)
        yield
        cells(path, after)

    return outage


def pragma(before: str, after: str) -> Outage:
    """
    Return an outage of the store's own connection.
    """

    @asynccontextmanager
    async def outage(store: SqliteStore, path: Path) -> AsyncGenerator[None]:
        await writer_of(store).do(lambda session: session.row(before))
        yield
        await writer_of(store).do(lambda session: session.row(after))

    return outage


@asynccontextmanager
async def moved(store: SqliteStore, path: Path) -> AsyncGenerator[None]:
    path.rename(path.with_suffix(".away"))
    yield
    path.with_suffix(".away").rename(path)


@pytest.mark.parametrize(
    "outage, kind, said",
    [
        pytest.param(locked, StorageBusy, "another process holds its lock", id="locked"),
        pytest.param(
            pragma("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
            StorageNotReady,
            "cannot be written",
            id="read-only",
        ),
        pytest.param(
            pragma("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000"),
            StorageNotReady,
            "make room",
            id="full",
        ),
        pytest.param(
            altered("ALTER TABLE run_events RENAME TO away", "ALTER TABLE away RENAME TO run_events"),
            StorageNotReady,
            "no such table.*schema checked",
            id="dropped table",
        ),
        pytest.param(
            altered(
                "ALTER TABLE run_events RENAME COLUMN actor TO player",
                "ALTER TABLE run_events RENAME COLUMN player TO actor",
            ),
            StorageNotReady,
            "no column named actor",
            id="dropped column",
        ),
        pytest.param(moved, StorageNotReady, "moved, deleted or replaced", id="moved away"),
    ],
)
async def test_an_outage(outage: Outage, kind: type[RepositoryError], said: str, tmp_path: Path) -> None:
    """
    Each outage has its exception, nothing of a batch is stored, and all of it is once the outage is over.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path, lock_timeout=0.05) as store:
        # More than the free pages that the file has: so that a full disk is met.
        batch = [*records(Examples(), 600)]
        await store.write(batch[:1])
        async with outage(store, path):
            for _ in range(2):
                with pytest.raises(kind, match=f"(?s){said}"):
                    await store.write(batch)
        assert [1] == sequences(path)
        await store.probe()
        await store.write(batch)

        assert list(range(1, 601)) == sequences(path)


@pytest.mark.parametrize("outage", [locked, pragma("PRAGMA query_only = ON", "PRAGMA query_only = OFF")])
async def test_a_probe_and_a_burial_tell_it_too(outage: Outage, tmp_path: Path) -> None:
    """
    An outage fails a probe, a burial and a replay as it fails a batch.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path, lock_timeout=0.05) as store:
        one, two = records(Examples(), 2)
        await store.bury(DeadLetter(record=one, reason="refused"))
        async with outage(store, path):
            for call in (
                store.probe(),
                store.bury(DeadLetter(record=two, reason="refused")),
                store.replay(one.header.id),
            ):
                with pytest.raises(StorageUnavailable):
                    await call
            assert 1 == len((await store.list_dead_letters()).items)
        await store.replay(one.header.id)

        assert [1] == sequences(path)


async def test_a_deleted_file(tmp_path: Path) -> None:
    """
    Events are not written into a deleted file, but into a new one.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        batch = records(Examples(), 3)
        await store.write(batch[:1])
        for each in tmp_path.glob("bot.db*"):
            each.unlink()
        for call in (store.write(batch), store.probe()):
            with pytest.raises(StorageNotReady, match="moved, deleted or replaced"):
                await call
    async with opened_store(path) as store:
        await store.write(batch)

        assert [1, 2, 3] == sequences(path)


async def test_a_corrupt_file(tmp_path: Path) -> None:
    """
    A file that is damaged while it is open has to be mended, and no event is refused for it.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await store.write(records(Examples(), 400))
        cells(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        ((root,),) = cells(
            path, "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_run_events_1'"
        )
        ((size,),) = cells(path, "PRAGMA page_size")
        assert isinstance(root, int)
        assert isinstance(size, int)
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)
    async with opened_store(path) as store:
        fresh = records(_later(), 3)
        for _ in range(2):
            with pytest.raises(StorageNotReady, match=r"damaged.*restore a backup"):
                await store.write(fresh)

    assert [(0,)] == cells(
        path, f"SELECT count(*) FROM run_events NOT INDEXED WHERE event_id >= '{fresh[0].header.id}'"
    )


def _later() -> Examples:
    examples = Examples()
    for _ in range(2000):
        examples.event_id()
    return examples


async def test_an_outage_in_the_middle_of_a_batch(tmp_path: Path) -> None:
    """
    A disk that is full in the middle of a batch stores nothing of it.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        batch = records(Examples(), 2000)
        pages = await writer_of(store).do(lambda session: session.row("PRAGMA page_count"))
        assert pages is not None
        await writer_of(store).do(
            lambda session: session.row(f"PRAGMA max_page_count = {int(str(pages[0])) + 20}")
        )
        with pytest.raises(StorageNotReady, match="make room"):
            await store.write(batch)
        assert [] == sequences(path)
        # What fits is taken still.
        await store.write(batch[:10])

        assert list(range(1, 11)) == sequences(path)


# ------------------------------------------------------------------------------- while a change is committed


async def test_a_full_disk(tmp_path: Path) -> None:
    """
    A commit on a full disk is `StorageUnavailable` with advice, writes nothing, and can be repeated.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        held = await story.opened(store)
        pages: list[object] = []
        limit = "PRAGMA max_page_count = 1"
        await writer_of(store).do(lambda session: pages.extend(session.rows(limit)[0]))
        reason = "long " * 40_000
        change = story.unclaimed(reason)
        with pytest.raises(StorageUnavailable, match=r"bot\.db.*FULL.*the disk is full: make room"):
            await store.commit(change)
        later = "PRAGMA max_page_count = 1000000"
        await writer_of(store).do(lambda session: pages.extend(session.rows(later)[0]))

        assert held == await store.get(held.ref)
        assert () == (await store.list_unclaimed()).items
        committed = await store.commit(change)
        assert not committed.repeated


async def test_a_table_that_goes_away(tmp_path: Path) -> None:
    """
    A commit after a table was dropped is no refusal of the change: it asks for a check of the schema.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        cells(path, "DROP TABLE dead_letters")
        cells(path, "ALTER TABLE fills RENAME TO mine")
        with pytest.raises(StorageUnavailable, match="have its schema checked") as caught:
            await store.commit(story.unclaimed("no such order"))

        assert not isinstance(caught.value, StorageRejected)
