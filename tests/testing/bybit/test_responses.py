"""
The venue's rows as the real ccxt client parses them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from poslife.testing.bybit import Endpoint, ExecutionKind, Side
from tests.testing.bybit.simulated import DBR, START, simulated

BOTH_NUMBERS = pytest.mark.parametrize("number", [str, float], ids=["str", "float"])


MILLISECONDS = int(START.timestamp() * 1000)


@BOTH_NUMBERS
async def test_markets(number: Callable[[str], object]) -> None:
    """
    Two requests load the linear markets, and none probes the account.
    """
    async with simulated(number=number) as (venue, client):
        markets = await client.load_markets()

        market = markets[DBR]
        assert ("DBRUSDT", "USDT", True, number("1")) == (
            market["id"],
            market["settle"],
            market["linear"],
            market["contractSize"],
        )
        assert {"amount": number("1"), "price": number("0.00001")} == {
            field: market["precision"][field] for field in ("amount", "price")
        }
        assert number("5") == market["limits"]["cost"]["min"]
        assert [Endpoint.INSTRUMENTS, Endpoint.INSTRUMENTS] == [r.endpoint for r in venue.requests]


@BOTH_NUMBERS
async def test_positions(number: Callable[[str], object]) -> None:
    """
    A flat position is listed only by a request for its symbol.
    """
    async with simulated(number=number) as (venue, client):
        await client.create_order(DBR, "market", "sell", 1000)
        venue.set_mark_price(DBR, Decimal("0.02"))
        [held] = await client.fetch_positions()
        [flat] = await client.fetch_positions(["BTC/USDT:USDT"])

    expected = {
        "symbol": DBR,
        "side": "short",
        "contracts": number("1000"),
        "contractSize": number("1"),
        "entryPrice": number("0.025"),
        "markPrice": number("0.02"),
        "unrealizedPnl": number("5"),
        "leverage": number("10"),
        "hedged": False,
        "id": None,
        "marginMode": None,
        "timestamp": MILLISECONDS,
        "lastUpdateTimestamp": MILLISECONDS,
    }
    assert expected == {field: held[field] for field in expected}
    assert (number("0"), None, None, False) == (
        flat["contracts"],
        flat["side"],
        flat["entryPrice"],
        flat["hedged"],
    )


async def test_positions_in_hedge_mode() -> None:
    """
    In hedge mode each leg is a row; a flat leg keeps its side and has no contracts.
    """
    async with simulated(hedged=True) as (_, client):
        await client.create_order(DBR, "market", "sell", 1000, params={"hedged": True})
        [held] = await client.fetch_positions()
        legs = await client.fetch_positions([DBR])
        await client.create_order(
            DBR, "market", "buy", 1000, params={"hedged": True, "reduceOnly": True, "clientOrderId": "exit"}
        )
        closed = await client.fetch_positions()

    assert ("short", "1000", True) == (held["side"], held["contracts"], held["hedged"])
    assert [("long", "0"), ("short", "1000")] == [(leg["side"], leg["contracts"]) for leg in legs]
    assert [] == closed


@BOTH_NUMBERS
async def test_balance(number: Callable[[str], object]) -> None:
    """
    The wallet has the total, the reserved and the available funds.
    """
    async with simulated(number=number) as (_, client):
        await client.create_order(DBR, "market", "buy", 1000)
        balance = await client.fetch_balance()

    assert {
        "total": number("99999.98625"),
        "used": number("2.5"),
        "free": number("99997.48625"),
        "debt": number("0"),
    } == balance["USDT"]


async def test_time_and_ticker() -> None:
    """
    Venue time moves with `advance`; the ticker has the mark price.
    """
    async with simulated() as (venue, client):
        assert MILLISECONDS == await client.fetch_time()
        venue.advance(2.5)
        assert MILLISECONDS + 2500 == await client.fetch_time()
        venue.set_mark_price("DBRUSDT", Decimal("0.031"))
        ticker = await client.fetch_ticker(DBR)

        assert ("0.031", "0.031") == (ticker["last"], ticker["markPrice"])


@BOTH_NUMBERS
async def test_fetching_an_order(number: Callable[[str], object]) -> None:
    """
    An order is found by its order id and by its order link id, with the sum of its fills.
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
        # The worst price that a market order accepts, not the price paid.
        "price": number("0.02625"),
        "cost": number("25"),
        "fee": {"cost": number("0.01375"), "currency": "USDT"},
        "reduceOnly": False,
        "timestamp": MILLISECONDS,
        "lastTradeTimestamp": MILLISECONDS,
    }
    for order in (by_id, open_order, closed_order):
        assert expected == {field: order[field] for field in expected}


@BOTH_NUMBERS
async def test_trades(number: Callable[[str], object]) -> None:
    """
    Trades are found by symbol, order id and order link id; the link id is in info alone.
    """
    async with simulated(number=number) as (venue, client):
        placed = await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": "a1"})
        # Within one millisecond ccxt keeps the venue's order, newest first.
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


async def test_other_executions_than_trades_must_be_requested() -> None:
    """
    ccxt requests execType Trade by default; liquidations and funding payments need another.
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
    Every page with rows has a cursor, the last one too; only an empty page is the end.
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
