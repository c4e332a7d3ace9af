from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest

from poslife._domain.identifiers import PositionRef, Side, VenueOrderId
from poslife.conformance._example_values import Examples
from poslife.conformance._filled import filled
from tests.values import pending


@dataclass(frozen=True, kw_only=True)
class Everything:
    flag: bool | None = None
    count: int | None = None
    text: str | None = None
    order: VenueOrderId | None = None
    number: Decimal | None = None
    total: Decimal = Decimal(0)
    at: datetime | None = None
    id: UUID | None = None
    ref: PositionRef | None = None
    side: Side | None = None
    given: str = "given"


@dataclass(frozen=True, kw_only=True)
class Unknown:
    mapping: Mapping[str, str] | None = None


def test_each_empty_field_gets_an_example() -> None:
    """
    A field that holds ``None`` or zero gets a new value of its type, and one that holds a value keeps it.
    """
    full = filled(Everything(), Examples())
    values = [getattr(full, field.name) for field in fields(full)]

    assert "given" == full.given
    assert all(value not in (None, 0) for value in values)
    assert len(values) == len({repr(value) for value in values})


def test_a_struct_is_filled_as_a_dataclass_is() -> None:
    """
    A position's optional fields get their examples, and the position is a valid one.
    """
    full = filled(replace(pending(), requested_price=None), Examples())

    assert isinstance(full.requested_price, Decimal)


def test_a_type_without_an_example_is_an_error() -> None:
    """
    A field of a type that has no example is an error that names the field and where to add one.
    """
    with pytest.raises(TypeError, match=r"mapping.*Mapping.*add one to poslife.conformance._filled"):
        filled(Unknown(), Examples())
