from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

import poslife
from poslife import BatchingSink, FoldingSink, FurtherWriter, OrderSide, Side, Venue
from poslife._connect import classify_by_origin, store_at
from poslife.errors import InvalidUrl
from poslife.memory import MemoryStore
from poslife.protocols import EventRecord, EventSink, Journal, Store, SubmitContext, SubmitVerdict
from tests.values import KEY

CONTEXT = SubmitContext(venue=Venue("bybit"), side=OrderSide.BUY, in_doubt_before=False)


async def where(url: str) -> str:
    store = store_at(url, None)
    await store.open()
    try:
        return await store.describe()
    finally:
        await store.aclose()


async def test_memory_is_a_store() -> None:
    """
    ``memory://`` needs no set-up, and its description says that it forgets.
    """
    assert "forgotten" in await where("memory://")


@pytest.mark.parametrize("name", ["bot.db", "with space.db", "ümläut.db", "50%.db"])
async def test_a_file_is_named_from_the_root_with_four_slashes(tmp_path: Path, name: str) -> None:
    """
    ``sqlite:////…`` is the file with this absolute path, a percent sign written as ``%25``.
    """
    file = tmp_path / name

    assert str(file) in await where(f"sqlite:///{str(file).replace('%', '%25')}")
    assert file.exists()


