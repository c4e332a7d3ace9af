"""
Requests as the venue reads them, without HTTP.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from poslife.testing.bybit import DEFAULT_INSTRUMENTS, Endpoint, OrderType, Side
from poslife.testing.bybit._endpoints import execute_request
from poslife.testing.bybit._exchange import Exchange
from poslife.testing.bybit._faults import DrawnFaults
from poslife.testing.bybit._matching import Handling
from poslife.testing.bybit._order_checks import OrderTicket, Refused
from tests.testing.bybit.simulated import START


class Venue:
    """
    An exchange, its clock, and its responses as a client would decode them.
    """

    def __init__(self) -> None:
        self.time = START
        self.exchange = Exchange(
            instruments=DEFAULT_INSTRUMENTS,
            balance=Decimal(100_000),
            leverage=Decimal(10),
            hedged=False,
            now=self.now,
            seed=3,
        )

    def now(self) -> datetime:
        return self.time

    def ask(self, endpoint: Endpoint, **parameters: str) -> dict[str, Any]:
        result = execute_request(self.exchange, endpoint, {"category": "linear", **parameters}, DrawnFaults())
        return cast("dict[str, Any]", json.loads(json.dumps(result)))

    def names(self, endpoint: Endpoint, **parameters: str) -> list[str]:
        return [row["orderLinkId"] for row in self.ask(endpoint, **parameters)["list"]]

    def place(self, name: str, *, symbol: str = "DBRUSDT", price: str | None = None) -> None:
        ticket = OrderTicket(
            symbol=symbol,
            side=Side.BUY,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            quantity=Decimal(1000),
            price=None if price is None else Decimal(price),
            order_link_id=name,
        )
        self.exchange.place(ticket, Handling())
        self.time += timedelta(seconds=1)


@pytest.mark.parametrize(
    "endpoint,parameters,message",
    [
        pytest.param(Endpoint.POSITIONS, {"category": "spot"}, "only category linear", id="category"),
        pytest.param(Endpoint.POSITIONS, {}, "symbol or settleCoin or baseCoin", id="no-scope"),
        pytest.param(Endpoint.POSITIONS, {"symbol": "NONE"}, "Not supported symbols", id="symbol"),
        pytest.param(Endpoint.OPEN_ORDERS, {"symbol": "DBRUSDT", "limit": "x"}, "limit invalid", id="limit"),
        pytest.param(
            Endpoint.OPEN_ORDERS, {"symbol": "DBRUSDT", "cursor": "x"}, "cursor invalid", id="cursor"
        ),
        pytest.param(
            Endpoint.EXECUTIONS,
            {"startTime": "0", "endTime": "604800001"},
            "cannot exceed 7 days",
            id="window",
        ),
        pytest.param(Endpoint.ORDER_HISTORY, {"orderStatus": "Maybe"}, "orderStatus invalid", id="status"),
        pytest.param(Endpoint.CANCEL_ORDER, {"symbol": "DBRUSDT"}, "orderId or orderLinkId", id="cancel"),
        pytest.param(Endpoint.CREATE_ORDER, {"orderType": "Market"}, "symbol is required", id="no-symbol"),
        pytest.param(
            Endpoint.CREATE_ORDER,
            {"orderType": "Market", "symbol": "DBRUSDT", "side": "Buy", "qty": "many"},
            "qty invalid",
            id="quantity",
        ),
        pytest.param(
            Endpoint.CREATE_ORDER,
            {"orderType": "Market", "symbol": "DBRUSDT", "side": "Buy", "qty": "Infinity"},
            "qty invalid",
            id="infinite",
        ),
        pytest.param(Endpoint.CREATE_ORDER, {"triggerPrice": "1"}, "not simulated", id="conditional"),
        pytest.param(Endpoint.WALLET, {"accountType": "SPOT"}, "UNIFIED", id="account"),
        pytest.param(
            Endpoint.SET_LEVERAGE, {"symbol": "DBRUSDT", "buyLeverage": "1000"}, "buyLeverage", id="leverage"
        ),
        pytest.param(Endpoint.SWITCH_MODE, {"mode": "3"}, "symbol or coin", id="switch-nothing"),
        pytest.param(Endpoint.SWITCH_MODE, {"mode": "1", "coin": "USDT"}, "mode is 0 or 3", id="switch-mode"),
    ],
)
def test_bad_parameters(endpoint: Endpoint, parameters: dict[str, str], message: str) -> None:
    """
    An invalid request is refused with 10001 and a message that says why.
    """
    with pytest.raises(Refused, match=message) as refused:
        Venue().ask(endpoint, **parameters)

    assert 10001 == refused.value.code


def test_order_ids_take_precedence_over_the_symbol() -> None:
    """
    The venue uses orderId, then orderLinkId, then symbol, and ignores unknown parameters.
    """
    venue = Venue()
    venue.place("a", price="0.02")
    venue.place("b", price="0.02")
    order_id = venue.exchange.account.order("a").order_id

    assert ["a"] == venue.names(Endpoint.OPEN_ORDERS, orderId=order_id, orderLinkId="b")
    assert ["b"] == venue.names(Endpoint.OPEN_ORDERS, orderId="", orderLinkId="b", symbol="BTCUSDT")
    assert ["b", "a"] == venue.names(Endpoint.OPEN_ORDERS, orderId="", clientOrderId="a", symbol="DBRUSDT")


def test_real_time_orders_are_open_unless_requested_otherwise() -> None:
    """
    Closed orders are listed by their id, and with openOnly=1.
    """
    venue = Venue()
    venue.place("open", price="0.02")
    venue.place("closed")

    assert ["open"] == venue.names(Endpoint.OPEN_ORDERS, settleCoin="USDT")
    assert ["closed"] == venue.names(Endpoint.OPEN_ORDERS, symbol="DBRUSDT", openOnly="1")
    assert ["closed"] == venue.names(Endpoint.OPEN_ORDERS, orderLinkId="closed")
    assert [] == venue.names(Endpoint.OPEN_ORDERS, baseCoin="BTC")


def test_only_the_last_500_closed_orders_are_shown_in_real_time() -> None:
    """
    An older order is found only in the history: not found is not absent.
    """
    venue = Venue()
    for number in range(501):
        venue.place(f"n{number}")

    assert [] == venue.names(Endpoint.OPEN_ORDERS, orderLinkId="n0")
    assert ["n1"] == venue.names(Endpoint.OPEN_ORDERS, orderLinkId="n1")
    assert ["n0"] == venue.names(Endpoint.ORDER_HISTORY, orderLinkId="n0")


def test_history_goes_back_seven_days_by_default() -> None:
    """
    Without a time it covers the last seven days; by its id an order is found at any age.
    """
    venue = Venue()
    venue.place("old")
    started = str(int(START.timestamp() * 1000))
    venue.time += timedelta(days=8)
    venue.place("new")

    assert ["new"] == venue.names(Endpoint.ORDER_HISTORY)
    assert ["old"] == venue.names(Endpoint.ORDER_HISTORY, startTime=started)
    assert ["old"] == venue.names(Endpoint.ORDER_HISTORY, endTime=str(int(started) + 1))
    assert ["old"] == venue.names(Endpoint.ORDER_HISTORY, orderLinkId="old")
    assert ["new"] == venue.names(Endpoint.EXECUTIONS)
    assert ["old"] == venue.names(Endpoint.EXECUTIONS, startTime=started, symbol="DBRUSDT")
    assert [] == venue.names(Endpoint.ORDER_HISTORY, orderStatus="Cancelled")


def test_the_position_mode_stays_while_orders_work() -> None:
    """
    With open orders a symbol's mode cannot be switched: 110028.
    """
    venue = Venue()
    venue.place("a", price="0.02")
    with pytest.raises(Refused) as refused:
        venue.ask(Endpoint.SWITCH_MODE, coin="USDT", mode="3")

    assert 110028 == refused.value.code


def test_pages_do_not_shift_when_rows_arrive() -> None:
    """
    A cursor continues where its page ended, although new rows have arrived.
    """
    venue = Venue()
    for name in ("a", "b", "c"):
        venue.place(name)
    first = venue.ask(Endpoint.EXECUTIONS, limit="2")
    venue.place("d")
    second = venue.ask(Endpoint.EXECUTIONS, limit="2", cursor=first["nextPageCursor"])
    end = venue.ask(Endpoint.EXECUTIONS, limit="2", cursor=second["nextPageCursor"])

    assert [["c", "b"], ["a"]] == [[row["orderLinkId"] for row in page["list"]] for page in (first, second)]
    assert ([], "") == (end["list"], end["nextPageCursor"])
