"""
Values in fields that the examples know nothing of: a field that is new is in the suites at once.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, NewType, TypeVar, get_args, get_type_hints
from uuid import UUID

from poslife.conformance._example_values import Examples

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["filled"]

ValueT = TypeVar("ValueT", bound="DataclassInstance")

_EXAMPLES: Mapping[object, Callable[[Examples], object]] = {
    bool: lambda _: True,
    int: Examples.number,
    str: lambda examples: f"text {examples.number()}",
    Decimal: lambda examples: Decimal(f"{examples.number()}.0078125"),
    datetime: Examples.at,
    UUID: Examples.change_id,
}


def filled(value: ValueT, examples: Examples) -> ValueT:
    """
    Return *value* with an example in each field that holds ``None`` or zero.

    Raises:
        TypeError: There is no example for a field's type.
    """
    hints = get_type_hints(type(value))
    empty = [field.name for field in fields(value) if getattr(value, field.name) in (None, 0)]
    return replace(value, **{field: _example(field, hints[field], examples) for field in empty})


def _example(field: str, hint: object, examples: Examples) -> object:
    """
    Return an example of the type that *hint* has besides ``None``.
    """
    kind: object = next(one for one in (*get_args(hint), hint) if one is not NoneType)
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        members: list[object] = list(kind)
        return members[-1]
    if kind not in _EXAMPLES:
        raise TypeError(f"{field} is a {hint}, which has no example: add one to {__name__}")
    return _EXAMPLES[kind](examples)
