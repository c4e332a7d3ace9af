"""
A source never takes an error, another order, or a part of the account for an answer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from poslife import Leg, MarginMode, OrderStatus, Side, Symbol, Venue
from poslife.ccxt import CcxtSource, key_for
from poslife.errors import VenueUnavailable
from poslife.testing.bybit import EmptyPositions, LateRejection, PartialFill, SimulatedBybit, bybit_client
from poslife.testing.bybit import Side as BybitSide
from poslife.testing.clock import ManualClock
from poslife.venues import FillQuery, OrderNotSeen, OrderSeen
from tests.ccxt.offline import Line, market, on_line
from tests.ccxt.queries import BTC, MAIN, bybit_order, bybit_rows, order_query, scope_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)


async def test_an_order_older_than_the_last_five_hundred_is_found() -> None:
    """
    The list of recent orders no longer has it, the history does.
    """
    line = on_line("bybit")
    line.answer(bybit_rows())
    line.answer(bybit_rows(bybit_order()))
    seen = await CcxtSource(line.client, account=MAIN).find_order(order_query())

    assert isinstance(seen, OrderSeen)
    assert ("o1", "a1", OrderStatus.FILLED) == (seen.venue_order_id, seen.client_order_id, seen.status)
    assert ["realtime", "history"] == [request.url.partition("?")[0].split("/")[-1] for request in line.sent]


async def test_an_order_in_neither_list_is_not_seen_and_that_reaches_back_a_day() -> None:
    """
    Bybit returns an order canceled without a fill for a day: an older one may have existed.
    """
    line = on_line("bybit")
    line.answer(bybit_rows())
    line.answer(bybit_rows())
    answer = await CcxtSource(line.client, account=MAIN, clock=ManualClock(NOW)).find_order(order_query())

    assert OrderNotSeen(at=NOW, conclusive_since=NOW - timedelta(hours=23)) == answer


@pytest.mark.parametrize(
    "venue, body, window",
    [
        ("binance", {"code": -2013, "msg": "Order does not exist."}, timedelta(hours=71)),
        ("okx", {"code": "51603", "msg": "Order does not exist", "data": []}, timedelta(minutes=115)),
        ("gate", {"label": "ORDER_NOT_FOUND", "message": "not found"}, timedelta(seconds=50)),
        ("bitget", {"code": "40109", "msg": "The data of the order cannot be found"}, None),
        ("hyperliquid", {"status": "unknownOid"}, None),
        ("bingx", {"code": 109421, "msg": "order not exist"}, None),
        ("kucoin", {"code": "100001", "msg": "error.getOrder.orderNotExist"}, None),
    ],
)
async def test_not_found_is_conclusive_as_far_back_as_the_venue_promises(
    venue: str, body: dict[str, Any], window: timedelta | None
) -> None:
    """
    A venue that promises nothing for ended orders is never conclusive.
    """
    line = on_line(venue)
    line.refuse(body)
    answer = await CcxtSource(line.client, account=MAIN, clock=ManualClock(NOW)).find_order(
        order_query(venue)
    )

    assert OrderNotSeen(at=NOW, conclusive_since=None if window is None else NOW - window) == answer


@pytest.mark.parametrize("changes", [{"orderLinkId": "b2"}, {"orderLinkId": ""}], ids=str)
async def test_another_order_is_no_answer(changes: dict[str, Any]) -> None:
    """
    A venue that ignores the client order id returns its newest order.
    """
    line = on_line("bybit")
    line.answer(bybit_rows(bybit_order(**changes)))
    with pytest.raises(VenueUnavailable, match="another one"):
        await CcxtSource(line.client, account=MAIN).find_order(order_query())


@pytest.mark.parametrize(
    "changes",
    [{"orderStatus": "NotHeardOf"}, {"side": ""}, {"qty": ""}, {"orderId": ""}],
    ids=str,
)
async def test_an_order_that_cannot_be_read_is_no_answer(changes: dict[str, Any]) -> None:
    """
    The order exists, so it is not reported as absent, and nothing is guessed about it.
    """
    line = on_line("bybit")
    line.answer(bybit_rows(bybit_order(cumExecQty="", leavesQty="", **changes)))
    with pytest.raises(VenueUnavailable, match="cannot be read"):
        await CcxtSource(line.client, account=MAIN).find_order(order_query())


async def test_case_and_prefixes_do_not_make_another_order() -> None:
    """
    BingX changes the case of a client order id, Gate adds a prefix; the order is the same.
    """
    bingx = on_line("bingx")
    bingx.answer(
        {
            "code": 0,
            "data": {
                "order": {
                    "orderId": "1",
                    "clientOrderId": "abc",
                    "symbol": "BTC-USDT",
                    "side": "BUY",
                    "origQty": "1",
                    "executedQty": "0",
                    "status": "NEW",
                    "type": "LIMIT",
                }
            },
        }
    )
    gate = on_line("gate")
    gate.answer(
        {
            "id": 1,
            "text": "t-abc",
            "contract": "BTC_USDT",
            "size": 1,
            "left": 1,
            "status": "open",
            "price": "1",
        }
    )
    lowered = await CcxtSource(bingx.client, account=MAIN).find_order(order_query("bingx", "ABC"))
    marked = await CcxtSource(gate.client, account=MAIN).find_order(order_query("gate", "abc"))

    assert isinstance(lowered, OrderSeen)
    assert isinstance(marked, OrderSeen)
    assert "abc" == marked.client_order_id


async def test_rejected_after_the_acknowledgement_is_seen() -> None:
    """
    The order exists, and has ended without a fill.
    """
    async with SimulatedBybit() as venue, bybit_client(venue.url) as exchange:
        venue.inject(LateRejection())
        await exchange.create_order(BTC, "market", "buy", 1, params={"clientOrderId": "a1"})
        seen = await CcxtSource(exchange, account=MAIN).find_order(order_query())

        assert isinstance(seen, OrderSeen)
        assert (OrderStatus.REJECTED, Decimal(0)) == (seen.status, seen.filled)


async def test_what_a_snapshot_of_bybit_covers() -> None:
    """
    A request for the account covers markets settled in USDT; a request for one symbol covers that symbol.
    """
    line = on_line("bybit")
    line.client.set_markets(
        [
            *line.client.markets.values(),
            market(line.client, "BTC/USDC:USDC", "BTCPERP"),
            market(line.client, "BTC/USD:BTC", "BTCUSD"),
        ]
    )
    source = CcxtSource(line.client, account=MAIN)
    line.answer(bybit_rows())
    whole = await source.snapshot(scope_of("bybit"))
    line.answer(bybit_rows())
    one = await source.snapshot(scope_of("bybit", Symbol("BTC/USDC:USDC")))
    line.answer(bybit_rows())
    both = await source.snapshot(scope_of("bybit", BTC, Symbol("BTC/USDC:USDC")))

    assert ((BTC,), True) == (whole.covers, whole.complete)
    assert (("BTC/USDC:USDC",), True) == (one.covers, one.complete)
    assert ((BTC,), False) == (both.covers, both.complete)


async def test_an_explicit_flat_and_a_position() -> None:
    """
    Bybit returns a flat row to a request for one symbol, which is more than no row.
    """
    async with SimulatedBybit() as venue, bybit_client(venue.url) as exchange:
        source = CcxtSource(exchange, account=MAIN)
        flat = await source.snapshot(scope_of("bybit", BTC))
        venue.inject(PartialFill())
        await exchange.create_order(BTC, "market", "sell", 2)
        held = await source.snapshot(scope_of("bybit", BTC))
        key = key_for(exchange, BTC, account=MAIN)

        assert [(None, Decimal(0))] == [(one.side, one.quantity) for one in flat.positions]
        assert [(Side.SHORT, Decimal(1))] == [(one.side, one.quantity) for one in held.positions]
        assert Decimal(-1) == held.quantity_of(key)


async def test_both_legs_of_hedge_mode() -> None:
    """
    Two rows, two keys; the net key of one-way mode does not count as flat (incident 5).
    """
    async with SimulatedBybit(hedged=True) as venue, bybit_client(venue.url) as exchange:
        venue.trade(BTC, BybitSide.BUY, Decimal(3), position_index=1)
        venue.trade(BTC, BybitSide.SELL, Decimal(2), position_index=2)
        snapshot = await CcxtSource(exchange, account=MAIN).snapshot(scope_of("bybit"))

        assert Decimal(3) == snapshot.quantity_of(key_for(exchange, BTC, account=MAIN, leg=Leg.LONG))
        assert Decimal(-2) == snapshot.quantity_of(key_for(exchange, BTC, account=MAIN, leg=Leg.SHORT))
        assert snapshot.quantity_of(key_for(exchange, BTC, account=MAIN)) is None


async def test_an_empty_list_is_a_complete_snapshot() -> None:
    """
    It is complete and empty, as the venue sent it; doubting it is the caller's part (incident 2).
    """
    async with SimulatedBybit() as venue, bybit_client(venue.url) as exchange:
        venue.trade(BTC, BybitSide.BUY, Decimal(1))
        venue.inject(EmptyPositions())
        source = CcxtSource(exchange, account=MAIN)
        empty = await source.snapshot(scope_of("bybit"))
        shown = await source.snapshot(scope_of("bybit"))

        assert () == empty.positions
        assert 1 == len(shown.positions)


async def test_rows_that_cannot_be_read_are_listed() -> None:
    """
    Their symbols count neither as flat nor as held.
    """
    line = on_line("bybit")
    good = {"symbol": "BTCUSDT", "positionIdx": 0, "side": "Buy", "size": "1", "avgPrice": "5"}
    line.answer(
        bybit_rows(
            good,
            {"symbol": "NEWUSDT", "positionIdx": 0, "side": "Buy", "size": "1"},
            {"symbol": "BTCUSDT", "positionIdx": 7, "side": "Buy", "size": "1"},
            {"symbol": "BTCUSDT", "positionIdx": 0, "side": "Buy"},
        )
    )
    snapshot = await CcxtSource(line.client, account=MAIN).snapshot(scope_of("bybit"))

    assert [BTC] == [position.key.symbol for position in snapshot.positions]
    assert 3 == len(snapshot.unreadable)
    assert "no market" in snapshot.unreadable[0]
    assert "positionIdx" in snapshot.unreadable[1]
    assert "contracts" in snapshot.unreadable[2]


def okx_position(mode: str, size: str) -> dict[str, Any]:
    return {"instId": "BTC-USDT-SWAP", "posSide": "net", "pos": size, "mgnMode": mode, "avgPx": "5"}


async def test_two_rows_of_one_key_are_unreadable() -> None:
    """
    OKX holds a symbol in both margin modes: without the mode in the key no row is unambiguous.
    """
    line = on_line("okx")
    answer = {"code": "0", "data": [okx_position("cross", "2"), okx_position("isolated", "-3")]}
    line.answer(answer)
    unsaid = await CcxtSource(line.client, account=MAIN).snapshot(scope_of("okx"))
    line.answer(answer)
    said = await CcxtSource(line.client, account=MAIN, margin_modes=True).snapshot(scope_of("okx"))
    key = key_for(line.client, BTC, account=MAIN)

    assert () == unsaid.positions
    assert 1 == len(unsaid.unreadable)
    assert unsaid.quantity_of(key) is None
    assert Decimal(2) == said.quantity_of(replace(key, margin_mode=MarginMode.CROSS))
    assert Decimal(-3) == said.quantity_of(replace(key, margin_mode=MarginMode.ISOLATED))
    assert said.quantity_of(key) is None


async def test_as_many_rows_as_the_limit_are_not_complete() -> None:
    """
    Gate has no cursor, so a full response may be a part.
    """
    rows = [{"contract": "BTC_USDT", "size": "1", "mode": "single", "entry_price": "5"}]
    for count, complete in ((99, True), (100, False)):
        line = on_line("gate")
        line.answer(rows * count)
        snapshot = await CcxtSource(line.client, account=MAIN).snapshot(scope_of("gate"))

        assert complete is snapshot.complete


async def test_the_clients_settings_stay_as_they_are() -> None:
    """
    The client belongs to the host.
    """
    line: Line = on_line("bybit")
    before = dict(line.client.options), line.client.number, line.client.timeout, line.client.markets
    source = CcxtSource(line.client, account=MAIN)
    for _ in range(4):
        line.answer(bybit_rows())
    await source.find_order(order_query())
    await source.fills(FillQuery(venue=Venue("bybit"), account=MAIN, symbol=BTC))
    await source.snapshot(scope_of("bybit"))

    assert before == (
        line.client.options,
        line.client.number,
        line.client.timeout,
        line.client.markets,
    )
