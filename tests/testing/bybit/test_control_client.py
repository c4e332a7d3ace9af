"""
The venue in another process, controlled by `VenueControl`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import (
    Endpoint,
    ExecutionKind,
    LateFill,
    LostResponse,
    OrderStatus,
    Refusal,
    Side,
    SlowAnswer,
    VenueControl,
    bybit_client,
)
from tests.testing.bybit.every_fault import EVERY_FAULT
from tests.testing.bybit.process import venue_process
from tests.testing.bybit.simulated import DBR

XRP = "XRP/USDT:USDT"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueControl]:
    with venue_process() as (control, _):
        yield control


async def test_the_true_state_arrives_complete(venue: VenueControl) -> None:
    """
    Orders, fills, positions and requests equal the values in the venue's own process.
    """
    async with bybit_client(venue.url) as client:
        await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": "t1"})
    order, position = venue.order("t1"), venue.position(DBR)
    [fill] = [fill for fill in venue.fills if fill.order_link_id == "t1"]

    assert (Side.BUY, OrderStatus.FILLED, Decimal("0.02625")) == (order.side, order.status, order.price)
    assert (Decimal("0.025"), Decimal("0.01375")) == (fill.price, fill.fee)
    assert timedelta(0) == order.created_at.utcoffset()
    assert (Decimal(1000), Side.BUY) == (position.size, position.side)
    [request] = [r for r in venue.requests if r.parameters.get("orderLinkId") == "t1"]
    assert Endpoint.CREATE_ORDER is request.endpoint
    assert order in venue.orders


async def test_faults_and_commands_from_another_process(venue: VenueControl) -> None:
    """
    Every call of the handle works from another process.
    """
    async with bybit_client(venue.url) as client:
        venue.inject(LostResponse(applied=True), symbol=XRP)
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await client.create_order(XRP, "market", "buy", 1000, params={"clientOrderId": "c1"})
        venue.inject(LateFill(), times=3)
        for name in ("c2", "c3", "c4"):
            await client.create_order("ETH/USDT:USDT", "market", "buy", 1, params={"clientOrderId": name})

    assert OrderStatus.FILLED is venue.order("c1").status
    assert OrderStatus.REJECTED is venue.reject("c2").status
    assert OrderStatus.CANCELLED is venue.cancel("c3").status
    filled = venue.fill("c4", quantity=Decimal("0.3"), price=Decimal(2999))
    assert Decimal("0.3") == filled.filled_quantity
    [payment] = venue.settle_funding("ETH/USDT:USDT", Decimal("0.0001"))
    assert ExecutionKind.FUNDING is payment.kind
    fill = venue.trade("ETHUSDT", Side.SELL, Decimal("0.3"), kind=ExecutionKind.LIQUIDATION)
    assert ExecutionKind.LIQUIDATION is fill.kind
    assert None is venue.position("ETHUSDT").side
    before = venue.now()
    assert venue.advance(3600) - before >= timedelta(hours=1)
    venue.set_mark_price(XRP, Decimal("0.6"))
    assert Decimal("0.6") == venue.trade(XRP, Side.SELL, Decimal(1000)).price


def test_every_fault_travels(venue: VenueControl) -> None:
    """
    Every injected fault is switched on at the venue, until it is withdrawn.
    """
    injected = [venue.inject(fault, times=None, symbol="LTCUSDT") for fault in EVERY_FAULT]

    assert list(EVERY_FAULT) == [injection.fault for injection in injected]
    assert injected == venue.injections
    for injection in injected:
        venue.withdraw(injection)
    assert [] == venue.injections


def test_errors_arrive(venue: VenueControl) -> None:
    """
    The handle raises the same exceptions as in the venue's own process.
    """
    impossible: tuple[tuple[Callable[[], object], type[Exception], str], ...] = (
        (lambda: venue.order("none"), LookupError, "no order 'none'"),
        (lambda: venue.position("NONE"), LookupError, "does not list"),
        (lambda: venue.fill("none"), LookupError, "no order"),
        (lambda: venue.advance(-1), ValueError, "backwards"),
        (lambda: venue.inject(Refusal(), times=0), ValueError, "times"),
        (
            lambda: venue.wait_for_requests(Endpoint.CANCEL_ORDER, count=99, timeout=0.01),
            TimeoutError,
            "order/cancel",
        ),
    )
    for act, error, message in impossible:
        with pytest.raises(error, match=message):
            act()


def test_requests_can_be_waited_for() -> None:
    """
    A test can wait for a request and kill the bot before its response; the order stays.
    """
    with venue_process() as (venue, _):
        venue.inject(SlowAnswer(seconds=60))
        with subprocess.Popen([sys.executable, "-c", PLACE, venue.url]) as bot:
            [request] = venue.wait_for_requests(Endpoint.CREATE_ORDER)
            bot.kill()

        assert "killed" == request.parameters["orderLinkId"]
        assert OrderStatus.FILLED is venue.order("killed").status


PLACE = """
import asyncio, sys
from poslife.testing.bybit import bybit_client
async def main():
    async with bybit_client(sys.argv[1]) as client:
        await client.create_order("APT/USDT:USDT", "market", "buy", 1, params={"clientOrderId": "killed"})
asyncio.run(main())
"""
