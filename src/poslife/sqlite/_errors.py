"""
The meaning of every exception of sqlite3, in this one place.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from poslife.errors import (
    RepositoryError,
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)

__all__ = ["APPEND_ONLY", "DISK_FAULTS", "SCHEMA_FAULTS", "VERDICTS", "Verdict", "is_busy", "translated"]

_Kind = type[StorageBusy | StorageNotReady | StorageRejected | StorageUnavailable]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    The meaning of a failure.

    Attributes:
        kind: The exception to raise.
        advice: The step that mends it, for the message.
    """

    kind: _Kind
    advice: str | None = None


_OLD_SCHEMA: Final = "open the store again to have its schema checked"
_FULL: Final = "the disk is full: make room; nothing was lost, and nothing is written until then"
_READ_ONLY: Final = "the file or its folder cannot be written: check permissions and how the disk is mounted"
_DAMAGED: Final = (
    "the file is damaged: stop, keep a copy, and restore a backup or try the sqlite3 shell's .recover"
)

# By primary result code, which is the low byte of the code that the driver reports.
VERDICTS: Final[Mapping[int, Verdict]] = {
    1: Verdict(StorageUnavailable),  # ERROR: of any kind; see SCHEMA_FAULTS
    2: Verdict(StorageUnavailable),  # INTERNAL
    3: Verdict(StorageNotReady, "let this user write the file and its folder"),  # PERM
    4: Verdict(StorageUnavailable),  # ABORT
    5: Verdict(StorageBusy, "another process holds its lock"),  # BUSY
    6: Verdict(StorageBusy, "another process holds its lock"),  # LOCKED
    7: Verdict(StorageUnavailable),  # NOMEM
    8: Verdict(StorageNotReady, _READ_ONLY),  # READONLY
    9: Verdict(StorageUnavailable),  # INTERRUPT
    10: Verdict(StorageUnavailable, "the disk cannot be read or written: check it, and its quota"),  # IOERR
    11: Verdict(StorageNotReady, _DAMAGED),  # CORRUPT
    13: Verdict(StorageNotReady, _FULL),  # FULL
    14: Verdict(
        StorageNotReady, "it cannot be opened: check that folder and permissions are right"
    ),  # CANTOPEN
    15: Verdict(StorageBusy, "another process holds its lock"),  # PROTOCOL
    17: Verdict(StorageUnavailable),  # SCHEMA: it changed under a statement, which is prepared anew
    18: Verdict(StorageRejected),  # TOOBIG
    19: Verdict(StorageRejected),  # CONSTRAINT
    20: Verdict(StorageRejected),  # MISMATCH
    21: Verdict(StorageUnavailable),  # MISUSE
    23: Verdict(StorageNotReady, "this program may not do that to the file"),  # AUTH
    24: Verdict(StorageNotReady, _DAMAGED),  # FORMAT
    26: Verdict(StorageNotReady, "it is not a SQLite database: check the path"),  # NOTADB
}

APPEND_ONLY: Final = "poslife: events are append-only"
"""
The beginning of the message of poslife's triggers.
"""

# Any other ERROR may come from a trigger of the host's: it is repeated.
SCHEMA_FAULTS: Final = (
    "no such table",
    "no such column",
    "has no column named",
    "no such index",
    "no such view",
    "ON CONFLICT clause does not match",
    "because it is a view",
    "malformed database schema",
)

DISK_FAULTS: Final[Mapping[int, Verdict]] = {
    errno.ENOSPC: Verdict(StorageNotReady, _FULL),
    errno.EDQUOT: Verdict(StorageNotReady, _FULL),
    errno.EROFS: Verdict(StorageNotReady, _READ_ONLY),
    errno.EACCES: Verdict(StorageNotReady, _READ_ONLY),
    errno.EPERM: Verdict(StorageNotReady, _READ_ONLY),
    errno.ENOTDIR: Verdict(StorageNotReady, "check that its folder is there"),
    errno.ENOENT: Verdict(StorageNotReady, "check that its folder is there"),
    errno.ELOOP: Verdict(StorageNotReady, "check the links on its path"),
}

