"""
Fills over time: each once, oldest first, and never said to be complete when they are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from poslife import Account, ClientOrderId, Fill, Symbol, Venue, VenueOrderId
from poslife.ccxt import VENUE_RULES, CcxtSource, VenueRules
from poslife.errors import InvalidValue, VenueUnavailable
from poslife.testing.clock import ManualClock
from poslife.venues import FillPage, FillQuery

MAIN = Account("main")
SYMBOL, OTHER = Symbol("BTC/USDT:USDT"), Symbol("ETH/USDT:USDT")
NOW = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


@dataclass
class PaperClient:
    """
    What ccxt would be over a venue that cuts its answers: to the oldest, or to the newest.
    """

    id: str
    trades: Sequence[tuple[int, Symbol]]
    limit: int
    newest: bool
    now: datetime = NOW
    number: object = str
    markets: object = None
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    answer: object = None
    asked: int = 0

    async def fetch_my_trades(
        self, symbol: str | None, since: int | None, limit: int | None, params: Mapping[str, object]
    ) -> object:
        self.asked += 1
        if self.answer is not None:
            return self.answer
        until = params.get("until")
        end = until if isinstance(until, int) else milliseconds(self.now)
        found = [
            (number, at, where)
            for number, (at, where) in sorted(enumerate(self.trades), key=lambda one: one[1][0])
            if (since is None or at >= since) and at <= end and symbol in (None, where)
        ]
        cut = found[-self.limit :] if self.newest else found[: self.limit]
        rows: list[dict[str, Any]] = [
            {
                "id": f"t{number}",
                "order": f"o{number % 3}",
                "symbol": where,
                "side": "buy",
                "amount": "1",
                "price": "2",
                "timestamp": at,
                "info": {},
            }
            for number, at, where in cut
        ]
        return rows if limit is None else rows[:limit]


def source_over(client: PaperClient, rules: VenueRules) -> CcxtSource:
    return CcxtSource(client, account=MAIN, rules=rules, clock=ManualClock(NOW))


async def read_all(source: CcxtSource, query: FillQuery) -> tuple[list[Fill], bool]:
    fills: list[Fill] = []
    complete = True
    for _ in range(2000):
        page: FillPage = await source.fills(query)
        fills += page.fills
        complete = complete and page.complete
        if page.next_cursor is None:
            return fills, complete
        query = replace(query, cursor=page.next_cursor)
    raise AssertionError("the pages never end")


def query_of(client: PaperClient, **more: Any) -> FillQuery:
    return FillQuery(venue=Venue(client.id), account=MAIN, symbol=SYMBOL, **more)


RULES = VenueRules(trades_window=30 * DAY, trades_span=7 * DAY, trades_limit=4)

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
    Whether the venue cuts to the oldest or to the newest, and before or after the symbol is picked.
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
    Some venues take whole seconds, so more than a span is asked for, and cut.
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


async def test_a_venue_that_shows_more_than_asked_for() -> None:
    """
    What was before the page's beginning was on the page before.
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
    Some are not shown, and the page says so.
    """
    at = milliseconds(NOW - DAY)
    client = PaperClient("paper", [(at, SYMBOL)] * 6, limit=4, newest=False)
    fills, complete = await read_all(source_over(client, RULES), query_of(client, since=NOW - 2 * DAY))

    assert 4 == len(fills)
    assert not complete


async def test_without_a_time_it_is_never_complete() -> None:
    """
    The venue's latest span alone: what was before, nobody asked.
    """
    client = PaperClient("paper", [(milliseconds(NOW - DAY), SYMBOL)], limit=4, newest=True)
    page = await source_over(client, RULES).fills(query_of(client))

    assert 1 == len(page.fills)
    assert not page.complete
    assert page.next_cursor is None


async def test_beyond_what_the_venue_keeps_it_is_not_complete() -> None:
    """
    A venue that has forgotten answers as one where nothing happened.
    """
    client = PaperClient("paper", [], limit=4, newest=True)
    _, kept = await read_all(source_over(client, RULES), query_of(client, since=NOW - 29 * DAY))
    _, forgotten = await read_all(source_over(client, RULES), query_of(client, since=NOW - 31 * DAY))

    assert kept
    assert not forgotten


async def test_the_venue_asked_for_one_order_does_not_filter() -> None:
    """
    Then the source does: another order's fills are not given.
    """
    trades = [(milliseconds(NOW) - 1000 * number, SYMBOL) for number in range(3)]
    client = PaperClient("paper", trades, limit=100, newest=False)
    source = source_over(client, replace(RULES, trades_limit=100))
    fills, complete = await read_all(
        source, query_of(client, since=NOW - DAY, venue_order_id=VenueOrderId("o1"))
    )

    assert ["t1"] == [fill.trade_id for fill in fills]
    assert complete


async def test_trades_that_do_not_carry_our_name_are_nobodys() -> None:
    """
    Asked by our name alone such a venue cannot say, and that is not the same as none.
    """
    trades = [(milliseconds(NOW) - 1000, SYMBOL)]
    client = PaperClient("paper", trades, limit=100, newest=False)
    fills, complete = await read_all(
        source_over(client, RULES), query_of(client, since=NOW - DAY, client_order_id=ClientOrderId("a1"))
    )

    assert [] == fills
    assert not complete


@pytest.mark.parametrize("cursor", ["", "x", "-5", "1.5", "٣", "9" * 20])
async def test_a_cursor_of_somebody_elses_is_refused(cursor: str) -> None:
    """
    By its name, before the venue is asked.
    """
    client = PaperClient("paper", [], limit=4, newest=True)
    with pytest.raises(InvalidValue, match="cursor"):
        await source_over(client, RULES).fills(query_of(client, cursor=cursor))

    assert 0 == client.asked


async def test_a_trade_that_cannot_be_read_is_not_left_out() -> None:
    """
    The whole page is refused: a fill that is missing would be a position that is wrong.
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
    source = source_over(client, VENUE_RULES[Venue("bingx")])
    with pytest.raises(VenueUnavailable, match="cannot be read"):
        await source.fills(query_of(client))


