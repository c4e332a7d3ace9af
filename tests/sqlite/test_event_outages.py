"""
What may befall a SQLite file while events are written: each outage has its name, nothing is half written, and
all goes on when it is over.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from poslife.conformance._example_values import Examples
from poslife.errors import (
    RepositoryError,
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.protocols import DeadLetter, EventRecord, FeedToken
from poslife.sqlite import SqliteStore
from poslife.sqlite._errors import DISK_FAULTS, SCHEMA_FAULTS, VERDICTS, translated
from tests.sqlite.files import cells, opened_store, ours, writer_of
from tests.sqlite.test_event_writer import records, sequences

FOLLOWING = Path(__file__).with_name("following.py")

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


def told(before: str, after: str) -> Outage:
    """
    An outage of the store's own connection.
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
            told("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
            StorageNotReady,
            "cannot be written",
            id="read-only",
        ),
        pytest.param(
            told("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000"),
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
    Each outage is told for what it is; nothing is half written, and all is written when it is over.
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


@pytest.mark.parametrize("outage", [locked, told("PRAGMA query_only = ON", "PRAGMA query_only = OFF")])
async def test_a_probe_and_a_burial_tell_it_too(outage: Outage, tmp_path: Path) -> None:
    """
    What keeps the store from a batch keeps it from a probe, a burial and a replay.
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
    Events are not written into a file that nobody will find; into a new one they are.
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
    A file that is damaged while it is open is told: somebody must act, and nothing is wrong with the events.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await store.write(records(Examples(), 400))
        cells(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        ((root,),) = cells(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'run_events_by_run'")
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
    A disk that is full in the middle of a batch takes nothing of it.
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


# -------------------------------------------------------------------------------- the verdicts, one by one


class _Failed(sqlite3.OperationalError):
    """
    As the driver raises it.
    """

    def __init__(self, code: int, message: str = "as SQLite says it") -> None:
        super().__init__(message)
        self.sqlite_errorcode = code
        self.sqlite_errorname = f"SQLITE_{code}"


def _verdict(error: Exception) -> RepositoryError:
    with pytest.raises(RepositoryError) as caught, translated("bot.db", row=lambda: 3):
        raise error
    return caught.value


@pytest.mark.parametrize("code", VERDICTS, ids=str)
@pytest.mark.parametrize("extended", [0, 1 << 8, 13 << 8], ids=["primary", "extended", "further"])
def test_each_code_of_sqlite(code: int, extended: int) -> None:
    """
    A result code, with whatever details, leads to its verdict; a refusal says the row, the others the advice.
    """
    verdict = _verdict(_Failed(code | extended))

    assert VERDICTS[code].kind is type(verdict)
    assert (3 if isinstance(verdict, StorageRejected) else None) == getattr(verdict, "row", None)
    assert (VERDICTS[code].advice or "") in str(verdict)


@pytest.mark.parametrize("fault", SCHEMA_FAULTS)
def test_each_fault_of_a_schema(fault: str) -> None:
    """
    A table or a column that is gone is no outage that passes.
    """
    assert StorageNotReady is type(_verdict(_Failed(1, f"{fault}: run_events")))


def test_what_is_unknown_is_repeated() -> None:
    """
    Nothing is taken for a refusal, or for a hold, that may be an outage.
    """
    for error in (
        _Failed(1, "malformed JSON"),
        _Failed(99),
        sqlite3.ProgrammingError("closed"),
        sqlite3.InterfaceError("misused"),
        OSError("without a number"),
        OSError(errno.EIO, os.strerror(errno.EIO)),
    ):
        assert StorageUnavailable is type(_verdict(error)), error


@pytest.mark.parametrize("code", DISK_FAULTS, ids=errno.errorcode.__getitem__)
def test_each_fault_of_a_disk(code: int) -> None:
    """
    What the operating system says of the path has its verdict, and its advice.
    """
    verdict = _verdict(OSError(code, os.strerror(code)))

    assert DISK_FAULTS[code].kind is type(verdict)
    assert str(DISK_FAULTS[code].advice) in str(verdict)


# ------------------------------------------------------------------------------------------------ the feed


@pytest.mark.slow
async def test_a_feed_followed_while_two_processes_commit(tmp_path: Path) -> None:
    """
    Whoever follows the feed while two processes commit gets each life event once, and none is passed over.
    """
    path = tmp_path / "bot.db"
    times = 150
    async with opened_store(path, lock_timeout=60) as store:
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                str(FOLLOWING),
                str(path),
                str(times),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(2)
        ]
        try:
            for process in processes:
                assert process.stdout is not None
                assert b"ready\n" == await process.stdout.readline()
            ends = [asyncio.create_task(process.communicate(b"go\n")) for process in processes]
            read, pages = await _followed(store, ends)
            await asyncio.gather(*ends)
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        stored = [event for (event,) in cells(path, "SELECT event_id FROM life_events ORDER BY event_id")]
        runs = [record.header.run for record in read]

        assert 2 * 2 * times == len(stored)
        assert stored == sorted(str(record.header.id) for record in read)
        # It was followed while both wrote, in turns.
        assert pages > 10
        assert sum(one != other for one, other in pairwise(runs)) >= 1


async def _followed(
    store: SqliteStore, ends: list[asyncio.Task[tuple[bytes, bytes]]]
) -> tuple[list[EventRecord], int]:
    read: list[EventRecord] = []
    token: FeedToken | None = None
    pages = 0
    while True:
        over = all(end.done() for end in ends)
        page = await store.read_life_events(token, limit=7)
        read += page.items
        token = page.next
        pages += bool(page.items)
        if over and not page.items:
            return read, pages
