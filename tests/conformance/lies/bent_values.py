"""
Copies of values with other fields.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TypeVar
from uuid import uuid4

import msgspec

from poslife._domain.changes import Change
from poslife._domain.identifiers import (
    ChangeId,
)

__all__ = ["bent", "fresh"]

ValueT = TypeVar("ValueT")


def fresh(change: Change) -> Change:
    """
    Return the change under a new id.
    """
    return replace(change, id=ChangeId(uuid4()))


def bent(value: ValueT, **fields: object) -> ValueT:
    """
    Return a copy with fields that its constructor may refuse.
    """
    copied = copy.copy(value)
    for field, other in fields.items():
        if isinstance(copied, msgspec.Struct):
            msgspec.structs.force_setattr(copied, field, other)
        else:
            object.__setattr__(copied, field, other)
    return copied
