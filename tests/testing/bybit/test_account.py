"""
The real ccxt client on the simulated venue: markets, positions, the wallet, the account.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import Endpoint, SimulatedBybit, bybit_client
from tests.testing.bybit.simulated import DBR, START, frozen, simulated

BOTH_NUMBERS = pytest.mark.parametrize("number", [str, float], ids=["str", "float"])
MILLISECONDS = int(START.timestamp() * 1000)


@BOTH_NUMBERS
async def test_markets(number: Callable[[str], object]) -> None:
    """
    Markets load from two requests, linear ones alone, and no request probes the account.
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
    Positions are those that are held; a flat one is shown when its symbol is asked for.
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
    In hedge mode each leg is a row; a flat leg keeps its side and shows no contracts.
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


async def test_position_mode_and_leverage() -> None:
    """
    Both can be set; setting what is set already is an error of the venue.
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


@BOTH_NUMBERS
async def test_balance(number: Callable[[str], object]) -> None:
    """
    The wallet shows what is there, what is bound, and what is left.
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
    Venue time moves when it is told to; the ticker shows the mark price.
    """
    async with simulated() as (venue, client):
        assert MILLISECONDS == await client.fetch_time()
        venue.advance(2.5)
        assert MILLISECONDS + 2500 == await client.fetch_time()
        venue.set_mark_price("DBRUSDT", Decimal("0.031"))
        ticker = await client.fetch_ticker(DBR)

        assert ("0.031", "0.031") == (ticker["last"], ticker["markPrice"])


@pytest.mark.parametrize(
    "api_key,secret",
    [pytest.param("other", "simulated", id="key"), pytest.param("simulated", "other", id="secret")],
)
async def test_a_wrong_signature_is_refused(api_key: str, secret: str) -> None:
    """
    Neither an unknown key nor a wrong secret gets in.
    """
    async with (
        SimulatedBybit(now=frozen) as venue,
        bybit_client(venue.url, apiKey=api_key, secret=secret) as client,
    ):
        with pytest.raises(ccxt.AuthenticationError):
            await client.create_order(DBR, "market", "buy", 1000)

        assert () == venue.orders


async def test_a_client_that_probes_the_account() -> None:
    """
    A host that does not declare its account unified is answered too.
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
