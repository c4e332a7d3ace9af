"""
One connection to the file, for one thread.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol, cast

from poslife.errors import ConfigurationError, StorageNotReady, StorageUnavailable
from poslife.sqlite._cells import Cell
from poslife.sqlite._errors import is_busy

__all__ = ["OLDEST", "OpenFile", "Session", "require_sqlite"]

OLDEST: Final = (3, 37, 0)
"""
The oldest SQLite that can be used: the first with STRICT tables.
"""

# Changed rows between checkpoints: some megabytes of write-ahead log.
_ROWS_PER_CHECKPOINT: Final = 1000
_PATIENCE_OF_CHECKPOINT: Final = 0.05
_LARGEST_LOG_KEPT: Final = 64 * 1024 * 1024


def require_sqlite(version: tuple[int, int, int], *, json: bool) -> None:
    """
    Refuse an SQLite library without the features that the store needs.

    Raises:
        ConfigurationError: Naming the version found and the version needed.
    """
    if version < OLDEST or not json:
        found = ".".join(map(str, version))
        needed = ".".join(map(str, OLDEST))
        raise ConfigurationError(
            f"Python's sqlite3 is linked with SQLite {found}{'' if json else ' without its JSON functions'}; "
            f"poslife needs {needed} or newer, with JSON: use a Python that brings one (from python.org, uv "
            "or conda), or a newer system, or postgresql://"
        )


class OpenFile(Protocol):
    """
    A file that nothing is written to.
    """

    def connect(self, lock_timeout: float) -> sqlite3.Connection:
        """
        Open the file for reading.
        """
        ...

    def require_unchanged(self) -> None:
        """
        Refuse what was read, if it can be wrong because the file was written to.
        """
        ...


class Session:
    """
    One connection. One thread calls everything but the constructor.

    Args:
        path: The absolute path of the file.
        lock_timeout: Seconds to wait for another process's lock.
        reads_only: Refuse every write.
        file: A file that nothing is written to. *Default*: the file is opened for writing, and created where
            there is none.
    """

    def __init__(
        self, path: str, lock_timeout: float, *, reads_only: bool, file: OpenFile | None = None
    ) -> None:
        self.path = path
        self._read_only = file
        self._lock_timeout = lock_timeout
        self._reads_only = reads_only
        self._open: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._rows_at_checkpoint = 0
        self._is_whole = False

    @property
    def is_open(self) -> bool:
        """
        True while there is a connection.
        """
        return self._open is not None

    @property
    def connection(self) -> sqlite3.Connection:
        """
        The driver's connection.

        Raises:
            StorageUnavailable: There is none.
        """
        if self._open is None:
            raise StorageUnavailable(f"{self.path}: the store is not open: await its open() first")
        return self._open

    def connect(self) -> None:
        """
        Open the file, and create it where there is none.

        Raises:
            StorageUnavailable: The path is a folder, or lies in a folder that does not exist.
        """
        connection = self._connected()
        try:
            self._prepare(connection)
            self._file = self._identity()
        except BaseException:
            connection.close()
            raise
        self._open = connection

    def _connected(self) -> sqlite3.Connection:
        if self._read_only is not None:
            return self._read_only.connect(self._lock_timeout)
        self._require_place()
        return sqlite3.connect(
            self.path, timeout=self._lock_timeout, isolation_level=None, cached_statements=256
        )

    def _require_place(self) -> None:
        path = Path(self.path)
        if path.is_dir():
            raise StorageUnavailable(f"{path}: expected a file, found a folder: name a file in it")
        if not path.parent.is_dir():
            raise StorageUnavailable(f"{path}: the folder {path.parent} does not exist: create it first")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if self._reads_only:
            connection.execute("PRAGMA query_only = ON")
            return
        self._require_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = FULL")
        # For macOS: without it, synced data may still be in the disk's own cache.
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG_KEPT}")
        # `tidy` makes the checkpoints.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        # A file that cannot be written must fail here, and not at the first trade. SQLite finds out only by
        # writing, so a write is made and undone.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("ROLLBACK")

    def _require_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        # While another process switches a new file, SQLite reports "busy" without waiting.
        deadline = time.monotonic() + self._lock_timeout
        mode: object = None
        while mode is None:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.Error as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            raise StorageUnavailable(
                f"{self.path}: SQLite cannot keep a write-ahead log here (journal_mode is {mode!r}): "
                "put the file on a local disk"
            )

    def close(self) -> None:
        """
        Close the connection. The last one on the file copies the write-ahead log into it.
        """
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def _require_unmoved(self) -> None:
        """
        Refuse to work on a file that was moved or replaced: commits would be lost with it.
        """
        try:
            there = self._identity()
        except FileNotFoundError:
            there = None
        if there != self._file:
            raise StorageNotReady(
                f"{self.path}: the file was moved, deleted or replaced while it was open: close the store, "
                "put the file back, and open it again"
            )

    def _identity(self) -> tuple[int, int]:
        found = os.stat(self.path)  # noqa: PTH116 - faster than Path.stat, and on the path of every commit
        return found.st_dev, found.st_ino

    def writing(self) -> AbstractContextManager[None]:
        """
        Return a transaction that holds the file's one write lock from its start, and is durable at its end.
        """
        return self._part() if self._is_whole else self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def together(self) -> Generator[None]:
        """
        Run a transaction in which each `writing` is a part that can fail by itself; durable at its end.
        """
        with self._transaction("BEGIN IMMEDIATE"):
            self._is_whole = True
            try:
                yield
            finally:
                self._is_whole = False

    def require_transaction(self) -> None:
        """
        Refuse to go on after SQLite has rolled the whole transaction back, as it does on a full disk.
        """
        if not self.connection.in_transaction:
            raise StorageUnavailable(f"{self.path}: the transaction of several commits was rolled back")

    @contextmanager
    def _part(self) -> Generator[None]:
        connection = self.connection
        connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK TO part")
                connection.execute("RELEASE part")
            raise
        connection.execute("RELEASE part")

    def writing_alone(self) -> AbstractContextManager[None]:
        """
        Return a transaction for migrations.
        """
        return self._transaction("BEGIN EXCLUSIVE")

    def reading(self) -> AbstractContextManager[None]:
        """
        Return a transaction in which every statement sees the same state.
        """
        return self._transaction("BEGIN") if self._read_only is None else self._reading_only(self._read_only)

    @contextmanager
    def _reading_only(self, file: OpenFile) -> Generator[None]:
        try:
            with self._transaction("BEGIN"):
                yield
        finally:
            # Also after an error, which may come from pages that were replaced meanwhile.
            file.require_unchanged()

    @contextmanager
    def _transaction(self, begin: str) -> Generator[None]:
        connection = self.connection
        self._require_unmoved()
        connection.execute(begin)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise

    @contextmanager
    def changing_events(self, because: str) -> Generator[None]:
        """
        Let the transaction that is open change and delete events, until this ends.

        Args:
            because: The reason, which no other connection can see.
        """
        self.run("INSERT INTO append_only_off (because) VALUES (?)", (because,))
        yield
        # After an error the whole transaction, or its part, is rolled back.
        self.run("DELETE FROM append_only_off")

    def rows(self, statement: str, *arguments: Cell) -> list[tuple[Cell, ...]]:
        """
        Return the rows of a statement.
        """
        return cast("list[tuple[Cell, ...]]", self.connection.execute(statement, arguments).fetchall())

    def row(self, statement: str, *arguments: Cell) -> tuple[Cell, ...] | None:
        """
        Return the first row of a statement, if there is one.
        """
        return cast("tuple[Cell, ...] | None", self.connection.execute(statement, arguments).fetchone())

    def run(self, statement: str, arguments: Sequence[Cell] = ()) -> int:
        """
        Run a statement, and return the number of rows written.
        """
        return self.connection.execute(statement, arguments).rowcount

    def run_each(self, statement: str, rows: Iterable[Sequence[Cell]]) -> None:
        """
        Run a statement for each row.
        """
        self.connection.executemany(statement, rows)

    def tidy(self) -> None:
        """
        Copy the write-ahead log into the file, if enough rows were written since the last time.

        SQLite 3.7.0 to 3.51.2 can damage a file when one connection copies the log while another commits. An
        automatic checkpoint runs beside other processes' commits; a FULL one takes the write lock first, so
        poslife's processes cannot run into that bug.
        """
        if self._open is None or self._reads_only:
            return
        if self._open.total_changes - self._rows_at_checkpoint < _ROWS_PER_CHECKPOINT:
            return
        self._rows_at_checkpoint = self._open.total_changes
        # A long read or a lock must not make commits wait: the next checkpoint will do.
        self._open.execute(f"PRAGMA busy_timeout = {_milliseconds(_PATIENCE_OF_CHECKPOINT)}")
        try:
            self._open.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
        finally:
            self._open.execute(f"PRAGMA busy_timeout = {_milliseconds(self._lock_timeout)}")


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)
