"""
How values are bent.
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
    return replace(change, id=ChangeId(uuid4()))


def bent(value: ValueT, **fields: object) -> ValueT:
    """
    A copy with fields that its constructor would refuse, or that make no other difference.
    """
    twisted = copy.copy(value)
    for field, other in fields.items():
        if isinstance(twisted, msgspec.Struct):
            msgspec.structs.force_setattr(twisted, field, other)
        else:
            object.__setattr__(twisted, field, other)
    return twisted
