from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from poslife import Protection, VenueOrderId
from poslife.errors import InvalidValue
from tests.values import BAD_MONEY, BAD_NAMES, cases


def test_protection_protects() -> None:
    """
    Protection has a price, an order in it has its price, and no protection at all is ``None``.
    """
    with pytest.raises(InvalidValue, match="no protection at all is None"):
        Protection()
    with pytest.raises(InvalidValue, match=r"Protection\.take_profit_price"):
        Protection(stop_price=Decimal(1), take_profit_order_id=VenueOrderId("t-1"))
    with pytest.raises(InvalidValue, match=r"Protection\.stop_price"):
        Protection(take_profit_price=Decimal(1), stop_order_id=VenueOrderId("s-1"))


@cases(
    stop_price=(*BAD_MONEY, Decimal(0), Decimal(-1)),
    take_profit_price=(*BAD_MONEY, Decimal(0), Decimal(-1)),
    stop_order_id=BAD_NAMES,
    take_profit_order_id=BAD_NAMES,
)
def test_protection_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of a protection is refused with its name and value.
    """
    values: dict[str, Any] = {"stop_price": Decimal(1), "take_profit_price": Decimal(3), field: value}

    with pytest.raises(InvalidValue) as refused:
        Protection(**values)

    assert f"Protection.{field}" == refused.value.field
    assert value is refused.value.value


def test_a_stop_may_be_a_property_of_the_position() -> None:
    """
    A stop without an order of its own has a price alone, as at some venues.
    """
    stop = Protection(stop_price=Decimal("3.1766"))

    assert (Decimal("3.1766"), None) == (stop.stop_price, stop.stop_order_id)
    assert (None, None) == (stop.take_profit_price, stop.take_profit_order_id)
