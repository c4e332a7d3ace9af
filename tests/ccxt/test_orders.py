"""
Conversion of ccxt's orders: what cannot be read raises, and nothing is guessed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from poslife import ClientOrderId, OrderSide, OrderStatus, Venue, VenueOrderId
from poslife.ccxt import CcxtSource, order_seen_from
from poslife.errors import InvalidValue
from poslife.venues import OrderSeen
from tests.ccxt.offline import on_line
from tests.ccxt.queries import MAIN, bybit_order, bybit_rows, order_query

AT = datetime(2026, 1, 1, tzinfo=UTC)


def order(**changes: object) -> dict[str, Any]:
    return {
        "id": "o1",
        "clientOrderId": "t-a1",
        "side": "buy",
        "amount": 2.5,
        "filled": "1.5",
        "status": "open",
        **changes,
    }


def test_an_order() -> None:
    """
    Every field is converted, and the client order id is the one that was sent.
    """
    assert OrderSeen(
        venue_order_id=VenueOrderId("o1"),
        client_order_id=ClientOrderId("a1"),
        side=OrderSide.BUY,
        quantity=Decimal("2.5"),
        filled=Decimal("1.5"),
        status=OrderStatus.WORKING,
        at=AT,
    ) == order_seen_from(order(), venue=Venue("gate"), at=AT)


@pytest.mark.parametrize(
    "status, filled, expected",
    [
        ("open", 0, OrderStatus.WORKING),
        ("closed", 2.5, OrderStatus.FILLED),
        ("closed", 1.5, OrderStatus.CANCELED),
        ("closed", 0, OrderStatus.CANCELED),
        ("canceled", 1.5, OrderStatus.CANCELED),
        ("expired", 0, OrderStatus.EXPIRED),
        ("rejected", 0, OrderStatus.REJECTED),
    ],
)
def test_a_status(status: str, filled: float, expected: OrderStatus) -> None:
    """
    An order that is closed is filled only if all of it is filled.
    """
    seen = order_seen_from(order(status=status, filled=filled), venue=Venue("okx"), at=AT)

    assert expected is seen.status


@pytest.mark.parametrize("field", ["id", "side", "amount", "filled", "status"])
def test_an_order_without_a_field_that_matters_cannot_be_read(field: str) -> None:
    """
    The error names the field; an acknowledgement, which often has none of them, is no order.
    """
    with pytest.raises(InvalidValue, match=rf"order\.{field}"):
        order_seen_from(order(**{field: None}), venue=Venue("okx"), at=AT)


async def test_an_order_that_ended_before_it_was_filled_whole_is_canceled() -> None:
    """
    ccxt's status for it is closed, as for a filled one.
    """
    line = on_line("bybit")
    line.answer(bybit_rows(bybit_order(orderStatus="PartiallyFilledCanceled", cumExecQty="0.4")))
    seen = await CcxtSource(line.client, account=MAIN).find_order(order_query())

    assert isinstance(seen, OrderSeen)
    assert (OrderStatus.CANCELED, Decimal("0.4")) == (seen.status, seen.filled)
