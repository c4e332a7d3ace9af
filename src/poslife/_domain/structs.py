"""
Make msgspec structs work with `dataclasses`.

Values on the paths of emit and commit are structs, for one is made in a tenth of a dataclass's time.
"""

from __future__ import annotations

from dataclasses import field, make_dataclass

import msgspec

__all__ = ["as_dataclass_too"]


def as_dataclass_too(struct: type[msgspec.Struct]) -> None:
    """
    Let `dataclasses.replace` and `dataclasses.fields` accept *struct*, as type checkers do.
    """
    fields = [
        (one.name, one.type, field() if one.default is msgspec.NODEFAULT else field(default=one.default))
        for one in msgspec.structs.fields(struct)
    ]
    twin = make_dataclass(struct.__name__, fields, kw_only=True)
    setattr(struct, "__dataclass_fields__", vars(twin)["__dataclass_fields__"])  # noqa: B010 - no declared attribute
