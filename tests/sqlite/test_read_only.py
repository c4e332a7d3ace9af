"""
A file that is opened for reading only.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest

from poslife._domain.identifiers import PositionRef
from poslife.errors import (
    PoslifeError,
    SchemaMismatch,
    SchemaVersionError,
    StorageNotReady,
    StorageUnavailable,
    StoreNotFound,
)
from poslife.events import verify_trail
from poslife.sqlite import SqliteStore
from poslife.sqlite._migrations import MIGRATIONS
from poslife.testing.clock import ManualClock
from tests.read_only import fill_store, read_everything, require_refusals
from tests.sqlite.files import cells, opened_store

ErrorT = TypeVar("ErrorT", bound=PoslifeError)


class PausedBot:
    """
    A bot in a process of its own, which has filled the file and waits.

    The file's bytes are read by other processes: closing the file here would drop the locks of this one.
    """

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sqlite.paused_bot", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ref = PositionRef(UUID(self._answer()))

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def write_more(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("more\n")
        self._process.stdin.flush()

        assert "done" == self._answer()

    def end(self) -> None:
        self._process.communicate("end\n", timeout=60)

        assert 0 == self._process.returncode

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.communicate(timeout=60)


@contextmanager
def bot_at(path: Path) -> Generator[PausedBot]:
    bot = PausedBot(path)
    try:
        yield bot
    finally:
        bot.kill()


def killed_at(path: Path) -> PausedBot:
    with bot_at(path) as bot:
        pass

    assert 0 < size_of(path, "-wal")
    return bot


def ended_at(path: Path) -> PausedBot:
    with bot_at(path) as bot:
        bot.end()

    assert [path.name] == sorted(each.name for each in path.parent.iterdir())
    return bot


def bytes_of(path: Path) -> Mapping[str, tuple[bytes, int]]:
    """
    Return bytes and time of the last change of the file and its write-ahead log.
    """
    return {
        suffix: (subprocess.check_output(["cat", f"{path}{suffix}"]), os.stat(f"{path}{suffix}").st_mtime_ns)  # noqa: PTH116
        for suffix in ("", "-wal")
        if size_of(path, suffix)
    }


def size_of(path: Path, suffix: str) -> int:
    file = Path(f"{path}{suffix}")
    return file.stat().st_size if file.exists() else 0


@asynccontextmanager
async def reading(path: Path, clock: ManualClock | None = None) -> AsyncGenerator[SqliteStore]:
    store = SqliteStore(path, lock_timeout=60, reads_only=True, clock=clock)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


async def refusal(path: Path, kind: type[ErrorT]) -> str:
    """
    Return the message of the exception of *kind* that opening for reading raises.
    """
    with pytest.raises(kind) as caught:
        async with reading(path):
            pass
    return str(caught.value)


@contextmanager
def mounted_read_only(folder: Path, at: Path) -> Generator[Path]:
    """
    The folder at another place, where nothing can be written.

    Where this user may not mount it, the test is an expected failure.
    """
    at.mkdir()
    bound = subprocess.run(["mount", "--bind", folder, at], capture_output=True, check=False)
    if bound.returncode != 0:
        pytest.xfail("this user may not mount a folder")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", at], capture_output=True, check=True)
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "bot.db"


async def test_reading_beside_a_bot_changes_no_byte(path: Path) -> None:
    """
    File and write-ahead log keep bytes and times while a bot has them open, and its commits are seen at once.
    """
    with bot_at(path) as bot:
        async with reading(path) as store:
            before = bytes_of(path)
            first = await read_everything(store, bot.ref)
            verified = await verify_trail(store)
            after = bytes_of(path)
            bot.write_more()
            more = await verify_trail(store)
        closed = bytes_of(path)
        bot.write_more()
        bot.end()

    assert {"", "-wal"} == before.keys()
    assert before == after
    assert before[""] == closed[""]
    assert first["list_live"] != first["list_closed"]
    assert (verified.life_events + 4, verified.host_events + 1) == (more.life_events, more.host_events)


async def test_reading_after_a_bot_changes_no_byte(path: Path) -> None:
    """
    A bot that ended leaves a file without a write-ahead log, and none with contents is there after reading.
    """
    bot = ended_at(path)
    before = bytes_of(path)
    async with reading(path) as store:
        await read_everything(store, bot.ref)

    assert {""} == before.keys()
    assert before == bytes_of(path)


async def test_what_a_killed_bot_committed_is_read_from_its_log(path: Path) -> None:
    """
    A write-ahead log that a killed bot left is read, and neither copied into the file nor changed, with or
    without its index.
    """
    bot = killed_at(path)
    before = bytes_of(path)
    answers: list[Mapping[str, object]] = []
    for _ in range(2):
        async with reading(path) as store:
            answers.append(await read_everything(store, bot.ref))

        assert before == bytes_of(path)
        Path(f"{path}-shm").unlink()
    # A store that writes copies the log into the file.
    async with opened_store(path, lock_timeout=60) as store:
        answers.append(await read_everything(store, bot.ref))

    assert {"", "-wal"} == before.keys()
    assert answers[0] == answers[1] == answers[2]


async def test_any_name_is_opened(tmp_path: Path) -> None:
    """
    A name with characters that mean something in a URI is opened as it is, and by a link as well.
    """
    path = tmp_path / "bot 100%3F?mode=rw#ü.db"
    async with opened_store(path, lock_timeout=60) as store:
        ref = await fill_store(store)
        link = tmp_path / "link.db"
        link.symlink_to(path)
        for name in (path, link):
            async with reading(name) as reader:
                await reader.get(ref)

    assert {path.name, link.name} <= {each.name for each in tmp_path.iterdir()}
    assert not Path(f"{link}-wal").exists()


async def test_every_call_that_writes_is_refused(path: Path) -> None:
    """
    Each reading call answers as the store that wrote, and each writing call is refused.
    """
    async with opened_store(path, lock_timeout=60) as store:
        ref = await fill_store(store)
        expected = await read_everything(store, ref)
        async with reading(path) as reader:
            await require_refusals(reader)
            found = await read_everything(reader, ref)
            await reader.open()
            description = await reader.describe()

    assert expected == found
    assert str(path) in description
    with pytest.raises(StorageUnavailable, match="not open"):
        await reader.ping()


async def test_lost_runs_are_listed_and_not_marked(path: Path) -> None:
    """
    A run whose lease has expired is given as ended, and its orders as left by an ended run, without a write.
    """
    clock = ManualClock()
    async with opened_store(path, clock=clock, lock_timeout=60) as store:
        ref = await fill_store(store)
    early = ManualClock(clock.now())
    late = ManualClock(clock.now())
    late.advance(1_000_000)
    async with reading(path, early) as store:
        running = await read_everything(store, ref)
    async with reading(path, late) as store:
        found = await read_everything(store, ref)
    marked = cells(path, "SELECT count(*) FROM runs WHERE lost_at IS NOT NULL")
    async with opened_store(path, clock=late, lock_timeout=60) as store:
        expected = await read_everything(store, ref)

    assert running["list_runs"] != found["list_runs"]
    assert expected == found
    assert [(0,)] == marked
    assert [(1,)] == cells(path, "SELECT count(*) FROM runs WHERE lost_at IS NOT NULL")


# ----------------------------------------------------------------------------- folders that cannot be written


async def test_a_folder_that_cannot_be_written(path: Path, tmp_path: Path) -> None:
    """
    A file without a write-ahead log is read alone, where its folder cannot be written.
    """
    bot = ended_at(path)
    with mounted_read_only(path.parent, tmp_path / "mount") as folder:
        async with reading(folder / path.name) as store:
            found = await read_everything(store, bot.ref)
        names = [each.name for each in folder.iterdir()]
    async with opened_store(path, lock_timeout=60) as store:
        expected = await read_everything(store, bot.ref)

    assert [path.name] == names
    assert expected == found


async def test_a_bot_that_begins_to_write_is_noticed(path: Path, tmp_path: Path) -> None:
    """
    What was read of a file alone is refused once a bot has begun to write to it.
    """
    bot = ended_at(path)
    with mounted_read_only(path.parent, tmp_path / "mount") as folder:
        async with reading(folder / path.name) as store:
            await store.list_live()
            with bot_at(path) as another:
                with pytest.raises(StorageUnavailable, match="a bot has begun to write"):
                    await read_everything(store, bot.ref)
                another.write_more()
                another.end()
            # Its write-ahead log is gone again, and the file is another one.
            with pytest.raises(StorageUnavailable, match="a bot has begun to write"):
                await store.list_live()


async def test_a_bot_is_followed_from_a_folder_that_cannot_be_written(path: Path, tmp_path: Path) -> None:
    """
    With a write-ahead log and its index the file is read as anywhere, beside a running bot or a dead one.
    """
    with bot_at(path) as bot, mounted_read_only(path.parent, tmp_path / "mount") as folder:
        before = bytes_of(path)
        async with reading(folder / path.name) as store:
            first = await verify_trail(store)

            assert before == bytes_of(path)
            bot.write_more()
            second = await verify_trail(store)
            bot.kill()
            third = await verify_trail(store)
        async with reading(folder / path.name) as store:
            fourth = await verify_trail(store)

    assert first.life_events + 4 == second.life_events
    assert second == third == fourth


async def test_a_log_without_its_index_is_refused_in_a_folder_that_cannot_be_written(
    path: Path, tmp_path: Path
) -> None:
    """
    A log that cannot be read is said, for without it the file is not all there is.
    """
    killed_at(path)
    Path(f"{path}-shm").unlink()
    with mounted_read_only(path.parent, tmp_path / "mount") as folder:
        message = await refusal(folder / path.name, StorageNotReady)

    assert "a write-ahead log lies beside it (-wal) without its index (-shm)" in message
    assert "copy the file and its -wal together" in message


_AS_ANOTHER_USER = """
import asyncio, os, sys
from poslife.sqlite import SqliteStore

