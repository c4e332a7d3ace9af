"""
Structs, made in a tenth of the time where events and commits pass, are dataclasses to a host. Pure.
"""

from __future__ import annotations

from dataclasses import field, make_dataclass

import msgspec

__all__ = ["as_dataclass_too"]


def as_dataclass_too(struct: type[msgspec.Struct]) -> None:
    """
    Let `dataclasses` treat a struct as one of its own, as type checkers do: ``replace``, ``fields``.
    """
    fields = [
        (one.name, one.type, field() if one.default is msgspec.NODEFAULT else field(default=one.default))
        for one in msgspec.structs.fields(struct)
    ]
    twin = make_dataclass(struct.__name__, fields, kw_only=True)
    setattr(struct, "__dataclass_fields__", vars(twin)["__dataclass_fields__"])  # noqa: B010 - see above
