"""
The real ccxt client on the simulated venue: orders and trades.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import Endpoint, ExecutionKind, OrderStatus, Side
from tests.testing.bybit.simulated import DBR, START, simulated

BOTH_NUMBERS = pytest.mark.parametrize("number", [str, float], ids=["str", "float"])
MILLISECONDS = int(START.timestamp() * 1000)


async def test_an_acknowledgement_carries_no_fills() -> None:
    """
    What comes back from an order that has filled is its two ids and nothing else.
    """
    async with simulated() as (venue, client):
        order = await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": "a1"})

        [truth] = venue.orders
        assert OrderStatus.FILLED is truth.status
        assert (truth.order_id, "a1", DBR) == (order["id"], order["clientOrderId"], order["symbol"])
        told = ("status", "filled", "remaining", "average", "amount", "side", "type", "timestamp", "cost")
        assert [None] * 9 == [order[field] for field in told]
        assert {"orderId": truth.order_id, "orderLinkId": "a1"} == order["info"]


async def test_what_is_sent() -> None:
    """
    The client order id goes out as orderLinkId, reduceOnly and positionIdx as given, numbers as text.
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


@BOTH_NUMBERS
async def test_fetching_an_order(number: Callable[[str], object]) -> None:
    """
    An order is found by its order id and by its order link id, with its fills summed up.
    """
    async with simulated(number=number) as (_, client):
        placed = await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": "a1"})
        by_id = await client.fetch_order(placed["id"], DBR, {"acknowledged": True})
        by_link_id = await client.fetch_order("", DBR, {"orderLinkId": "a1", "acknowledged": True})
        open_order = await client.fetch_open_order(placed["id"], DBR)
        closed_order = await client.fetch_closed_order(placed["id"], DBR)

    assert by_id == by_link_id
    expected = {
        "id": placed["id"],
        "clientOrderId": "a1",
        "symbol": DBR,
        "type": "market",
        "side": "buy",
        "status": "closed",
        "amount": number("1000"),
        "filled": number("1000"),
        "remaining": number("0"),
        "average": number("0.025"),
        # Not what was paid: the worst price a market order takes.
        "price": number("0.02625"),
        "cost": number("25"),
        "fee": {"cost": number("0.01375"), "currency": "USDT"},
        "reduceOnly": False,
        "timestamp": MILLISECONDS,
        "lastTradeTimestamp": MILLISECONDS,
    }
    for order in (by_id, open_order, closed_order):
        assert expected == {field: order[field] for field in expected}


async def test_the_unified_lookup_by_client_order_id_finds_the_wrong_order() -> None:
    """
    ccxt sends clientOrderId, which the venue ignores: the newest open order comes back, whatever was asked.
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


@BOTH_NUMBERS
async def test_trades(number: Callable[[str], object]) -> None:
    """
    Trades come by symbol, by order id and by order link id; the link id is in info alone.
    """
    async with simulated(number=number) as (venue, client):
        placed = await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": "a1"})
        # Within one millisecond ccxt leaves trades as the venue lists them, the newest first.
        venue.advance(0.001)
        await client.create_order(DBR, "market", "sell", 400, params={"clientOrderId": "a2"})
        all_trades = await client.fetch_my_trades(DBR)
        [by_id] = await client.fetch_my_trades(DBR, params={"orderId": placed["id"]})
        [by_link_id] = await client.fetch_my_trades(DBR, params={"orderLinkId": "a1"})
        truth = venue.fills

    assert [fill.execution_id for fill in truth] == [trade["id"] for trade in all_trades]
    expected = {
        "id": truth[0].execution_id,
        "order": placed["id"],
        "symbol": DBR,
        "type": "market",
        "side": "buy",
        "takerOrMaker": "taker",
        "price": number("0.025"),
        "amount": number("1000"),
        "cost": number("25"),
        "fee": {"cost": number("0.01375"), "currency": "USDT", "rate": number("0.00055")},
        "timestamp": MILLISECONDS,
    }
    for trade in (by_id, by_link_id):
        assert expected == {field: trade[field] for field in expected}
        assert ("a1", "Trade") == (trade["info"]["orderLinkId"], trade["info"]["execType"])
        assert "clientOrderId" not in trade


async def test_executions_that_are_no_trades_stay_hidden_unless_asked_for() -> None:
    """
    ccxt asks for execType Trade: a liquidation and a funding payment need another, and come as trades.
    """
    async with simulated() as (venue, client):
        await client.create_order(DBR, "market", "buy", 1000)
        venue.settle_funding(DBR, Decimal("0.0001"))
        venue.trade(DBR, Side.SELL, Decimal(1000), kind=ExecutionKind.LIQUIDATION)
        default = await client.fetch_my_trades(DBR)
        [liquidation] = await client.fetch_my_trades(DBR, params={"execType": "BustTrade"})
        [funding] = await client.fetch_my_trades(DBR, params={"execType": "Funding"})
        everything = await client.fetch_my_trades(DBR, params={"execType": ""})

    assert ["Trade"] == [trade["info"]["execType"] for trade in default]
    assert ("sell", "1000", "") == (
        liquidation["side"],
        liquidation["amount"],
        liquidation["info"]["orderLinkId"],
    )
    assert ("buy", "1000", None) == (funding["side"], funding["amount"], funding["type"])
    assert 3 == len(everything)


async def test_pages() -> None:
    """
    A page ends with a cursor even when it is the last; only an empty page is the end.
    """
    async with simulated() as (venue, client):
        for ordinal in range(5):
            await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": f"a{ordinal}"})
        seen: list[str] = []
        sizes: list[int] = []
        cursor: dict[str, str] = {}
        while page := await client.fetch_my_trades(DBR, limit=2, params=cursor):
            sizes.append(len(page))
            seen += [trade["id"] for trade in page]
            # ccxt puts the cursor into the first raw row, which sorting moves to the end of the page.
            [next_page] = [t["info"]["nextPageCursor"] for t in page if "nextPageCursor" in t["info"]]
            cursor = {"cursor": next_page}
        whole = await client.fetch_my_trades(DBR, params={"paginate": True})

        assert [2, 2, 1] == sizes
        assert {fill.execution_id for fill in venue.fills} == set(seen)
        assert 5 == len(seen) == len(whole)


async def test_refusals_arrive_as_ccxts_exceptions() -> None:
    """
    Duplicates, missing funds and a broken reduce-only rule are told apart by class and code.
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
    ccxt itself refuses a symbol it has not loaded.
    """
    async with simulated() as (venue, client):
        with pytest.raises(ccxt.BadSymbol):
            await client.create_order("NONE/USDT:USDT", "market", "buy", 1)

        assert [] == [r for r in venue.requests if r.endpoint is Endpoint.CREATE_ORDER]