@pytest.mark.parametrize("answer", [{}, "text", 3, [None]], ids=str)
async def test_an_answer_of_another_shape_is_no_answer(answer: object) -> None:
    """
    Neither nothing, nor an exception of another kind.
    """
    client = PaperClient("paper", [], limit=4, newest=True, answer=answer)
    with pytest.raises(VenueUnavailable, match="trades"):
        await source_over(client, RULES).fills(query_of(client))


@dataclass
class PagedClient(PaperClient):
    """
    A venue that gives the newest first, a page at a time, and a cursor on each page with rows.
    """

    @override
    async def fetch_my_trades(
        self, symbol: str | None, since: int | None, limit: int | None, params: Mapping[str, object]
    ) -> object:
        self.asked += 1
        until = params.get("until")
        end = until if isinstance(until, int) else milliseconds(self.now)
        begin = milliseconds(self.now - 7 * DAY) if since is None else since
        found = [number for number, (at, _) in enumerate(self.trades) if begin <= at <= end]
        stop = int(str(params.get("cursor", len(found))))
        page = found[max(stop - self.limit, 0) : stop]
        return [
            {
                "id": f"t{number}",
                "symbol": symbol,
                "side": "buy",
                "amount": "1",
                "price": "2",
                "timestamp": self.trades[number][0],
                "info": {"nextPageCursor": str(max(stop - self.limit, 0))} if place == 0 else {},
            }
            for place, number in enumerate(page)
        ]


@pytest.mark.parametrize("count", [0, 1, 39, 40, 41, 200])
async def test_more_pages_than_one_of_ours_takes(count: int) -> None:
    """
    Then ours covers less time, and the next goes on from there: each trade once, the oldest first.
    """
    first = milliseconds(NOW - 6 * DAY)
    client = PagedClient("paper", [(first + 60_000 * n, SYMBOL) for n in range(count)], limit=2, newest=True)
    source = source_over(client, replace(RULES, pages=True, trades_limit=2))
    fills, complete = await read_all(source, query_of(client, since=NOW - 7 * DAY))

    assert [f"t{number}" for number in range(count)] == [fill.trade_id for fill in fills]
    assert complete


async def test_without_a_time_many_pages_are_the_newest_ones() -> None:
    """
    There is nothing to halve, and nothing is called complete.
    """
    client = PagedClient(
        "paper", [(milliseconds(NOW) - 200 + n, SYMBOL) for n in range(100)], limit=2, newest=True
    )
    page = await source_over(client, replace(RULES, pages=True, trades_limit=2)).fills(query_of(client))

    assert "t99" == page.fills[-1].trade_id
    assert not page.complete
    assert page.next_cursor is None


async def test_two_trades_of_one_id_cannot_be_told_apart() -> None:
    """
    The same trade twice is one; two different ones are not silently one.
    """

    def row(price: str) -> dict[str, Any]:
        at = milliseconds(NOW) - 1000
        shown = {"id": "t1", "symbol": SYMBOL, "side": "buy", "amount": "1", "price": price, "timestamp": at}
        return {**shown, "info": {}}

    client = PaperClient("paper", [], limit=4, newest=True, answer=[row("1"), row("1")])
    page = await source_over(client, RULES).fills(query_of(client))
    client.answer = [row("1"), row("2")]

    assert 1 == len(page.fills)
    with pytest.raises(VenueUnavailable, match="a unique id"):
        await source_over(client, RULES).fills(query_of(client))


async def test_since_is_kept_to_the_microsecond() -> None:
    """
    Venues are asked in milliseconds, which is a little earlier.
    """
    at = NOW - DAY
    client = PaperClient("paper", [(milliseconds(at), SYMBOL)], limit=4, newest=False)
    then, _ = await read_all(source_over(client, RULES), query_of(client, since=at))
    after, _ = await read_all(
        source_over(client, RULES), query_of(client, since=at + timedelta(microseconds=1))
    )

    assert (1, 0) == (len(then), len(after))
