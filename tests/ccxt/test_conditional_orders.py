"""
Conditional orders live apart from the others at most venues: they are looked up there, too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from poslife import OrderStatus, VenueOrderId
from poslife.ccxt import VENUE_RULES, CcxtSource
from poslife.testing.clock import ManualClock
from poslife.venues import OrderNotSeen, OrderSeen
from tests.ccxt.offline import Line, on_line
from tests.ccxt.queries import MAIN, bybit_rows, order_query

NOW = datetime(2026, 5, 1, tzinfo=UTC)

ALGO = {
    "algoId": 3358,
    "clientAlgoId": "a1",
    "algoType": "CONDITIONAL",
    "orderType": "STOP_MARKET",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "positionSide": "BOTH",
    "quantity": "0.5",
    "algoStatus": "NEW",
    "triggerPrice": "70000",
    "price": "0",
    "actualOrderId": "",
    "createTime": 1767225600000,
}
ORDINARY = {
    "orderId": 991,
    "clientOrderId": "x-made-by-the-venue",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "MARKET",
    "status": "FILLED",
    "origQty": "0.5",
    "executedQty": "0.5",
    "avgPrice": "70010",
    "time": 1767225600000,
}

# The answers that show one waiting stop order named a1, and the part of the request that asks for it.
WAITING: dict[str, tuple[object, str]] = {
    "binance": (ALGO, "clientAlgoId=a1"),
    "binanceusdm": (ALGO, "clientAlgoId=a1"),
    "okx": (
        {
            "code": "0",
            "data": [
                {
                    "algoId": "3358",
                    "algoClOrdId": "a1",
                    "clOrdId": "a1",
                    "instId": "BTC-USDT-SWAP",
                    "ordType": "trigger",
                    "side": "buy",
                    "state": "live",
                    "sz": "0.5",
                    "ordId": "",
                    "triggerPx": "70000",
                    "cTime": "1767225600000",
                }
            ],
        },
        "algoClOrdId=a1",
    ),
    "gate": (
        [
            {
                "id": 3358,
                "status": "open",
                "initial": {"contract": "BTC_USDT", "size": 5, "price": "0", "tif": "ioc", "text": "t-a1"},
                "trigger": {"price": "70000", "rule": 1},
                "trade_id": 0,
                "create_time": 1767225600,
            }
        ],
        "/price_orders",
    ),
    "bitget": (
        {
            "code": "00000",
            "data": {
                "entrustedList": [
                    {
                        "orderId": "3358",
                        "clientOid": "a1",
                        "symbol": "BTCUSDT",
                        "size": "0.5",
                        "side": "buy",
                        "orderType": "market",
                        "planType": "normal_plan",
                        "planStatus": "live",
                        "triggerPrice": "70000",
                        "cTime": "1767225600000",
                    }
                ]
            },
        },
        "orders-plan-pending",
    ),
    "kucoin": (
        {
            "code": "200000",
            "data": {
                "items": [
                    {
                        "id": "3358",
                        "clientOid": "a1",
                        "symbol": "XBTUSDTM",
                        "type": "market",
                        "side": "buy",
                        "size": 5,
                        "stop": "up",
                        "stopPrice": "70000",
                        "status": "open",
                        "isActive": True,
                        "cancelExist": False,
                        "createdAt": 1767225600000,
                    }
                ]
            },
        },
        "stopOrders",
    ),
}


async def looked_up(line: Line, venue: str, **query: Any) -> OrderSeen | OrderNotSeen:
    source = CcxtSource(line.client, account=MAIN, clock=ManualClock(NOW))
    return await source.find_order(replace(order_query(venue), **query))


@pytest.mark.parametrize("conditional", [True, None])
@pytest.mark.parametrize("venue", WAITING)
async def test_a_stop_entry_is_found_among_the_conditional_orders(
    venue: str, *, conditional: bool | None
) -> None:
    """
    It waits where the ordinary look-up does not reach, and has nothing filled.
    """
    line = on_line(venue)
    answer, asked = WAITING[venue]
    line.answer(answer)
    seen = await looked_up(line, venue, conditional=conditional)

    assert isinstance(seen, OrderSeen)
    assert ("3358", OrderStatus.WORKING, Decimal(0)) == (seen.venue_order_id, seen.status, seen.filled)
    assert asked in line.sent[0].whole


@pytest.mark.parametrize("venue", ["binance", "binanceusdm"])
async def test_a_triggered_order_is_seen_as_the_order_made_of_it(venue: str) -> None:
    """
    The venue gave that another id, and perhaps another name: the conditional order names it.
    """
    line = on_line(venue)
    line.answer({**ALGO, "algoStatus": "FINISHED", "actualOrderId": "991"})
    line.answer(ORDINARY)
    seen = await looked_up(line, venue, conditional=True, venue_order_id=VenueOrderId("3358"))

    assert isinstance(seen, OrderSeen)
    assert ("991", OrderStatus.FILLED, Decimal("0.5")) == (seen.venue_order_id, seen.status, seen.filled)
    assert ["algoId=3358", "orderId=991"] == [
        next(part for part in ("algoId=3358", "orderId=991") if part in request.whole)
        for request in line.sent
    ]


async def test_a_triggered_order_that_is_not_shown_yet_is_working() -> None:
    """
    It exists: its fills are waited for, and nothing is concluded.
    """
    line = on_line("binance")
    line.answer({**ALGO, "algoStatus": "TRIGGERED", "actualOrderId": "991"})
    line.refuse({"code": -2013, "msg": "Order does not exist."})
    seen = await looked_up(line, "binance", conditional=True)

    assert isinstance(seen, OrderSeen)
    assert (OrderStatus.WORKING, Decimal(0)) == (seen.status, seen.filled)


@pytest.mark.parametrize("conditional", [True, None])
async def test_a_conditional_order_in_neither_place_is_never_proven_absent(
    *, conditional: bool | None
) -> None:
    """
    Both places were asked, and the venue promises nothing about the one of conditional orders.
    """
    line = on_line("binance")
    line.refuse({"code": -2013, "msg": "Order does not exist."})
    line.refuse({"code": -2013, "msg": "Order does not exist."})
    answer = await looked_up(line, "binance", conditional=conditional)

    assert isinstance(answer, OrderNotSeen)
    assert (NOW, None) == (answer.at, answer.conclusive_since)
    assert "may be a conditional order" in str(answer.reason)
    assert ["clientAlgoId=a1", "origClientOrderId=a1"] == [
        next(part for part in ("clientAlgoId=a1", "origClientOrderId=a1") if part in request.whole)
        for request in line.sent
    ]


async def test_a_venue_that_cannot_be_asked_for_conditional_orders_proves_nothing() -> None:
    """
    The reason says so; an order without a trigger is judged as before.
    """
    rules = replace(VENUE_RULES[order_query("binance").venue], conditional=None)
    for conditional, since in ((True, None), (False, NOW - timedelta(hours=71))):
        line = on_line("binance")
        line.refuse({"code": -2013, "msg": "Order does not exist."})
        source = CcxtSource(line.client, account=MAIN, clock=ManualClock(NOW), rules=rules)
        answer = await source.find_order(replace(order_query("binance"), conditional=conditional))

        assert isinstance(answer, OrderNotSeen)
        assert since == answer.conclusive_since
        assert conditional is ("cannot be asked" in str(answer.reason))


async def test_bybit_shows_conditional_orders_with_the_others() -> None:
    """
    One look-up reaches both, so that absence is proven as for every order.
    """
    line = on_line("bybit")
    line.answer(bybit_rows())
    line.answer(bybit_rows())

    assert OrderNotSeen(at=NOW, conclusive_since=NOW - timedelta(hours=23)) == await looked_up(
        line, "bybit", conditional=True
    )


@pytest.mark.parametrize("venue", ["gate", "kucoin"])
async def test_another_conditional_order_in_the_list_is_not_taken(venue: str) -> None:
    """
    The list has every conditional order of the symbol, so it is searched for ours.
    """
    line = on_line(venue)
    line.answer(WAITING[venue][0])
    refused: dict[str, dict[str, Any]] = {
        "gate": {"label": "ORDER_NOT_FOUND", "message": "not found"},
        "kucoin": {"code": "100001", "msg": "error.getOrder.orderNotExist"},
    }
    line.refuse(refused[venue])
    source = CcxtSource(line.client, account=MAIN, clock=ManualClock(NOW))
    answer = await source.find_order(replace(order_query(venue, "b2"), conditional=True))

    assert isinstance(answer, OrderNotSeen)
