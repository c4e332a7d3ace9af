"""
asyncpg's exceptions become ours, in this one place.
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
What asyncpg raises.
"""

_SPARING: Final = frozenset({"22", "23", "40", "42", "44", "54", "55"})
"""
The classes after which a connection is as good as before, once it is rolled back.
"""

_LONGEST: Final = 500


@contextmanager
def translated() -> Generator[None]:
    """
    Raise ours from theirs. `asyncio.CancelledError` and our own pass through.

    Raises:
        StorageRejected: The store refuses the values for good; with the constraint's name, where one did.
        StorageBusy: A lock was not to be had.
        StorageNotReady: Somebody must put the store right.
        StorageUnavailable: Everything else: nothing is taken for a refusal that may be an outage.
    """
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translate_error(error) from error


def translate_error(error: BaseException, *, row: int | None = None) -> RepositoryError:
    """
    Our exception for the driver's.

    Args:
        error: What the driver raised.
        row: The row of a batch that it is about, where that is known.
    """
    ruling = ruling_of(error, row=row)
    told = "no answer in time" if isinstance(error, TimeoutError) else _told(error)
    if ruling.advice is not None:
        told = f"{told}; {ruling.advice}"
    match ruling.verdict:
        case Verdict.ROW:
            constraint = error.constraint_name if isinstance(error, asyncpg.PostgresError) else None
            return StorageRejected(told, constraint=constraint, row=row, tries=ruling.tries)
        case Verdict.HOLD:
            return StorageNotReady(told)
        case Verdict.BUSY:
            return StorageBusy(told)
        case Verdict.RETRY:
            return StorageUnavailable(told)


def _told(error: BaseException) -> str:
    """
    An error in one line: its class, SQLSTATE and message; never the values, which may be long or secret.
    """
    said, code = str(error), None
    if isinstance(error, asyncpg.PostgresError):
        # Not its details: there the server quotes the whole row that it refuses.
        said, code = str(error.args[0]) if error.args else "", error.sqlstate
    message = " ".join(said.split())[:_LONGEST] or "no message"
    return f"{type(error).__name__}{f' {code}' if code else ''}: {message}"


def leaves_connection_whole(error: BaseException) -> bool:
    """
    Whether the server answered with an error after which the connection can be rolled back and used again.

    Everything else, cancellation and time-outs included, leaves it in a state that nobody knows.
    """
    if not isinstance(error, asyncpg.PostgresError) or error.severity_en != "ERROR":
        return False
    code = error.sqlstate or ""
    return code[:2] in _SPARING or code == "57014"


def is_lost_connection(error: BaseException | None) -> bool:
    """
    Whether the connection is gone, and not merely slow.
    """
    lost = isinstance(error, asyncpg.PostgresConnectionError | asyncpg.InterfaceError | OSError)
    return lost and not isinstance(error, TimeoutError)


def was_rolled_back(error: BaseException) -> bool:
    """
    Whether the server certainly rolled back because of bad luck, so that trying again at once is right.
    """
    cause = error.__cause__
    if isinstance(cause, asyncpg.CheckViolationError):
        # No constraint's, but a partition's: its events were given to a new one under way.
        return cause.constraint_name is None
    return isinstance(
        cause,
        asyncpg.SerializationError | asyncpg.DeadlockDetectedError | asyncpg.InvalidCachedStatementError,
    )
