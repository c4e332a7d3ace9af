"""
The real ccxt client on the simulated venue: requests, and the exceptions that it raises.
"""

from __future__ import annotations

from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import Endpoint, OrderStatus, SimulatedBybit, bybit_client
from tests.testing.bybit.simulated import DBR, frozen, simulated


async def test_an_acknowledgement_carries_no_fills() -> None:
    """
    The response to an order that has filled has its two ids and nothing else.
    """
    async with simulated() as (venue, client):
        order = await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": "a1"})

        [truth] = venue.orders
        assert OrderStatus.FILLED is truth.status
        assert (truth.order_id, "a1", DBR) == (order["id"], order["clientOrderId"], order["symbol"])
        absent = ("status", "filled", "remaining", "average", "amount", "side", "type", "timestamp", "cost")
        assert [None] * 9 == [order[field] for field in absent]
        assert {"orderId": truth.order_id, "orderLinkId": "a1"} == order["info"]


async def test_what_is_sent() -> None:
    """
    The client order id is sent as orderLinkId, reduceOnly and positionIdx as given, numbers as text.
    """
    async with simulated(hedged=True) as (venue, client):
        await client.create_order(
            DBR, "limit", "buy", "1000", "0.024", {"clientOrderId": "a1", "positionIdx": 1}
        )
        venue.set_mark_price(DBR, Decimal("0.023"))
        await client.create_order(
            DBR, "market", "sell", 400, params={"clientOrderId": "a2", "positionIdx": 1, "reduceOnly": True}
        )
        entry, exit_ = (r.parameters for r in venue.requests if r.endpoint is Endpoint.CREATE_ORDER)

    assert {
        "category": "linear",
        "symbol": "DBRUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "qty": "1000",
        "price": "0.024",
        "orderLinkId": "a1",
        "positionIdx": "1",
    } == entry
    assert ("true", "a2", "1") == (exit_["reduceOnly"], exit_["orderLinkId"], exit_["positionIdx"])


async def test_the_unified_lookup_by_client_order_id_finds_the_wrong_order() -> None:
    """
    ccxt sends clientOrderId, which the venue ignores, so it returns the newest open order.
    """
    async with simulated() as (_, client):
        await client.create_order(DBR, "limit", "buy", 1000, "0.02", {"clientOrderId": "mine"})
        await client.create_order(DBR, "limit", "buy", 1000, "0.02", {"clientOrderId": "other"})
        wrong = await client.fetch_order_with_client_order_id("mine", DBR, {"acknowledged": True})
        right = await client.fetch_order_with_client_order_id(
            "mine", DBR, {"acknowledged": True, "orderLinkId": "mine"}
        )
        with pytest.raises(ccxt.ArgumentsRequired):
            await client.fetch_order_with_client_order_id("mine", DBR)

    assert "other" == wrong["clientOrderId"]
    assert "mine" == right["clientOrderId"]


async def test_an_order_that_does_not_exist() -> None:
    """
    Every lookup of an unknown order raises OrderNotFound; so does cancelling it.
    """
    async with simulated() as (_, client):
        await client.load_markets()
        for lookup in (
            client.fetch_order("none", DBR, {"acknowledged": True}),
            client.fetch_order("", DBR, {"orderLinkId": "none", "acknowledged": True}),
            client.fetch_open_order("none", DBR),
            client.fetch_closed_order("none", DBR),
            client.cancel_order("none", DBR),
        ):
            with pytest.raises(ccxt.OrderNotFound):
                await lookup
        assert [] == await client.fetch_my_trades(DBR, params={"orderLinkId": "none"})


async def test_cancelling() -> None:
    """
    A resting order can be cancelled by either id, once.
    """
    async with simulated() as (venue, client):
        first = await client.create_order(DBR, "limit", "buy", 1000, "0.02", {"clientOrderId": "a1"})
        await client.create_order(DBR, "limit", "buy", 1000, "0.02", {"clientOrderId": "a2"})
        assert {"a1", "a2"} == {order["clientOrderId"] for order in await client.fetch_open_orders(DBR)}
        cancelled = await client.cancel_order(first["id"], DBR)
        await client.cancel_order("", DBR, {"orderLinkId": "a2"})
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(first["id"], DBR)
        seen = await client.fetch_order(first["id"], DBR, {"acknowledged": True})

        assert first["id"] == cancelled["id"]
        assert ("canceled", "0") == (seen["status"], seen["filled"])
        assert [OrderStatus.CANCELLED] * 2 == [order.status for order in venue.orders]
        assert [] == await client.fetch_open_orders()


async def test_refusals_arrive_as_ccxts_exceptions() -> None:
    """
    Duplicates, missing funds and a broken reduce-only rule have their own class and code.
    """
    async with simulated(balance=Decimal(10)) as (venue, client):
        await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": "a1"})
        for error, code, amount, params in (
            (ccxt.InvalidOrder, 110072, 1000, {"clientOrderId": "a1"}),
            (ccxt.InsufficientFunds, 110007, 100_000, {}),
            (ccxt.InvalidOrder, 110017, 1000, {"reduceOnly": True}),
            (ccxt.InvalidOrder, 110094, 1, {}),
            (ccxt.BadRequest, 10001, 1000, {"positionIdx": 1}),
            (ccxt.BadRequest, 10001, 1000, {"clientOrderId": "x" * 37}),
            (ccxt.BadRequest, 10001, 1000, {"stopLoss": {"triggerPrice": "0.02"}}),
        ):
            with pytest.raises(error) as refused:
                await client.create_order(DBR, "market", "buy", amount, params=params)
            assert error is type(refused.value)
            assert f'"retCode":{code},' in str(refused.value)

        assert ["a1"] == [order.order_link_id for order in venue.orders]


async def test_an_unknown_symbol_never_leaves_the_client() -> None:
    """
    ccxt itself refuses a symbol that it has not loaded.
    """
    async with simulated() as (venue, client):
        with pytest.raises(ccxt.BadSymbol):
            await client.create_order("NONE/USDT:USDT", "market", "buy", 1)

        assert [] == [r for r in venue.requests if r.endpoint is Endpoint.CREATE_ORDER]


async def test_position_mode_and_leverage() -> None:
    """
    Both can be set; setting the current value is an error of the venue.
    """
    async with simulated() as (venue, client):
        await client.set_leverage(5, DBR)
        with pytest.raises(ccxt.BadRequest):
            await client.set_leverage(5, DBR)
        await client.set_position_mode(hedged=True, symbol=DBR)
        with pytest.raises(ccxt.NoChange):
            await client.set_position_mode(hedged=True, symbol=DBR)
        await client.create_order(DBR, "market", "buy", 1000, params={"positionIdx": 1})
        with pytest.raises(ccxt.BadRequest):
            await client.set_position_mode(hedged=False, symbol=DBR)
        [position] = await client.fetch_positions()

        assert ("5", "5") == (position["leverage"], position["initialMargin"])
        assert Decimal(1000) == venue.position(DBR, 1).size


async def test_a_client_that_probes_the_account() -> None:
    """
    A client that is not configured for a unified account is answered, too.
    """
    async with (
        SimulatedBybit(now=frozen) as venue,
        bybit_client(
            venue.url, options={"enableUnifiedMargin": None, "enableUnifiedAccount": None}
        ) as client,
    ):
        await client.create_order(DBR, "market", "buy", 1000)

        endpoints = {request.endpoint for request in venue.requests}
        assert {Endpoint.QUERY_API_KEY, Endpoint.ACCOUNT_INFO} <= endpoints
        assert 1 == len(venue.orders)
