"""
Recording of the statements that a store issues, with their arguments, so that they can be replayed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from typing_extensions import override


@dataclass(slots=True)
class Recording:
    """
    Statements in the order in which they were issued.

    Attributes:
        calls: The number of the connection, the driver's method, the statement and its arguments.
        databases: The database of each connection.
        measured_from: The index of the first measured call.
        measured_to: The index after the last measured call.
    """

    calls: list[tuple[int, str, str, Any]] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    measured_from: int = 0
    measured_to: int | None = None

    def begin(self) -> None:
        """
        Begin the measured calls.
        """
        self.measured_from = len(self.calls)

    def end(self) -> None:
        """
        End the measured calls.
        """
        self.measured_to = len(self.calls)

    @property
    def before(self) -> Sequence[tuple[int, str, str, Any]]:
        """
        The calls before the measured ones.
        """
        return self.calls[: self.measured_from]

    @property
    def measured(self) -> Sequence[tuple[int, str, str, Any]]:
        """
        The measured calls.
        """
        return self.calls[self.measured_from : self.measured_to]


@contextmanager
def recording_sqlite() -> Generator[Recording]:
    """
    Record the statements of every SQLite connection that is opened inside the block.
    """
    recording = Recording()
    connect = sqlite3.connect

    class RecordingConnection(sqlite3.Connection):
        def __init__(self, database: Any, *arguments: Any, **options: Any) -> None:
            super().__init__(database, *arguments, **options)
            self.number = len(recording.databases)
            recording.databases.append(str(database))

        @override
        def execute(self, statement: str, arguments: Any = (), /) -> sqlite3.Cursor:
            recording.calls.append((self.number, "execute", statement, arguments))
            return super().execute(statement, arguments)

        @override
        def executemany(self, statement: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
            kept = list(rows)
            recording.calls.append((self.number, "executemany", statement, kept))
            return super().executemany(statement, kept)

    def connect_recording(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **{"factory": RecordingConnection, **options})
        return connection

    sqlite3.connect = connect_recording  # type: ignore[assignment]
    try:
        yield recording
    finally:
        sqlite3.connect = connect


@asynccontextmanager
async def recording_pool(dsn: str) -> AsyncGenerator[tuple[asyncpg.Pool, Recording]]:
    """
    Open a pool whose connections record their statements.
    """
    recording = Recording()

    class RecordingConnection(asyncpg.Connection):
        @override
        async def execute(self, query: str, *args: Any, **options: Any) -> str:
            recording.calls.append((0, "execute", query, args))
            return await super().execute(query, *args, **options)

        @override
        async def fetch(self, query: str, *args: Any, **options: Any) -> list[Any]:
            recording.calls.append((0, "fetch", query, args))
            rows: list[Any] = await super().fetch(query, *args, **options)
            return rows

    # One connection, because the replay cannot interleave two transactions.
    async with asyncpg.create_pool(
        dsn, min_size=1, max_size=1, connection_class=RecordingConnection, reset=_leave_as_is
    ) as pool:
        yield pool, recording


async def _leave_as_is(_: object) -> None:
    # Like the store's own pool; otherwise the driver's reset would be recorded, too.
    pass
