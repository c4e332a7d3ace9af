"""
Each error of the driver has a rule.
"""

from __future__ import annotations

import asyncpg
import pytest

from poslife.errors import (
    RepositoryError,
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.postgres._error_table import Verdict, ruling_of
from tests.postgres.support import postgres_error

EXPECTED: dict[str, type[RepositoryError]] = {
    **dict.fromkeys(
        ("22003", "22P02", "22P05", "22021", "23502", "23503", "23505", "44000", "54000", "54001"),
        StorageRejected,
    ),
    **dict.fromkeys(("40001", "40P01", "55P03", "55006"), StorageBusy),
    **dict.fromkeys(
        (
            "08004", "25006", "28000", "28P01", "3D000", "3F000", "42501", "42703", "42804", "42P01", "53100",
            "57P04", "58030", "P0001", "P0004", "PL001", "XX001", "XX002",
        ),
        StorageNotReady,
    ),
    **dict.fromkeys(
        (
            "08000", "08001", "08003", "08006", "08007", "08P01", "0A000", "25P01", "25P02", "25P03", "25P04",
            "26000", "3B001", "40003", "42P05", "53200", "53300", "57014", "57P01", "57P02", "57P03",
            "57P05", "XX000", "99999",
        ),
        StorageUnavailable,
    ),
}  # fmt: skip
"""
The error for each SQLSTATE. Those of transactions that may be committed are in `IN_DOUBT`.
"""

IN_DOUBT = {"08000", "08001", "08003", "08006", "08007", "08P01", "40003", "57P01", "57P02", "57P03"}


@pytest.mark.parametrize("code", EXPECTED)
def test_each_sqlstate_is_in_doubt_or_not(code: str) -> None:
    """
    Only an error after which the transaction may be committed, and an unknown one, is ambiguous.
    """
    unknown = code in {"XX000", "99999"}

    assert ((code in IN_DOUBT) or unknown) is ruling_of(postgres_error(code)).ambiguous


@pytest.mark.parametrize("code", ["P0001", "P0002", "P0003", "P0004"])
def test_an_error_of_a_trigger_refuses_its_row(code: str) -> None:
    """
    An error of a PL/pgSQL trigger refuses the row that the server names; without a row, it holds the stream.
    """
    assert Verdict.ROW is ruling_of(postgres_error(code), row=3).verdict
    assert Verdict.HOLD is ruling_of(postgres_error(code)).verdict


def test_what_the_driver_cannot_encode_is_the_rows_fault() -> None:
    """
    A value that the driver cannot encode is refused, though it has a server's SQLSTATE (sink facts, 1).
    """
    error = asyncpg.DataError("invalid input for query argument $1: 1.5 (expected int)")

    assert Verdict.ROW is ruling_of(error).verdict
    assert not ruling_of(error).ambiguous
