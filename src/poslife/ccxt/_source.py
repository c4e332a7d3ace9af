"""
A `VenueSource` over a ccxt client of the host's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

from ccxt.base.errors import OrderNotFound

from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.identifiers import Account, Symbol, Venue
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
    asking,
    edge,
    markets_of,
    require_a_list,
    require_answers_are_kept,
    require_no_retries,
    require_readable,
)
from poslife.ccxt._fields import Raw, info_of, row, rows
from poslife.ccxt._history import History, cursor_in, start_of
from poslife.ccxt._names import is_same_name
from poslife.ccxt._orders import order_seen_from
from poslife.ccxt._positions import position_from
from poslife.ccxt._venues import LookupMethod, VenueRules, rules_of
from poslife.errors import InvalidValue, VenueUnavailable
from poslife.protocols import Clock

__all__ = ["CcxtSource"]


class CcxtSource:
    """
    What one account at one venue shows, asked through the host's client.

    The client's settings stay as they are, and nothing but questions is sent. That its settings serve is
    checked once, here: change none of those named below afterwards.

    Args:
        client: A ``ccxt.async_support`` exchange. ``number = str`` is exact, ``float`` is exact to 15 digits.
        account: The host's name for the account.
        rules: What is known of the venue, for one that is not in `VENUE_RULES`.
        formats: Client order id formats, where the tracker was given some.
        margin_modes: Put the margin mode into the keys of a snapshot, for accounts that hold a symbol in both
            modes (OKX). The host's keys must have it then, and must not have it otherwise.
        clock: For the times of questions.

    Raises:
        UnknownVenueFormat: The venue is not known and no *rules* are given.
        ConfigurationError: The client blocks; its ``number`` is ``Decimal``, with which ccxt cannot read
            answers; it repeats failed requests, submits included (``maxRetriesOnFailure``); or it does not
            keep the venue's last answer (``enableLastHttpResponse``), by which an empty list is told from a
            page that is none.
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
        self._client = edge(client)
        require_readable(self._client)
        require_no_retries(self._client)
        require_answers_are_kept(self._client)
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
        """
        The account that is asked about.
        """
        return self._account

    # ------------------------------------------------------------------------------------------ orders

    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        """
        See `VenueSource.find_order`. It is looked up by the venue's name where that is known, else by ours.

        The time of an `OrderNotSeen` is the one before the question: what arrives later is not in its answer.
        """
        self._require_ours(query.venue, query.account)
        asked_at = self._clock.now()
        with asking(self._venue, f"order {query.client_order_id}"):
            for method in self._rules.lookups:
                order = await self._look_up(method, query)
                if order is not None:
                    return self._seen(query, order)
        window = self._rules.lookup_window
        return OrderNotSeen(at=asked_at, conclusive_since=None if window is None else asked_at - window)

    async def _look_up(self, method: LookupMethod, query: OrderQuery) -> Raw | None:
        rules = self._rules
        by_name = query.venue_order_id is None
        match method:
            case "fetch_order":
                params = {rules.lookup_parameter: query.client_order_id} if by_name else {}
                try:
                    order = await self._client.fetch_order(query.venue_order_id or "", query.symbol, params)
                except OrderNotFound:
                    return None
                return row("order", order)
            case "fetch_open_orders":
                listed = self._client.fetch_open_orders
            case "fetch_canceled_and_closed_orders":
                listed = self._client.fetch_canceled_and_closed_orders
            case _:
                assert_never(method)
        wanted = (
            {rules.lookup_parameter: query.client_order_id}
            if by_name
            else {rules.lookup_order_parameter: query.venue_order_id}
        )
        found = rows("orders", await listed(query.symbol, None, None, wanted))
        if found:
            return found[0]
        require_a_list(self._client, "orders")
        return None

    def _seen(self, query: OrderQuery, order: Raw) -> OrderSeen:
        seen = order_seen_from(order, venue=self._venue, at=self._clock.now(), formats=self._formats)
        if query.venue_order_id is not None:
            same = seen.venue_order_id == query.venue_order_id
        else:
            # Without our name in the answer nobody knows whose it is: some venues show the newest order.
            same = seen.client_order_id is not None and is_same_name(
                seen.client_order_id, query.client_order_id, venue=self._venue, formats=self._formats
            )
        if not same:
            raise VenueUnavailable(
                self._venue,
                f"order {query.client_order_id}",
                f"it showed another one, {seen.venue_order_id} ({seen.client_order_id})",
            )
        return seen

    # ------------------------------------------------------------------------------------------- fills

    async def fills(self, query: FillQuery, /) -> FillPage:
        """
        See `VenueSource.fills`.

        Without `FillQuery.since` it is the venue's latest span alone, and never complete. Where trades do not
        carry our name for their order, asking by that name alone gives none, and is never complete.
        """
        self._require_ours(query.venue, query.account)
        start = start_of(query)
        with asking(self._venue, f"fills of {query.symbol}"):
            return await self._history.page(query, start)

    # ---------------------------------------------------------------------------------------- snapshot

    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        """
        See `VenueSource.snapshot`. It covers what ccxt's ``fetch_positions`` covers here, and no more.
        """
        self._require_ours(scope.venue, scope.account)
        asked_at = self._clock.now()
        with asking(self._venue, "positions"):
            await self._client.load_markets()
            return await self._snapshot(scope, asked_at)

    async def _snapshot(self, scope: SnapshotScope, asked_at: datetime) -> Snapshot:
        one = scope.symbols[0] if scope.symbols is not None and len(scope.symbols) == 1 else None
        if one is not None and self._rules.positions_by_symbol:
            shown, complete = await self._positions_of([one], {})
            covers: tuple[Symbol, ...] = (one,)
        else:
            shown, complete = await self._positions_of(None, self._rules.positions_extra)
            covers = self._covered(scope.symbols)
        read, unreadable = self._read(shown)
        wanted = read if scope.symbols is None else [p for p in read if p.key.symbol in scope.symbols]
        return Snapshot(
            scope=scope,
            covers=tuple(sorted({*covers, *(position.key.symbol for position in wanted)})),
            # What was asked for and is not covered would else count as absent.
            complete=complete and set(scope.symbols or ()) <= set(covers),
            positions=tuple(wanted),
            unreadable=unreadable,
            asked_at=asked_at,
            at=self._clock.now(),
        )

    async def _positions_of(
        self, symbols: Sequence[Symbol] | None, extra: Mapping[str, object]
    ) -> tuple[list[Raw], bool]:
        """
        The rows of all the venue's pages, and whether they are all.
        """
        limit = self._rules.positions_limit
        params: dict[str, object] = dict(extra) if limit is None else {**extra, "limit": limit}
        shown: list[Raw] = []
        while True:
            page = rows("positions", await self._client.fetch_positions(symbols, params))
            if not page:
                require_a_list(self._client, "positions")
            shown += page
            if symbols is not None or not self._rules.pages:
                return shown, limit is None or len(page) < limit
            cursor = cursor_in(page)
            if cursor is None or cursor == params.get("cursor"):
                return shown, cursor is None
            params["cursor"] = cursor

    def _read(self, shown: Sequence[Raw]) -> tuple[list[VenuePosition], tuple[str, ...]]:
        """
        The rows that can be read, and a sentence for each of the others.

        Raises:
            InvalidValue: None of them can: then it was no list of positions.
        """
        positions: list[VenuePosition] = []
        unreadable: list[str] = []
        known = markets_of(self._client)
        for one in shown:
            try:
                position = position_from(
                    one,
                    venue=self._venue,
                    account=self._account,
                    margin_modes=self._margin_modes,
                    rules=self._rules,
                )
            except InvalidValue as error:
                unreadable.append(f"{one.get('symbol')}: {error}")
                continue
            if position.key.symbol in known:
                positions.append(position)
            else:
                # ccxt gives the venue's raw name where it knows no market of it, and that names no key.
                unreadable.append(f"{position.key.symbol}: no market that the client has loaded")
        if shown and not positions:
            raise InvalidValue("positions", unreadable[0], "a list of positions")
        times = Counter(position.key for position in positions)
        unreadable += [f"{key}: {count} rows of one key" for key, count in times.items() if count > 1]
        return [position for position in positions if times[position.key] == 1], tuple(unreadable)

    def _covered(self, wanted: tuple[Symbol, ...] | None) -> tuple[Symbol, ...]:
        """
        The markets that a question for the whole account is about.
        """
        rules = self._rules
        covered = {
            Symbol(symbol)
            for symbol, market in markets_of(self._client).items()
            if all(market.get(field) == value for field, value in rules.positions_cover.items())
            and (rules.positions_beyond is None or rules.positions_beyond not in info_of(market))
        }
        return tuple(sorted(covered if wanted is None else covered.intersection(wanted)))

    # ------------------------------------------------------------------------------------------- words

    def _require_ours(self, venue: Venue, account: Account) -> None:
        if (venue, account) != (self._venue, self._account):
            raise InvalidValue("query", f"{venue}:{account}", f"a query of {self._venue}:{self._account}")
