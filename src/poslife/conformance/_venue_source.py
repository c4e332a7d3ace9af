"""
The suite for a `VenueSource`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat, client_order_id
from poslife._domain.fills import Fill
from poslife._domain.identifiers import (
    Account,
    ClientOrderId,
    OrderSide,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.orders import OrderStatus
from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
)
from poslife.conformance._assertions import check, narrowed, refused, same
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.errors import InvalidValue, VenueUnavailable
from poslife.protocols import VenueSource

__all__ = ["VenueSourceConformance"]

MOST_PAGES = 1000


class VenueSourceConformance(ABC):
    """
    What `VenueSource` promises, one test for each sentence.

    Say how a source is made at a venue where nothing has happened (a simulated one, or a replay), and let the
    hooks make things happen there::

        class TestMySource(VenueSourceConformance):
            symbol = Symbol("BTC/USDT:USDT")

            @asynccontextmanager
            async def source(self) -> AsyncGenerator[VenueSource]:
                async with SimulatedVenue() as self.venue:
                    yield MySource(self.venue.url)

            async def place(self, order: ClientOrderId, /) -> VenueOrderId:
                return VenueOrderId(await self.venue.place(order))

            async def execute(self, order: ClientOrderId, /) -> TradeId:
                return TradeId(await self.venue.fill_a_part_of(order))

            def unreachable(self) -> AbstractAsyncContextManager[None]:
                return self.venue.answering(503)

    Attributes:
        symbol: What is traded; the host's to set.
        executions: How many times an order is filled in part; best more than fit on one page of fills.
        formats: How the venue takes client order ids. *Default*: poslife's own.
    """

    symbol: Symbol
    executions: int = 5
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS

    @abstractmethod
    def source(self) -> AbstractAsyncContextManager[VenueSource]:
        """
        A source at a venue where nothing has happened. Each test asks once.
        """

    @abstractmethod
    async def place(self, order: ClientOrderId, /) -> VenueOrderId:
        """
        Let a buy order of *symbol* under this name be made, and work at the venue without a fill.

        It is large enough to be filled in part `executions` times, and still work.
        """

    @abstractmethod
    async def execute(self, order: ClientOrderId, /) -> TradeId:
        """
        Let a part of an order be filled by one trade, later than the last; return when the venue shows it.
        """

    @abstractmethod
    def unreachable(self) -> AbstractAsyncContextManager[None]:
        """
        While it is entered, the venue does not answer.
        """

    def garbled(self) -> AbstractAsyncContextManager[None] | None:
        """
        While it is entered, the venue answers what cannot be read.

        *Default*: ``None``; what is said of such answers goes unchecked.
        """
        return None

    # ----------------------------------------------------------------------------------------- orders

    @promised_by(VenueSource.find_order)
    async def test_find_order_by_our_name(self) -> None:
        """
        `find_order` finds an order by our client order id, also without the venue's id.
        """
        async with self.source() as source:
            order = self._order_name(source)
            name = await self.place(order)
            seen = narrowed(await source.find_order(self._order(source, order)), OrderSeen, "a placed order")
            self._check_seen(seen, order, name)
            same(Decimal(0), seen.filled, "OrderSeen.filled of an order without fills")

    @promised_by(VenueSource.find_order)
    async def test_find_order_by_the_venues_name(self) -> None:
        """
        `find_order` finds an order by the venue's id, and no other order.
        """
        async with self.source() as source:
            orders = [self._order_name(source, number) for number in range(3)]
            names = [await self.place(order) for order in orders]
            for order, name in zip(orders, names, strict=True):
                query = replace(self._order(source, order), venue_order_id=name)
                self._check_seen(
                    narrowed(await source.find_order(query), OrderSeen, "a placed order"), order, name
                )

    @promised_by(VenueSource.find_order)
    async def test_find_order_with_fills(self) -> None:
        """
        `OrderSeen.filled` is the filled quantity, and an order that is filled in part still works.
        """
        async with self.source() as source:
            order = self._order_name(source)
            name = await self.place(order)
            query, filled = self._order(source, order), Decimal(0)
            for _ in range(2):
                await self.execute(order)
                seen = narrowed(await source.find_order(query), OrderSeen, "an order with fills")
                self._check_seen(seen, order, name)
                check(
                    filled < seen.filled < seen.quantity,
                    f"OrderSeen.filled should grow from {filled} below {seen.quantity}, is {seen.filled}",
                )
                filled = seen.filled
            fills, _ = await self._read_fills(source, self._fills(source))
            same(filled, sum((fill.quantity for fill in fills), Decimal(0)), "the fills and OrderSeen.filled")

    @promised_by(VenueSource.find_order)
    async def test_find_order_not_seen(self) -> None:
        """
        `find_order` gives `OrderNotSeen` for an order the venue does not show, with and without other orders.
        """
        async with self.source() as source:
            await self._check_not_seen(source)
            await self.place(self._order_name(source))
            await self._check_not_seen(source)

    async def _check_not_seen(self, source: VenueSource) -> None:
        query = self._order(source, self._order_name(source, 99))
        answer = narrowed(await source.find_order(query), OrderNotSeen, "an order that was never made")
        _check_time("OrderNotSeen.at", answer.at)
        if answer.conclusive_since is not None:
            _check_time("OrderNotSeen.conclusive_since", answer.conclusive_since)
            check(
                answer.conclusive_since <= answer.at,
                "OrderNotSeen.conclusive_since should not be after OrderNotSeen.at",
            )

    # ------------------------------------------------------------------------------------------ fills

    @promised_by(VenueSource.fills)
    async def test_no_fills(self) -> None:
        """
        Without fills, `fills` gives one empty page.
        """
        async with self.source() as source:
            for placed in (False, True):
                if placed:
                    await self.place(self._order_name(source))
                page = narrowed(await source.fills(self._fills(source)), FillPage, "what fills returns")
                same((), page.fills, "the fills of a venue without any")
                same(None, page.next_cursor, "FillPage.next_cursor of the last page")
                _check_time("FillPage.at", page.at)

    @promised_by(VenueSource.fills)
    async def test_fills_in_pages(self) -> None:
        """
        Pages of fills hold each fill once, oldest first, and complete pages leave none out.
        """
        async with self.source() as source:
            order = self._order_name(source)
            name = await self.place(order)
            trades = [await self.execute(order) for _ in range(self.executions)]
            fills, complete = await self._read_fills(source, self._fills(source))
            found = [fill.trade_id for fill in fills]
            if complete:
                same(trades, found, "the trade ids, oldest first")
            else:
                same([trade for trade in trades if trade in found], found, "the trade ids, oldest first")
            for fill in fills:
                self._check_fill(source, fill)
                same(OrderSide.BUY, fill.side, "Fill.side")
                check(fill.venue_order_id in (None, name), f"Fill.venue_order_id is {fill.venue_order_id}")

    @promised_by(VenueSource.fills)
    async def test_fills_of_one_order(self) -> None:
        """
        `fills` for one order, by our id or the venue's, gives the fills of that order and no others.
        """
        async with self.source() as source:
            orders = [self._order_name(source, number) for number in range(2)]
            names = [await self.place(order) for order in orders]
            trades: list[list[TradeId]] = [[], []]
            for which in (0, 1, 0):
                trades[which].append(await self.execute(orders[which]))
            for order, name, mine in zip(orders, names, trades, strict=True):
                for query in (
                    replace(self._fills(source), client_order_id=order),
                    replace(self._fills(source), venue_order_id=name),
                ):
                    fills, complete = await self._read_fills(source, query)
                    found = [fill.trade_id for fill in fills]
                    check(set(found) <= set(mine), f"fills of {name} should be among {mine}, are {found}")
                    if complete:
                        same(mine, found, "the trade ids of one order")

    @promised_by(VenueSource.fills)
    async def test_fills_since(self) -> None:
        """
        `fills` since a time gives the fills of that time and later, and no earlier ones.
        """
        async with self.source() as source:
            order = self._order_name(source)
            await self.place(order)
            for _ in range(3):
                await self.execute(order)
            fills, complete = await self._read_fills(source, self._fills(source))
            for since in [fill.at for fill in fills]:
                later, still = await self._read_fills(source, replace(self._fills(source), since=since))
                wanted = [fill.trade_id for fill in fills if fill.at >= since]
                found = [fill.trade_id for fill in later]
                check(set(found) <= set(wanted), f"fills since {since} should be among {wanted}, are {found}")
                if complete and still:
                    same(wanted, found, f"the trade ids since {since}")

    # --------------------------------------------------------------------------------------- snapshot

    @promised_by(VenueSource.snapshot)
    async def test_snapshot_of_nothing(self) -> None:
        """
        A snapshot has the scope it was asked for, what it covers, and no positions at a venue without any.
        """
        async with self.source() as source:
            for scope in self._scopes(source):
                snapshot = await source.snapshot(scope)
                self._check_snapshot(source, scope, snapshot)
                held = [position for position in snapshot.positions if position.quantity]
                same([], held, "the positions at a venue where nothing has happened")

    @promised_by(VenueSource.snapshot)
    async def test_snapshot_of_a_position(self) -> None:
        """
        A snapshot shows each held position once for its key, in the contracts of the fills.
        """
        async with self.source() as source:
            order = self._order_name(source)
            await self.place(order)
            for _ in range(2):
                await self.execute(order)
            fills, complete_fills = await self._read_fills(source, self._fills(source))
            for scope in self._scopes(source):
                snapshot = await source.snapshot(scope)
                self._check_snapshot(source, scope, snapshot)
                held = sum((position.quantity for position in snapshot.positions), Decimal(0))
                if snapshot.complete and not snapshot.unreadable and complete_fills:
                    same(
                        sum((fill.quantity for fill in fills), Decimal(0)),
                        held,
                        "what is held, and its fills",
                    )

    # ---------------------------------------------------------------------------------------- refusals

    @promised_by(VenueSource)
    async def test_unreachable_venue_raises(self) -> None:
        """
        A venue that cannot be asked raises `VenueUnavailable`: never an empty answer (incidents 2, 3, 41).
        """
        async with self.source() as source:
            order = self._order_name(source)
            await self.place(order)
            await self.execute(order)
            async with self.unreachable():
                await self._check_unavailable(source, order)
            narrowed(await source.find_order(self._order(source, order)), OrderSeen, "the order afterwards")
            fills, _ = await self._read_fills(source, self._fills(source))
            same(1, len(fills), "the number of fills afterwards")

    @promised_by(VenueSource)
    async def test_unreadable_answer_raises(self) -> None:
        """
        An answer of the venue that cannot be read raises `VenueUnavailable`.
        """
        async with self.source() as source:
            garbled = self.garbled()
            if garbled is None:
                return
            order = self._order_name(source)
            await self.place(order)
            async with garbled:
                await self._check_unavailable(source, order)

    async def _check_unavailable(self, source: VenueSource, order: ClientOrderId) -> None:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "find_order": lambda: source.find_order(self._order(source, order)),
            "find_order of an unknown one": lambda: source.find_order(
                self._order(source, self._order_name(source, 99))
            ),
            "fills": lambda: source.fills(self._fills(source)),
        }
        for number, scope in enumerate(self._scopes(source)):
            calls[f"snapshot {number}"] = partial(source.snapshot, scope)
        for what, call in calls.items():
            error = await refused(call(), VenueUnavailable, f"{what} of a venue that cannot be asked")
            same(source.venue, error.venue, "VenueUnavailable.venue")

    @promised_by(VenueSource)
    async def test_other_venue_is_refused(self) -> None:
        """
        A question about another venue or account than the source's raises `InvalidValue`.
        """
        async with self.source() as source:
            await self._check_elsewhere(source, Venue("elsewhere"), source.account)
            await self._check_elsewhere(source, source.venue, Account("somebody else's"))

    async def _check_elsewhere(self, source: VenueSource, venue: Venue, account: Account) -> None:
        order = replace(self._order(source, self._order_name(source)), venue=venue, account=account)
        fills = replace(self._fills(source), venue=venue, account=account)
        scope = SnapshotScope(venue=venue, account=account)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "find_order": lambda: source.find_order(order),
            "fills": lambda: source.fills(fills),
            "snapshot": lambda: source.snapshot(scope),
        }
        for what, call in calls.items():
            await refused(call(), InvalidValue, f"{what} of {venue} {account}")

    @promised_by(VenueSource.venue, VenueSource.account)
    async def test_says_what_it_is(self) -> None:
        """
        A source names its venue and account, and never changes them.
        """
        async with self.source() as source:
            for value in (source.venue, source.account):
                check(bool(value), f"a source should name its venue and account, not {value!r}")
            same((source.venue, source.account), (source.venue, source.account), "the venue and account")

    # ------------------------------------------------------------------------------------------ words

    def _order_name(self, source: VenueSource, ordinal: int = 0) -> ClientOrderId:
        return client_order_id(Examples().ref(), ordinal, venue=source.venue, formats=self.formats)

    def _order(self, source: VenueSource, order: ClientOrderId) -> OrderQuery:
        return OrderQuery(
            venue=source.venue, account=source.account, symbol=self.symbol, client_order_id=order
        )

    def _fills(self, source: VenueSource) -> FillQuery:
        return FillQuery(venue=source.venue, account=source.account, symbol=self.symbol)

    def _scopes(self, source: VenueSource) -> Sequence[SnapshotScope]:
        whole = SnapshotScope(venue=source.venue, account=source.account)
        return whole, replace(whole, symbols=(self.symbol,))

    async def _read_fills(self, source: VenueSource, query: FillQuery) -> tuple[list[Fill], bool]:
        """
        Every page, and whether they leave nothing out.
        """
        fills: list[Fill] = []
        complete = True
        for _ in range(MOST_PAGES):
            page = narrowed(await source.fills(query), FillPage, "what fills returns")
            _check_time("FillPage.at", page.at)
            fills += page.fills
            complete = complete and page.complete
            if page.next_cursor is None:
                break
            check(page.next_cursor != query.cursor, "a page of fills should not lead to itself")
            query = replace(query, cursor=page.next_cursor)
        else:
            raise AssertionError("the pages of fills never end")
        ids = [fill.trade_id for fill in fills]
        same(len(set(ids)), len(ids), "the number of trade ids, each given once")
        times = [fill.at for fill in fills]
        same(sorted(times), times, "the times of the fills, oldest first")
        return fills, complete

    def _check_seen(self, seen: OrderSeen, order: ClientOrderId, name: VenueOrderId) -> None:
        same(name, seen.venue_order_id, "OrderSeen.venue_order_id")
        check(seen.client_order_id in (None, order), f"OrderSeen.client_order_id is {seen.client_order_id}")
        same(OrderSide.BUY, seen.side, "OrderSeen.side")
        same(OrderStatus.WORKING, seen.status, "OrderSeen.status")
        _check_time("OrderSeen.at", seen.at)

    def _check_fill(self, source: VenueSource, fill: Fill) -> None:
        same(
            (source.venue, source.account, self.symbol),
            (fill.venue, fill.account, fill.symbol),
            "a fill's venue, account and symbol",
        )
        _check_time("Fill.at", fill.at)

    def _check_snapshot(self, source: VenueSource, scope: SnapshotScope, snapshot: Snapshot) -> None:
        narrowed(snapshot, Snapshot, "what snapshot returns")
        same(scope, snapshot.scope, "Snapshot.scope")
        _check_time("Snapshot.asked_at", snapshot.asked_at)
        _check_time("Snapshot.at", snapshot.at)
        check(snapshot.asked_at <= snapshot.at, "Snapshot.asked_at should not be after Snapshot.at")
        if scope.symbols is not None and snapshot.covers is not None:
            check(
                not snapshot.complete or set(scope.symbols) <= set(snapshot.covers),
                f"a complete snapshot should cover {scope.symbols}, covers {snapshot.covers}",
            )
        keys = [position.key for position in snapshot.positions]
        same(len(set(keys)), len(keys), "the number of keys in a snapshot, each once")
        for key in keys:
            same((source.venue, source.account), (key.venue, key.account), "a key's venue and account")
            check(
                snapshot.covers is None or key.symbol in snapshot.covers,
                f"a snapshot that shows {key.symbol} should cover it",
            )


def _check_time(what: str, time: datetime) -> None:
    check(time.utcoffset() == timedelta(0), f"{what} should be in UTC, is {time!r}")
