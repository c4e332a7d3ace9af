"""
Make msgspec structs work with `dataclasses`.

Values on the paths of emit and commit are structs, for one is made in a tenth of a dataclass's time.
"""

from __future__ import annotations

from dataclasses import Field, field, make_dataclass
from typing import Any

import msgspec

__all__ = ["as_dataclass_too"]


def as_dataclass_too(struct: type[msgspec.Struct]) -> None:
    """
    Let `dataclasses.replace` and `dataclasses.fields` accept *struct*, as type checkers do.
    """
    setattr(struct, "__dataclass_fields__", _DataclassFields())  # noqa: B010 - no declared attribute


class _DataclassFields:
    """
    The dataclass fields of a struct, made when they are first read, for an import would wait for them.
    """

    def __get__(self, _: msgspec.Struct | None, struct: type[msgspec.Struct]) -> dict[str, Field[Any]]:
        fields = [
            (one.name, one.type, field() if one.default is msgspec.NODEFAULT else field(default=one.default))
            for one in msgspec.structs.fields(struct)
        ]
        twin = make_dataclass(struct.__name__, fields, kw_only=True)
        found: dict[str, Field[Any]] = vars(twin)["__dataclass_fields__"]
        setattr(struct, "__dataclass_fields__", found)  # noqa: B010 - no declared attribute
        return found
