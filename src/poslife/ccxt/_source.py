"""
A `VenueSource` over a ccxt client of the host's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol, cast

import ccxt.async_support as errors

from poslife._client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._clock import SystemClock
from poslife._fills import Fill
from poslife._identifiers import Account, Symbol, Venue
from poslife._snapshot import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
    VenuePosition,
)
from poslife.ccxt._convert import Raw, fill_from, info_of, order_seen_from, position_from
from poslife.ccxt._venues import VENUE_RULES, VenueRules
from poslife.errors import ConfigurationError, InvalidValue, UnknownVenueFormat, VenueUnavailable
from poslife.protocols import Clock

__all__ = ["CcxtClient", "CcxtSource"]


class CcxtClient(Protocol):
    """
    What is asked of a ``ccxt.async_support`` client.
    """

    id: str
    markets: object
    number: object
    options: Mapping[str, object]

    def load_markets(self) -> Awaitable[object]: ...

    def fetch_order(self, id: str, symbol: str, params: Mapping[str, object], /) -> Awaitable[object]: ...

    def fetch_my_trades(
        self, symbol: str, since: int | None, limit: int | None, params: Mapping[str, object], /
    ) -> Awaitable[object]: ...

    def fetch_positions(
        self, symbols: Sequence[str] | None, params: Mapping[str, object], /
    ) -> Awaitable[object]: ...


class CcxtSource:
    """
    What one account at one venue shows, asked through the host's client.

    Args:
        client: A ``ccxt.async_support`` exchange. Its settings stay as they are; ``number = str`` is
            exact, ``float``
            is exact to 15 digits.
        account: The host's name for the account.
        rules: What is known of the venue, for one that is not in `VENUE_RULES`.
        formats: Client order id formats, where the tracker was given some.
        clock: For the times of answers.

    Raises:
        UnknownVenueFormat: The venue is not known and no *rules* are given.
        ConfigurationError: The client's ``number`` is ``Decimal``, with which ccxt cannot read answers;
            or it repeats
            failed requests, submits included (``maxRetriesOnFailure``).
    """

    def __init__(
        self,
        client: object,
        *,
        account: Account,
        rules: VenueRules | None = None,
        formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
        clock: Clock | None = None,
    ) -> None:
        self._client = cast("CcxtClient", client)
        self._venue = Venue(self._client.id)
        self._account = account
        known = VENUE_RULES.get(self._venue) if rules is None else rules
        if known is None:
            raise UnknownVenueFormat(self._venue, VENUE_RULES)
        self._rules = known
        self._formats = formats
        self._clock: Clock = SystemClock() if clock is None else clock
        self._require_usable()

    def _require_usable(self) -> None:
        if self._client.number is not str and self._client.number is not float:
            raise ConfigurationError(
                f"the client's number is {self._client.number!r}: ccxt cannot read answers into it; "
                "use str (exact) or float"
            )
        retries = self._client.options.get("maxRetriesOnFailure")
        if retries:
            raise ConfigurationError(
                f"the client's maxRetriesOnFailure is {retries!r}: a failed submit would be sent twice; "
                "set it to 0"
            )

    @property
    def venue(self) -> Venue:
        """
        The client's exchange id.
        """
        return self._venue

    @property
    def account(self) -> Account:
        """
        The account that is asked about.
        """
        return self._account

    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        """
        See `VenueSource.find_order`. It is looked up by the venue's name where that is known, else by ours.
        """
        self._require_ours(query.venue, query.account)
        params: dict[str, object] = dict(self._rules.lookup_extra)
        venue_order_id = query.venue_order_id or ""
        if not venue_order_id:
            params[self._rules.lookup_parameter] = query.client_order_id
        asked_at = self._clock.now()
        try:
            with self._asking(f"order {query.client_order_id}"):
                order = cast("Raw", await self._client.fetch_order(venue_order_id, query.symbol, params))
        except _NotFound:
            return self._not_seen(asked_at)
        with self._reading(f"order {query.client_order_id}"):
            seen = order_seen_from(order, at=self._clock.now())
        if not self._is_asked_for(query, seen):
            raise VenueUnavailable(
                self._venue,
                f"order {query.client_order_id}",
                f"it showed another one, {seen.venue_order_id} ({seen.client_order_id})",
            )
        return seen

    def _is_asked_for(self, query: OrderQuery, seen: OrderSeen) -> bool:
        if query.venue_order_id is not None:
            return seen.venue_order_id == query.venue_order_id
        returned = seen.client_order_id
        if returned is None:
            return False
        known = self._formats.get(self._venue)
        prefix = "" if known is None else known.returned_prefix
        return returned.removeprefix(prefix).lower() == query.client_order_id.lower()

    def _not_seen(self, asked_at: datetime) -> OrderNotSeen:
        window = self._rules.lookup_window
        return OrderNotSeen(at=asked_at, conclusive_since=None if window is None else asked_at - window)

    async def fills(self, query: FillQuery, /) -> FillPage:
        """
        See `VenueSource.fills`.
        """
        self._require_ours(query.venue, query.account)
        rules = self._rules
        params: dict[str, object] = dict(rules.trades_extra)
        if query.venue_order_id is not None and rules.trades_order_parameter is not None:
            params[rules.trades_order_parameter] = query.venue_order_id
        elif query.client_order_id is not None and rules.trades_parameter is not None:
            params[rules.trades_parameter] = query.client_order_id
        if query.cursor is not None:
            params["cursor"] = query.cursor
        since = None if query.since is None else int(query.since.timestamp() * 1000)
        asked_at = self._clock.now()
        with self._asking(f"fills of {query.symbol}"):
            trades = cast(
                "Sequence[Raw]",
                await self._client.fetch_my_trades(query.symbol, since, rules.trades_limit, params),
            )
        with self._reading(f"fills of {query.symbol}"):
            fills = [fill for trade in trades if (fill := self._fill(trade)) is not None]
        cursor = _cursor(trades) if rules.pages else None
        within = query.since is not None and asked_at - query.since < rules.trades_window
        return FillPage(
            fills=tuple(sorted(fills, key=lambda fill: fill.at)),
            complete=within and (rules.pages or len(trades) < rules.trades_limit),
            next_cursor=cursor if trades else None,
            at=asked_at,
        )

    def _fill(self, trade: Raw) -> Fill | None:
        return fill_from(
            trade,
            venue=self._venue,
            account=self._account,
            order_name=self._rules.trade_order_name,
            id_parts=self._rules.trade_id_parts,
        )

    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        """
        See `VenueSource.snapshot`. It covers what ccxt's ``fetch_positions`` covers here, and no more.
        """
        self._require_ours(scope.venue, scope.account)
        asked_at = self._clock.now()
        with self._asking("positions"):
            await self._client.load_markets()
            rows, complete = await self._position_rows(scope)
        positions: list[VenuePosition] = []
        unreadable: list[str] = []
        for row in rows:
            try:
                positions.append(position_from(row, venue=self._venue, account=self._account))
            except InvalidValue as error:
                unreadable.append(str(error))
        wanted = scope.symbols
        return Snapshot(
            scope=scope,
            covers=self._covered(wanted),
            complete=complete,
            positions=tuple(p for p in positions if wanted is None or p.key.symbol in wanted),
            unreadable=tuple(unreadable),
            asked_at=asked_at,
            at=self._clock.now(),
        )

    async def _position_rows(self, scope: SnapshotScope) -> tuple[list[Raw], bool]:
        one = list(scope.symbols) if scope.symbols is not None and len(scope.symbols) == 1 else None
        rows: list[Raw] = []
        params: dict[str, object] = {}
        limit = self._rules.positions_limit
        if limit is not None:
            params["limit"] = limit
        while True:
            page = cast("Sequence[Raw]", await self._client.fetch_positions(one, params))
            rows += page
            cursor = _cursor(page) if self._rules.pages else None
            if not page or cursor is None or one is not None:
                return rows, limit is None or self._rules.pages or len(page) < limit
            params["cursor"] = cursor

    def _covered(self, wanted: tuple[Symbol, ...] | None) -> tuple[Symbol, ...]:
        """
        The linear swaps that the client knows: inverse ones are another question at every venue.
        """
        markets = cast("Mapping[str, Raw]", self._client.markets)
        linear = {
            Symbol(symbol)
            for symbol, market in markets.items()
            if market.get("swap") is True and market.get("linear") is True
        }
        return tuple(sorted(linear if wanted is None else linear.intersection(wanted)))

    def _require_ours(self, venue: Venue, account: Account) -> None:
        if (venue, account) != (self._venue, self._account):
            raise InvalidValue("query", f"{venue}:{account}", f"a query of {self._venue}:{self._account}")

    @contextmanager
    def _asking(self, question: str) -> Generator[None]:
        """
        Nothing that ccxt raises is an answer, but that an order was not found.
        """
        try:
            yield
        except errors.OrderNotFound as error:
            raise _NotFound from error
        except errors.BaseError as error:
            raise VenueUnavailable(self._venue, question, f"{type(error).__name__}: {error}") from error

    @contextmanager
    def _reading(self, question: str) -> Generator[None]:
        try:
            yield
        except InvalidValue as error:
            raise VenueUnavailable(self._venue, question, f"the answer cannot be read: {error}") from error


class _NotFound(Exception):
    pass


def _cursor(rows: Sequence[Raw]) -> str | None:
    """
    Where a list goes on; ccxt puts it into one of the rows.
    """
    for row in rows:
        cursor = info_of(row).get("nextPageCursor")
        if isinstance(cursor, str) and cursor:
            return cursor
    return None
