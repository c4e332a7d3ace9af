"""
Translation of asyncpg's exceptions into poslife's.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import asyncpg

from poslife.errors import (
    RepositoryError,
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.postgres._error_table import Verdict, ruling_of

__all__ = [
    "DRIVER_ERRORS",
    "is_lost_connection",
    "leaves_connection_whole",
    "translate_error",
    "translated",
    "was_rolled_back",
]

DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    UnicodeError,
)
"""
The exceptions that asyncpg raises.
"""

_SPARING: Final = frozenset({"22", "23", "40", "42", "44", "54", "55"})
"""
The classes of SQLSTATEs after which a rolled back connection can be used again.
"""

_LONGEST: Final = 500


@contextmanager
def translated() -> Generator[None]:
    """
    Translate the driver's exceptions. `asyncio.CancelledError` and poslife's own pass through.

    Raises:
        StorageRejected: The store refuses the values for good; with the name of a violated constraint.
        StorageBusy: A lock was not available.
        StorageNotReady: An operator must repair the store.
        StorageUnavailable: Any other error: what may be an outage is not taken for a refusal.
    """
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translate_error(error) from error


def translate_error(error: BaseException, *, row: int | None = None) -> RepositoryError:
    """
    Return poslife's exception for the driver's.

    Args:
        error: The driver's exception.
        row: The row of a batch that it is about, if that is known.
    """
    ruling = ruling_of(error, row=row)
    message = "no answer in time" if isinstance(error, TimeoutError) else _one_line(error)
    if ruling.advice is not None:
        message = f"{message}; {ruling.advice}"
    match ruling.verdict:
        case Verdict.ROW:
            constraint = error.constraint_name if isinstance(error, asyncpg.PostgresError) else None
            return StorageRejected(message, constraint=constraint, row=row, tries=ruling.tries)
        case Verdict.HOLD:
            return StorageNotReady(message)
        case Verdict.BUSY:
            return StorageBusy(message)
        case Verdict.RETRY:
            return StorageUnavailable(message)


def _one_line(error: BaseException) -> str:
    """
    Return class, SQLSTATE and message, without the values, which may be long or secret.
    """
    text, code = str(error), None
    if isinstance(error, asyncpg.PostgresError):
        # Its details are left out: there the server quotes the whole row.
        text, code = str(error.args[0]) if error.args else "", error.sqlstate
    message = " ".join(text.split())[:_LONGEST] or "no message"
    return f"{type(error).__name__}{f' {code}' if code else ''}: {message}"


def leaves_connection_whole(error: BaseException) -> bool:
    """
    Tell if an error leaves a connection that can be rolled back and used again.

    Any other error, cancellation and time-outs included, leaves the connection in an unknown state.
    """
    if not isinstance(error, asyncpg.PostgresError) or error.severity_en != "ERROR":
        return False
    code = error.sqlstate or ""
    return code[:2] in _SPARING or code == "57014"


def is_lost_connection(error: BaseException | None) -> bool:
    """
    Tell if the connection was lost, and is not merely slow.
    """
    lost = isinstance(error, asyncpg.PostgresConnectionError | asyncpg.InterfaceError | OSError)
    return lost and not isinstance(error, TimeoutError)


def was_rolled_back(error: BaseException) -> bool:
    """
    Tell if the server has certainly rolled back for a conflict, so that a retry at once is right.
    """
    cause = error.__cause__
    if isinstance(cause, asyncpg.CheckViolationError):
        # The error of a partition, whose events were moved to a new one meanwhile.
        return cause.constraint_name is None
    return isinstance(
        cause,
        asyncpg.SerializationError | asyncpg.DeadlockDetectedError | asyncpg.InvalidCachedStatementError,
    )
