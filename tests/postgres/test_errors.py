"""
Which of ours each of the driver's errors becomes.
"""

from __future__ import annotations

import asyncio
import ssl

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
from poslife.postgres._errors import leaves_connection_whole, translated

EXPECTED: dict[str, type[RepositoryError]] = {
    **dict.fromkeys(
        ("22003", "22P02", "22P05", "22021", "23502", "23503", "23505", "44000", "54000", "54001"),
        StorageRejected,
    ),
    **dict.fromkeys(("40001", "40P01", "55P03", "55006"), StorageBusy),
    **dict.fromkeys(
        (
            "08004", "25006", "28000", "28P01", "3D000", "3F000", "42501", "42703", "42804", "42P01", "53100",
            "57P04", "58030", "P0001", "P0004", "XX001", "XX002",
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
Row by row what each means; what may have been committed is in `IN_DOUBT`.
"""

IN_DOUBT = {"08000", "08001", "08003", "08006", "08007", "08P01", "40003", "57P01", "57P02", "57P03"}


@pytest.mark.parametrize("code", EXPECTED)
def test_each_sqlstate_is_in_doubt_or_not(code: str) -> None:
    """
    Only what may have been committed takes the slow way the next time; and what nobody knows.
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
    It bears a server's SQLSTATE, and no server was asked (sink facts, 1).
    """
    error = asyncpg.DataError("invalid input for query argument $1: 1.5 (expected int)")

    assert Verdict.ROW is ruling_of(error).verdict
    assert not ruling_of(error).ambiguous


def postgres_error(code: str, **fields: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new(
        {"C": code, "M": "said the server", "S": "FEHLER", "V": "ERROR", **fields}
    )


@pytest.mark.parametrize("code", EXPECTED)
def test_each_sqlstate_has_its_kind(code: str) -> None:
    """
    Refused for good, locked, or unknown; and it is raised from the driver's, with its code and words.
    """
    with pytest.raises(RepositoryError, match=f"{code}: said the server") as caught, translated():
        raise postgres_error(code)

    assert EXPECTED[code] is type(caught.value)
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError)


def test_a_check_with_a_name_is_a_rejection_and_one_without_is_not() -> None:
    """
    A missing partition says 23514, too, and names no constraint: no row is to blame.
    """
    with pytest.raises(StorageRejected) as caught, translated():
        raise postgres_error("23514", n="orders_price_sound")

    assert caught.value.constraint == "orders_price_sound"
    with pytest.raises(StorageNotReady), translated():
        raise postgres_error("23514")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("no"),
        ConnectionResetError("gone"),
        OSError("no route"),
        ssl.SSLCertVerificationError("self-signed"),
        TimeoutError(),
        asyncpg.InterfaceError("cannot call Transaction.__aexit__(): the underlying connection is closed"),
        asyncpg.InternalClientError("out of step"),
        asyncpg.exceptions.TargetServerAttributeNotMatched("a standby"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_server_said_is_unavailable(error: Exception) -> None:
    """
    A lost connection and whatever else the driver says of itself: nobody knows what became of the change.
    """
    with pytest.raises(StorageUnavailable) as caught, translated():
        raise error

    assert caught.value.__cause__ is error
    assert not leaves_connection_whole(error)


def test_cancellation_and_our_own_pass_through() -> None:
    """
    What is not the driver's is not touched.
    """
    for error in (asyncio.CancelledError(), StorageRejected("ours"), KeyError("a bug")):
        with pytest.raises(type(error)) as caught, translated():
            raise error

        assert caught.value is error


def test_a_connection_is_kept_only_after_an_answer_that_spares_it() -> None:
    """
    After a refusal it is rolled back and used on; after a failover, a shutdown or nonsense it is given up.
    """
    for code in ("22003", "23505", "40001", "42501", "55P03", "57014"):
        assert leaves_connection_whole(postgres_error(code))
    for code in ("25006", "57P01", "08006", "XX000", "0A000", "26000"):
        assert not leaves_connection_whole(postgres_error(code))
    assert not leaves_connection_whole(postgres_error("23505", V="FATAL"))
