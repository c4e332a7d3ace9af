"""
A ccxt client over a list of trades, for a venue that cuts its responses or pages them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from poslife import Fill, Symbol, Venue
from poslife.ccxt import CcxtSource, VenueRules
from poslife.testing.clock import ManualClock
from poslife.venues import FillPage, FillQuery
from tests.ccxt.queries import MAIN

SYMBOL, OTHER = Symbol("BTC/USDT:USDT"), Symbol("ETH/USDT:USDT")
NOW = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = VenueRules(trades_window=30 * DAY, trades_span=7 * DAY, trades_limit=4)


def milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


@dataclass
class PaperClient:
    """
    A client of a venue that cuts its responses to the oldest, or to the newest, trades.
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


@dataclass
class PagedClient(PaperClient):
    """
    A client of a venue that returns the newest first, in pages, each with rows and a cursor.
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
