"""
The meaning of exceptions of sqlite3 and of the operating system.
"""

from __future__ import annotations

import errno
import os
import sqlite3

import pytest

from poslife.errors import (
    RepositoryError,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.sqlite._errors import DISK_FAULTS, SCHEMA_FAULTS, VERDICTS, translated


class _Failed(sqlite3.OperationalError):
    """
    An exception as the driver raises it.
    """

    def __init__(self, code: int, message: str = "as SQLite says it") -> None:
        super().__init__(message)
        self.sqlite_errorcode = code
        self.sqlite_errorname = f"SQLITE_{code}"


def _verdict(error: Exception) -> RepositoryError:
    with pytest.raises(RepositoryError) as caught, translated("bot.db", row=lambda: 3):
        raise error
    return caught.value


@pytest.mark.parametrize("code", VERDICTS, ids=str)
@pytest.mark.parametrize("extended", [0, 1 << 8, 13 << 8], ids=["primary", "extended", "further"])
def test_each_code_of_sqlite(code: int, extended: int) -> None:
    """
    A result code leads to its verdict, whatever its details; a refusal has the row, the others the advice.
    """
    verdict = _verdict(_Failed(code | extended))

    assert VERDICTS[code].kind is type(verdict)
    assert (3 if isinstance(verdict, StorageRejected) else None) == getattr(verdict, "row", None)
    assert (VERDICTS[code].advice or "") in str(verdict)


@pytest.mark.parametrize("fault", SCHEMA_FAULTS)
def test_each_fault_of_a_schema(fault: str) -> None:
    """
    A missing table or column is a fault that has to be mended.
    """
    assert StorageNotReady is type(_verdict(_Failed(1, f"{fault}: run_events")))


def test_what_is_unknown_is_repeated() -> None:
    """
    An unknown error is an outage, and neither a refusal nor a fault to be mended.
    """
    for error in (
        _Failed(1, "malformed JSON"),
        _Failed(99),
        sqlite3.ProgrammingError("closed"),
        sqlite3.InterfaceError("misused"),
        OSError("without a number"),
        OSError(errno.EIO, os.strerror(errno.EIO)),
    ):
        assert StorageUnavailable is type(_verdict(error)), error


@pytest.mark.parametrize("code", DISK_FAULTS, ids=errno.errorcode.__getitem__)
def test_each_fault_of_a_disk(code: int) -> None:
    """
    An error of the operating system leads to its verdict and its advice.
    """
    verdict = _verdict(OSError(code, os.strerror(code)))

    assert DISK_FAULTS[code].kind is type(verdict)
    assert str(DISK_FAULTS[code].advice) in str(verdict)
