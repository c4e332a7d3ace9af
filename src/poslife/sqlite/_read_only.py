"""
A file that is opened for reading only: its bytes and those of its write-ahead log never change.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from pathlib import Path

from poslife.errors import SchemaMismatch, StorageNotReady, StorageUnavailable, StoreNotFound
from poslife.sqlite._migrations import MIGRATIONS, read_applied
from poslife.sqlite._schema import needed_features, read_features, unreadable
from poslife.sqlite._session import Session
from poslife.storage._migrations import require_migrated

__all__ = ["ReadOnlyFile", "require_readable"]

_TABLES_SHOWN = 5


class ReadOnlyFile:
    """
    A file that nothing is written to, and how it is opened.

    A write-ahead log is read together with its index, ``-shm``. SQLite makes both where they are missing, and
    a bot of another user could not write those that this process made. So where the folder cannot be written,
    or the file is another user's, the file is read alone, which is right as long as it has no log.

    Args:
        path: The absolute path of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: os.stat_result | None = None

    def connect(self, lock_timeout: float) -> sqlite3.Connection:
        """
        Open the file for reading.

        Raises:
            StoreNotFound: There is no file.
            StorageNotReady: This user may not read it, or not its write-ahead log.
            StorageUnavailable: The path is a folder.
        """
        found = self._require_file()
        alone = not self._may_leave_files(found) and not self._has_index()
        if alone and self._has_log():
            raise StorageNotReady(
                f"{self._path}: a write-ahead log lies beside it (-wal) without its index (-shm), which this "
                "user must not make here: read the file as its owner, where its folder can be written, or "
                "copy the file and its -wal together and read the copy"
            )
        self._seen = found if alone else None
        uri = f"{Path(self._path).as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
        return sqlite3.connect(
            uri, uri=True, timeout=lock_timeout, isolation_level=None, cached_statements=256
        )

    def require_unchanged(self) -> None:
        """
        Refuse what was read of a file that is read alone, if it was written to since it was opened.

        Raises:
            StorageUnavailable: A bot has begun to write to it.
        """
        if (seen := self._seen) is None:
            return
        now = self._require_file()
        unchanged = (seen.st_ino, seen.st_size, seen.st_mtime_ns) == (
            now.st_ino,
            now.st_size,
            now.st_mtime_ns,
        )
        if self._has_log() or not unchanged:
            raise StorageUnavailable(
                f"{self._path}: a bot has begun to write to the file, which was opened as one that nothing "
                "writes to: close the store and open it again"
            )

    def _require_file(self) -> os.stat_result:
        path = self._path
        # Nothing here may open the file: closing it would drop the locks of this process's other stores.
        try:
            found = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StoreNotFound(path, f"there is no file {path}; check the path") from error
        except PermissionError as error:  # pragma: no cover - root may: a test does it as another user
            raise StorageNotReady(
                f"{path}: this user may not search the folder {Path(path).parent}: give it that right, or "
                "read as another user"
            ) from error
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder: name a file in it" if stat.S_ISDIR(found.st_mode) else "something else"
            raise StorageUnavailable(f"{path}: expected a file, found {kind}")
        if not os.access(path, os.R_OK):  # pragma: no cover - as above
            raise StorageNotReady(
                f"{path}: this user may not read the file: give it that right, or read as another user"
            )
        return found

    def _may_leave_files(self, found: os.stat_result) -> bool:
        """
        Tell if the file's bot can write the ``-wal`` and ``-shm`` that this process would make.
        """
        if not os.access(Path(os.path.realpath(self._path)).parent, os.W_OK | os.X_OK):
            return False
        if sys.platform == "win32":  # pragma: no cover - on Windows alone
            return True
        # Made by root, they belong to the file's owner.
        return os.geteuid() in {0, found.st_uid}

    def _has_log(self) -> bool:
        return os.path.lexists(f"{os.path.realpath(self._path)}-wal")

    def _has_index(self) -> bool:
        return self._has_log() and os.path.lexists(f"{os.path.realpath(self._path)}-shm")


def require_readable(session: Session) -> None:
    """
    Refuse a file that this release cannot read.

    Raises:
        StoreNotFound: The file has no tables, or only another program's.
        SchemaVersionError: The schema is older, half migrated, or newer and not for this release.
        SchemaMismatch: Listing each table and column that is missing.
        StorageNotReady: It is not a SQLite database.
    """
    with session.reading():
        applied = read_applied(session)
        if applied is None:
            raise _nothing_of_poslife(session)
        require_migrated(applied, MIGRATIONS, url=f"sqlite:///{session.path}")
        if lines := unreadable(needed_features(), read_features(session.rows)):
            raise SchemaMismatch(session.path, lines)


_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"


def _nothing_of_poslife(session: Session) -> StoreNotFound:
    tables = [str(name) for (name,) in session.rows(_TABLES)]
    if not tables:
        return StoreNotFound(
            session.path, "the file is an empty database; a bot fills it at its first start: check the path"
        )
    shown = ", ".join(tables[:_TABLES_SHOWN]) + (", …" if len(tables) > _TABLES_SHOWN else "")
    return StoreNotFound(
        session.path, f"the file belongs to another program, with the tables {shown}; check the path"
    )
