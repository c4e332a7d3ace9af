"""
A source never takes silence, another order, or a part of the account for an answer.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from poslife import Account, ClientOrderId, Leg, MarginMode, OrderStatus, PositionKey, Side, Symbol, Venue
from poslife.ccxt import VENUE_RULES, CcxtSource, VenueRules, key_for
from poslife.errors import ConfigurationError, InvalidValue, UnknownVenueFormat, VenueUnavailable
from poslife.testing.bybit import (
    EmptyPositions,
    ExecutionKind,
    LateRejection,
    PartialFill,
    SimulatedBybit,
    bybit_client,
)
from poslife.testing.bybit import Side as BybitSide
from poslife.testing.clock import ManualClock
from poslife.venues import FillQuery, OrderNotSeen, OrderQuery, OrderSeen, SnapshotScope
from tests.ccxt.offline import SYMBOLS, Line, client, market, on_line

MAIN = Account("main")
BTC = Symbol("BTC/USDT:USDT")
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def order_query(venue: str = "bybit", name: str = "a1") -> OrderQuery:
    return OrderQuery(
        venue=Venue(venue), account=MAIN, symbol=SYMBOLS[venue], client_order_id=ClientOrderId(name)
    )


def scope_of(venue: str, *symbols: Symbol) -> SnapshotScope:
    return SnapshotScope(venue=Venue(venue), account=MAIN, symbols=symbols or None)


def bybit_rows(*rows: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": {"list": list(rows), "nextPageCursor": cursor}}


def bybit_order(**changes: object) -> dict[str, Any]:
    return {
        "orderId": "o1",
        "orderLinkId": "a1",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "1",
        "cumExecQty": "1",
        "leavesQty": "0",
        "orderStatus": "Filled",
        "createdTime": "1767225600000",
        **changes,
    }


# ---------------------------------------------------------------------------------------------- orders


async def test_an_order_older_than_the_last_five_hundred_is_found() -> None:
    """
    The list of recent orders has forgotten it; the history has not.
    """
    line = on_line("bybit")
    line.answer(bybit_rows())
    line.answer(bybit_rows(bybit_order()))
    seen = await CcxtSource(line.client, account=MAIN).find_order(order_query())

    assert isinstance(seen, OrderSeen)
    assert ("o1", "a1", OrderStatus.FILLED) == (seen.venue_order_id, seen.client_order_id, seen.status)
    assert ["realtime", "history"] == [request.url.partition("?")[0].split("/")[-1] for request in line.sent]


async def test_an_order_that_nothing_shows_is_not_seen_and_that_reaches_back_a_day() -> None:
    """
    Bybit shows an order that was canceled without a fill for a day: what is older may have been there.
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
async def test_not_found_says_how_far_that_reaches(
    venue: str, body: dict[str, Any], window: timedelta | None
) -> None:
    """
    As far as the venue promises to find an order that has ended, and nowhere where it promises nothing.
    """
    line = on_line(venue)
    line.refuse(body)
    answer = await CcxtSource(line.client, account=MAIN, clock=ManualClock(NOW)).find_order(
        order_query(venue)
    )

    assert OrderNotSeen(at=NOW, conclusive_since=None if window is None else NOW - window) == answer


@pytest.mark.parametrize("changes", [{"orderLinkId": "b2"}, {"orderLinkId": ""}], ids=str)
async def test_another_order_is_not_ours(changes: dict[str, Any]) -> None:
    """
    A venue that ignores the name shows its newest order: that is no answer to the question.
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
    It is there, and nothing is guessed about it.
    """
    line = on_line("bybit")
    line.answer(bybit_rows(bybit_order(cumExecQty="", leavesQty="", **changes)))
    with pytest.raises(VenueUnavailable, match="cannot be read"):
        await CcxtSource(line.client, account=MAIN).find_order(order_query())


