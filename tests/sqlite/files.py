"""
Stores in SQLite files, and reading and changing their files beside them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from poslife._domain.event_envelopes import RecordedEvent
from poslife._trail.dead_letters import decode_dead_letter
from poslife.errors import StorageUnavailable
from poslife.protocols import Clock, DeadLetter
from poslife.sqlite import SqliteStore
from poslife.sqlite._cells import Cell, values_by_column
from poslife.sqlite._statements import selection
from poslife.sqlite._worker import Worker
from poslife.storage._columns import EVENTS, RUN_EVENTS, names_of
from poslife.storage._event_rows import recorded_event_from

__all__ = [
    "cells",
    "dead_letters",
    "opened_store",
    "ours",
    "recorded_events",
    "refusal_of_open",
    "refusing",
    "writer_of",
]

ErrorT = TypeVar("ErrorT", bound=Exception)


@contextmanager
def ours(path: Path) -> Generator[sqlite3.Connection]:
    """
    Open a connection beside the store's, in autocommit.
    """
    # A missing file is an error, and is not created.
    existing = f"{path.as_uri()}?mode=rw"
    with closing(sqlite3.connect(existing, uri=True, timeout=5, isolation_level=None)) as connection:
        yield connection


def cells(path: Path, statement: str, *arguments: Cell) -> list[tuple[Cell, ...]]:
    """
    Run a statement, and return its rows.
    """
    with ours(path) as connection:
        return connection.execute(statement, arguments).fetchall()


_values = values_by_column(RUN_EVENTS)


def recorded_events(path: Path) -> Sequence[RecordedEvent]:
    """
    Return the stored host events, in the order in which they were stored.
    """
    rows = [_values(row) for row in cells(path, f"{selection('run_events', RUN_EVENTS)} ORDER BY rowid")]
    nothing = dict.fromkeys(names_of(EVENTS))
    return [recorded_event_from({**nothing, **row, "content": row["payload"]}) for row in rows]


def dead_letters(path: Path) -> Sequence[DeadLetter]:
    """
    Return the dead letters.
    """
    letters: list[DeadLetter] = []
    for record, reason, attempts in cells(
        path, "SELECT record, reason, attempts FROM dead_letters ORDER BY event_id"
    ):
        assert isinstance(record, bytes)
        assert isinstance(attempts, int)
        letters.append(DeadLetter(record=decode_dead_letter(record), reason=str(reason), attempts=attempts))
    return letters


@contextmanager
def refusing(path: Path, type: str) -> Generator[None]:
    """
    Make the store refuse events of this type for good.
    """
    with ours(path) as connection:
        connection.execute(
            f"CREATE TRIGGER refusing BEFORE INSERT ON run_events WHEN NEW.type = '{type}' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        try:
            yield
        finally:
            connection.execute("DROP TRIGGER refusing")


def writer_of(store: SqliteStore) -> Worker:
    """
    Return the worker that has the writing session.
    """
    assert store._workers is not None  # pyright: ignore[reportPrivateUsage]
    writer = store._workers.writer  # pyright: ignore[reportPrivateUsage]
    assert writer is not None
    return writer


@asynccontextmanager
async def opened_store(
    path: Path, *, clock: Clock | None = None, lock_timeout: float = 60.0
) -> AsyncGenerator[SqliteStore]:
    """
    Open a store on the file, and close it.
    """
    store = SqliteStore(path, clock=clock, lock_timeout=lock_timeout)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


async def refusal_of_open(path: Path | str, kind: type[ErrorT], *, lock_timeout: float = 60.0) -> ErrorT:
    """
    Return the exception of *kind* that opening the file raises.
    """
    store = SqliteStore(path, lock_timeout=lock_timeout)
    with pytest.raises(kind) as caught:
        await store.open()
    # A store that could not be opened is closed.
    with pytest.raises(StorageUnavailable, match="not open"):
        await store.ping()
    return caught.value
