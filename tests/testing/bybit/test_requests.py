"""
The simulated venue's requests as the venue reads them, below HTTP.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import aiohttp
import pytest

from poslife.testing.bybit import DEFAULT_INSTRUMENTS, Endpoint, OrderType, Side, SimulatedBybit
from poslife.testing.bybit._endpoints import execute_request
from poslife.testing.bybit._exchange import Exchange
from poslife.testing.bybit._faults import DrawnFaults
from poslife.testing.bybit._matching import Handling
from poslife.testing.bybit._order_checks import OrderTicket, Refused
from tests.testing.bybit.simulated import START, frozen


class Venue:
    """
    An exchange, the time on it, and its answers as a client would decode them.
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
    A request that cannot be understood is refused with 10001 and a word on it.
    """
    with pytest.raises(Refused, match=message) as refused:
        Venue().ask(endpoint, **parameters)

    assert 10001 == refused.value.code


def test_order_ids_go_before_the_symbol() -> None:
    """
    The venue looks at orderId, then orderLinkId, then symbol, and at nothing it does not know.
    """
    venue = Venue()
    venue.place("a", price="0.02")
    venue.place("b", price="0.02")
    order_id = venue.exchange.account.order("a").order_id

    assert ["a"] == venue.names(Endpoint.OPEN_ORDERS, orderId=order_id, orderLinkId="b")
    assert ["b"] == venue.names(Endpoint.OPEN_ORDERS, orderId="", orderLinkId="b", symbol="BTCUSDT")
    assert ["b", "a"] == venue.names(Endpoint.OPEN_ORDERS, orderId="", clientOrderId="a", symbol="DBRUSDT")


def test_real_time_orders_are_open_unless_asked_otherwise() -> None:
    """
    Closed orders are shown by their id, and on request.
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
    An older order is not found there, and is found in the history: not found is not absent.
    """
    venue = Venue()
    for number in range(501):
        venue.place(f"n{number}")

    assert [] == venue.names(Endpoint.OPEN_ORDERS, orderLinkId="n0")
    assert ["n1"] == venue.names(Endpoint.OPEN_ORDERS, orderLinkId="n1")
    assert ["n0"] == venue.names(Endpoint.ORDER_HISTORY, orderLinkId="n0")


def test_history_goes_back_seven_days_unless_told() -> None:
    """
    Without a time the last seven days are meant; with an id an order is found whenever it was.
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
    Open orders keep the mode of their symbol: 110028.
    """
    venue = Venue()
    venue.place("a", price="0.02")
    with pytest.raises(Refused) as refused:
        venue.ask(Endpoint.SWITCH_MODE, coin="USDT", mode="3")

    assert 110028 == refused.value.code


def test_pages_do_not_shift_when_rows_arrive() -> None:
    """
    A cursor goes on where its page ended, whatever has happened since.
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


@pytest.mark.parametrize("body", ["", "[]", "{"], ids=["empty", "list", "broken"])
async def test_a_body_that_is_no_object(body: str) -> None:
    """
    It is logged as a request without parameters, and refused.
    """
    async with SimulatedBybit(now=frozen) as venue, aiohttp.ClientSession() as session:
        async with session.post(f"{venue.url}/v5/order/create", data=body) as response:
            answered = await response.json()

        assert 10003 == answered["retCode"]
        assert {} == venue.requests[0].parameters


async def test_a_taken_port_is_an_error_and_leaves_nothing_behind() -> None:
    """
    Only one venue can have a port; one that does not listen has no URL.
    """
    async with SimulatedBybit() as venue:
        second = SimulatedBybit(port=int(venue.url.rpartition(":")[2]))
        with pytest.raises(OSError, match="address already in use"):
            await second.__aenter__()
    with pytest.raises(RuntimeError, match="async with"):
        _ = venue.url
