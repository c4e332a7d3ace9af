"""
`CcxtSource`: orders, fills and snapshots of one account through the host's ccxt client.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from ccxt.base.errors import OrderNotFound

from poslife._domain.absence import CLOCKS_APART
from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.identifiers import Account, Symbol, Venue, VenueOrderId
from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
    VenuePosition,
)
from poslife._runtime.clock import SystemClock
from poslife.ccxt._client import (
    markets_of,
    require_async,
    require_last_response_kept,
    require_list_in_response,
    require_no_retries,
    require_number_type,
    translate_errors,
)
from poslife.ccxt._fields import (
    Raw,
    info_of,
    is_same_client_order_id,
    next_page_cursor,
    optional_text,
    row,
    rows,
)
from poslife.ccxt._history import History, start_of
from poslife.ccxt._orders import made_order_id, order_seen_from, waiting
from poslife.ccxt._positions import position_from
from poslife.ccxt._venues import ConditionalOrders, LookupMethod, VenueRules, rules_of
from poslife.errors import InvalidValue, VenueUnavailable
from poslife.protocols import Clock

__all__ = ["CcxtSource"]


class CcxtSource:
    """
    A `VenueSource` for one account, over the host's ccxt client.

    It only reads, and leaves the client's settings as they are. They are checked once, here: do not change
    those named below afterwards.

    Args:
        client: A ``ccxt.async_support`` exchange. ``number = str`` is exact, ``float`` is exact to 15 digits.
        account: The host's name for the account.
        rules: The rules of a venue that is not in `VENUE_RULES`.
        formats: Client order id formats, if the tracker was given any.
        margin_modes: Put the margin mode into the keys of a snapshot, for accounts that hold a symbol in both
            modes (OKX). The host's keys must have it then, and must not have it otherwise.
        clock: The clock for the times of requests.

    Raises:
        UnknownVenueFormat: The venue is not in `VENUE_RULES` and no *rules* are given.
        ConfigurationError: The client blocks; its ``number`` is ``Decimal``, with which ccxt cannot read
            responses; it retries failed requests, submits included (``maxRetriesOnFailure``); or it does not
            keep the venue's last response (``enableLastHttpResponse``), which distinguishes an empty list
            from an error page.
    """

    def __init__(
        self,
        client: object,
        *,
        account: Account,
        rules: VenueRules | None = None,
        formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
        margin_modes: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._client = require_async(client)
        require_number_type(self._client)
        require_no_retries(self._client)
        require_last_response_kept(self._client)
        self._venue = Venue(self._client.id)
        self._account = account
        self._rules = rules_of(self._venue, rules)
        self._formats = formats
        self._margin_modes = margin_modes
        self._clock: Clock = SystemClock() if clock is None else clock
        self._history = History(
            self._client, account=account, rules=self._rules, formats=formats, clock=self._clock
        )

    @property
    def venue(self) -> Venue:
        """
        The client's exchange id.
        """
        return self._venue

    @property
    def account(self) -> Account:
        return self._account

    # ------------------------------------------------------------------------------------------ orders

    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        """
        Look the order up by its venue order id if that is known, else by its client order id.

        One that may be conditional is looked up where the venue keeps those, and where it keeps the others.
        Not seeing it is conclusive only where one place holds both.

        The time of an `OrderNotSeen` is the time before the request: an order that arrived later may be
        missing from the response.
        """
        self._require_own_account(query.venue, query.account)
        asked_at = self._clock.now()
        apart = query.conditional is not False and not self._rules.conditional_together
        with translate_errors(self._venue, f"order {query.client_order_id}"):
            if apart and self._rules.conditional is not None:
                seen = await self._find_conditional(query, self._rules.conditional)
                if seen is not None:
                    return seen
                if query.conditional:
                    # Its id is of a conditional order: among the others it may be another order's.
                    query = replace(query, venue_order_id=None)
            order = await self._find_ordinary(query)
            if order is not None:
                return self._convert_order(query, order)
        if apart:
            return OrderNotSeen(at=asked_at, conclusive_since=None, reason=self._why_unproven())
        window = self._rules.lookup_window
        return OrderNotSeen(at=asked_at, conclusive_since=None if window is None else asked_at - window)

    def _why_unproven(self) -> str:
        if self._rules.conditional is None:
            return f"it may be a conditional order, and {self._venue} cannot be asked for those"
        return f"it may be a conditional order, and {self._venue} does not promise to show those"

    async def _find_ordinary(self, query: OrderQuery) -> Raw | None:
        for method in self._rules.lookups:
            order = await self._look_up(method, query)
            if order is not None:
                return order
        return None

    async def _find_conditional(self, query: OrderQuery, rules: ConditionalOrders) -> OrderSeen | None:
        """
        Return the conditional order, or the order that the venue has made of it.
        """
        methods = rules.lookups if query.venue_order_id is None else rules.id_lookups or rules.lookups
        for method in methods:
            order = await self._look_up(method, query, rules)
            if order is None or order.get("id") is None:
                continue
            made = made_order_id(order, rules.made_fields)
            if made is not None:
                by_id = replace(query, venue_order_id=VenueOrderId(made))
                triggered = await self._find_ordinary(by_id)
                if triggered is not None:
                    return self._convert_order(by_id, triggered)
            return self._convert_order(query, waiting(order))
        return None

    async def _look_up(
        self, method: LookupMethod, query: OrderQuery, conditional: ConditionalOrders | None = None
    ) -> Raw | None:
        rules = self._rules
        extra: Mapping[str, object] = {} if conditional is None else conditional.params
        by_client_order_id = query.venue_order_id is None
        match method:
            case "fetch_order":
                named = {rules.lookup_parameter: query.client_order_id} if by_client_order_id else {}
                params = {**extra, **named}
                try:
                    order = await self._client.fetch_order(query.venue_order_id or "", query.symbol, params)
                except OrderNotFound:
                    return None
                return row("order", order)
            case "fetch_open_orders":
                fetch = self._client.fetch_open_orders
            case "fetch_canceled_and_closed_orders":
                fetch = self._client.fetch_canceled_and_closed_orders
            case _:
                assert_never(method)
        wanted = (
            {rules.lookup_parameter: query.client_order_id}
            if by_client_order_id
            else {rules.lookup_order_parameter: query.venue_order_id}
        )
        if conditional is not None and not conditional.filtered:
            wanted = {}
        found = rows("orders", await fetch(query.symbol, None, None, {**extra, **wanted}))
        if not found:
            require_list_in_response(self._client, "orders")
        if conditional is not None:
            # The list of conditional orders may ignore the parameter.
            found = [one for one in found if self._is_asked_for(one, query)]
        return found[0] if found else None

    def _is_asked_for(self, order: Raw, query: OrderQuery) -> bool:
        if query.venue_order_id is not None:
            return order.get("id") == query.venue_order_id
        named = optional_text(order.get("clientOrderId"))
        return named is not None and is_same_client_order_id(
            named, query.client_order_id, venue=self._venue, formats=self._formats
        )

    def _convert_order(self, query: OrderQuery, order: Raw) -> OrderSeen:
        seen = order_seen_from(order, venue=self._venue, at=self._clock.now(), formats=self._formats)
        if query.venue_order_id is not None:
            same = seen.venue_order_id == query.venue_order_id
        else:
            # An order without a client order id may be any order: some venues ignore the parameter and
            # return the newest one.
            same = seen.client_order_id is not None and is_same_client_order_id(
                seen.client_order_id, query.client_order_id, venue=self._venue, formats=self._formats
            )
        if not same:
            raise VenueUnavailable(
                self._venue,
                f"order {query.client_order_id}",
                f"it returned another one, {seen.venue_order_id} ({seen.client_order_id})",
            )
        return seen

    # ------------------------------------------------------------------------------------------- fills

    async def fills(self, query: FillQuery, /) -> FillPage:
        """
        Return a page of fills.

        Without `FillQuery.since` the page covers the venue's latest span only, and is never complete. Where
        trades do not carry the client order id, a query by that id alone finds none, and is never complete.
        The fills of a named order are also shown where they are up to an hour older: its time of preparation
        is one of the host's clock.
        """
        self._require_own_account(query.venue, query.account)
        if query.since is not None and (query.client_order_id or query.venue_order_id):
            query = replace(query, since=query.since - CLOCKS_APART)
        start = start_of(query)
        with translate_errors(self._venue, f"fills of {query.symbol}"):
            return await self._history.page(query, start)

    # ---------------------------------------------------------------------------------------- snapshot

    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        """
        Return the positions of ``fetch_positions``; the snapshot covers exactly the markets that it covers.
        """
        self._require_own_account(scope.venue, scope.account)
        asked_at = self._clock.now()
        with translate_errors(self._venue, "positions"):
            await self._client.load_markets()
            return await self._snapshot(scope, asked_at)

    async def _snapshot(self, scope: SnapshotScope, asked_at: datetime) -> Snapshot:
        one = scope.symbols[0] if scope.symbols is not None and len(scope.symbols) == 1 else None
        if one is not None and self._rules.positions_by_symbol:
            found, complete = await self._fetch_positions([one], {})
            covers: tuple[Symbol, ...] = (one,)
        else:
            found, complete = await self._fetch_positions(None, self._rules.positions_extra)
            covers = self._covered_symbols(scope.symbols)
        positions, unreadable = self._convert_positions(found)
        wanted = [p for p in positions if scope.symbols is None or p.key.symbol in scope.symbols]
        return Snapshot(
            scope=scope,
            covers=tuple(sorted({*covers, *(position.key.symbol for position in wanted)})),
            # Otherwise a requested symbol that is not covered would count as flat.
            complete=complete and set(scope.symbols or ()) <= set(covers),
            positions=tuple(wanted),
            unreadable=unreadable,
            asked_at=asked_at,
            at=self._clock.now(),
        )

    async def _fetch_positions(
        self, symbols: Sequence[Symbol] | None, extra: Mapping[str, object]
    ) -> tuple[list[Raw], bool]:
        """
        Return the rows of all the venue's pages, and whether they are complete.
        """
        limit = self._rules.positions_limit
        params: dict[str, object] = dict(extra) if limit is None else {**extra, "limit": limit}
        found: list[Raw] = []
        while True:
            page = rows("positions", await self._client.fetch_positions(symbols, params))
            if not page:
                require_list_in_response(self._client, "positions")
            found += page
            if symbols is not None or not self._rules.pages:
                return found, limit is None or len(page) < limit
            cursor = next_page_cursor(page)
            if cursor is None or cursor == params.get("cursor"):
                return found, cursor is None
            params["cursor"] = cursor

    def _convert_positions(self, found: Sequence[Raw]) -> tuple[list[VenuePosition], tuple[str, ...]]:
        """
        Return the positions that can be read, and a sentence about each of the other rows.

        Raises:
            InvalidValue: No row can be read, so it is not a list of positions.
        """
        positions: list[VenuePosition] = []
        unreadable: list[str] = []
        known = markets_of(self._client)
        for raw in found:
            try:
                position = position_from(
                    raw,
                    venue=self._venue,
                    account=self._account,
                    margin_modes=self._margin_modes,
                    rules=self._rules,
                )
            except InvalidValue as error:
                unreadable.append(f"{raw.get('symbol')}: {error}")
                continue
            if position.key.symbol in known:
                positions.append(position)
            else:
                # For a market it does not know, ccxt returns the venue's raw symbol, which is in no key.
                unreadable.append(f"{position.key.symbol}: the client has no market with this symbol")
        if found and not positions:
            raise InvalidValue("positions", unreadable[0], "at least one readable position")
        counts = Counter(position.key for position in positions)
        unreadable += [f"{key}: {count} rows for one key" for key, count in counts.items() if count > 1]
        return [position for position in positions if counts[position.key] == 1], tuple(unreadable)

    def _covered_symbols(self, wanted: tuple[Symbol, ...] | None) -> tuple[Symbol, ...]:
        """
        Return the symbols, among *wanted*, that a request for the whole account covers.
        """
        rules = self._rules
        covered = {
            Symbol(symbol)
            for symbol, market in markets_of(self._client).items()
            if all(market.get(field) == value for field, value in rules.positions_cover.items())
            and (rules.positions_beyond is None or rules.positions_beyond not in info_of(market))
        }
        return tuple(sorted(covered if wanted is None else covered.intersection(wanted)))

    def _require_own_account(self, venue: Venue, account: Account) -> None:
        if (venue, account) != (self._venue, self._account):
            raise InvalidValue("query", f"{venue}:{account}", f"a query of {self._venue}:{self._account}")
