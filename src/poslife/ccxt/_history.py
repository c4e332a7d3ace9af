"""
Pages of fills over time, oldest first, and whether each page is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from poslife._domain.client_order_ids import ClientOrderIdFormat
from poslife._domain.fills import Fill
from poslife._domain.identifiers import Account, TradeId, Venue
from poslife._domain.venue_answers import FillPage, FillQuery, UnreadableRow
from poslife.ccxt._client import CcxtClient, require_list_in_response
from poslife.ccxt._fields import (
    Raw,
    info_of,
    is_row,
    is_same_client_order_id,
    listed,
    next_page_cursor,
    optional_text,
)
from poslife.ccxt._trades import fills_and_unreadable
from poslife.ccxt._unreadable import unreadable_row
from poslife.ccxt._venues import VenueRules
from poslife.errors import InvalidValue
from poslife.protocols import Clock

__all__ = ["History", "start_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# Some venues round to whole seconds, so each request ends later than its span and the rest is cut off here.
_PAST_THE_END = timedelta(seconds=1)

# The venue's pages in one `FillPage`; if they do not suffice, the `FillPage` covers a shorter span.
_MAX_PAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """
    The time from *start* (included) to *end* (excluded); ``None`` is as far as the venue goes.
    """

    start: datetime | None
    end: datetime | None


class History:
    """
    The trades of one account.
    """

    def __init__(
        self,
        client: CcxtClient,
        *,
        account: Account,
        rules: VenueRules,
        formats: Mapping[Venue, ClientOrderIdFormat],
        clock: Clock,
    ) -> None:
        self._client = client
        self._venue = Venue(client.id)
        self._account = account
        self._rules = rules
        self._formats = formats
        self._clock = clock

    async def page(self, query: FillQuery, start: datetime | None) -> FillPage:
        """
        Return the fills from *start* on, for the longest span that the venue answers completely.

        A row that cannot be read is in `FillPage.unreadable`; the page is not complete then.

        Raises:
            InvalidValue: The response is no list.
        """
        asked_at = self._clock.now()
        within = query.since is not None and asked_at - query.since <= self._rules.trades_window
        span = self._first_span(start, asked_at)
        while True:
            trades, whole = await self._read(query, span)
            shorter = None if whole else _first_half(span, asked_at)
            if shorter is None:
                break
            span = shorter
        read, unreadable = fills_and_unreadable(
            sorted(trades, key=self._sequence_of),
            venue=self._venue,
            account=self._account,
            rules=self._rules,
            formats=self._formats,
        )
        if unreadable and not read:
            # ccxt reads some error pages as rows, none of which is a trade.
            self._require_rows([row for row, _ in unreadable])
        chosen, doubled = self._without_duplicates(
            [(raw, fill) for raw, fill in read if self._matches(query, span, fill)]
        )
        lost = [*(said for raw, said in unreadable if self._may_match(query, raw)), *doubled]
        return FillPage(
            fills=tuple(sorted(chosen, key=lambda fill: fill.at)),
            complete=within and whole and not lost and self._can_match_order(query, [one for _, one in read]),
            next_cursor=None if span.end is None else _cursor_of(span.end),
            at=asked_at,
            unreadable=tuple(lost),
        )

    def _first_span(self, start: datetime | None, now: datetime) -> _Span:
        if start is None:
            return _Span(start=None, end=None)
        start = max(start, now - self._rules.trades_window)
        end = start + self._rules.trades_span
        return _Span(start=start, end=end if end <= now else None)

    async def _read(self, query: FillQuery, span: _Span) -> tuple[Sequence[object], bool]:
        """
        Return the trades of a span, possibly with some outside it, and whether none is missing.
        """
        rules = self._rules
        params = self._parameters(query)
        since = None if span.start is None else _milliseconds(span.start)
        if span.end is not None:
            params["until"] = _milliseconds(span.end + _PAST_THE_END)
        symbol = None if rules.trades_of_all else query.symbol
        # ccxt must not cut the rows to the limit itself: their number shows whether the venue has cut them.
        limit = None if rules.trades_of_all else rules.trades_limit
        trades: list[object] = []
        for _ in range(_MAX_PAGES):
            page = listed("trades", await self._client.fetch_my_trades(symbol, since, limit, params))
            if not page:
                require_list_in_response(self._client, "trades")
            trades += page
            if not rules.pages:
                return _of_symbol(query, trades), len(page) < rules.trades_limit
            cursor = next_page_cursor(page)
            if cursor is None:
                return _of_symbol(query, trades), True
            params["cursor"] = cursor
        return _of_symbol(query, trades), False

    def _parameters(self, query: FillQuery) -> dict[str, object]:
        rules = self._rules
        params: dict[str, object] = dict(rules.trades_extra)
        if query.venue_order_id is not None and rules.trades_order_parameter is not None:
            params[rules.trades_order_parameter] = query.venue_order_id
        elif query.client_order_id is not None and rules.trades_parameter is not None:
            params[rules.trades_parameter] = query.client_order_id
        return params

    def _sequence_of(self, trade: object) -> int:
        field = self._rules.trade_sequence
        number = "" if field is None or not is_row(trade) else str(info_of(trade).get(field))
        return int(number) if number.isascii() and number.isdigit() else 0

    def _require_rows(self, shown: Sequence[object]) -> None:
        if not any(map(is_row, shown)):
            raise InvalidValue("trades", shown[0], "a list of dicts")
        require_list_in_response(self._client, "trades")

    def _may_match(self, query: FillQuery, row: object) -> bool:
        """
        Return whether a row that cannot be read may be a fill that the query asks for.
        """
        if query.venue_order_id is None or not is_row(row):
            return True
        return optional_text(row.get("order")) in (None, query.venue_order_id)

    def _without_duplicates(
        self, fills: Sequence[tuple[Raw, Fill]]
    ) -> tuple[Iterable[Fill], list[UnreadableRow]]:
        """
        Return each fill once: the venue's pages overlap when trades arrive between two requests.

        A row that has another fill's id and other numbers is returned as unreadable.
        """
        chosen: dict[TradeId, Fill] = {}
        doubled: list[UnreadableRow] = []
        for raw, fill in fills:
            before = chosen.setdefault(fill.trade_id, fill)
            if not before.agrees_with(fill) or before.at != fill.at:
                error = InvalidValue("trade.id", fill.trade_id, "a unique id", hint=f"{before} has it too")
                doubled.append(unreadable_row(raw, error, venue=self._venue, account=self._account))
        return chosen.values(), doubled

    def _matches(self, query: FillQuery, span: _Span, fill: Fill) -> bool:
        if query.since is not None and fill.at < query.since:
            return False
        if span.start is not None and fill.at < _floor(span.start):
            return False
        if span.end is not None and fill.at >= _floor(span.end):
            return False
        return self._is_of_order(query, fill)

    def _is_of_order(self, query: FillQuery, fill: Fill) -> bool:
        if query.venue_order_id is not None:
            return fill.venue_order_id == query.venue_order_id
        if query.client_order_id is not None:
            return fill.client_order_id is not None and is_same_client_order_id(
                fill.client_order_id, query.client_order_id, venue=self._venue, formats=self._formats
            )
        return True

    def _can_match_order(self, query: FillQuery, fills: Sequence[Fill]) -> bool:
        """
        Return whether the trades carry the id by which the query selects its order.
        """
        if query.venue_order_id is not None:
            return all(fill.venue_order_id is not None for fill in fills)
        return query.client_order_id is None or self._rules.trade_order_name is not None


def start_of(query: FillQuery) -> datetime | None:
    """
    Return the start of the page that *query* asks for; ``None`` without a start time.

    Raises:
        InvalidValue: The cursor is not a ``next_cursor`` of this module.
    """
    cursor = query.cursor
    if cursor is None:
        return query.since
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 14):
        raise InvalidValue("FillQuery.cursor", cursor, "the next_cursor of a page from this source")
    return _EPOCH + int(cursor) * _MILLISECOND


def _of_symbol(query: FillQuery, trades: Sequence[object]) -> list[object]:
    """
    Return the trades of the symbol, and those without one, which `fill_from` refuses.
    """
    return [trade for trade in trades if not is_row(trade) or trade.get("symbol") in (None, query.symbol)]


def _first_half(span: _Span, now: datetime) -> _Span | None:
    """
    Return the first half of *span*, or ``None`` if it cannot be shorter.
    """
    if span.start is None:
        return None
    end = max(now, span.start) + _MILLISECOND if span.end is None else span.end
    half = _floor((end - span.start) / 2 + span.start)
    return _Span(start=span.start, end=half) if half > _floor(span.start) else None


def _milliseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MILLISECOND


def _floor(time: datetime) -> datetime:
    return _EPOCH + _milliseconds(time) * _MILLISECOND


def _cursor_of(time: datetime) -> str:
    return str(_milliseconds(time))
