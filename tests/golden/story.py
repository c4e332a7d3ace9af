"""
The story that golden files tell: fixed ids, times and salts, so that made anew they have the same bytes.

Two things differ: the SQLite library writes its release into the file, and a segment of the journal has a
salt for its checksums, which is drawn by chance.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

import msgspec

from poslife._domain.event_envelopes import UNLINKED
from poslife._trail.records import encode_record, sealed
from poslife.conformance._example_changes import begin
from poslife.conformance._example_records import a_record
from poslife.conformance._example_values import START
from poslife.events import Trail
from poslife.journal import FileJournal
from poslife.jsonl import JsonLinesWriter
from poslife.protocols import (
    BatchWriter,
    DeadLetter,
    EventRecord,
    LifeEventFeed,
    Repository,
    TrailKeeper,
)
from poslife.sqlite import SqliteStore
from poslife.storage._columns import POSITIONS, names_of
from poslife.storage._rows import position_row
from poslife.testing.clock import ManualClock

__all__ = [
    "EXPECTED",
    "FORMAT",
    "JOURNAL",
    "LINES",
    "POSTGRES",
    "SQLITE",
    "Expected",
    "facts_of",
    "fixed_chance",
    "make_files",
    "tell",
]

FORMAT: Final = Path(__file__).with_name("format1")
SQLITE, POSTGRES, JOURNAL, LINES, EXPECTED = (
    "store.sqlite",
    "store.sql",
    "journal",
    "events.jsonl",
    "expected.json",
)

# A directory of a journal is named by the time it was made, the process, and chance.
_DEAD_PROCESS: Final = "20260102T030405.678901-1-00000000"


class Store(Repository, BatchWriter, LifeEventFeed, TrailKeeper, Trail, Protocol):
    """
    All that a store keeps.
    """


class Expected(msgspec.Struct, forbid_unknown_fields=True):
    """
    The contents of a golden store.

    Attributes:
        positions: Each position, by the names of its columns, as text.
        life_events: Id and digest of each life event, in the order of the feed.
        host_events: Id and digest of each host event, in their order.
        dead_letters: The id of each dead letter.
    """

    positions: list[dict[str, str | None]]
    life_events: list[tuple[str, str]]
    host_events: list[tuple[str, str]]
    dead_letters: list[str]


async def facts_of(store: Store) -> Expected:
    """
    Read a store's contents.
    """
    closed = await store.list_closed(START, START.replace(year=START.year + 1))
    positions = [*(await store.list_live()).items, *closed.items]
    columns = names_of(POSITIONS)
    return Expected(
        positions=[
            {name: _text(value) for name, value in zip(columns, position_row(position), strict=True)}
            for position in sorted(positions, key=lambda position: str(position.ref))
        ],
        life_events=[_named(one) for one in (await store.read_life_events()).items],
        host_events=[_named(one) for one in (await store.read_run_events()).items],
        dead_letters=[str(one.letter.record.header.id) for one in (await store.list_dead_letters()).items],
    )


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case datetime():
            return value.isoformat()
        case Decimal():
            # Stores keep trailing zeros or not.
            return f"{value.normalize():f}"
        case _:
            return str(value)


def _named(record: EventRecord) -> tuple[str, str]:
    return str(record.header.id), record.digest.hex()


async def tell(store: Store) -> list[EventRecord]:
    """
    Live through positions in every status, unclaimed fills, host events, a dead letter and an erasure.

    Returns:
        The host events, as they were before the erasure.
    """
    story = await begin(store)
    for step in (story.claimed, story.opened, story.closing, story.closed, story.ended):
        await step(store)
    await store.commit(story.unclaimed("the key is another's", "no order of that name"))
    records: list[EventRecord] = []
    for number in range(1, 8):
        before = records[-1].digest if records else UNLINKED
        record = a_record(story, number)
        records.append(sealed(record, before=before, salt=record.salt or b""))
    refused = records.pop()
    await store.write(records)
    await store.bury(DeadLetter(record=refused, reason="refused as number 7"))
    await store.erase(records[2].header.id, why="a customer asked for it")
    return records


@contextmanager
def fixed_chance() -> Generator[None]:
    """
    Let the operating system's random bytes be the same ones each time, in this process.
    """
    real, asked = os.urandom, Counter[int]()

    def fixed(size: int, /) -> bytes:
        asked[size] += 1
        return hashlib.shake_128(f"golden {size} {asked[size]}".encode()).digest(size)

    os.urandom = fixed
    try:
        yield
    finally:
        os.urandom = real


def fixed_clock() -> ManualClock:
    return ManualClock(START)


async def make_files(folder: Path, make_postgres: Callable[[Path], Awaitable[object]] | None) -> None:
    """
    Make every file in an empty folder; that of PostgreSQL with the function, which gets its path.
    """
    # The operating system's user is recorded with what it erased.
    os.environ["LOGNAME"] = "golden"
    store = SqliteStore(folder / SQLITE, clock=fixed_clock())
    with fixed_chance():
        await store.open()
        host_events = await tell(store)
    expected = await facts_of(store)
    life_events = (await store.read_life_events()).items
    letters = [one.letter for one in (await store.list_dead_letters()).items]
    await store.aclose()
    with closing(sqlite3.connect(folder / SQLITE)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
    (folder / EXPECTED).write_bytes(msgspec.json.format(msgspec.json.encode(expected)) + b"\n")
    _make_journal(folder, host_events)
    lines = JsonLinesWriter(folder / LINES, clock=fixed_clock())
    await lines.write([*life_events, *host_events])
    for letter in letters:
        await lines.bury(letter)
    await lines.aclose()
    (folder / f"{LINES}.lock").unlink()
    if make_postgres is not None:
        await make_postgres(folder / POSTGRES)


def _make_journal(folder: Path, records: list[EventRecord]) -> None:
    journal = FileJournal(folder / JOURNAL, clock=fixed_clock())
    journal.open()
    for record in records:
        journal.append(encode_record(record))
    journal.sync()
    # As the process leaves it that is killed now.
    shutil.copytree(folder / JOURNAL, folder / "killed")
    journal.close()
    shutil.rmtree(folder / JOURNAL)
    (folder / "killed").rename(folder / JOURNAL)
    (directory,) = (folder / JOURNAL).iterdir()
    directory.rename(directory.with_name(_DEAD_PROCESS))
