"""
sqlite3's exceptions become ours, in this one place.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from poslife.errors import RepositoryError, StorageBusy, StorageRejected, StorageUnavailable

__all__ = ["is_busy", "translated"]

# The primary result codes: the low byte of what the driver reports.
_BUSY: Final = frozenset({5, 6, 15})  # BUSY, LOCKED, PROTOCOL: a lock was not to be had
_REFUSED: Final = frozenset({18, 19, 20})  # TOOBIG, CONSTRAINT, MISMATCH: the same values are refused again

_ADVICE: Final[Mapping[int, str]] = {
    1: "open the store again to have its schema checked",  # ERROR: a table or a column is gone
    3: "let this user write the file and its folder",  # PERM
    8: "the file or its folder cannot be written: check permissions and how the disk is mounted",  # READONLY
    10: "the disk cannot be read or written: check it, and its free space and quota",  # IOERR
    11: "the file is damaged: stop, keep a copy, and restore a backup or try the sqlite3 shell's .recover",
    13: "the disk is full: make room; nothing was lost, and nothing is written until then",  # FULL
    14: "it cannot be opened: check that folder and permissions are right",  # CANTOPEN
    26: "it is not a SQLite database: check the path",  # NOTADB
}

_DRIVER_ERRORS: Final = (sqlite3.Error, sqlite3.Warning, OSError, UnicodeError, OverflowError)


@contextmanager
def translated(file: str) -> Generator[None]:
    """
    Raise ours from theirs, naming *file*. Our own pass through.

    Raises:
        StorageRejected: The store refuses the values for good; with the constraint's name, where it has one.
        StorageBusy: A lock was not to be had within the lock time-out.
        StorageUnavailable: Everything else: nothing is taken for a refusal that may be an outage.
    """
    try:
        yield
    except _DRIVER_ERRORS as error:
        raise _ours(error, file) from error


def is_busy(error: sqlite3.Error) -> bool:
    """
    Whether a lock was not to be had.
    """
    return _primary_code(error) in _BUSY


def _primary_code(error: sqlite3.Error) -> int:
    # Errors that the driver itself raises, and not the library, have no code.
    code: object = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def _ours(error: BaseException, file: str) -> RepositoryError:
    match error:
        case UnicodeError():
            return StorageRejected(f"a text that is not Unicode: {error}")
        case OverflowError() | sqlite3.DataError():
            return StorageRejected(f"a value that SQLite cannot hold: {error}")
        case sqlite3.Error():
            return _of_sqlite(error, file)
        case _:
            return StorageUnavailable(f"{file}: {_told(error)}")


def _of_sqlite(error: sqlite3.Error, file: str) -> RepositoryError:
    code = _primary_code(error)
    if code in _BUSY:
        return StorageBusy(f"{file}: {_told(error)}: another process holds its lock")
    if code in _REFUSED:
        return StorageRejected(_told(error), constraint=_constraint(str(error)))
    advice = _ADVICE.get(code)
    return StorageUnavailable(f"{file}: {_told(error)}" + (f"; {advice}" if advice else ""))


def _told(error: BaseException) -> str:
    """
    An error in one line: its class, code and message.
    """
    message = " ".join(str(error).split()) or "no message"
    code: object = getattr(error, "sqlite_errorname", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}: {message}"


_FAILED: Final = re.compile(r"(?:CHECK|UNIQUE) constraint failed: (.+)")

# Of a unique index SQLite says the columns, and not the name.
_UNIQUE: Final[Mapping[str, str]] = {
    "positions.ref": "positions_pkey",
    "positions.id": "positions_id_once",
    "positions.venue, positions.account, positions.symbol, positions.leg, positions.margin_mode": (
        "positions_one_live_per_key"
    ),
    "orders.ref, orders.ordinal": "orders_pkey",
    "fills.venue, fills.account, fills.symbol, fills.trade_id": "fills_once",
    "life_events.event_id": "life_events_pkey",
    "life_events.ref, life_events.version, life_events.index": "life_events_numbered",
}


def _constraint(message: str) -> str | None:
    """
    The name of the constraint that failed. Of a foreign key SQLite tells none.
    """
    failed = _FAILED.match(message)
    return None if failed is None else _UNIQUE.get(failed[1], failed[1])