async def test_an_order_that_ended_before_it_was_filled_whole_is_canceled() -> None:
    """
    ccxt says closed of it as of a filled one.
    """
    line = on_line("bybit")
    line.answer(bybit_rows(bybit_order(orderStatus="PartiallyFilledCanceled", cumExecQty="0.4")))
    seen = await CcxtSource(line.client, account=MAIN).find_order(order_query())

    assert isinstance(seen, OrderSeen)
    assert (OrderStatus.CANCELED, Decimal("0.4")) == (seen.status, seen.filled)


async def test_capitals_and_prefixes_do_not_make_another_order() -> None:
    """
    BingX changes capitals, Gate puts its mark before a name; both give the order back as ours.
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


# ----------------------------------------------------------------------------------------------- fills


async def test_liquidations_and_deleveraging_are_fills() -> None:
    """
    They have no name of ours, and change the position as any trade does.
    """
    async with SimulatedBybit() as venue, bybit_client(venue.url) as exchange:
        venue.trade(BTC, BybitSide.BUY, Decimal(2))
        venue.advance(1)
        venue.trade(BTC, BybitSide.SELL, Decimal(1), kind=ExecutionKind.LIQUIDATION)
        venue.trade(BTC, BybitSide.SELL, Decimal(1), kind=ExecutionKind.DELEVERAGING)
        page = await CcxtSource(exchange, account=MAIN).fills(
            FillQuery(
                venue=Venue("bybit"), account=MAIN, symbol=BTC, since=venue.now() - timedelta(minutes=1)
            )
        )

        assert [Decimal(2), Decimal(1), Decimal(1)] == [fill.quantity for fill in page.fills]
        assert page.complete


async def test_executions_of_one_millisecond_come_in_their_order() -> None:
    """
    Bought, then sold: the other way round it would be a short position for a while.
    """

    def execution(seq: int, id: str, side: str) -> dict[str, Any]:
        return {
            "execId": id,
            "symbol": "BTCUSDT",
            "side": side,
            "execQty": "1",
            "execPrice": "1",
            "execTime": "1767225600000",
            "execType": "Trade",
            "seq": seq,
        }

    line = on_line("bybit")
    line.answer(
        bybit_rows(execution(101, "a", "Sell"), execution(99, "c", "Buy"), execution(100, "b", "Buy"))
    )
    page = await CcxtSource(line.client, account=MAIN).fills(
        FillQuery(venue=Venue("bybit"), account=MAIN, symbol=BTC)
    )

    assert ["c", "b", "a"] == [fill.trade_id for fill in page.fills]


async def test_a_kind_of_execution_that_is_not_known_cannot_be_read() -> None:
    """
    Whether it changes a position, nobody knows.
    """
    line = on_line("bybit")
    line.answer(
        bybit_rows(
            {
                "execId": "e1",
                "symbol": "BTCUSDT",
                "side": "Buy",
                "execQty": "1",
                "execPrice": "1",
                "execTime": "1767225600000",
                "execType": "Novelty",
            }
        )
    )
    with pytest.raises(VenueUnavailable, match="Novelty"):
        await CcxtSource(line.client, account=MAIN).fills(
            FillQuery(venue=Venue("bybit"), account=MAIN, symbol=BTC)
        )


async def test_every_page_of_executions_is_read() -> None:
    """
    More than one answer holds: the venue's cursor is followed to its end.
    """
    async with SimulatedBybit() as venue, bybit_client(venue.url) as exchange:
        made = [venue.trade(BTC, BybitSide.BUY, Decimal("0.001")).execution_id for _ in range(230)]
        page = await CcxtSource(exchange, account=MAIN).fills(
            FillQuery(
                venue=Venue("bybit"), account=MAIN, symbol=BTC, since=venue.now() - timedelta(minutes=1)
            )
        )

        assert sorted(made) == sorted(fill.trade_id for fill in page.fills)
        assert page.complete


# -------------------------------------------------------------------------------------------- snapshot


async def test_what_a_snapshot_of_bybit_covers() -> None:
    """
    The whole account's answer is about what is settled in USDT; asked for one symbol, about that.
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
    Asked for one symbol Bybit shows that it is flat, which is more than not showing it.
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
    Two rows, two keys; the net key of one-way mode is not said to be flat (incident 5).
    """
    async with SimulatedBybit(hedged=True) as venue, bybit_client(venue.url) as exchange:
        venue.trade(BTC, BybitSide.BUY, Decimal(3), position_index=1)
        venue.trade(BTC, BybitSide.SELL, Decimal(2), position_index=2)
        snapshot = await CcxtSource(exchange, account=MAIN).snapshot(scope_of("bybit"))

        assert Decimal(3) == snapshot.quantity_of(key_for(exchange, BTC, account=MAIN, leg=Leg.LONG))
        assert Decimal(-2) == snapshot.quantity_of(key_for(exchange, BTC, account=MAIN, leg=Leg.SHORT))
        assert snapshot.quantity_of(key_for(exchange, BTC, account=MAIN)) is None


async def test_an_empty_list_is_told_as_it_came() -> None:
    """
    Complete and empty, as the venue said: it is for others to doubt it (incident 2).
    """
    async with SimulatedBybit() as venue, bybit_client(venue.url) as exchange:
        venue.trade(BTC, BybitSide.BUY, Decimal(1))
        venue.inject(EmptyPositions())
        source = CcxtSource(exchange, account=MAIN)
        empty = await source.snapshot(scope_of("bybit"))
        shown = await source.snapshot(scope_of("bybit"))

        assert () == empty.positions
        assert 1 == len(shown.positions)


async def test_rows_that_cannot_be_read_are_told() -> None:
    """
    Their symbols say nothing: neither that they are flat, nor that they are held.
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


