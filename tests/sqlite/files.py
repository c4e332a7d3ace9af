"""
What a SQLite file holds, looked at from outside the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from poslife._domain.event_envelopes import RecordedEvent
from poslife._trail.dead_letters import decode_dead_letter
from poslife.protocols import Clock, DeadLetter
from poslife.sqlite import SqliteStore
from poslife.sqlite._cells import Cell, values_by_column
from poslife.sqlite._statements import selection
from poslife.sqlite._worker import Worker
from poslife.storage._columns import EVENTS, RUN_EVENTS, names_of
from poslife.storage._event_rows import recorded_event_from

__all__ = ["cells", "dead_letters", "opened_store", "ours", "recorded_events", "refusing", "writer_of"]


@contextmanager
def ours(path: Path) -> Generator[sqlite3.Connection]:
    """
    A connection of the test's own, in autocommit.
    """
    # A file that is not there is not made.
    there = f"{path.as_uri()}?mode=rw"
    with closing(sqlite3.connect(there, uri=True, timeout=5, isolation_level=None)) as connection:
        yield connection


def cells(path: Path, statement: str, *arguments: Cell) -> list[tuple[Cell, ...]]:
    """
    What a statement says of the file.
    """
    with ours(path) as connection:
        return connection.execute(statement, arguments).fetchall()


_values = values_by_column(RUN_EVENTS)


def recorded_events(path: Path) -> Sequence[RecordedEvent]:
    """
    The host events stored, in the order they were.
    """
    rows = [_values(row) for row in cells(path, f"{selection('run_events', RUN_EVENTS)} ORDER BY rowid")]
    nothing = dict.fromkeys(names_of(EVENTS))
    return [recorded_event_from({**nothing, **row, "content": row["payload"]}) for row in rows]


def dead_letters(path: Path) -> Sequence[DeadLetter]:
    """
    The events refused for good.
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
    While it is entered, the store refuses events of this type for good.
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
    The worker that has the writing session.
    """
    assert store._workers is not None  # pyright: ignore[reportPrivateUsage]
    return store._workers.writer  # pyright: ignore[reportPrivateUsage]


@asynccontextmanager
async def opened_store(
    path: Path, *, clock: Clock | None = None, lock_timeout: float = 5.0
) -> AsyncGenerator[SqliteStore]:
    """
    A store on the file, open.
    """
    store = SqliteStore(path, clock=clock, lock_timeout=lock_timeout)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()
