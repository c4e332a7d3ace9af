"""
The assertions of the suites, which `python -O` leaves in.

Each raises an `AssertionError` that names the value in question, what was expected and what came.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeGuard, TypeVar, cast

__all__ = ["check", "check_utc", "differences", "narrowed", "refused", "result_of", "same", "together"]

ErrorT = TypeVar("ErrorT", bound=BaseException)
ValueT = TypeVar("ValueT")


def check(holds: bool, message: str) -> None:  # noqa: FBT001 - an `assert` that `python -O` leaves in
    """
    Raise an error with *message* unless *holds*.
    """
    if not holds:
        raise AssertionError(message)


def check_utc(time: datetime, name: str) -> None:
    """
    Raise an error unless *time* is aware and in UTC.
    """
    check(time.utcoffset() == timedelta(0), f"{name}: expected a time in UTC, got {time!r}")


def narrowed(value: object, kind: type[ValueT], name: str) -> ValueT:
    """
    Return *value*, which must be a *kind*.
    """
    if not isinstance(value, kind):
        message = f"{name}: expected a {kind.__name__}, got {_shown(value)}"
        raise AssertionError(message)  # noqa: TRY004 - the contract is broken, no argument is wrong
    return value


def same(expected: object, actual: object, name: str) -> None:
    """
    Raise an error with each field in which two values differ, in type or content, however deep.
    """
    found = list(differences(expected, actual, name))
    if found:
        raise AssertionError("; ".join(found[:10]) + (f"; and {len(found) - 10} more" if found[10:] else ""))


async def refused(call: Awaitable[object], kind: type[ErrorT], name: str) -> ErrorT:
    """
    Return the error that *call* raises, which must be a *kind*.
    """
    try:
        result = await call
    except kind as error:
        return error
    except Exception as error:
        raise AssertionError(
            f"{name}: expected {kind.__name__}, got {type(error).__name__}: {error}"
        ) from error
    raise AssertionError(f"{name}: expected {kind.__name__}, got {_shown(result)} returned")


async def result_of(call: Awaitable[object]) -> object:
    """
    Return the result of a call that is declared to return nothing, so that a suite can look at it.
    """
    return await call


async def together(*calls: Awaitable[ValueT]) -> list[ValueT]:
    """
    Run *calls* at once, wait for all of them, and return their results.

    Raises:
        BaseException: The first call in order that raises decides which.
    """
    results = await asyncio.gather(*calls, return_exceptions=True)
    returned: list[ValueT] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        returned.append(result)
    return returned


def differences(expected: object, actual: object, at: str) -> Iterator[str]:
    """
    Yield one sentence for each place in which two values differ.

    Stricter than ``==``: a time must be in UTC, a flag is no number. A `Decimal` counts by its value.
    """
    if dataclasses.is_dataclass(expected) and not isinstance(expected, type):
        if type(actual) is not type(expected):
            yield f"{at}: expected a {type(expected).__name__}, got {_shown(actual)}"
            return
        for field in dataclasses.fields(expected):
            yield from differences(
                getattr(expected, field.name), getattr(actual, field.name), f"{at}.{field.name}"
            )
    elif _is_sequence(expected):
        yield from _sequence_differences(expected, actual, at)
    elif isinstance(expected, Mapping):
        yield from _mapping_differences(cast("Mapping[object, object]", expected), actual, at)
    elif not _alike(expected, actual):
        yield f"{at}: expected {_shown(expected)}, got {_shown(actual)}"


def _sequence_differences(expected: Sequence[object], actual: object, at: str) -> Iterator[str]:
    if not _is_sequence(actual) or not isinstance(actual, type(expected)):
        yield f"{at}: expected a {type(expected).__name__}, got {_shown(actual)}"
        return
    if len(actual) != len(expected):
        yield f"{at}: expected {len(expected)} items, got {len(actual)}"
    for index, (wanted, item) in enumerate(zip(expected, actual, strict=False)):
        yield from differences(wanted, item, f"{at}[{index}]")


def _mapping_differences(expected: Mapping[object, object], actual: object, at: str) -> Iterator[str]:
    if not isinstance(actual, Mapping):
        yield f"{at}: expected a mapping, got {_shown(actual)}"
        return
    items = cast("Mapping[object, object]", actual)
    if items.keys() != expected.keys():
        yield f"{at}: expected the keys {sorted(map(str, expected))}, got {sorted(map(str, items))}"
        return
    for key, wanted in expected.items():
        yield from differences(wanted, items[key], f"{at}[{key!r}]")


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, tuple | list)


def _alike(expected: object, actual: object) -> bool:
    if isinstance(expected, bool) is not isinstance(actual, bool):
        return False
    if isinstance(expected, datetime):
        return isinstance(actual, datetime) and actual.utcoffset() == timedelta(0) and actual == expected
    if isinstance(expected, Decimal):
        return isinstance(actual, Decimal) and actual == expected
    return isinstance(actual, type(expected)) and actual == expected


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
