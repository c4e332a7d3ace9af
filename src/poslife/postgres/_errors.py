"""
asyncpg's exceptions become ours, in this one place.
"""

from __future__ import annotations

import ssl
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import asyncpg

from poslife.errors import RepositoryError, StorageBusy, StorageRejected, StorageUnavailable

__all__ = [
    "DRIVER_ERRORS",
    "is_lost_connection",
    "leaves_connection_whole",
    "left_nothing_behind",
    "translated",
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

_REFUSED: Final = frozenset({"22", "23", "44", "54"})
"""
Data, integrity constraints, check options, program limits: the same values will be refused again.
"""

_LOCKED: Final = frozenset({"40001", "40P01", "55P03", "55006"})
"""
Serialisation, deadlock, lock time-out, object in use.
"""

_SPARING: Final = frozenset({"22", "23", "40", "42", "44", "54", "55"})
"""
The classes after which a connection is as good as before, once it is rolled back.
"""

_ADVICE: Final = {
    "25006": "the server is read-only, perhaps a standby after a failover: point the DSN at the primary",
    "28000": "the server does not let this role in: check user and pg_hba.conf",
    "28P01": "check user and password",
    "3D000": "create the database first",
    "3F000": "the schema is gone: open the store again to migrate",
    "42501": "grant this role what poslife needs in schema poslife, as the role that migrated it",
    "42P01": "a table is gone: open the store again to have the schema checked",
    "42703": "a column is gone: open the store again to have the schema checked",
    "53100": "the server's disk is full",
    "53300": "the server has no connection left: raise max_connections or make pools smaller",
}


@contextmanager
def translated() -> Generator[None]:
    """
    Raise ours from theirs. `asyncio.CancelledError` and our own pass through.

    Raises:
        StorageRejected: The store refuses the values for good; with the constraint's name, where one did.
        StorageBusy: A lock was not to be had.
        StorageUnavailable: Everything else: nothing is taken for a refusal that may be an outage.
    """
    try:
        yield
    except DRIVER_ERRORS as error:
        raise _ours(error) from error


def _ours(error: BaseException) -> RepositoryError:
    match error:
        case asyncpg.PostgresError():
            return _of_postgres(error)
        case UnicodeError():
            return StorageRejected(f"a text that is not Unicode: {error}")
        case ssl.SSLCertVerificationError():
            return StorageUnavailable(f"{_told(error)}; check the DSN")
        case TimeoutError():
            return StorageUnavailable("no answer in time")
        case _:
            return StorageUnavailable(_told(error))


def _of_postgres(error: asyncpg.PostgresError) -> RepositoryError:
    code = error.sqlstate or ""
    if code in _LOCKED:
        return StorageBusy(_told(error))
    # A missing partition is a check violation without a constraint, and no fault of the row.
    missing_partition = code == "23514" and error.constraint_name is None
    if code[:2] in _REFUSED and not missing_partition:
        return StorageRejected(_told(error), constraint=error.constraint_name)
    advice = _ADVICE.get(code)
    return StorageUnavailable(_told(error) if advice is None else f"{_told(error)}; {advice}")


def _told(error: BaseException) -> str:
    """
    An error in one line: its class, SQLSTATE and message; never the values, which may be long or secret.
    """
    message = " ".join(str(error).split()) or "no message"
    code = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
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


def left_nothing_behind(error: BaseException) -> bool:
    """
    Whether the server certainly rolled back because of bad luck, so that trying again at once is right.
    """
    return isinstance(
        error.__cause__,
        asyncpg.SerializationError | asyncpg.DeadlockDetectedError | asyncpg.InvalidCachedStatementError,
    )