_BUSY: Final = frozenset(code for code, verdict in VERDICTS.items() if verdict.kind is StorageBusy)

_DRIVER_ERRORS: Final = (sqlite3.Error, sqlite3.Warning, OSError, UnicodeError, OverflowError)


@contextmanager
def translated(file: str, *, row: Callable[[], int] | None = None) -> Generator[None]:
    """
    Raise poslife's exceptions from sqlite3's, naming *file*. Poslife's own pass through.

    Args:
        file: The path of the file.
        row: Returns the index of the refused row of a batch.

    Raises:
        StorageRejected: The store refuses the values for good; with the constraint's name, where it has one.
        StorageBusy: Another process held a lock for longer than the lock time-out.
        StorageNotReady: The values are sound, and the store needs a mend before a retry can help.
        StorageUnavailable: Everything else: a failure that may be an outage is no refusal.
    """
    try:
        yield
    except _DRIVER_ERRORS as error:
        translation = _translate_error(error, file)
        if row is not None and isinstance(translation, StorageRejected):
            translation.row = row()
        raise translation from error


def is_busy(error: sqlite3.Error) -> bool:
    """
    Tell if another process holds a lock.
    """
    return _primary_code(error) in _BUSY


def _primary_code(error: sqlite3.Error) -> int:
    # Errors that the driver raises by itself, without the library, have no code.
    code: object = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def _translate_error(error: BaseException, file: str) -> RepositoryError:
    match error:
        case UnicodeError():
            return StorageRejected(f"a text is not valid Unicode: {error}")
        case OverflowError() | sqlite3.DataError():
            return StorageRejected(f"a value is out of SQLite's range: {error}")
        case sqlite3.Error():
            return _raised(_verdict(error), error, file)
        case OSError(errno=int(code)):
            return _raised(DISK_FAULTS.get(code, _UNKNOWN), error, file)
        case _:
            return _raised(_UNKNOWN, error, file)


_UNKNOWN: Final = Verdict(StorageUnavailable)


def _verdict(error: sqlite3.Error) -> Verdict:
    code = _primary_code(error)
    if code == 1 and any(fault in str(error) for fault in SCHEMA_FAULTS):
        return Verdict(StorageNotReady, _OLD_SCHEMA)
    if str(error).startswith(APPEND_ONLY):
        # No statement of poslife's own asks for it: a trigger of the host's on an insertion may.
        return Verdict(StorageNotReady, "let no trigger of yours change events")
    return VERDICTS.get(code, _UNKNOWN)


def _raised(verdict: Verdict, error: BaseException, file: str) -> RepositoryError:
    if verdict.kind is StorageRejected:
        return StorageRejected(_summary(error), constraint=_constraint(str(error)))
    return verdict.kind(f"{file}: {_summary(error)}" + (f"; {verdict.advice}" if verdict.advice else ""))


def _summary(error: BaseException) -> str:
    """
    Return class, code and message of an error, in one line.
    """
    message = " ".join(str(error).split()) or "no message"
    code: object = getattr(error, "sqlite_errorname", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}: {message}"


_FAILED: Final = re.compile(r"(?:CHECK|UNIQUE) constraint failed: (.+)")

# For a unique index SQLite reports the columns, and not the name.
_UNIQUE: Final[Mapping[str, str]] = {
    "positions.ref": "positions_pkey",
    "positions.id": "positions_id_once",
    "positions.venue, positions.account, positions.symbol, positions.leg, positions.margin_mode": (
        "positions_one_live_per_key"
    ),
    "orders.ref, orders.ordinal": "orders_pkey",
    "fills.venue, fills.account, fills.symbol, fills.trade_id, fills.side": "fills_once",
    "life_events.event_id": "life_events_once",
    "life_events.ref, life_events.version, life_events.index": "life_events_numbered",
}


def _constraint(message: str) -> str | None:
    """
    Return the name of the constraint that failed; ``None`` for a foreign key, which SQLite does not name.
    """
    failed = _FAILED.match(message)
    return None if failed is None else _UNIQUE.get(failed[1], failed[1])
