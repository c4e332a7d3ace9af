from __future__ import annotations

import dataclasses

import msgspec
import pytest

from poslife import Fill, Order, PersistedPosition
from poslife._domain.structs import as_dataclass_too
from poslife.errors import InvalidValue
from tests.values import bought, order, persisted


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    left: int
    right: str = "r"

    def __post_init__(self) -> None:
        if self.left < 0:
            raise InvalidValue("Pair.left", self.left, "an int of at least 0")


as_dataclass_too(Pair)


def test_a_struct_is_a_dataclass_to_a_host() -> None:
    """
    `is_dataclass`, `fields`, `asdict` and `replace` accept a struct, with its types and defaults.
    """
    pair = Pair(left=1)

    assert dataclasses.is_dataclass(pair)
    assert [("left", int), ("right", str)] == [(field.name, field.type) for field in dataclasses.fields(pair)]
    assert [dataclasses.MISSING, "r"] == [field.default for field in dataclasses.fields(pair)]
    assert {"left": 1, "right": "r"} == dataclasses.asdict(pair)
    assert Pair(left=1, right="x") == dataclasses.replace(pair, right="x")


def test_a_replaced_field_is_checked_like_a_given_one() -> None:
    """
    `dataclasses.replace` runs the constructor's checks.
    """
    with pytest.raises(InvalidValue, match=r"Pair\.left"):
        dataclasses.replace(Pair(left=1), left=-1)


@pytest.mark.parametrize("value", [bought("1"), order(), persisted()], ids=["fill", "order", "position"])
def test_the_values_on_the_paths_of_emit_and_commit_are_such(value: Fill | Order | PersistedPosition) -> None:
    """
    The dataclass fields of fills, orders and positions are the struct's, in its order.
    """
    assert value.__struct_fields__ == tuple(field.name for field in dataclasses.fields(value))
    assert value == dataclasses.replace(value)
