"""
Two releases on one database: a fleet is upgraded bot by bot.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import poslife
from poslife._connect import store_at
from poslife.errors import SchemaMismatch, SchemaVersionError
from poslife.events import verify_trail
from poslife.sqlite._migrations import MIGRATIONS
from tests.storage.release_bot import live_once
from tests.storage.scratch import copy_of_source, with_source
from tests.storage.test_columns import FIELDS

if TYPE_CHECKING:
    from asyncio.subprocess import Process

NEWEST = MIGRATIONS[-1].version
NEXT = NEWEST + 1
BOT = Path(__file__).with_name("release_bot.py")

STORES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]

# A column that may be null, and a table.
ADDING = {
    "sqlite": "ALTER TABLE positions ADD COLUMN peak_price TEXT;\nCREATE TABLE notes (note TEXT) STRICT;\n",
    "postgres": (
        "ALTER TABLE poslife.positions ADD COLUMN peak_price numeric;\n"
        "CREATE TABLE poslife.notes (note text);\n"
    ),
}
COLUMN = {
    "poslife/storage/_columns.py": {
        '    Column("closed_at", Kind.TIME, null=True),\n': (
            '    Column("peak_price", Kind.NUMBER, null=True),\n'
        ),
    },
}

# These refuse the rows of the release before. SQLite adds no column that needs a value.
BREAKING = {
    "sqlite": "CREATE UNIQUE INDEX runs_one_a_machine ON runs (machine);\n",
    "postgres": "ALTER TABLE poslife.runs ADD COLUMN region text NOT NULL;\n",
}
BROKEN = {
    "sqlite": "runs: unique index runs_one_a_machine is not poslife's and can refuse its rows",
    "postgres": "runs: column region is not poslife's and can refuse what it writes",
}
REGION = {
    "poslife/postgres/needed_schema.txt": {
        "runs\tcolumn process_started\ttext not null\n": "runs\tcolumn region\ttext not null\n",
    },
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def url(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """
    A database without a schema, to which the releases come as the owner.
    """
    if store == "sqlite":
        return f"sqlite:///{tmp_path}/bot.db"
    dsn: str = request.getfixturevalue("empty_postgres_dsn")
    return dsn


def newer_release(
    folder: Path, scripts: Mapping[str, str], edits: Mapping[str, Mapping[str, str]], *, runs_from: int
) -> Path:
    """
    Return the source of the next release, with one migration more.
    """
    source = copy_of_source(folder / "newer", edits)
    for store, script in scripts.items():
        file = source / "poslife" / store / "migrations" / f"{NEXT:04}_of_tomorrow.sql"
        file.write_text(f"-- runs_from: {runs_from}\n{script}", "utf-8")
    return source


@asynccontextmanager
async def bot_of(source: Path, url: str) -> AsyncGenerator[Process]:
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-B", str(BOT), url),
        env=with_source(source),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert bot.stdin is not None
    try:
        yield bot
        bot.stdin.close()
        assert await bot.wait() == 0
    finally:
        if bot.returncode is None:
            bot.kill()
            await bot.wait()


async def answer_of(bot: Process) -> str:
    assert bot.stdout is not None
    async with asyncio.timeout(60):
        return (await bot.stdout.readline()).decode().strip()


async def let_live(bot: Process) -> None:
    assert bot.stdin is not None
    bot.stdin.write(b"live\n")

    assert str(NEXT) == await answer_of(bot)


@pytest.mark.slow
async def test_a_release_goes_on_beside_the_next_one(url: str, tmp_path: Path) -> None:
    """
    Release N-1 goes on committing and recording on the schema of release N, which works beside it, and may be
    started again there.
    """
    source = newer_release(tmp_path, ADDING, {**FIELDS, **COLUMN}, runs_from=NEWEST)
    async with poslife.connect(url) as tracker:
        await tracker.recover()
        await live_once(tracker, "older")
        async with bot_of(source, url) as newer:
            assert str(NEXT) == await answer_of(newer)
            for _ in range(2):
                await live_once(tracker, "older")
                await let_live(newer)
            async with poslife.connect(url) as started_again:
                await started_again.recover()
                await live_once(started_again, "again")
                await let_live(newer)
    store = store_at(url, None)
    await store.open()
    report = await verify_trail(store)
    life_events = (await store.read_life_events()).items
    host_events = (await store.read_run_events()).items
    await store.aclose()
    claims = Counter(one.header.account for one in life_events if one.header.type == "position.claimed")
    recorded = Counter(one.payload for one in host_events if one.header.type == "bot.lived")

    assert report.whole
    assert {"older": 3, "newer": 3, "again": 1} == claims
    assert {f'{{"account":"{account}"}}'.encode(): number for account, number in claims.items()} == recorded


@pytest.mark.slow
async def test_a_breaking_migration_shuts_the_release_before_out(url: str, tmp_path: Path) -> None:
    """
    A migration that raises `runs_from` shuts out a release that does not know it, with both numbers.
    """
    source = newer_release(tmp_path, BREAKING, REGION, runs_from=NEXT)
    await let_migrate(source, url)
    with pytest.raises(SchemaVersionError, match=f"a release that knows migration {NEXT}") as caught:
        await store_at(url, None).open()

    assert (NEXT, NEWEST) == (caught.value.found, caught.value.known)


@pytest.mark.slow
async def test_a_migration_that_only_says_that_it_adds(store: str, url: str, tmp_path: Path) -> None:
    """
    A breaking migration that does not raise `runs_from` is found by the check of the schema.
    """
    source = newer_release(tmp_path, BREAKING, REGION, runs_from=NEWEST)
    await let_migrate(source, url)
    with pytest.raises(SchemaMismatch) as caught:
        await store_at(url, None).open()

    (difference,) = caught.value.differences
    assert difference.startswith(BROKEN[store])


async def let_migrate(source: Path, url: str) -> None:
    migrating = await asyncio.create_subprocess_exec(
        *(sys.executable, "-B", str(BOT), url, "--migrate"), env=with_source(source)
    )

    assert await migrating.wait() == 0