async def test_two_rows_of_one_key_are_neither() -> None:
    """
    OKX holds a symbol in both margin modes: without the mode in the key no row is the key's.
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


async def test_as_many_rows_as_an_answer_holds_are_not_all() -> None:
    """
    Gate has no cursor: a full answer may be a part.
    """
    rows = [{"contract": "BTC_USDT", "size": "1", "mode": "single", "entry_price": "5"}]
    for count, complete in ((99, True), (100, False)):
        line = on_line("gate")
        line.answer(rows * count)
        snapshot = await CcxtSource(line.client, account=MAIN).snapshot(scope_of("gate"))

        assert complete is snapshot.complete


# -------------------------------------------------------------------------------------- empty answers


@pytest.mark.parametrize("venue", sorted(VENUE_RULES))
@pytest.mark.parametrize("page", ["<html>back soon</html>", "", "{}", '{"x": 1}', "3"], ids=repr)
async def test_a_page_that_is_no_answer_is_not_an_empty_one(venue: str, page: str) -> None:
    """
    With status 200 ccxt takes a gateway's page for a list without rows (incidents 2, 3, 41).
    """
    line = on_line(venue)
    source = CcxtSource(line.client, account=MAIN)
    for call in (
        lambda: source.snapshot(scope_of(venue)),
        lambda: source.fills(FillQuery(venue=Venue(venue), account=MAIN, symbol=SYMBOLS[venue])),
    ):
        line.answer_page(page)
        with pytest.raises(VenueUnavailable):
            await call()
    if venue == "bybit":
        line.answer_page(page)
        with pytest.raises(VenueUnavailable):
            await source.find_order(order_query(venue))


async def test_an_empty_list_is_an_answer() -> None:
    """
    Also where the venue says null for it.
    """
    empty: dict[str, Any] = {
        "bybit": bybit_rows(),
        "binance": [],
        "okx": {"code": "0", "data": []},
        "gate": [],
        "bitget": {"code": "00000", "data": None},
        "kucoin": {"code": "200000", "data": []},
        "hyperliquid": {"assetPositions": [], "time": 1},
        "bingx": {"code": 0, "data": []},
    }
    for venue, answer in empty.items():
        line = on_line(venue)
        line.answer(answer)
        snapshot = await CcxtSource(line.client, account=MAIN).snapshot(scope_of(venue))

        assert ((), True) == (snapshot.positions, snapshot.complete)


def test_a_client_that_forgets_its_answers_is_refused() -> None:
    """
    By the last answer an empty list is told from a page that is none.
    """
    exchange = client("bybit")
    exchange.enableLastHttpResponse = False
    with pytest.raises(ConfigurationError, match="enableLastHttpResponse"):
        CcxtSource(exchange, account=MAIN)


# ------------------------------------------------------------------------------------------- the client


def test_a_client_that_blocks_is_refused() -> None:
    """
    It would stop the whole bot at each question.
    """
    with pytest.raises(ConfigurationError, match=r"ccxt\.async_support\.bybit"):
        CcxtSource(ccxt.bybit(), account=MAIN)


@pytest.mark.parametrize(
    "options",
    [
        {"maxRetriesOnFailure": 3},
        {"defaultMaxRetriesOnFailure": 1},
        {"v5/order/create": {"maxRetriesOnFailure": 1}},
    ],
    ids=str,
)
def test_a_client_that_repeats_submits_is_refused(options: dict[str, Any]) -> None:
    """
    For every request, or for the one path that makes orders.
    """
    with pytest.raises(ConfigurationError, match="sent again"):
        CcxtSource(client("bybit", **options), account=MAIN)


def test_a_client_that_cannot_read_sizes_is_refused() -> None:
    """
    With Decimal ccxt reads contractSize as None.
    """
    with pytest.raises(ConfigurationError, match="Decimal"):
        CcxtSource(client("bybit", number=Decimal), account=MAIN)


@pytest.mark.parametrize("venue", ["htx", "deribit", "krakenfutures", "mexc"])
def test_a_venue_where_orders_cannot_be_found_is_refused(venue: str) -> None:
    """
    The message says why; the host may know better, and then says so.
    """
    with pytest.raises(UnknownVenueFormat, match=r"through ccxt \(ccxt .*rules=VenueRules"):
        CcxtSource(client(venue), account=MAIN)
    with pytest.raises(UnknownVenueFormat, match="woo"):
        CcxtSource(client("woo"), account=MAIN)
    rules = VenueRules(trades_window=timedelta(days=1), trades_span=timedelta(days=1), trades_limit=10)

    assert venue == CcxtSource(client(venue), account=MAIN, rules=rules).venue


async def test_the_clients_settings_stay_as_they_are() -> None:
    """
    It is the host's.
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


