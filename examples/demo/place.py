"""
Where the demo keeps its books: a temporary file, or a database of its own on a server.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from examples.demo.failure import DemoFailed
from examples.demo.faults import DatabaseClosed, FileLocked, Outages
from poslife.errors import InvalidUrl

__all__ = ["Place", "demo_place", "journal_in", "lines_in", "words_in"]


def words_in(folder: Path, kind: str) -> Path:
    """
    Where a bot of this kind says what it does with its events.
    """
    return folder / f"{kind}.words"


def lines_in(folder: Path) -> Path:
    """
    Where the bot over poslife has its events written a second time, as lines of JSON.
    """
    return folder / "events.jsonl"


def journal_in(folder: Path) -> Path:
    """
    Where the events of the bot over poslife wait until they are stored.
    """
    return folder / "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where the demo keeps its books.

    Attributes:
        address: The file, or the DSN.
        shown: For readers; no password in it.
        folder: For logs, and for what waits outside the store.
        outages: How the store can be away.
    """

    address: str
    shown: str
    folder: Path
    outages: Outages

    @property
    def is_postgres(self) -> bool:
        """
        Whether it is a database on a server.
        """
        return "://" in self.address

    @property
    def url(self) -> str:
        """
        What `poslife.connect` takes.
        """
        return self.address if self.is_postgres else f"sqlite:///{self.address}"


@asynccontextmanager
async def demo_place(dsn: str | None, *, keep: bool) -> AsyncGenerator[Place]:
    """
    A place of the demo's own, which goes with it unless it is to be kept.

    Raises:
        InvalidUrl: The DSN is none of PostgreSQL's.
        DemoFailed: The server cannot be reached, or does not let us create a database.
    """
    folder = Path(tempfile.mkdtemp(prefix="poslife-demo-"))
    try:
        if dsn is None:
            file = folder / "demo.db"
            outages = Outages(FileLocked(str(file)))
            yield Place(address=str(file), shown=f"SQLite, {file}", folder=folder, outages=outages)
            return
        async with _database_on(dsn, keep=keep) as (own, outages):
            parts = urlsplit(own)
            shown = f"PostgreSQL, {parts.hostname or 'local'}{parts.path}"
            yield Place(address=own, shown=shown, folder=folder, outages=outages)
    finally:
        if not keep:
            shutil.rmtree(folder)


@asynccontextmanager
async def _database_on(dsn: str, *, keep: bool) -> AsyncGenerator[tuple[str, Outages]]:
    import asyncpg

    parts = urlsplit(dsn)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise InvalidUrl(f"{parts.scheme}://…", "the demo takes postgresql://user@host/database")
    name = f"poslife_demo_{secrets.token_hex(4)}"
    try:
        server = await asyncpg.connect(dsn, timeout=10)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DemoFailed(f"the demo cannot reach the server: {error}") from error
    try:
        try:
            await server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        except asyncpg.PostgresError as error:
            raise DemoFailed(
                f"the demo runs in a database of its own, and cannot create one there: {error}"
            ) from error
        try:
            yield urlunsplit(parts._replace(path=f"/{name}")), Outages(DatabaseClosed(server, name))
        except BaseException:
            if not keep:
                # What went wrong is told; a server that has gone cannot drop a database either.
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await server.execute(_dropping(name))
            raise
        if not keep:
            await server.execute(_dropping(name))
    finally:
        await server.close()


def _dropping(name: str) -> str:
    return f"DROP DATABASE {name} WITH (FORCE)"
