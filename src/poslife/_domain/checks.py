"""
Checks of single values: each raises `InvalidValue` unless the value is of the kind it names.

Types guard typed hosts; these guard constructors and methods for hosts that do not type-check.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from poslife.errors import InvalidValue

__all__ = [
    "require_bool",
    "require_count",
    "require_instance",
    "require_label",
    "require_member",
    "require_name",
    "require_names",
    "require_position_id",
    "require_position_ref",
    "require_tuple_of",
    "require_utc",
    "require_uuid",
]


# What programs write where they have no value: `str(None)`, JavaScript's and JSON's words, a float's text.
_STAND_INS = frozenset({"none", "null", "nan", "undefined", "pending"})


def require_name(field: str, value: object) -> None:
    """
    Require an identifier: a `require_label` that is no stand-in for a missing value, such as ``"None"``.
    """
    require_label(field, value)
    if cast("str", value).lower() in _STAND_INS:
        raise InvalidValue(
            field, value, "an identifier, not a word for a missing one", hint="leave out what is not known"
        )


def require_label(field: str, value: object) -> None:
    """
    Require a `str` of 1 to 255 printable characters, without surrounding spaces.
    """
    if not isinstance(value, str):
        raise InvalidValue(field, value, "a str")
    if not value or len(value) > 255 or value != value.strip() or not value.isprintable():
        raise InvalidValue(field, value, "a str of 1 to 255 printable characters without surrounding spaces")


def require_names(field: str, value: object) -> None:
    """
    Require a `tuple` of identifiers.
    """
    require_tuple_of(field, value, str)
    try:
        for item in cast("tuple[str, ...]", value):
            require_name(field, item)
    except InvalidValue as error:
        raise InvalidValue(field, value, f"a tuple of names, each {error.expected}") from error


def require_utc(field: str, value: object) -> None:
    """
    Require an aware `datetime` whose offset is zero.
    """
    # `UTC` itself is the usual case; asking for the offset is left to the others.
    if isinstance(value, datetime) and (value.tzinfo is UTC or value.utcoffset() == timedelta(0)):
        return
    raise InvalidValue(field, value, "an aware UTC datetime", hint="use datetime.now(timezone.utc)")


def require_member(field: str, value: object, kind: type[enum.Enum]) -> None:
    """
    Require a member of the enumeration *kind*; its value as bare text is refused.
    """
    if not isinstance(value, kind):
        raise InvalidValue(field, value, f"one of {', '.join(str(choice) for choice in kind)}")


def require_position_id(field: str, value: object) -> None:
    """
    Require an `int` from 1 to 2^63 - 1: ``"pending"``, ``True``, 0 and floats are refused.
    """
    if type(value) is not int or not 0 < value < 1 << 63:
        raise InvalidValue(
            field,
            value,
            "a positive int of at most 63 bits",
            hint="only a repository mints ids; name a pending position by its ref",
        )


# Variant, version and the low 16 bits (RFC 9562 section 4).
_FIXED_OF_REF = 0xF << 76 | 0b11 << 62 | 0xFFFF
_VERSION_7 = 7 << 76 | 0b10 << 62


def require_position_ref(field: str, value: object) -> None:
    """
    Require a UUIDv7 whose low 16 bits are zero.
    """
    if not isinstance(value, UUID) or value.int & _FIXED_OF_REF != _VERSION_7:
        raise InvalidValue(field, value, "a PositionRef: a UUIDv7 whose low 16 bits are zero")


def require_uuid(field: str, value: object) -> None:
    """
    Require a `UUID`.
    """
    if not isinstance(value, UUID):
        raise InvalidValue(field, value, "a UUID")


def require_count(field: str, value: object, *, least: int = 0, most: int = (1 << 31) - 1) -> None:
    """
    Require an `int` from *least* to *most*; a `bool` is refused.
    """
    if type(value) is not int or not least <= value <= most:
        raise InvalidValue(field, value, f"an int from {least} to {most}")


def require_bool(field: str, value: object) -> None:
    """
    Require `True` or `False`; other truthy and falsy values are refused.
    """
    if not isinstance(value, bool):
        raise InvalidValue(field, value, "True or False")


def require_instance(field: str, value: object, kind: type) -> None:
    """
    Require an instance of *kind*.
    """
    if not isinstance(value, kind):
        raise InvalidValue(field, value, f"{'an' if kind.__name__[0] in 'AEIO' else 'a'} {kind.__name__}")


def require_tuple_of(field: str, value: object, kind: type) -> None:
    """
    Require a `tuple` of *kind*: a list could change, and a `str` is no tuple of `str`.
    """
    given = value
    if type(given) is tuple:
        for item in cast("tuple[object, ...]", given):
            if not isinstance(item, kind):
                break
        else:
            return
    raise InvalidValue(field, value, f"a tuple of {kind.__name__}")
