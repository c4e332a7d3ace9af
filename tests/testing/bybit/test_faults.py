"""
Every fault through the real ccxt client: the exception, the visible state afterwards, and the true one.
"""

from __future__ import annotations

from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import (
    EmptyPositions,
    Endpoint,
    Fault,
    LateFill,
    LateRejection,
    LateVisibility,
    LostResponse,
    OrderStatus,
    PartialFill,
    Refusal,
    ServerError,
    SlowAnswer,
)
from tests.testing.bybit.simulated import BTC, DBR, buy, look_up, simulated

A1 = {"clientOrderId": "a1"}


@pytest.mark.parametrize(
    "code, message, error",
    [
        pytest.param(110007, "ab not enough for new order", ccxt.InsufficientFunds, id="110007"),
        pytest.param(110072, "OrderLinkedID is duplicate", ccxt.InvalidOrder, id="110072"),
        pytest.param(10001, "params error", ccxt.BadRequest, id="10001"),
        pytest.param(10001, "Not supported symbols", ccxt.BadSymbol, id="10001-symbol"),
        pytest.param(10002, "invalid request, check your timestamp", ccxt.InvalidNonce, id="10002"),
        pytest.param(10005, "Permission denied", ccxt.PermissionDenied, id="10005"),
        pytest.param(10006, "Too many visits!", ccxt.RateLimitExceeded, id="10006"),
        pytest.param(10014, "Request is duplicate", ccxt.BadRequest, id="10014"),
        pytest.param(10016, "System error. Please try again later.", ccxt.ExchangeError, id="10016"),
        pytest.param(
            10016, "Request timeout, please try again later", ccxt.RequestTimeout, id="10016-timeout"
        ),
        pytest.param(170146, "Order creation timeout.", ccxt.InvalidOrder, id="170146"),
        pytest.param(999999, "an unknown code", ccxt.ExchangeError, id="unknown"),
    ],
)
async def test_refusal(code: int, message: str, error: type[Exception]) -> None:
    """
    A refused order does not exist; ccxt maps the code to a class, an unknown one to ExchangeError.
    """
    async with simulated() as (venue, client):
        venue.inject(Refusal(code=code, message=message))
        with pytest.raises(error) as refused:
            await buy(client, **A1)

        assert error is type(refused.value)
        assert ((), ()) == (venue.orders, venue.injections)
        await buy(client, **A1)
        assert 1 == len(venue.orders)


async def test_an_error_whose_order_was_placed() -> None:
    """
    After a system error, a bare ExchangeError, the order may exist.
    """
    async with simulated() as (venue, client):
        venue.inject(Refusal(code=10016, message="System error. Please try again later.", applied=True))
        with pytest.raises(ccxt.ExchangeError) as failed:
            await buy(client, **A1)

        assert ccxt.ExchangeError is type(failed.value)
        assert OrderStatus.FILLED is venue.order("a1").status


async def test_late_rejection() -> None:
    """
    The order is acknowledged, then rejected: no exception and no fill, only a status.
    """
    async with simulated() as (venue, client):
        venue.inject(LateRejection(after=2))
        order = await buy(client, **A1)
        before = await look_up(client)
        venue.advance(2)
        after = await look_up(client)

        assert order["id"] == before["id"] == after["id"]
        assert ("open", "rejected") == (before["status"], after["status"])
        assert ("0", "EC_NoImmediateQtyToFill") == (after["filled"], after["info"]["rejectReason"])
        assert [] == await client.fetch_my_trades(DBR)
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_closed_order(order["id"], DBR)
        [historic] = await client.fetch_canceled_and_closed_orders(DBR)
        assert "rejected" == historic["status"]
        assert () == venue.fills


async def test_lost_response_of_a_filled_order() -> None:
    """
    The connection closes with ExchangeNotAvailable, and the order has filled.
    """
    async with simulated() as (venue, client):
        venue.inject(LostResponse(applied=True))
        with pytest.raises(ccxt.ExchangeNotAvailable) as lost:
            await buy(client, **A1)

        assert ccxt.ExchangeNotAvailable is type(lost.value)
        found = await look_up(client)
        assert ("closed", "1000", "a1") == (found["status"], found["filled"], found["clientOrderId"])
        assert Decimal(1000) == venue.position(DBR).size
        assert 1 == len([r for r in venue.requests if r.endpoint is Endpoint.CREATE_ORDER])
        with pytest.raises(ccxt.InvalidOrder):
            await buy(client, **A1)


async def test_lost_response_of_an_order_that_was_never_placed() -> None:
    """
    The exception is the same, and there is no such order.
    """
    async with simulated() as (venue, client):
        venue.inject(LostResponse(applied=False))
        with pytest.raises(ccxt.ExchangeNotAvailable) as lost:
            await buy(client, **A1)

        assert ccxt.ExchangeNotAvailable is type(lost.value)
        with pytest.raises(ccxt.OrderNotFound):
            await look_up(client)
        assert ("LostResponse",) == venue.requests[-2].faults
        assert () == venue.orders


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not-applied"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_server_error(status: int, *, applied: bool) -> None:
    """
    A gateway's error page is a network error, with and without an order.
    """
    expected = ccxt.RequestTimeout if status == 504 else ccxt.ExchangeNotAvailable
    async with simulated() as (venue, client):
        venue.inject(ServerError(status=status, applied=applied))
        with pytest.raises(ccxt.NetworkError) as failed:
            await buy(client, **A1)

        assert expected is type(failed.value)
        assert int(applied) == len(venue.orders)


