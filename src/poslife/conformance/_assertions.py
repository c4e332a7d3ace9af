"""
The assertions of the suites, which `python -O` leaves in.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeGuard, TypeVar, cast

__all__ = ["check", "differences", "narrowed", "refused", "same", "together"]

ErrorT = TypeVar("ErrorT", bound=BaseException)
ValueT = TypeVar("ValueT")


def check(holds: bool, broken: str) -> None:  # noqa: FBT001 - an `assert` that `python -O` leaves in
    """
    Raise where something does not hold.

    Raises:
        AssertionError: Saying *broken*.
    """
    if not holds:
        raise AssertionError(broken)


def narrowed(value: object, kind: type[ValueT], what: str) -> ValueT:
    """
    The value, if it is of this kind.

    Raises:
        AssertionError: It is not.
    """
    if not isinstance(value, kind):
        broken = f"{what} should be a {kind.__name__}, is {_shown(value)}"
        raise AssertionError(broken)  # noqa: TRY004 - the contract is broken, no argument is wrong
    return value


def same(expected: object, actual: object, what: str) -> None:
    """
    Raise where two values differ in any field, in type or content, however deep.

    Raises:
        AssertionError: Naming each field that differs.
    """
    found = list(differences(expected, actual, what))
    if found:
        raise AssertionError("; ".join(found[:10]) + (f"; and {len(found) - 10} more" if found[10:] else ""))


async def refused(call: Awaitable[object], kind: type[ErrorT], what: str) -> ErrorT:
    """
    The error that *call* raises.

    Raises:
        AssertionError: It raises another one, or none.
    """
    try:
        result = await call
    except kind as error:
        return error
    except Exception as error:
        raise AssertionError(
            f"{what} should raise {kind.__name__}, and raised {type(error).__name__}: {error}"
        ) from error
    raise AssertionError(f"{what} should raise {kind.__name__}, and returned {_shown(result)}")


async def together(*calls: Awaitable[ValueT]) -> list[ValueT]:
    """
    What the calls return that run at once; every one is over when this is.

    Raises:
        BaseException: What the first of them raises that does.
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
    Where two values differ, one sentence for each place.

    Stricter than ``==``: a time must be in UTC, a flag is no number. A `Decimal` counts by its value.
    """
    if dataclasses.is_dataclass(expected) and not isinstance(expected, type):
        if type(actual) is not type(expected):
            yield f"{at} should be a {type(expected).__name__}, is {_shown(actual)}"
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
        yield f"{at} should be {_shown(expected)}, is {_shown(actual)}"


def _sequence_differences(expected: Sequence[object], actual: object, at: str) -> Iterator[str]:
    if not _is_sequence(actual) or not isinstance(actual, type(expected)):
        yield f"{at} should be a {type(expected).__name__}, is {_shown(actual)}"
        return
    if len(actual) != len(expected):
        yield f"{at} should have {len(expected)} items, has {len(actual)}"
    for index, (wanted, item) in enumerate(zip(expected, actual, strict=False)):
        yield from differences(wanted, item, f"{at}[{index}]")


def _mapping_differences(expected: Mapping[object, object], actual: object, at: str) -> Iterator[str]:
    if not isinstance(actual, Mapping):
        yield f"{at} should be a mapping, is {_shown(actual)}"
        return
    items = cast("Mapping[object, object]", actual)
    if items.keys() != expected.keys():
        yield f"{at} should have the keys {sorted(map(str, expected))}, has {sorted(map(str, items))}"
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
