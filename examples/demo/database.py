"""
The database of both bots, a temporary SQLite file or one on a PostgreSQL server, and what happens to it.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from poslife.errors import InvalidUrl, PoslifeError

if TYPE_CHECKING:
    import asyncpg

# Seconds that both bots wait for a lock on the SQLite file; by default either would wait five.
LOCK_TIMEOUT = 0.5
# The longest type of an event that the constraint allows which somebody adds by hand.
LONGEST_TYPE = 24


class DemoFailed(PoslifeError):
    """
    The demo itself could not go on.
    """


class Connection:
    """
    Plain SQL with parameters ``$1``, ``$2``, on either database.
    """

    def __init__(self, driver: sqlite3.Connection | asyncpg.Pool) -> None:
        self._driver = driver

    async def execute(self, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        if isinstance(self._driver, sqlite3.Connection):
            with self._driver:
                return self._driver.execute(_numbered(statement), arguments).fetchall()
        return [tuple(row) for row in await self._driver.fetch(statement, *arguments)]

    async def executemany(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if isinstance(self._driver, sqlite3.Connection):
            with self._driver:
                self._driver.executemany(_numbered(statement), rows)
        else:
            await self._driver.executemany(statement, rows)


def _numbered(statement: str) -> str:
    return re.sub(r"\$(\d+)", r"?\1", statement)


@asynccontextmanager
async def connected(address: str, *, lock_timeout: float = 10.0) -> AsyncGenerator[Connection]:
    """
    Connect to a file or a DSN.
    """
    if "://" in address:
        import asyncpg

        # The demo's own tables go to the schema public: poslife checks that nothing else is in its own.
        settings = {"search_path": "public, poslife"}
        async with asyncpg.create_pool(address, min_size=1, max_size=2, server_settings=settings) as pool:
            yield Connection(pool)
    else:
        with closing(sqlite3.connect(address, timeout=lock_timeout)) as connection:
            yield Connection(connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """
    The demo's database.

    Attributes:
        address: The file, or the DSN.
        shown: For readers; no password in it.
        folder: For logs, and for what is kept outside the database.
        away: The database does not answer while this lasts.
    """

    address: str
    shown: str
    folder: Path
    away: Callable[[], AbstractAsyncContextManager[None]]

    @property
    def is_postgres(self) -> bool:
        return "://" in self.address

    async def run(self, statement: str) -> list[tuple[str, ...]]:
        """
        Run a statement behind both bots' backs, and return its rows as text.
        """
        async with connected(self.address) as connection:
            rows = await connection.execute(statement)
        return [tuple("" if value is None else str(value) for value in row) for row in rows]

    @asynccontextmanager
    async def constrained(self) -> AsyncGenerator[None]:
        """
        Have both bots' tables of events refuse types longer than `LONGEST_TYPE`, while this lasts.
        """
        tables = {"run_events": "type", "old_way_events": "event_type"}
        for table, column in tables.items():
            await self.run(
                f"ALTER TABLE {table} ADD CONSTRAINT added_by_hand CHECK (length({column}) <= {LONGEST_TYPE})"
                if self.is_postgres
                else f"CREATE TRIGGER {table}_by_hand BEFORE INSERT ON {table}"
                f" WHEN length(NEW.{column}) > {LONGEST_TYPE}"
                f" BEGIN SELECT RAISE(ABORT, 'added_by_hand: {column} is too long'); END"
            )
        yield
        for table in tables:
            drop = f"ALTER TABLE {table} DROP CONSTRAINT added_by_hand"
            await self.run(drop if self.is_postgres else f"DROP TRIGGER {table}_by_hand")


@asynccontextmanager
async def demo_database(dsn: str | None, *, keep: bool) -> AsyncGenerator[Database]:
    """
    Make a database of the demo's own on the server at *dsn*, or in a file; remove it if it is not to *keep*.

    Raises:
        InvalidUrl: The DSN is not one of PostgreSQL's.
        DemoFailed: The server cannot be reached, or does not let its user create a database.
    """
    folder = Path(tempfile.mkdtemp(prefix="poslife-demo-"))
    try:
        if dsn is None:
            yield sqlite_database(folder)
        else:
            async with _postgres_database(dsn, folder, keep=keep) as database:
                yield database
    finally:
        if not keep:
            shutil.rmtree(folder)


def sqlite_database(folder: Path) -> Database:
    file = folder / "demo.db"

    @asynccontextmanager
    async def away() -> AsyncGenerator[None]:
        with closing(sqlite3.connect(file, timeout=10.0, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    return Database(
        address=str(file),
        shown=f"SQLite, {file}",
        folder=folder,
        away=away,
    )


@asynccontextmanager
async def _postgres_database(dsn: str, folder: Path, *, keep: bool) -> AsyncGenerator[Database]:
    import asyncpg

    parts, name = urlsplit(dsn), f"poslife_demo_{secrets.token_hex(4)}"
    if parts.scheme not in {"postgresql", "postgres"}:
        raise InvalidUrl(f"{parts.scheme}://...", "the demo takes postgresql://user@host/database")
    try:
        server = await asyncpg.connect(dsn, timeout=10)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DemoFailed(f"the demo cannot reach the server: {error}") from error

    @asynccontextmanager
    async def away() -> AsyncGenerator[None]:
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        await server.execute(
            # The server's own processes there are not ours to end.
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = $1 AND usename = current_user",
            name,
        )
        try:
            yield
        finally:
            await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")

    try:
        try:
            await server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        except asyncpg.PostgresError as error:
            raise DemoFailed(f"the demo cannot create a database of its own: {error}") from error
        try:
            yield Database(
                address=parts._replace(path=f"/{name}").geturl(),
                shown=f"PostgreSQL, {parts.hostname or 'local'}/{name}",
                folder=folder,
                away=away,
            )
        finally:
            if not keep:
                await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await server.close()
