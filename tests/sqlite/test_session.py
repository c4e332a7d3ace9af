"""
One connection to a file: opening it, its settings, its write-ahead log, and a file that is moved.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
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
    StorageBusy,
    StorageUnavailable,
)
from poslife.sqlite import SqliteStore
from poslife.sqlite._session import OLDEST, Session, require_sqlite
from tests.sqlite.files import opened_store, refusal_of_open, writer_of


async def _refused(path: Path | str) -> str:
    return (await refusal_of_open(path, StorageUnavailable, lock_timeout=0.1)).reason


# -------------------------------------------------------------------------------------------------- at open


async def test_a_folder(tmp_path: Path) -> None:
    """
    A path that is a folder is refused as such.
    """
    assert "expected a file, found a folder" in await _refused(tmp_path)


async def test_a_missing_folder(tmp_path: Path) -> None:
    """
    A path in a missing folder is refused with the name of the folder.
    """
    reason = await _refused(tmp_path / "missing" / "bot.db")

    assert f"the folder {tmp_path / 'missing'} does not exist" in reason


async def test_no_database(tmp_path: Path) -> None:
    """
    A file that is no SQLite database is refused and left as it is.
    """
    path = tmp_path / "bot.db"
    path.write_bytes(b"This is a letter. " * 100)
    reason = await _refused(path)

    assert str(path) in reason
    assert "not a SQLite database" in reason
    assert b"This is a letter. " * 100 == path.read_bytes()


async def test_a_damaged_file(tmp_path: Path) -> None:
    """
    A file whose pages are damaged is refused at open with advice.
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
    A folder of an unprivileged user that this process acts as: permissions do not restrict root.
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
    A file that cannot be created is refused with its path and with advice.
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
    A folder that becomes inaccessible is an outage, which ends when it is accessible again.
    """
    async with opened_store(unprivileged / "bot.db") as store:
        unprivileged.chmod(0)
        with pytest.raises(StorageUnavailable, match=r"bot\.db: PermissionError"):
            await store.ping()
        unprivileged.chmod(stat.S_IRWXU)
        await store.ping()


async def test_a_file_in_use_by_another_program(tmp_path: Path) -> None:
    """
    A new file that another program locks for longer than the lock time-out is `StorageBusy`.
    """
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageBusy, match="locked"):
            await SqliteStore(path, lock_timeout=0.05).open()


class Hasty(sqlite3.Connection):
    """
    A connection that is busy at once, as SQLite is at times while another process switches the journal mode.
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
    If SQLite is busy without having waited, the journal mode is set again.
    """
    session = Session("bot.db", 5.0, reads_only=False)
    with closing(sqlite3.connect(":memory:", factory=Hasty)) as connection:
        session._require_write_ahead_log(connection)

        assert 0 == connection.times


def test_no_write_ahead_log() -> None:
    """
    A place without a write-ahead log, for example a network's disk, is refused.
    """
    session = Session("bot.db", 5.0, reads_only=False)
    with closing(sqlite3.connect(":memory:", factory=Hasty)) as connection:
        connection.mode = "delete"
        with pytest.raises(StorageUnavailable, match="put the file on a local disk"):
            session._require_write_ahead_log(connection)


def test_an_old_sqlite() -> None:
    """
    A SQLite without STRICT tables, or without JSON, is refused with advice.
    """
    require_sqlite(OLDEST, json=True)
    require_sqlite((4, 0, 0), json=True)
    for version, json in (((3, 36, 0), True), ((3, 34, 1), True), ((3, 51, 3), False)):
        with pytest.raises(ConfigurationError, match=r"needs 3\.37\.0 or newer, with JSON: use a Python"):
            require_sqlite(version, json=json)


# ------------------------------------------------------------------------------------------- while it is open


async def test_a_file_that_goes_away(tmp_path: Path) -> None:
    """
    A file that is deleted or replaced while it is open is noticed before a write to the old one.
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


async def test_the_log_stays_small(tmp_path: Path) -> None:
    """
    The write-ahead log is copied into the file as it grows, and is gone once the store is closed.
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
    A long read in another process delays the copying of the log, and no commit.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path, lock_timeout=30) as store:
        story = await begin(store)
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchall()
        async with asyncio.timeout(60):
            for _ in range(250):
                await story.claimed(store)
        reader.close()


async def test_the_file_is_as_durable_as_promised(path: Path) -> None:
    """
    The file has a write-ahead log synced at every commit, foreign keys, and no automatic checkpoints.
    """
    async with opened_store(path) as store:

        def settings(session: Session) -> dict[str, object]:
            names = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")
            return {name: session.rows(f"PRAGMA {name}")[0][0] for name in names}

        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "wal_autocheckpoint": 0}
        assert wanted == await writer_of(store).do(settings)
