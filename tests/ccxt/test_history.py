"""
Fills over time: each once, oldest first, and never called complete when they are not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import ClientOrderId, Symbol, Venue, VenueOrderId
from poslife.ccxt import VENUE_RULES, CcxtSource
from poslife.errors import InvalidValue, VenueUnavailable
from poslife.testing.bybit import ExecutionKind, SimulatedBybit, bybit_client
from poslife.testing.bybit import Side as BybitSide
from poslife.venues import FillQuery
from tests.ccxt.offline import on_line
from tests.ccxt.paper import (
    DAY,
    NOW,
    OTHER,
    RULES,
    SYMBOL,
    PagedClient,
    PaperClient,
    milliseconds,
    query_of,
    read_all,
    source_over,
)
from tests.ccxt.queries import BTC, MAIN, bybit_rows

times = st.lists(
    st.tuples(
        st.integers(milliseconds(NOW - 20 * DAY), milliseconds(NOW)), st.sampled_from([SYMBOL, SYMBOL, OTHER])
    ),
    max_size=25,
    unique_by=lambda one: one[0],
)


@given(trades=times, newest=st.booleans(), of_all=st.booleans())
async def test_every_trade_once_and_oldest_first(
    trades: list[tuple[int, Symbol]],
    newest: bool,  # noqa: FBT001 - an example of Hypothesis's
    of_all: bool,  # noqa: FBT001
) -> None:
    """
    It makes no difference if the venue cuts to the oldest or newest, before or after it filters by symbol.
    """
    client = PaperClient("paper", trades, limit=4, newest=newest)
    source = source_over(client, replace(RULES, trades_of_all=of_all))
    since = NOW - 15 * DAY
    fills, complete = await read_all(source, query_of(client, since=since))

    wanted = sorted(at for at, where in trades if where == SYMBOL and at >= milliseconds(since))
    assert wanted == [milliseconds(fill.at) for fill in fills]
    assert complete


async def test_a_trade_beside_a_spans_end_belongs_to_the_next() -> None:
    """
    Some venues round to whole seconds, so more than a span is requested, and the rest cut off.
    """
    since = NOW - 20 * DAY + timedelta(milliseconds=300)
    border = milliseconds(since + 7 * DAY)
    trades = [(border + offset, SYMBOL) for offset in (-700, -1, 0, 1, 700)]
    client = PaperClient("paper", trades, limit=100, newest=False)
    source = source_over(client, replace(RULES, trades_limit=100))
    fills, complete = await read_all(source, query_of(client, since=since))
    first = await source.fills(query_of(client, since=since))

    assert [at for at, _ in trades] == [milliseconds(fill.at) for fill in fills]
    assert 2 == len(first.fills)
    assert complete


async def test_a_venue_that_returns_more_than_requested() -> None:
    """
    A fill before the start of the page belongs to the page before.
    """
    early, late = milliseconds(NOW - 3 * DAY), milliseconds(NOW - DAY)
    rows = [
        {"id": str(at), "symbol": SYMBOL, "side": "buy", "amount": "1", "price": "2", "timestamp": at}
        for at in (early, late)
    ]
    client = PaperClient("paper", [], limit=100, newest=False, answer=rows)
    source = source_over(client, replace(RULES, trades_limit=100))
    page = await source.fills(query_of(client, since=NOW - 5 * DAY, cursor=str(milliseconds(NOW - 2 * DAY))))

    assert [str(late)] == [fill.trade_id for fill in page.fills]


async def test_more_in_a_millisecond_than_an_answer_holds() -> None:
    """
    Some are missing, so the page is not complete.
    """
    at = milliseconds(NOW - DAY)
    client = PaperClient("paper", [(at, SYMBOL)] * 6, limit=4, newest=False)
    fills, complete = await read_all(source_over(client, RULES), query_of(client, since=NOW - 2 * DAY))

    assert 4 == len(fills)
    assert not complete


async def test_without_a_time_it_is_never_complete() -> None:
    """
    It covers the venue's latest span only; earlier fills were not requested.
    """
    client = PaperClient("paper", [(milliseconds(NOW - DAY), SYMBOL)], limit=4, newest=True)
    page = await source_over(client, RULES).fills(query_of(client))

    assert 1 == len(page.fills)
    assert not page.complete
    assert page.next_cursor is None


async def test_beyond_what_the_venue_keeps_it_is_not_complete() -> None:
    """
    A venue that no longer keeps fills answers as if there had been none.
    """
    client = PaperClient("paper", [], limit=4, newest=True)
    _, kept = await read_all(source_over(client, RULES), query_of(client, since=NOW - 29 * DAY))
    _, forgotten = await read_all(source_over(client, RULES), query_of(client, since=NOW - 31 * DAY))

    assert kept
    assert not forgotten


async def test_a_venue_that_cannot_filter_by_order() -> None:
    """
    Then the source filters: it returns no other order's fills.
    """
    trades = [(milliseconds(NOW) - 1000 * number, SYMBOL) for number in range(3)]
    client = PaperClient("paper", trades, limit=100, newest=False)
    source = source_over(client, replace(RULES, trades_limit=100))
    fills, complete = await read_all(
        source, query_of(client, since=NOW - DAY, venue_order_id=VenueOrderId("o1"))
    )

    assert ["t1"] == [fill.trade_id for fill in fills]
    assert complete


async def test_trades_without_the_client_order_id_match_no_order() -> None:
    """
    A query by that id alone finds none there, and is not complete.
    """
    trades = [(milliseconds(NOW) - 1000, SYMBOL)]
    client = PaperClient("paper", trades, limit=100, newest=False)
    fills, complete = await read_all(
        source_over(client, RULES), query_of(client, since=NOW - DAY, client_order_id=ClientOrderId("a1"))
    )

    assert [] == fills
    assert not complete


@pytest.mark.parametrize("cursor", ["", "x", "-5", "1.5", "٣", "9" * 20])
async def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    """
    The error names it, and the venue is not asked.
    """
    client = PaperClient("paper", [], limit=4, newest=True)
    with pytest.raises(InvalidValue, match="cursor"):
        await source_over(client, RULES).fills(query_of(client, cursor=cursor))

    assert 0 == client.asked


async def test_a_trade_that_cannot_be_read_is_not_left_out() -> None:
    """
    It is on the page with its reason, and the page is not complete: it may be a fill.
    """
    row: dict[str, Any] = {
        "id": None,
        "side": None,
        "symbol": SYMBOL,
        "amount": "1",
        "price": "1",
        "info": {},
    }
    client = PaperClient("bingx", [], limit=4, newest=True, answer=[row])
    page = await source_over(client, VENUE_RULES[Venue("bingx")]).fills(
        query_of(client, since=NOW - timedelta(hours=1))
    )

    assert ((), False) == (page.fills, page.complete)
    assert [SYMBOL] == [one.symbol for one in page.unreadable]
    assert "trade.side" in page.unreadable[0].reason


@pytest.mark.parametrize("answer", [{}, "text", 3, [None]], ids=str)
async def test_an_answer_of_another_shape_is_no_answer(answer: object) -> None:
    """
    It is neither empty nor an exception of another kind.
    """
    client = PaperClient("paper", [], limit=4, newest=True, answer=answer)
    with pytest.raises(VenueUnavailable, match="trades"):
        await source_over(client, RULES).fills(query_of(client))


@pytest.mark.parametrize("count", [0, 1, 39, 40, 41, 200])
async def test_more_pages_than_one_fill_page_takes(count: int) -> None:
    """
    It covers a shorter span, and the next continues there: each trade once, oldest first.
    """
    first = milliseconds(NOW - 6 * DAY)
    client = PagedClient("paper", [(first + 60_000 * n, SYMBOL) for n in range(count)], limit=2, newest=True)
    source = source_over(client, replace(RULES, pages=True, trades_limit=2))
    fills, complete = await read_all(source, query_of(client, since=NOW - 7 * DAY))

    assert [f"t{number}" for number in range(count)] == [fill.trade_id for fill in fills]
    assert complete


async def test_without_a_time_many_pages_are_the_newest_ones() -> None:
    """
    There is no span to halve, and the page is not complete.
    """
    client = PagedClient(
        "paper", [(milliseconds(NOW) - 200 + n, SYMBOL) for n in range(100)], limit=2, newest=True
    )
    page = await source_over(client, replace(RULES, pages=True, trades_limit=2)).fills(query_of(client))

    assert "t99" == page.fills[-1].trade_id
    assert not page.complete
    assert page.next_cursor is None


async def test_two_trades_of_one_id_are_not_both_read() -> None:
    """
    The same trade twice is one; of two different ones the first is read, and the page is not complete.
    """

    def row(price: str) -> dict[str, Any]:
        at = milliseconds(NOW) - 1000
        shown = {"id": "t1", "symbol": SYMBOL, "side": "buy", "amount": "1", "price": price, "timestamp": at}
        return {**shown, "info": {}}

    client = PaperClient("paper", [], limit=4, newest=True, answer=[row("1"), row("1")])
    page = await source_over(client, RULES).fills(query_of(client))
    client.answer = [row("1"), row("2")]

    doubled = await source_over(client, RULES).fills(query_of(client, since=NOW - timedelta(hours=1)))

    assert (1, 0) == (len(page.fills), len(page.unreadable))
    assert ([Decimal(1)], False) == ([fill.price for fill in doubled.fills], doubled.complete)
    assert ["a unique id" in one.reason for one in doubled.unreadable] == [True]


async def test_since_is_kept_to_the_microsecond() -> None:
    """
    Requests are in milliseconds, so they begin slightly earlier.
    """
    at = NOW - DAY
    client = PaperClient("paper", [(milliseconds(at), SYMBOL)], limit=4, newest=False)
    then, _ = await read_all(source_over(client, RULES), query_of(client, since=at))
    after, _ = await read_all(
        source_over(client, RULES), query_of(client, since=at + timedelta(microseconds=1))
    )

    assert (1, 0) == (len(then), len(after))


async def test_liquidations_and_deleveraging_are_fills() -> None:
    """
    They have no client order id, and change the position as any trade does.
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


async def test_executions_of_one_millisecond_keep_their_order() -> None:
    """
    Two buys, then a sale: in another order there would be a short position in between.
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


async def test_every_page_of_executions_is_read() -> None:
    """
    The venue's cursor is followed to its end.
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
