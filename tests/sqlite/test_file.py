"""
The file: where it can be, what becomes of it while it is open, and what is said when it cannot be used.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from poslife.conformance._example_changes import begin
from poslife.errors import (
    ConfigurationError,
    InvalidValue,
    RepositoryError,
    StorageBusy,
    StorageRejected,
    StorageUnavailable,
)
from poslife.sqlite import SqliteStore
from poslife.sqlite._session import OLDEST, Session, require_sqlite
from tests.sqlite.files import cells, opened_store, writer_of


async def _refused(path: Path | str) -> str:
    store = SqliteStore(path, lock_timeout=0.1)
    with pytest.raises(StorageUnavailable) as caught:
        await store.open()
    # What could not be opened is closed, and says so.
    with pytest.raises(StorageUnavailable, match="not open"):
        await store.ping()
    return caught.value.reason


# -------------------------------------------------------------------------------------------------- at open


@pytest.mark.parametrize("path", [":memory:", "", "file:bot.db?mode=memory", "bot\0.db", b"bot.db", 7, None])
def test_no_path_of_a_file(path: Any) -> None:
    """
    What names no file is refused at once, with a pointer to the store in memory.
    """
    with pytest.raises(InvalidValue, match="path of a file"):
        SqliteStore(path)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "5", 3601])
def test_no_lock_timeout(seconds: Any) -> None:
    """
    A lock time-out is a number of seconds above zero.
    """
    with pytest.raises(InvalidValue, match="lock_timeout"):
        SqliteStore("bot.db", lock_timeout=seconds)


async def test_the_path_is_fixed_when_the_store_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A relative path counts from the folder at that moment; `describe` says the whole one (incidents 11, 52).
    """
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("bot.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await store.open()

    assert f"SQLite {sqlite3.sqlite_version}, file {tmp_path / 'bot.db'}" == await store.describe()
    await store.aclose()
    assert ["bot.db", "elsewhere"] == sorted(file.name for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["a b.db", "what?mode=memory#x%20y.db", "Ünïcødé.db", "'quoted\".db", "-x", "no suffix"]
)
async def test_any_name(tmp_path: Path, name: str) -> None:
    """
    A file may have any name.
    """
    async with opened_store(tmp_path / name) as store:
        await (await begin(store)).opened(store)

    assert [name] == [file.name for file in tmp_path.iterdir()]
    assert [(1,)] == cells(tmp_path / name, "SELECT count(*) FROM positions")


async def test_a_folder(tmp_path: Path) -> None:
    """
    A path that is a folder is refused, saying so.
    """
    assert "expected a file, found a folder" in await _refused(tmp_path)


async def test_a_missing_folder(tmp_path: Path) -> None:
    """
    A path in a folder that is not there is refused, naming the folder.
    """
    reason = await _refused(tmp_path / "missing" / "bot.db")

    assert f"the folder {tmp_path / 'missing'} does not exist" in reason


async def test_no_database(tmp_path: Path) -> None:
    """
    A file that is no SQLite database is refused, and left as it is.
    """
    path = tmp_path / "bot.db"
    path.write_bytes(b"This is a letter. " * 100)
    reason = await _refused(path)

    assert str(path) in reason
    assert "not a SQLite database" in reason
    assert b"This is a letter. " * 100 == path.read_bytes()


async def test_a_damaged_file(tmp_path: Path) -> None:
    """
    A file whose pages are damaged is refused at open, with what to do.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await (await begin(store)).opened(store)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))

    assert "the file is damaged" in await _refused(path)


@pytest.fixture
def unprivileged() -> Generator[Path]:
    """
    A folder of nobody's, while this process is nobody: permissions do not hold root back.
    """
    folder = Path(tempfile.mkdtemp())
    nobody = 65534
    root = os.geteuid() == 0
    if root:
        os.chown(folder, nobody, nobody)
        os.seteuid(nobody)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(stat.S_IRWXU)
        shutil.rmtree(folder)


async def test_a_read_only_folder(unprivileged: Path) -> None:
    """
    Where no file can be made, the error names it and says what to look at.
    """
    unprivileged.chmod(stat.S_IRUSR | stat.S_IXUSR)
    reason = await _refused(unprivileged / "bot.db")

    assert str(unprivileged / "bot.db") in reason
    assert "check that folder and permissions are right" in reason


async def test_a_read_only_file(unprivileged: Path) -> None:
    """
    A file that cannot be written is refused at open, and not at the first trade.
    """
    path = unprivileged / "bot.db"
    async with opened_store(path):
        pass
    path.chmod(stat.S_IRUSR)
    reason = await _refused(path)

    assert str(path) in reason
    assert "cannot be written" in reason


async def test_a_folder_that_is_closed_meanwhile(unprivileged: Path) -> None:
    """
    A folder that cannot be looked into any more is an outage, and over when it can.
    """
    async with opened_store(unprivileged / "bot.db") as store:
        unprivileged.chmod(0)
        with pytest.raises(StorageUnavailable, match=r"bot\.db: PermissionError"):
            await store.ping()
        unprivileged.chmod(stat.S_IRWXU)
        await store.ping()


async def test_a_file_in_use_by_another_program(tmp_path: Path) -> None:
    """
    A new file that somebody else holds for longer than the lock time-out is `StorageBusy`.
    """
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageBusy, match="locked"):
            await SqliteStore(path, lock_timeout=0.05).open()


class Hasty(sqlite3.Connection):
    """
    Says "busy" at once, as SQLite does now and then while another process switches the journal mode.
    """

    times = 2
    mode = "wal"

    @override
    def execute(self, statement: str, arguments: Any = (), /) -> sqlite3.Cursor:
        if self.times:
            self.times -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(f"SELECT '{self.mode}'")


def test_the_journal_mode_is_tried_again() -> None:
    """
    Where SQLite says "busy" without waiting, we wait.
    """
    session = Session("bot.db", 5.0, reads_only=False)
    with closing(sqlite3.connect(":memory:", factory=Hasty)) as connection:
        session._require_write_ahead_log(connection)

        assert 0 == connection.times


def test_no_write_ahead_log() -> None:
    """
    Where SQLite cannot keep a write-ahead log, for example on a network's disk, the store is refused.
    """
    session = Session("bot.db", 5.0, reads_only=False)
    with closing(sqlite3.connect(":memory:", factory=Hasty)) as connection:
        connection.mode = "delete"
        with pytest.raises(StorageUnavailable, match="put the file on a local disk"):
            session._require_write_ahead_log(connection)


def test_an_old_sqlite() -> None:
    """
    A SQLite without STRICT tables, or without JSON, is refused, saying what to do.
    """
    require_sqlite(OLDEST, json=True)
    require_sqlite((4, 0, 0), json=True)
    for version, json in (((3, 36, 0), True), ((3, 34, 1), True), ((3, 51, 3), False)):
        with pytest.raises(ConfigurationError, match=r"needs 3\.37\.0 or newer, with JSON: use a Python"):
            require_sqlite(version, json=json)


# ------------------------------------------------------------------------------------------- while it is open


async def test_a_file_that_goes_away(tmp_path: Path) -> None:
    """
    A file that is deleted or replaced under the store is noticed before anything is written to the old one.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        claim = story.claim(story.pending())
        path.unlink()
        for _ in range(2):
            with pytest.raises(StorageUnavailable, match="moved, deleted or replaced"):
                await store.commit(claim)
            with pytest.raises(StorageUnavailable, match="moved, deleted or replaced"):
                await store.ping()
            path.touch()


async def test_a_full_disk(tmp_path: Path) -> None:
    """
    A full disk is `StorageUnavailable` with what to do; nothing is written, and the change can be repeated.
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
    A table dropped under the store is no refusal of the change: it says to have the schema checked.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        cells(path, "DROP TABLE dead_letters")
        cells(path, "ALTER TABLE fills RENAME TO mine")
        with pytest.raises(StorageUnavailable, match="have its schema checked") as caught:
            await store.commit(story.unclaimed("no such order"))

        assert not isinstance(caught.value, StorageRejected)


async def test_not_open(tmp_path: Path) -> None:
    """
    A store that was not opened, or was closed, says what to do; a closed one can be opened again.
    """
    store = SqliteStore(tmp_path / "bot.db")
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match=r"await its open\(\) first"):
            await store.list_live()
        await store.open()
        await store.ping()
        await store.aclose()


async def test_the_log_stays_small(tmp_path: Path) -> None:
    """
    The write-ahead log is copied into the file as it grows, and is gone after the store is closed.
    """
    path = tmp_path / "bot.db"
    log = tmp_path / "bot.db-wal"
    sizes: list[int] = []
    async with opened_store(path) as store:
        story = await begin(store)
        for _ in range(8):
            for _ in range(100):
                await story.claimed(store)
            sizes.append(log.stat().st_size)

    assert sizes[-1] < 2.5 * sizes[1]
    assert ["bot.db"] == [file.name for file in tmp_path.iterdir()]


async def test_a_long_reader_delays_no_commit(tmp_path: Path) -> None:
    """
    Somebody who reads for long keeps the log from being copied, and no commit from being made.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path, lock_timeout=30) as store:
        story = await begin(store)
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchall()
        async with asyncio.timeout(20):
            for _ in range(250):
                await story.claimed(store)
        reader.close()


# --------------------------------------------------------------------------------------- ends of a process

_UNCLOSED = """
import asyncio, sys
from poslife.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])

async def main():
    await store.open()
    await store.ping()
    {and_then}

asyncio.run(main())
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "and_then",
    [
        "pass",
        "asyncio.ensure_future(store.ping())",
        "raise SystemExit(print('done'))",
        "await store.aclose()",
    ],
)
def test_an_unclosed_store_does_not_keep_the_interpreter(tmp_path: Path, and_then: str) -> None:
    """
    A program that forgets to close its store ends all the same.
    """
    program = _UNCLOSED.format(and_then=and_then)
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "bot.db")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (0, "done\n") == (ended.returncode, ended.stdout), ended.stderr
    assert "" == ended.stderr


async def test_a_fork(tmp_path: Path) -> None:
    """
    In a forked child the parent's store refuses to work, instead of hanging or harming the file.
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
        worker._process -= 1
        with pytest.raises(StorageUnavailable, match="opened before a fork"):
            await store.write([])
        worker._process += 1
