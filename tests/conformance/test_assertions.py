"""
The messages of the suites' assertions: the value in question, what was expected and what came.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from poslife import OrderStatus
from poslife.conformance._assertions import (
    check_utc,
    differences,
    narrowed,
    refused,
    result_of,
    same,
    together,
)
from poslife.errors import PositionNotFound, StaleVersion
from tests.values import REF, pending

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
IN_PARIS = NOON.astimezone(timezone(timedelta(hours=1)))


async def returning(value: object) -> object:
    return value


async def raising(error: Exception) -> object:
    raise error


def message_of(expected: object, actual: object) -> str:
    return "; ".join(differences(expected, actual, "it"))


@pytest.mark.parametrize(
    "expected, actual, message",
    [
        (1, 2, "it: expected 1, got 2"),
        (1, True, "it: expected 1, got True"),
        (1, Decimal(1), "it: expected 1, got Decimal('1')"),
        ((1, 2), [1, 2], "it: expected a tuple, got [1, 2]"),
        ((1, 2), (1, 3, 4), "it: expected 2 items, got 3; it[1]: expected 2, got 3"),
        ({"a": 1}, 7, "it: expected a mapping, got 7"),
        ({"a": 1}, {"b": 1}, "it: expected the keys ['a'], got ['b']"),
        ({"a": 1}, {"a": 2}, "it['a']: expected 1, got 2"),
        (NOON, IN_PARIS, f"it: expected {NOON!r}, got {IN_PARIS!r}"),
        (pending(), None, "it: expected a PendingPosition, got None"),
    ],
    ids=str,
)
def test_a_difference_says_what_was_expected_and_what_came(
    expected: object, actual: object, message: str
) -> None:
    """
    A difference names the place, the expected value and the actual one.
    """
    assert message == message_of(expected, actual)


def test_what_is_alike_has_no_differences() -> None:
    """
    Equal values have no difference, and a decimal counts by its value.
    """
    assert "" == message_of(pending(), pending())
    assert "" == message_of(Decimal("1.0"), Decimal(1))
    assert "" == message_of(NOON, NOON)


def test_each_differing_field_is_named() -> None:
    """
    Each field that differs is named with its path, at most ten of them.
    """
    one = pending(OrderStatus.PREPARED)
    other = replace(one, orders=(replace(one.orders[0], quantity=Decimal(7)),), version=2)
    with pytest.raises(AssertionError) as caught:
        same(one, other, "the position")

    assert (
        "the position.orders[0].quantity: expected Decimal('100'), got Decimal('7'); "
        "the position.version: expected 1, got 2"
    ) == str(caught.value)

    with pytest.raises(AssertionError, match=r"; and 2 more$"):
        same(tuple(range(12)), tuple(range(1, 13)), "the numbers")


def test_a_long_value_is_cut() -> None:
    """
    A value of more than 200 characters is shown by its beginning and its length.
    """
    assert message_of("x" * 500, "").endswith(f"{'x' * 199}… (502 characters), got ''")


async def test_an_expected_error_is_returned() -> None:
    """
    The expected error is returned; another error or none is a failure that says what came.
    """
    error = PositionNotFound(REF)

    assert error is await refused(raising(error), PositionNotFound, "get")
    with pytest.raises(AssertionError, match=r"^get: expected StaleVersion, got PositionNotFound: "):
        await refused(raising(error), StaleVersion, "get")
    with pytest.raises(AssertionError, match=r"^get: expected StaleVersion, got None returned$"):
        await refused(returning(None), StaleVersion, "get")


async def test_all_calls_are_over_before_the_first_error_is_raised() -> None:
    """
    Calls that run at once are all over when the first error among them is raised.
    """
    finished: list[str] = []

    async def slow() -> object:
        for _ in range(5):
            await asyncio.sleep(0)
        finished.append("slow")
        return None

    with pytest.raises(PositionNotFound):
        await together(raising(PositionNotFound(REF)), slow())

    assert ["slow"] == finished
    assert [1, 2] == await together(returning(1), returning(2))
    assert 1 == await result_of(returning(1))


def test_a_value_of_another_type_or_zone_is_refused() -> None:
    """
    A value of another type and a time outside UTC are failures that show it.
    """
    assert 1 == narrowed(1, int, "it")
    with pytest.raises(AssertionError, match=r"^it: expected a int, got '1'$"):
        narrowed("1", int, "it")
    check_utc(NOON, "it")
    with pytest.raises(AssertionError, match=r"^it: expected a time in UTC, got "):
        check_utc(NOON.replace(tzinfo=None), "it")
