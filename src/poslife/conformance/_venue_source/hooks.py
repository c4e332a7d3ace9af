"""
The hooks with which a host gives its source to the suite, and the questions that the suite asks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat, client_order_id
from poslife._domain.fills import Fill
from poslife._domain.identifiers import ClientOrderId, Symbol, TradeId, Venue, VenueOrderId
from poslife._domain.venue_answers import FillPage, FillQuery, OrderQuery, SnapshotScope
from poslife.conformance._assertions import check, check_utc, narrowed, same
from poslife.conformance._example_values import Examples
from poslife.protocols import VenueSource

__all__ = ["SourceHooks"]

MOST_PAGES = 1000


class SourceHooks(ABC):
    """
    A source at a venue where nothing has happened, and ways to make things happen there.

    """

    symbol: Symbol
    executions: int = 5
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS

    @abstractmethod
    def source(self) -> AbstractAsyncContextManager[VenueSource]:
        """
        Make a source at a venue where nothing has happened. Each test asks once.
        """

    @abstractmethod
    async def place(self, order: ClientOrderId, /) -> VenueOrderId:
        """
        Make a buy order of *symbol* with this client order id, which works at the venue without a fill.

        It is large enough to be filled in part `executions` times and to work still.
        """

    @abstractmethod
    async def execute(self, order: ClientOrderId, /) -> TradeId:
        """
        Fill a part of an order by one trade, later than the last one, and return when the venue shows it.
        """

    @abstractmethod
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        """
        Make the venue unreachable, while it is entered.
        """

    def garbled(self) -> AbstractAsyncContextManager[None] | None:
        """
        Make the venue's answers unreadable, while it is entered.

        *Default*: ``None``; such answers are not tested then.
        """
        return None

    def _client_order_id(self, source: VenueSource, ordinal: int = 0) -> ClientOrderId:
        return client_order_id(Examples().ref(), ordinal, venue=source.venue, formats=self.formats)

    def _order_query(self, source: VenueSource, order: ClientOrderId) -> OrderQuery:
        return OrderQuery(
            venue=source.venue, account=source.account, symbol=self.symbol, client_order_id=order
        )

    def _fill_query(self, source: VenueSource) -> FillQuery:
        return FillQuery(venue=source.venue, account=source.account, symbol=self.symbol)

    def _scopes(self, source: VenueSource) -> Sequence[SnapshotScope]:
        whole = SnapshotScope(venue=source.venue, account=source.account)
        return whole, replace(whole, symbols=(self.symbol,))

    async def _read_fills(self, source: VenueSource, query: FillQuery) -> tuple[list[Fill], bool]:
        """
        Return the fills of every page, and True if the pages leave none out.
        """
        fills: list[Fill] = []
        complete = True
        for _ in range(MOST_PAGES):
            page = narrowed(await source.fills(query), FillPage, "the return value of fills")
            check_utc(page.at, "FillPage.at")
            fills += page.fills
            complete = complete and page.complete
            if page.next_cursor is None:
                break
            check(page.next_cursor != query.cursor, "FillPage.next_cursor leads back to the same page")
            query = replace(query, cursor=page.next_cursor)
        else:
            raise AssertionError(f"the pages of fills do not end within {MOST_PAGES}")
        ids = [fill.trade_id for fill in fills]
        same(len(set(ids)), len(ids), "the number of different trade ids")
        times = [fill.at for fill in fills]
        same(sorted(times), times, "the times of the fills, oldest first")
        return fills, complete
