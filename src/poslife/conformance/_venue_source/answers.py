"""
Clauses of `VenueSource.find_order`, `VenueSource.fills` and `VenueSource.snapshot` at a venue that answers.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from poslife._domain.decimals import exact_sum
from poslife._domain.fills import Fill
from poslife._domain.identifiers import ClientOrderId, OrderSide, TradeId, VenueOrderId
from poslife._domain.orders import OrderStatus
from poslife._domain.venue_answers import FillPage, OrderNotSeen, OrderSeen, Snapshot, SnapshotScope
from poslife.conformance._assertions import check, check_utc, narrowed, same
from poslife.conformance._promises import promised_by
from poslife.conformance._venue_source.hooks import SourceHooks
from poslife.protocols import VenueSource

__all__ = ["AnswerTests"]


class AnswerTests(SourceHooks):
    """
    Orders, fills and positions are given as the venue shows them, and an empty answer is a true one.
    """

    # ----------------------------------------------------------------------------------------- orders

    @promised_by(VenueSource.find_order)
    async def test_find_order_by_our_name(self) -> None:
        """
        `find_order` finds an order by our client order id, also without the venue's id.
        """
        async with self.source() as source:
            order = self._client_order_id(source)
            name = await self.place(order)
            seen = narrowed(
                await source.find_order(self._order_query(source, order)), OrderSeen, "a placed order"
            )
            self._check_seen(seen, order, name)
            same(Decimal(0), seen.filled, "OrderSeen.filled of an order without fills")

    @promised_by(VenueSource.find_order)
    async def test_find_order_by_the_venues_name(self) -> None:
        """
        `find_order` finds an order by the venue's id, and no other order.
        """
        async with self.source() as source:
            orders = [self._client_order_id(source, number) for number in range(3)]
            names = [await self.place(order) for order in orders]
            for order, name in zip(orders, names, strict=True):
                query = replace(self._order_query(source, order), venue_order_id=name)
                self._check_seen(
                    narrowed(await source.find_order(query), OrderSeen, "a placed order"), order, name
                )

    @promised_by(VenueSource.find_order)
    async def test_find_order_with_fills(self) -> None:
        """
        `OrderSeen.filled` is the filled quantity, and an order that is filled in part still works.
        """
        async with self.source() as source:
            order = self._client_order_id(source)
            name = await self.place(order)
            query, filled = self._order_query(source, order), Decimal(0)
            for _ in range(2):
                await self.execute(order)
                seen = narrowed(await source.find_order(query), OrderSeen, "an order with fills")
                self._check_seen(seen, order, name)
                check(
                    filled < seen.filled < seen.quantity,
                    f"OrderSeen.filled: expected between {filled} and {seen.quantity}, got {seen.filled}",
                )
                filled = seen.filled
            fills, _ = await self._read_fills(source, self._fill_query(source))
            same(filled, exact_sum(fill.quantity for fill in fills), "OrderSeen.filled, by the fills")

    @promised_by(VenueSource.find_order)
    async def test_find_order_not_seen(self) -> None:
        """
        `find_order` gives `OrderNotSeen` for an order the venue does not show, with and without other orders.
        """
        async with self.source() as source:
            await self._check_not_seen(source)
            await self.place(self._client_order_id(source))
            await self._check_not_seen(source)

    async def _check_not_seen(self, source: VenueSource) -> None:
        query = self._order_query(source, self._client_order_id(source, 99))
        answer = narrowed(await source.find_order(query), OrderNotSeen, "an order that was never made")
        check_utc(answer.at, "OrderNotSeen.at")
        if answer.conclusive_since is not None:
            check_utc(answer.conclusive_since, "OrderNotSeen.conclusive_since")
            check(
                answer.conclusive_since <= answer.at,
                f"OrderNotSeen.conclusive_since: expected at most {answer.at}, got {answer.conclusive_since}",
            )

    def _check_seen(self, seen: OrderSeen, order: ClientOrderId, name: VenueOrderId) -> None:
        same(name, seen.venue_order_id, "OrderSeen.venue_order_id")
        check(seen.client_order_id in (None, order), f"OrderSeen.client_order_id is {seen.client_order_id}")
        same(OrderSide.BUY, seen.side, "OrderSeen.side")
        same(OrderStatus.WORKING, seen.status, "OrderSeen.status")
        check_utc(seen.at, "OrderSeen.at")

    # ------------------------------------------------------------------------------------------ fills

    @promised_by(VenueSource.fills)
    async def test_no_fills(self) -> None:
        """
        Without fills, `fills` gives one empty page.
        """
        async with self.source() as source:
            for placed in (False, True):
                if placed:
                    await self.place(self._client_order_id(source))
                page = narrowed(
                    await source.fills(self._fill_query(source)), FillPage, "the return value of fills"
                )
                same((), page.fills, "the fills of a venue without any")
                same(None, page.next_cursor, "FillPage.next_cursor of the last page")
                check_utc(page.at, "FillPage.at")

    @promised_by(VenueSource.fills)
    async def test_fills_in_pages(self) -> None:
        """
        Pages of fills hold each fill once, oldest first, and complete pages leave none out.
        """
        async with self.source() as source:
            order = self._client_order_id(source)
            name = await self.place(order)
            trades = [await self.execute(order) for _ in range(self.executions)]
            fills, complete = await self._read_fills(source, self._fill_query(source))
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
            orders = [self._client_order_id(source, number) for number in range(2)]
            names = [await self.place(order) for order in orders]
            trades: list[list[TradeId]] = [[], []]
            for which in (0, 1, 0):
                trades[which].append(await self.execute(orders[which]))
            for order, name, mine in zip(orders, names, trades, strict=True):
                for query in (
                    replace(self._fill_query(source), client_order_id=order),
                    replace(self._fill_query(source), venue_order_id=name),
                ):
                    fills, complete = await self._read_fills(source, query)
                    found = [fill.trade_id for fill in fills]
                    check(set(found) <= set(mine), f"fills of {name}: expected some of {mine}, got {found}")
                    if complete:
                        same(mine, found, "the trade ids of one order")

    @promised_by(VenueSource.fills)
    async def test_fills_since(self) -> None:
        """
        `fills` since a time gives the fills of that time and later, and no earlier ones.
        """
        async with self.source() as source:
            order = self._client_order_id(source)
            await self.place(order)
            for _ in range(3):
                await self.execute(order)
            fills, complete = await self._read_fills(source, self._fill_query(source))
            for since in [fill.at for fill in fills]:
                later, still = await self._read_fills(source, replace(self._fill_query(source), since=since))
                wanted = [fill.trade_id for fill in fills if fill.at >= since]
                found = [fill.trade_id for fill in later]
                check(
                    set(found) <= set(wanted), f"fills since {since}: expected some of {wanted}, got {found}"
                )
                if complete and still:
                    same(wanted, found, f"the trade ids since {since}")

    def _check_fill(self, source: VenueSource, fill: Fill) -> None:
        same(
            (source.venue, source.account, self.symbol),
            (fill.venue, fill.account, fill.symbol),
            "a fill's venue, account and symbol",
        )
        check_utc(fill.at, "Fill.at")

    # -------------------------------------------------------------------------------------- snapshots

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
            order = self._client_order_id(source)
            await self.place(order)
            for _ in range(2):
                await self.execute(order)
            fills, complete_fills = await self._read_fills(source, self._fill_query(source))
            for scope in self._scopes(source):
                snapshot = await source.snapshot(scope)
                self._check_snapshot(source, scope, snapshot)
                held = exact_sum(position.quantity for position in snapshot.positions)
                if snapshot.complete and not snapshot.unreadable and complete_fills:
                    same(
                        exact_sum(fill.quantity for fill in fills),
                        held,
                        "the held quantity, by the fills",
                    )

    def _check_snapshot(self, source: VenueSource, scope: SnapshotScope, snapshot: Snapshot) -> None:
        narrowed(snapshot, Snapshot, "the return value of snapshot")
        same(scope, snapshot.scope, "Snapshot.scope")
        check_utc(snapshot.asked_at, "Snapshot.asked_at")
        check_utc(snapshot.at, "Snapshot.at")
        check(
            snapshot.asked_at <= snapshot.at,
            f"Snapshot.asked_at: expected at most {snapshot.at}, got {snapshot.asked_at}",
        )
        if scope.symbols is not None and snapshot.covers is not None:
            check(
                not snapshot.complete or set(scope.symbols) <= set(snapshot.covers),
                f"Snapshot.covers of a complete snapshot: expected {scope.symbols}, got {snapshot.covers}",
            )
        keys = [position.key for position in snapshot.positions]
        same(len(set(keys)), len(keys), "the number of different keys in a snapshot")
        for key in keys:
            same((source.venue, source.account), (key.venue, key.account), "a key's venue and account")
            check(
                snapshot.covers is None or key.symbol in snapshot.covers,
                f"Snapshot.covers: expected {key.symbol}, which it shows, got {snapshot.covers}",
            )
