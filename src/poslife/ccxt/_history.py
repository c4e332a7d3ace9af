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
from poslife._domain.venue_answers import FillPage, FillQuery
from poslife.ccxt._client import CcxtClient, require_list_in_response
from poslife.ccxt._fields import Raw, info_of, is_same_client_order_id, next_page_cursor, rows
from poslife.ccxt._trades import fill_from
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

        Raises:
            InvalidValue: A trade cannot be read.
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
        in_order = sorted(trades, key=self._sequence_of)
        fills = [fill for trade in in_order if (fill := self._fill(trade)) is not None]
        chosen = _without_duplicates([fill for fill in fills if self._matches(query, span, fill)])
        return FillPage(
            fills=tuple(sorted(chosen, key=lambda fill: fill.at)),
            complete=within and whole and self._can_match_order(query, fills),
            next_cursor=None if span.end is None else _cursor_of(span.end),
            at=asked_at,
        )

    def _first_span(self, start: datetime | None, now: datetime) -> _Span:
        if start is None:
            return _Span(start=None, end=None)
        start = max(start, now - self._rules.trades_window)
        end = start + self._rules.trades_span
        return _Span(start=start, end=end if end <= now else None)

    async def _read(self, query: FillQuery, span: _Span) -> tuple[Sequence[Raw], bool]:
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
        trades: list[Raw] = []
        for _ in range(_MAX_PAGES):
            page = rows("trades", await self._client.fetch_my_trades(symbol, since, limit, params))
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

    def _sequence_of(self, trade: Raw) -> int:
        field = self._rules.trade_sequence
        number = "" if field is None else str(info_of(trade).get(field))
        return int(number) if number.isascii() and number.isdigit() else 0

    def _fill(self, trade: Raw) -> Fill | None:
        return fill_from(
            trade, venue=self._venue, account=self._account, rules=self._rules, formats=self._formats
        )

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


def _of_symbol(query: FillQuery, trades: Sequence[Raw]) -> list[Raw]:
    """
    Return the trades of the symbol, and those without one, which `fill_from` refuses.
    """
    return [trade for trade in trades if trade.get("symbol") in (None, query.symbol)]


def _without_duplicates(fills: Sequence[Fill]) -> Iterable[Fill]:
    """
    Return each fill once: the venue's pages overlap when trades arrive between two requests.

    Raises:
        InvalidValue: Two different fills have the same id.
    """
    chosen: dict[TradeId, Fill] = {}
    for fill in fills:
        before = chosen.setdefault(fill.trade_id, fill)
        if not before.agrees_with(fill) or before.at != fill.at:
            raise InvalidValue("trade.id", fill.trade_id, "a unique id", hint=f"{before} has it too")
    return chosen.values()


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