async def test_a_file_is_named_from_here_with_three_slashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    ``sqlite:///bot.db`` is the file ``bot.db`` in the working directory.
    """
    monkeypatch.chdir(tmp_path)

    assert "bot.db" in await where("SQLite:///bot.db")
    assert (tmp_path / "bot.db").exists()


@pytest.mark.parametrize(
    "url, because",
    [
        pytest.param("", "a URL without a scheme", id="empty"),
        pytest.param("bot.db", "a URL without a scheme", id="a bare path"),
        pytest.param("mysql://host/bot", "there is no store for the scheme 'mysql'", id="an unknown store"),
        pytest.param("sqlite://bot.db", "three slashes", id="two slashes"),
        pytest.param("sqlite://user@host/bot.db", "three slashes", id="a host"),
        pytest.param("sqlite:///", "names no file", id="no file"),
        pytest.param("sqlite://", "names no file", id="nothing at all"),
        pytest.param("sqlite:///:memory:", "memory://", id="SQLite's memory"),
        pytest.param("sqlite:///bot.db?mode=ro", "question mark", id="a query"),
        pytest.param("sqlite:///bot#1.db", "number sign", id="a fragment"),
        pytest.param("sqlite:///bot%00.db", "NUL", id="a NUL"),
        pytest.param("memory://bot", "nothing may follow", id="memory with a name"),
        pytest.param("memory:///bot", "nothing may follow", id="memory with a path"),
        pytest.param("postgresql://[::1/bot", "cannot be parsed", id="half an address"),
        pytest.param(None, "expected a str, got NoneType", id="none"),
        pytest.param(b"memory://", "expected a str, got bytes", id="bytes"),
        pytest.param(7, "expected a str, got int", id="a number"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_and_told_why(url: Any, because: str) -> None:
    """
    An unusable URL opens nothing: the error says what is wrong and shows valid URLs (incident 52).
    """
    with pytest.raises(
        InvalidUrl, match=rf"{re.escape(because)}.*sqlite:///bot\.db.*postgresql://.*memory://"
    ):
        poslife.connect(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://trader:s3cret@host/bot",
        "mysql://trader:s3c:r3t@host/bot",
        "mysql://trader:s3c@r3t@host/bot",
        "mysql://:s3cret@host/bot",
        "mysql://host/bot?user=x&password=s3cret",
        "sqlite://trader:s3cret@host/bot.db",
        "memory://trader:s3cret@host",
        "postgresql://trader:s3cret@[::1/bot",
    ],
)
def test_a_password_is_in_no_error(url: str) -> None:
    """
    No error shows the password of a URL, for errors end up in logs.
    """
    with pytest.raises(InvalidUrl) as refused:
        poslife.connect(url)

    for told in (str(refused.value), refused.value.url, repr(refused.value)):
        assert "s3c" not in told
        assert "r3t" not in told


def test_an_unknown_exception_is_no_refusal() -> None:
    """
    An exception that is not ccxt's leaves the order in doubt.
    """
    for error in (ValueError("refused"), TimeoutError(), KeyboardInterrupt()):
        assert SubmitVerdict.UNKNOWN is classify_by_origin(error, CONTEXT)


async def test_the_journal_is_beside_the_file(tmp_path: Path) -> None:
    """
    ``bot.db`` has its journal in ``bot.db-events`` from the first event on, before anything is connected.
    """
    tracker = poslife.connect(f"sqlite:///{tmp_path / 'bot.db'}")
    tracker.record("bot.started", None, {})
    (own,) = (tmp_path / "bot.db-events").iterdir()

    assert own.is_dir()
    assert not (tmp_path / "bot.db").exists()
    async with tracker:
        await tracker.flush()


def test_what_was_recorded_before_the_start_survives_a_process_that_never_started(tmp_path: Path) -> None:
    """
    An event recorded before the start is stored by the next process (incident 51: a start was not logged).
    """
    url = f"sqlite:///{tmp_path / 'bot.db'}"
    bot = f"import poslife; poslife.connect({url!r}).record('bot.started', None, {{}})"
    subprocess.run([sys.executable, "-c", bot], check=True, timeout=30)

    async def later() -> None:
        async with poslife.connect(url) as tracker:
            await tracker.flush()

    asyncio.run(later())
    with contextlib.closing(sqlite3.connect(tmp_path / "bot.db")) as database:
        kinds = [kind for (kind,) in database.execute("SELECT type FROM run_events ORDER BY event_id")]

    assert ["bot.started", "run.started", "run.stopped"] == kinds


@pytest.mark.parametrize(
    "url", ["postgresql://bot:secret@db.example.com:6432/trades", "postgresql:///trades"]
)
def test_the_journal_of_a_server_is_where_programs_keep_their_state(url: str) -> None:
    """
    A server's journal is in the platform's state directory, by host and database, without the password.
    """
    pytest.importorskip("asyncpg")
    journals: list[Journal | None] = []

    def sink(store: Store, journal: Journal | None) -> EventSink:
        journals.append(journal)
        return BatchingSink(store, journal=journal)

    for _ in range(2):
        poslife.connect(url, sink=sink)
    roots = {journal.status().root for journal in journals if journal is not None}

    (root,) = roots
    assert root is not None
    assert root.is_relative_to(Path(os.environ["XDG_STATE_HOME"], "poslife"))
    assert "trades" in root.name
    assert "secret" not in str(root)


async def test_a_store_in_memory_has_no_journal() -> None:
    """
    A store in memory has no journal, for it forgets anyway.
    """
    journals: list[Journal | None] = []

    def sink(store: Store, journal: Journal | None) -> EventSink:
        journals.append(journal)
        return BatchingSink(store, journal=journal)

    async with poslife.connect("memory://", sink=sink):
        pass

    assert [None] == journals


async def test_a_sink_of_ones_own_with_a_further_writer_that_gets_life_events(tmp_path: Path) -> None:
    """
    A sink factory gets the store and the journal, and may wrap a sink with further writers.
    """

    class Copy(MemoryStore):
        @override
        async def write(self, records: Sequence[EventRecord], /) -> None:
            copied.extend(record.header.type for record in records)

    copied: list[str] = []
    kinds = FurtherWriter(name="copy", writer=Copy())

    def sink(store: Store, journal: Journal | None) -> EventSink:
        inner = BatchingSink(store, journal=journal, feed=store, further=[kinds])
        return FoldingSink(inner, fold={"price.tick"}, interval=60)

    async with poslife.connect(
        f"sqlite:///{tmp_path / 'bot.db'}", journal=tmp_path / "elsewhere", sink=sink
    ) as tracker:
        await tracker.recover()
        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
        async with opening:
            pass
    assert {"position.claimed", "order.prepared", "run.started", "run.stopped"} <= set(copied)
    assert (tmp_path / "elsewhere").is_dir()
