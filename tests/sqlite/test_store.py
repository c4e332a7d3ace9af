"""
A store: its arguments, and opening, closing and forgetting it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import (
    InvalidValue,
    StorageUnavailable,
)
from poslife.sqlite import SqliteStore
from tests.sqlite.files import cells, opened_store


@pytest.mark.parametrize("path", [":memory:", "", "file:bot.db?mode=memory", "bot\0.db", b"bot.db", 7, None])
def test_no_path_of_a_file(path: Any) -> None:
    """
    A path that names no file is refused at once, with a hint at the store in memory.
    """
    with pytest.raises(InvalidValue, match="path of a file"):
        SqliteStore(path)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "5", 3601])
def test_no_lock_timeout(seconds: Any) -> None:
    """
    A lock time-out that is not a number of seconds above zero is refused.
    """
    with pytest.raises(InvalidValue, match="lock_timeout"):
        SqliteStore("bot.db", lock_timeout=seconds)


async def test_the_path_is_fixed_when_the_store_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A relative path is resolved when the store is made, and `describe` has the result (incidents 11, 52).
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


async def test_not_open(tmp_path: Path) -> None:
    """
    A store that is not open says so with advice, and a closed one can be opened again.
    """
    store = SqliteStore(tmp_path / "bot.db")
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match=r"await its open\(\) first"):
            await store.list_live()
        await store.open()
        await store.ping()
        await store.aclose()


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
    A program that does not close its store ends all the same.
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


async def test_a_cancelled_opening_leaves_nothing_running(tmp_path: Path) -> None:
    """
    A cancelled opening releases the file and its threads, and the store can be opened afterwards.
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
    A cancelled closing is done to its end, and the store can be opened again.
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
    A store opened several times at once is opened once; opened during its closing, it is open or refuses.
    """
    store = SqliteStore(tmp_path / "bot.db")
    await asyncio.gather(store.open(), store.open(), store.open())
    await store.ping()
    await asyncio.gather(store.aclose(), store.aclose())
    opened, _ = await asyncio.gather(store.open(), store.aclose(), return_exceptions=True)

    assert opened is None or isinstance(opened, StorageUnavailable)
    await store.aclose()
