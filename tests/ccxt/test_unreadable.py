"""
A row that cannot be read costs itself: its reason and a copy are kept, its neighbours are read.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from poslife import ClosedPosition, OrderSide, PersistedPosition, Severity, Side, Venue, VenueOrderId
from poslife.ccxt import CcxtSource, fill_from, fills_from, key_for
from poslife.ccxt._unreadable import unreadable_row
from poslife.errors import InvalidValue
from poslife.memory import MemoryStore
from poslife.venues import FillQuery
from tests.ccxt.offline import market, on_line
from tests.ccxt.queries import BTC, MAIN, bybit_rows
from tests.ccxt.streams import AT, bybit, bybit_row, heard, streaming
from tests.ccxt.test_trades import trade
from tests.tracker.scenes import answer, tracking

GATE = Venue("gate")
BYBIT = Venue("bybit")

UNKNOWN_FEES: dict[str, dict[str, Any]] = {
    "an empty text": {"fees": [{"cost": "", "currency": "USDT", "rate": ""}]},
    "a word": {"fee": {"cost": "x", "currency": "USDT"}},
    "nan": {"fee": {"cost": float("nan"), "currency": "USDT"}},
    "infinity": {"fee": {"cost": "Infinity", "currency": "USDT"}},
    "true": {"fee": {"cost": True, "currency": "USDT"}},
    "None": {"fee": {"cost": None, "currency": None}, "fees": [{"cost": None, "currency": None}]},
    "of no currency": {"fee": {"cost": 0.3, "currency": None}},
    "an empty dict": {"fee": {}, "fees": [{}]},
    "no dict": {"fee": 3},
    "no list": {"fees": "none"},
    "a list of numbers": {"fees": [3]},
    "known in part": {"fees": [{"cost": "1", "currency": "USDT"}, {"cost": "", "currency": "BNB"}]},
}


@pytest.mark.parametrize("changes", UNKNOWN_FEES.values(), ids=UNKNOWN_FEES)
def test_a_fee_that_cannot_be_read_is_unknown(changes: dict[str, Any]) -> None:
    """
    The fill is read, without fees: never with a fee of zero, and never with a part of its fees.
    """
    page = fills_from(
        [trade(), trade(id="t2", fee=None, **changes) if "fee" not in changes else trade(id="t2", **changes)],
        venue=GATE,
        account=MAIN,
    )

    assert ["t1", "t2"] == [fill.trade_id for fill in page]
    assert () == page[1].fees
    assert () == page.unreadable


def test_a_fee_in_points_is_a_fee() -> None:
    """
    Its currency is the points' name; a fee of zero that the venue gives stays zero.
    """
    fees = [{"cost": "0", "currency": "USDT"}, {"cost": "0.3", "currency": "GATEPOINT"}]
    fill = fill_from(trade(fees=fees), venue=GATE, account=MAIN)

    assert fill is not None
    assert [(Decimal(0), "USDT"), (Decimal("0.3"), "GATEPOINT")] == [
        (fee.cost, fee.currency) for fee in fill.fees
    ]


@pytest.mark.parametrize(
    "row, reason",
    [
        (None, "trade"),
        (3, "trade"),
        ("text", "trade"),
        ([], "trade"),
        (trade(id=None), "trade.id"),
        (trade(amount=""), "trade.amount"),
        (trade(price="0"), "Fill.price"),
        (trade(timestamp=None), "trade.timestamp"),
        (trade(info={"execType": "Novelty"}), "execType"),
    ],
    ids=str,
)
def test_a_row_costs_itself(row: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """
    Rows before and after it are read, and the reason names the field, also for a host that unpacks the page.
    """
    with caplog.at_level(logging.WARNING, "poslife.ccxt"):
        page = fills_from([trade(), row, trade(id="t3")], venue=BYBIT, account=MAIN)

    assert [reason in record.getMessage() for record in caplog.records] == [True]
    assert ["t1", "t3"] == [fill.trade_id for fill in page]
    assert (2, True, False) == (len(page), bool(page), page.complete)
    assert [reason in one.reason for one in page.unreadable] == [True]
    assert (BYBIT, MAIN) == (page.unreadable[0].venue, page.unreadable[0].account)


def test_a_page_of_unreadable_rows_is_not_nothing() -> None:
    """
    ``if page:`` does not lose them.
    """
    assert fills_from([None], venue=BYBIT, account=MAIN)  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    assert not fills_from([], venue=BYBIT, account=MAIN)


@pytest.mark.parametrize("trades", [3, "text", b"x", {"id": "t1"}], ids=repr)
def test_what_is_no_list_of_trades_raises(trades: Any) -> None:
    """
    It is a mistake of the host, no row of a venue.
    """
    with pytest.raises(InvalidValue, match="trades"):
        fills_from(trades, venue=BYBIT, account=MAIN)


def test_the_copy_of_a_row_is_cut_clean_and_without_secrets() -> None:
    """
    It can be stored: JSON of at most a few kilobytes, without NUL, cycles and credentials.
    """
    row: dict[str, Any] = {
        "symbol": "BTC\x00",
        "apiKey": "abcdef",
        "info": {"note": "apiKey=abcdef12345&x=1", "long": "x" * 100_000, "number": float("nan")},
    }
    row["self"] = row
    said = unreadable_row(row, ValueError("secret=abcdef12345"), venue=BYBIT, account=MAIN)
    text = json.dumps(said.row)

    assert "abcdef" not in text + said.reason
    assert len(text) < 20_000
    assert "\x00" not in f"{text}{said.symbol}"


# ------------------------------------------------------------------------------------------ the whole way

ROWS = [
    bybit_row(execId="e1", orderId="o1", orderLinkId="", seq=1, execTime=str(AT)),
    bybit_row(execId="e2", execType="Funding", orderLinkId="", seq=2, execTime=str(AT + 1)),
    bybit_row(execId="e3", execType="SessionSettlePnL", orderLinkId="", seq=3, execTime=str(AT + 2)),
    bybit_row(
        execId="e4", orderId="o4", orderLinkId="", seq=4, execTime=str(AT + 3), side="Sell", closedSize="2"
    ),
]


async def test_a_message_with_a_row_of_an_unknown_kind() -> None:
    """
    Both trades around it are booked, and it is recorded once as an error, however often it is heard.
    """
    made = streaming("bybit")
    made.options["watchMyTrades"] = {"execType": None}
    page = fills_from(heard(made, bybit(*ROWS)), venue=BYBIT, account=MAIN)
    await made.close()
    store = MemoryStore()
    async with tracking(store) as tracker:
        applied = await tracker.apply_fills(page)
        again = await tracker.apply_fills(page)
        await tracker.flush()

    recorded = [event for event in store.recorded_events() if event.header.type == "fill.unreadable"]
    assert [ClosedPosition] == [type(one) for one in applied.positions]
    assert 2 == again.repeated
    assert [Severity.ERROR] == [event.header.severity for event in recorded]


async def test_a_page_of_the_history_with_a_row_of_an_unknown_kind() -> None:
    """
    The other rows are fills of the page, which is not complete.
    """
    line = on_line("bybit")
    line.answer(bybit_rows(*ROWS[::-1]))
    since = datetime.fromtimestamp(AT / 1000, UTC) - timedelta(seconds=1)
    source = CcxtSource(line.client, account=MAIN)
    page = await source.fills(FillQuery(venue=BYBIT, account=MAIN, symbol=BTC, since=since))

    assert ["e1", "e4"] == [fill.trade_id for fill in page.fills]
    assert ["SessionSettlePnL" in one.reason for one in page.unreadable] == [True]
    assert not page.complete


async def test_a_row_of_another_order_does_not_spoil_a_page() -> None:
    """
    A query for one order is answered completely although another order's row cannot be read.
    """
    line = on_line("bybit")
    line.answer(bybit_rows(*ROWS[::-1]))
    query = FillQuery(
        venue=BYBIT,
        account=MAIN,
        symbol=BTC,
        since=datetime.now(UTC) - timedelta(hours=1),
        venue_order_id=VenueOrderId("o4"),
    )
    page = await CcxtSource(line.client, account=MAIN).fills(query)

    assert (True, ()) == (page.complete, page.unreadable)


# -------------------------------------------------------------------------------- the trades of an order


async def test_the_trades_within_an_order() -> None:
    """
    Binance's spot answer leaves out side, order and time, which the order says (incident 31's kind).
    """
    line = on_line("binance")
    spot = market(line.client, "BTC/USDT", "BTCUSDT")
    line.client.set_markets([spot])
    line.answer(
        {
            "symbol": "BTCUSDT",
            "orderId": 28,
            "clientOrderId": "x",
            "transactTime": AT,
            "price": "0.00000000",
            "origQty": "10",
            "executedQty": "10",
            "cummulativeQuoteQty": "600006",
            "status": "FILLED",
            "type": "MARKET",
            "side": "BUY",
            "workingTime": AT - 5,
            "fills": [
                {"price": "60000", "qty": "4", "commission": "0", "commissionAsset": "BNB", "tradeId": 57},
                {"price": "60001", "qty": "6", "commission": "0", "commissionAsset": "BNB", "tradeId": 58},
            ],
        }
    )
    key = key_for(line.client, "BTC/USDT", account=MAIN)
    order = cast("dict[str, Any]", await line.client.create_order("BTC/USDT", "market", "buy", 10))
    alone = fills_from(order["trades"], venue=key.venue, account=MAIN)
    page = fills_from(order["trades"], venue=key.venue, account=MAIN, order=order)
    async with (
        tracking(MemoryStore()) as tracker,
        tracker.opening(key, side=Side.LONG, quantity=Decimal(10)) as opening,
    ):
        await opening.submit(answer())
        held = await opening.acknowledged(VenueOrderId("28"), *page)

    assert (0, 2) == (len(alone), len(alone.unreadable))
    assert ["57", "58"] == [fill.trade_id for fill in page]
    assert {("28", OrderSide.BUY, datetime.fromtimestamp(AT / 1000, UTC))} == {
        (fill.venue_order_id, fill.side, fill.at) for fill in page
    }
    assert isinstance(held, PersistedPosition)
    assert Decimal(10) == held.quantity


def test_an_orders_trade_says_for_itself_what_it_can() -> None:
    """
    The order completes what the trade lacks and replaces nothing.
    """
    order = {"id": "o9", "side": "sell", "lastTradeTimestamp": 1, "symbol": "X", "clientOrderId": "c9"}
    fill = fill_from(trade(), venue=BYBIT, account=MAIN, order=order)

    assert fill == fill_from(trade(), venue=BYBIT, account=MAIN)
    with pytest.raises(InvalidValue, match="order"):
        fill_from(trade(), venue=BYBIT, account=MAIN, order=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
