"""
Each error of the driver becomes the error of poslife that says what to do.
"""

from __future__ import annotations

import asyncio
import ssl

import asyncpg
import pytest

from poslife.errors import (
    RepositoryError,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.postgres._errors import leaves_connection_whole, translated
from tests.postgres.support import postgres_error
from tests.postgres.test_error_table import EXPECTED


@pytest.mark.parametrize("code", EXPECTED)
def test_each_sqlstate_has_its_kind(code: str) -> None:
    """
    Each SQLSTATE becomes its error, raised from the driver's, with its code and message.
    """
    with pytest.raises(RepositoryError, match=f"{code}: said the server") as caught, translated():
        raise postgres_error(code)

    assert EXPECTED[code] is type(caught.value)
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError)


def test_a_check_with_a_name_is_a_rejection_and_one_without_is_not() -> None:
    """
    A 23514 with a constraint is a refusal; one without is a missing partition, and no row is at fault.
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
    A lost connection and the driver's other errors leave the change's result unknown.
    """
    with pytest.raises(StorageUnavailable) as caught, translated():
        raise error

    assert caught.value.__cause__ is error
    assert not leaves_connection_whole(error)


def test_cancellation_and_our_own_pass_through() -> None:
    """
    Exceptions that are not the driver's pass through unchanged.
    """
    for error in (asyncio.CancelledError(), StorageRejected("ours"), KeyError("a bug")):
        with pytest.raises(type(error)) as caught, translated():
            raise error

        assert caught.value is error


def test_a_connection_is_kept_only_after_an_answer_that_spares_it() -> None:
    """
    A connection is kept after a refusal, and given up after a failover, a shutdown or an unknown error.
    """
    for code in ("22003", "23505", "40001", "42501", "55P03", "57014"):
        assert leaves_connection_whole(postgres_error(code))
    for code in ("25006", "57P01", "08006", "XX000", "0A000", "26000"):
        assert not leaves_connection_whole(postgres_error(code))
    assert not leaves_connection_whole(postgres_error("23505", V="FATAL"))
