"""
How faults are aimed and combined, and what else a test can do to the venue.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import (
    Endpoint,
    Fault,
    LateFill,
    LateVisibility,
    LostResponse,
    OrderStatus,
    PartialFill,
    Refusal,
    ServerError,
    Side,
    SlowAnswer,
)
from tests.testing.bybit.simulated import BTC, DBR, buy, look_up, simulated

A1 = {"clientOrderId": "a1"}


async def test_faults_meet_a_request_together() -> None:
    """
    Faults of different kinds combine: filled in part, seen late, and the answer lost.
    """
    async with simulated() as (venue, client):
        venue.inject(PartialFill())
        venue.inject(LateVisibility())
        venue.inject(LostResponse(applied=True))
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await buy(client, **A1)

        assert ("PartialFill", "LateVisibility", "LostResponse") == venue.requests[-1].faults
        assert Decimal(500) == venue.order("a1").filled_quantity
        assert "0" == (await look_up(client))["filled"]


async def test_faults_of_one_kind_queue() -> None:
    """
    Of one kind the first injected goes first; each lasts for as many requests as it was given.
    """
    async with simulated() as (venue, client):
        venue.inject(Refusal(code=110007, message="one"), times=2)
        venue.inject(Refusal(code=10016, message="two"))
        raised: list[type[BaseException]] = []
        for _ in range(3):
            with pytest.raises(ccxt.ExchangeError) as refused:
                await buy(client)
            raised.append(type(refused.value))

        assert [ccxt.InsufficientFunds, ccxt.InsufficientFunds, ccxt.ExchangeError] == raised
        assert () == venue.injections
        await buy(client)


async def test_faults_of_one_symbol_leave_others_alone() -> None:
    """
    A fault limited to a symbol waits for it; ccxt's name for the symbol serves too.
    """
    async with simulated() as (venue, client):
        venue.inject(Refusal(), symbol=DBR)
        await buy(client, BTC)
        with pytest.raises(ccxt.InsufficientFunds):
            await buy(client)
        await buy(client)

        assert ["BTCUSDT", "DBRUSDT"] == [order.symbol for order in venue.orders]


@pytest.mark.parametrize(
    "fault, error",
    [
        pytest.param(
            Refusal(code=10006, message="", endpoint=Endpoint.POSITIONS), ccxt.RateLimitExceeded, id="code"
        ),
        pytest.param(ServerError(endpoint=Endpoint.POSITIONS), ccxt.ExchangeNotAvailable, id="500"),
    ],
)
async def test_faults_of_other_requests(fault: Fault, error: type[Exception]) -> None:
    """
    A look-up that fails raises: it is never an empty answer.
    """
    async with simulated() as (venue, client):
        await buy(client)
        venue.inject(fault)
        with pytest.raises(error) as failed:
            await client.fetch_positions()

        assert error is type(failed.value)
        assert 1 == len(await client.fetch_positions())


async def test_a_lost_answer_to_a_look_up_is_asked_again_in_silence() -> None:
    """
    aiohttp repeats a GET on a kept connection once, so one lost answer is not noticed, and two are.
    """
    async with simulated() as (venue, client):
        await client.load_markets()
        lost = LostResponse(applied=False, endpoint=Endpoint.POSITIONS)
        venue.inject(lost)
        assert [] == await client.fetch_positions()
        assert 2 == len([r for r in venue.requests if r.endpoint is Endpoint.POSITIONS])
        venue.inject(lost, times=2)
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await client.fetch_positions()


async def test_commands() -> None:
    """
    A test rejects, cancels and fills orders, and trades by hand; what makes no sense raises.
    """
    async with simulated() as (venue, client):
        venue.inject(LateFill(), times=None)
        for name in ("a1", "a2", "a3"):
            await buy(client, clientOrderId=name)
        venue.reject("a1", reason="EC_Others")
        venue.cancel("a2")
        venue.fill("a3", quantity=Decimal(300))
        venue.trade(DBR, Side.SELL, Decimal(1300))

        assert [OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.PARTIALLY_FILLED] == [
            venue.order(name).status for name in ("a1", "a2", "a3")
        ]
        assert Decimal(-1000) == venue.position(DBR).signed_size
        for impossible in (
            lambda: venue.fill("a1"),
            lambda: venue.reject("a2"),
            lambda: venue.cancel("a2"),
            lambda: venue.order("none"),
            lambda: venue.position("NONEUSDT"),
        ):
            with pytest.raises(LookupError):
                impossible()
        for senseless in (
            lambda: venue.advance(-1),
            lambda: venue.fill("a3", quantity=Decimal(0)),
            lambda: venue.set_mark_price(DBR, Decimal("NaN")),
            lambda: venue.trade(DBR, Side.BUY, Decimal(1), position_index=1),
            lambda: venue.inject(Refusal(), times=0),
            lambda: PartialFill(ratio=Decimal(1)),
            lambda: LateVisibility(seconds=-1),
            lambda: ServerError(status=200),
        ):
            with pytest.raises(ValueError, match=": "):
                senseless()


async def test_requests_can_be_awaited() -> None:
    """
    A test waits for a request to arrive instead of sleeping.
    """
    async with simulated() as (venue, client):
        placing = asyncio.ensure_future(buy(client, **A1))
        [request] = await venue.wait_for_requests(Endpoint.CREATE_ORDER)
        await placing

        assert "a1" == request.parameters["orderLinkId"]


async def test_leaving_does_not_wait_for_slow_answers() -> None:
    """
    The venue closes at once, and its clients are told that the connection is gone, or are answered.
    """
    async with simulated() as (venue, client):
        await client.load_markets()
        venue.inject(SlowAnswer(seconds=60))
        placing = asyncio.ensure_future(buy(client, **A1))
        await venue.wait_for_requests(Endpoint.CREATE_ORDER)
        async with asyncio.timeout(5):
            await venue.__aexit__(None, None, None)
            await asyncio.wait([placing])

        assert placing.done()
        if placing.exception() is not None:
            assert isinstance(placing.exception(), ccxt.NetworkError)
