"""
`SimulatedBybit`: a test's calls to the venue in its own process.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import (
    Endpoint,
    LateFill,
    LateVisibility,
    OrderStatus,
    PartialFill,
    Refusal,
    ServerError,
    Side,
    SimulatedBybit,
    SlowAnswer,
)
from tests.testing.bybit.simulated import DBR, buy, simulated

A1 = {"clientOrderId": "a1"}


async def test_commands() -> None:
    """
    A test can reject, cancel and fill orders, and trade by hand; an invalid call raises.
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
        for invalid in (
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
                invalid()


async def test_requests_can_be_awaited() -> None:
    """
    A test waits for a request to arrive instead of sleeping.
    """
    async with simulated() as (venue, client):
        placing = asyncio.ensure_future(buy(client, **A1))
        [request] = await venue.wait_for_requests(Endpoint.CREATE_ORDER)
        await placing

        assert "a1" == request.parameters["orderLinkId"]


async def test_leaving_does_not_wait_for_slow_responses() -> None:
    """
    The venue closes at once, and its clients get their response or a closed connection.
    """
    async with simulated() as (venue, client):
        await client.load_markets()
        venue.inject(SlowAnswer(seconds=60))
        placing = asyncio.ensure_future(buy(client, **A1))
        await venue.wait_for_requests(Endpoint.CREATE_ORDER)
        async with asyncio.timeout(30):
            await venue.__aexit__(None, None, None)
            await asyncio.wait([placing])

        assert placing.done()
        if placing.exception() is not None:
            assert isinstance(placing.exception(), ccxt.NetworkError)


async def test_a_taken_port_is_an_error_and_leaves_nothing_behind() -> None:
    """
    Two venues cannot share a port; one that is not listening has no URL.
    """
    async with SimulatedBybit() as venue:
        second = SimulatedBybit(port=int(venue.url.rpartition(":")[2]))
        with pytest.raises(OSError, match="address already in use"):
            await second.__aenter__()
    with pytest.raises(RuntimeError, match="async with"):
        _ = venue.url