def test_a_key_is_written_with_the_unified_symbol() -> None:
    """
    Never with the venue's raw one; and a client without markets knows no symbol.
    """
    exchange = client("bybit")
    key = key_for(exchange, "BTC/USDT:USDT", account=MAIN, leg=Leg.LONG)

    assert PositionKey(venue=Venue("bybit"), account=MAIN, symbol=BTC, leg=Leg.LONG) == key
    with pytest.raises(InvalidValue, match="'BTCUSDT'"):
        key_for(exchange, "BTCUSDT", account=MAIN)
    with pytest.raises(InvalidValue, match="load_markets"):
        key_for(ccxt.async_support.bybit(), "BTC/USDT:USDT", account=MAIN)


WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Without())
import poslife
assert "ccxt" not in sys.modules
try:
    import poslife.ccxt
except ImportError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "missing, told",
    [
        ("ccxt", "MissingExtra ccxt is not installed: pip install 'poslife[ccxt]'"),
        ("ccxt.async_support", "ModuleNotFoundError No module named 'ccxt.async_support'"),
    ],
)
def test_ccxt_is_asked_for_only_where_it_is_needed(missing: str, told: str) -> None:
    """
    poslife itself does not import it; where it is missing the message says what to install.
    """
    code = WITHOUT.format(missing=missing)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told == done.stdout.strip()