async def main():
    store = SqliteStore(sys.argv[1], reads_only=True, lock_timeout=60)
    try:
        await store.open()
        print(len((await store.list_runs()).items))
        await store.aclose()
    except Exception as error:
        print(type(error).__name__, error)

asyncio.run(asyncio.sleep(0))
os.setgroups([])
os.setuid(65534)
asyncio.run(main())
"""


@contextmanager
def open_folder() -> Generator[Path]:
    """
    A folder that every user may write.
    """
    if os.geteuid() != 0:
        pytest.xfail("only root may become another user")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name) / "bot.db"


def as_another_user(path: Path) -> str:
    return subprocess.check_output([sys.executable, "-c", _AS_ANOTHER_USER, str(path)], text=True)


def test_another_user_leaves_no_files_that_the_bot_cannot_write() -> None:
    """
    Another user than the file's owner makes no -wal and no -shm: the bot could not write them.
    """
    with open_folder() as path:
        ended_at(path)
        path.chmod(0o644)
        answer = as_another_user(path)
        names = [each.name for each in path.parent.iterdir()]
        path.chmod(0o600)
        refused = as_another_user(path)

    assert "1" == answer.strip()
    assert [path.name] == names
    assert "StorageNotReady" in refused
    assert "this user may not read the file" in refused


def test_a_folder_that_may_not_be_searched_is_no_missing_file() -> None:
    """
    A file that this user cannot find for want of a right is not said to be missing.
    """
    with open_folder() as path:
        ended_at(path)
        path.parent.chmod(0o700)
        answer = as_another_user(path)

    assert "StorageNotReady" in answer
    assert "may not search the folder" in answer


# -------------------------------------------------------------------------------------- what cannot be read


async def test_no_file(tmp_path: Path) -> None:
    """
    A file that is not there is not made.
    """
    message = await refusal(tmp_path / "no.db", StoreNotFound)

    assert f"there is no file {tmp_path / 'no.db'}" in message
    assert [] == [*tmp_path.iterdir()]


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """
    A folder, or a device, is refused as what it is.
    """
    assert "found a folder" in await refusal(tmp_path, StorageUnavailable)
    assert "found something else" in await refusal(Path(os.devnull), StorageUnavailable)


async def test_an_empty_database(tmp_path: Path) -> None:
    """
    A file without a table, and one without a byte, stay so.
    """
    (tmp_path / "empty.db").touch()
    message = await refusal(tmp_path / "empty.db", StoreNotFound)

    assert "there is no poslife here" in message
    assert "is an empty database" in message
    assert 0 == (tmp_path / "empty.db").stat().st_size


async def test_a_database_of_another_program(tmp_path: Path) -> None:
    """
    Another program's file is refused by the names of its tables.
    """
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        for name in "fedcba":
            connection.execute(f"CREATE TABLE {name} (x)")
    message = await refusal(path, StoreNotFound)

    assert "belongs to another program, with the tables a, b, c, d, e, …" in message


async def test_no_sqlite_file(tmp_path: Path) -> None:
    """
    A file of another kind is refused as such.
    """
    (tmp_path / "text.db").write_text("no database, and long enough to be told from one" * 10)

    assert "it is not a SQLite database" in await refusal(tmp_path / "text.db", StorageNotReady)


async def test_a_newer_schema(path: Path) -> None:
    """
    A schema of a newer release that may not be read is refused with both versions.
    """
    async with opened_store(path, lock_timeout=60):
        pass
    newest = MIGRATIONS[-1].version
    cells(
        path,
        "INSERT INTO poslife_migrations (version, name, sha256, runs_from, applied_at) "
        "VALUES (?, 'later', '', ?, '')",
        newest + 1,
        newest + 1,
    )
    message = await refusal(path, SchemaVersionError)

    assert f"at migration {newest + 1}, this release of poslife at migration {newest}" in message
    assert "upgrade poslife" in message


async def test_a_newer_schema_that_may_be_read(path: Path) -> None:
    """
    A newer schema that lets this release go on is read, with a column and a table that it does not know.
    """
    async with opened_store(path, lock_timeout=60) as store:
        ref = await fill_store(store)
        expected = await read_everything(store, ref)
    newest = MIGRATIONS[-1].version
    cells(path, "ALTER TABLE runs ADD COLUMN host TEXT")
    cells(path, "CREATE TABLE notes (x TEXT) STRICT")
    cells(
        path,
        "INSERT INTO poslife_migrations (version, name, sha256, runs_from, applied_at) "
        "VALUES (?, 'later', '', ?, '')",
        newest + 1,
        newest,
    )
    async with reading(path) as reader:
        found = await read_everything(reader, ref)

    assert expected == found


async def test_a_half_migrated_schema(path: Path) -> None:
    """
    An empty list of migrations, and one with a gap, is what a restore leaves that was cut off.
    """
    async with opened_store(path, lock_timeout=60):
        pass
    cells(path, "UPDATE poslife_migrations SET version = version + 1")
    gap = await refusal(path, SchemaVersionError)
    cells(path, "DELETE FROM poslife_migrations")
    empty = await refusal(path, SchemaVersionError)

    assert "it is half migrated: its list of migrations has 2" in gap
    assert "it is half migrated: its list of migrations has none" in empty


async def test_missing_tables_and_columns(path: Path) -> None:
    """
    What a reader lacks is listed; what only refuses rows is not asked for.
    """
    async with opened_store(path, lock_timeout=60):
        pass
    cells(path, "DROP INDEX life_events_numbered")
    async with reading(path):
        pass
    cells(path, "DROP TABLE dead_letters")
    cells(path, "ALTER TABLE runs RENAME COLUMN machine TO computer")
    with pytest.raises(SchemaMismatch) as caught:
        async with reading(path):
            pass

    assert ("dead_letters is missing", "runs: column machine is missing") == caught.value.differences