@pytest.mark.parametrize("applied_first", [True, False], ids=["applied-first", "applied-late"])
async def test_slow_answer(*, applied_first: bool) -> None:
    """
    The client gives up with RequestTimeout; the order is placed before or after that.
    """
    async with simulated() as (venue, client):
        await client.load_markets()
        client.timeout = 20
        venue.inject(SlowAnswer(seconds=60, applied_first=applied_first))
        with pytest.raises(ccxt.RequestTimeout) as slow:
            await buy(client, **A1)

        assert ccxt.RequestTimeout is type(slow.value)
        assert int(applied_first) == len(venue.orders)
    # Closing the venue ends the delay.
    assert OrderStatus.FILLED is venue.order("a1").status


async def test_a_slow_answer_within_the_time_out_is_an_answer() -> None:
    """
    A slow response is not lost.
    """
    async with simulated() as (venue, client):
        venue.inject(SlowAnswer(seconds=0.01))
        order = await buy(client, **A1)

        assert order["id"] == venue.order("a1").order_id


async def test_partial_fill_and_the_rest_on_demand() -> None:
    """
    Part of the order fills, and the rest works until it is filled by a call.
    """
    async with simulated() as (venue, client):
        venue.inject(PartialFill(ratio=Decimal("0.4")))
        await buy(client, **A1)
        part = await look_up(client)
        venue.set_mark_price(DBR, Decimal("0.026"))
        venue.fill("a1")
        whole = await look_up(client)
        trades = await client.fetch_my_trades(DBR, params={"orderLinkId": "a1"})

    assert ("open", "400", "600") == (part["status"], part["filled"], part["remaining"])
    assert "PartiallyFilled" == part["info"]["orderStatus"]
    assert ("closed", "1000", "0.0256") == (whole["status"], whole["filled"], whole["average"])
    assert {("400", "0.025"), ("600", "0.026")} == {(t["amount"], t["price"]) for t in trades}


async def test_the_rest_of_a_partial_fill_can_be_cancelled() -> None:
    """
    A cancelled order keeps its fills.
    """
    async with simulated() as (venue, client):
        venue.inject(PartialFill(ratio=Decimal("0.4")))
        order = await buy(client, **A1)
        await client.cancel_order(order["id"], DBR)
        seen = await look_up(client)

        assert ("canceled", "400", "0") == (seen["status"], seen["filled"], seen["info"]["leavesQty"])
        assert Decimal(400) == venue.position(DBR).size


async def test_empty_positions() -> None:
    """
    The position list is successful and empty while there is a position.
    """
    async with simulated() as (venue, client):
        await buy(client)
        injection = venue.inject(EmptyPositions(), times=None)
        assert [] == await client.fetch_positions()
        assert [] == await client.fetch_positions([DBR])
        venue.withdraw(injection)

        assert 1 == len(await client.fetch_positions())
        assert Decimal(1000) == venue.position(DBR).size


async def test_one_symbol_missing_from_the_positions() -> None:
    """
    Injected for symbols, the fault leaves their rows out.
    """
    async with simulated() as (venue, client):
        await buy(client)
        await buy(client, BTC)
        venue.inject(EmptyPositions(), symbol=DBR)
        venue.inject(EmptyPositions(), symbol="ETHUSDT")
        [left] = await client.fetch_positions()

        assert BTC == left["symbol"]
        assert 2 == len(await client.fetch_positions())


async def test_late_fill() -> None:
    """
    An acknowledged market order works until a call, or time, fills it.
    """
    async with simulated() as (venue, client):
        venue.inject(LateFill())
        venue.inject(LateFill(after=3))
        await buy(client, **A1)
        await buy(client, clientOrderId="a2")
        assert ["open", "open"] == [(await look_up(client, name))["status"] for name in ("a1", "a2")]
        assert () == venue.fills
        venue.advance(3)
        assert ["open", "closed"] == [(await look_up(client, name))["status"] for name in ("a1", "a2")]
        venue.fill("a1")
        assert "closed" == (await look_up(client))["status"]
        assert Decimal(2000) == venue.position(DBR).size


async def test_late_visibility() -> None:
    """
    For four seconds a fill is in neither order, trades, positions nor wallet.
    """
    async with simulated() as (venue, client):
        venue.inject(LateVisibility())
        await buy(client, **A1)

        assert OrderStatus.FILLED is venue.order("a1").status
        for _ in range(2):
            order = await look_up(client)
            assert ("open", "0", None) == (order["status"], order["filled"], order["average"])
            assert [] == await client.fetch_my_trades(DBR)
            assert [] == await client.fetch_positions()
            assert "100000" == (await client.fetch_balance())["USDT"]["total"]
            with pytest.raises(ccxt.OrderNotFound):
                await client.fetch_closed_order(order["id"], DBR)
            venue.advance(1.9)
        venue.advance(0.2)
        order = await look_up(client)
        assert ("closed", "1000", "0.025") == (order["status"], order["filled"], order["average"])
        assert 1 == len(await client.fetch_my_trades(DBR))
        assert 1 == len(await client.fetch_positions())


async def test_faults_meet_a_request_together() -> None:
    """
    Faults of different kinds combine: a partial fill, visible late, with a lost response.
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
    Of one kind the first injected applies first, each to its number of requests.
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
    A fault for one symbol waits for it; the symbol may be ccxt's.
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
    A failed look-up raises; it is never an empty list.
    """
    async with simulated() as (venue, client):
        await buy(client)
        venue.inject(fault)
        with pytest.raises(error) as failed:
            await client.fetch_positions()

        assert error is type(failed.value)
        assert 1 == len(await client.fetch_positions())


async def test_aiohttp_repeats_a_get_whose_response_is_lost() -> None:
    """
    It does so once on a kept connection, so the client notices only two lost responses.
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
