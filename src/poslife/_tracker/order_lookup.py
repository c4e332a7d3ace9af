"""
The look-up of one order at its venue: the order itself, its fills, or a proof that it is absent.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from poslife._domain.absence import CLOCKS_APART, Absence, judge_absence, latest_arrival
from poslife._domain.decimals import exact_difference
from poslife._domain.fills import Fill
from poslife._domain.identifiers import PositionKey, PositionRef, VenueOrderId
from poslife._domain.orders import Order, OrderStatus
from poslife._domain.positions import PersistedPosition
from poslife._domain.venue_answers import FillQuery, OrderNotSeen, OrderQuery, OrderSeen, SnapshotScope
from poslife._tracker.apply_fills import FillApplier
from poslife._tracker.committing import Committer
from poslife._tracker.steps import Steps
from poslife.errors import IllegalTransition
from poslife.protocols import VenueSource

__all__ = ["OrderLookup"]

logger = logging.getLogger("poslife.tracker")

_LATEST_DAYS: Final = timedelta(days=1)
"""
The age of an order whose fills every venue shows without being told a time.
"""


class OrderLookup:
    """
    The look-up of one order at its venue.
    """

    def __init__(
        self,
        committer: Committer,
        steps: Steps,
        fills: FillApplier,
        source: VenueSource,
        key: PositionKey,
        ref: PositionRef,
        ordinal: int,
    ) -> None:
        self._committer = committer
        self._steps = steps
        self._fills = fills
        self._source = source
        self._key = key
        self._ref = ref
        self._ordinal = ordinal

    async def settle(self) -> tuple[str, ...]:
        """
        Look the order up until it is seen or proven absent, or neither can be.

        Returns:
            The reasons why it is still in doubt; none when it is not.
        """
        timings, clock = self._committer.timings, self._committer.clock
        misses: list[OrderNotSeen] = []
        while True:
            order = await self._order()
            if order.status.ended:
                return ()  # another step has settled it meanwhile
            sight = await self._source.find_order(self._order_query(order))
            if isinstance(sight, OrderSeen):
                return await self._follow(sight)
            if await self._apply_fills_of(order):
                return ()
            if order.status is not OrderStatus.IN_DOUBT:
                return ("the venue does not show the order any more, nor fills of it",)
            misses.append(sight)
            arrival = latest_arrival(order, quiet=timings.quiet)
            if sum(miss.at >= arrival for miss in misses) >= timings.lookups:
                break
            until_then = (arrival - clock.now()).total_seconds()
            await clock.sleep(max(until_then, timings.lookup_interval))
        return await self._judge(misses)

    async def _order(self) -> Order:
        return (await self._committer.read(self._ref)).orders[self._ordinal]

    async def _follow(self, sight: OrderSeen) -> tuple[str, ...]:
        """
        Commit what was seen, and wait until the venue shows the fills that the order is said to have.
        """
        timings, clock = self._committer.timings, self._committer.clock
        give_up = clock.monotonic() + timings.fills_within
        while True:
            position = await self._steps.seen(self._ref, self._ordinal, sight)
            await self._apply_fills_of(position.orders[self._ordinal], sight.venue_order_id)
            position = await self._steps.seen(self._ref, self._ordinal, sight)
            order = position.orders[self._ordinal]
            missing = exact_difference(sight.filled, order.filled)
            if missing <= 0:
                return ()
            if clock.monotonic() >= give_up:
                return (
                    f"the venue says {sight.filled} are filled and does not show fills for {missing} of them",
                )
            await clock.sleep(min(timings.lookup_interval, timings.fills_within))
            again = await self._source.find_order(self._order_query(order))
            sight = again if isinstance(again, OrderSeen) else sight

    async def _apply_fills_of(self, order: Order, shown_as: VenueOrderId | None = None) -> bool:
        """
        Apply the fills that the venue shows for the order, and return if there were any.

        Once it is triggered, an order is *shown_as* another than the conditional one that was acknowledged:
        its fills have the new id, and not always our name.
        """
        triggered = shown_as not in (None, order.venue_order_id) and order.venue_order_id is not None
        if triggered:
            order = replace(order, venue_order_id=shown_as)
        query = FillQuery(
            venue=self._key.venue,
            account=self._key.account,
            symbol=self._key.symbol,
            client_order_id=None if triggered else order.client_order_id,
            venue_order_id=order.venue_order_id,
        )
        # No time: by the host's clock a fill may be older than its order. An order of another day is asked
        # for with one, too, because a venue that is given no time may show the latest days alone.
        shown, _ = await self._pages(query)
        if not shown and self._committer.clock.now() - order.prepared_at > _LATEST_DAYS:
            shown, _ = await self._pages(replace(query, since=self._earliest_trade(order)))
        return await self._apply_own(shown, order)

    async def _apply_own(self, shown: Sequence[Fill], order: Order) -> bool:
        # A venue that cannot filter by our name shows other orders' fills too.
        fills = [fill for fill in shown if self._is_of(fill, order)]
        if fills:
            await self._steps.apply_fills(*fills, order=(self._ref, self._ordinal))
        return bool(fills)

    def _is_of(self, fill: Fill, order: Order) -> bool:
        if order.venue_order_id is not None and fill.venue_order_id is not None:
            return fill.venue_order_id == order.venue_order_id
        return self._fills.order_named_by(fill) == (self._ref, self._ordinal)

    async def _judge(self, misses: Sequence[OrderNotSeen]) -> tuple[str, ...]:
        """
        Abandon the order where the venue's trades and holdings prove that it is absent.
        """
        timings, order = self._committer.timings, await self._order()
        trades, complete = await self._pages(self._trades_query(order))
        if await self._apply_own(trades, order):
            return ()
        foreign = [fill for fill in trades if not await self._fills.is_of_known_order(fill)]
        key = self._key
        asked = SnapshotScope(venue=key.venue, account=key.account, symbols=(key.symbol,))
        snapshot = await self._source.snapshot(asked)
        found = Absence(
            misses=misses,
            trades_complete=complete,
            foreign_trades=foreign,
            held=snapshot.quantity_of(key),
            believed=await self._believed(),
        )
        reasons = judge_absence(order, found, quiet=timings.quiet, lookups=timings.lookups)
        if reasons:
            logger.warning("order %s of %s stays in doubt: %s", self._ordinal, self._ref, "; ".join(reasons))
            return reasons
        proof = (
            f"proven absent: not seen in {len(misses)} look-ups, the last at {misses[-1].at.isoformat()}; "
            f"{len(trades)} trades since {self._earliest_trade(order).isoformat()} are of known orders; "
            f"the venue holds {found.held}, as the store has it"
        )
        try:
            await self._steps.abandoned(self._ref, self._ordinal, reason=proof)
        except IllegalTransition as error:
            logger.warning(
                "order %s of %s was not seen, and another step settled it meanwhile: %s",
                self._ordinal,
                self._ref,
                error,
            )
        return ()

    async def _believed(self) -> Decimal:
        committer = self._committer
        holder = await committer.repeat(lambda: committer.repository.find_live(self._key))
        return holder.signed_quantity if isinstance(holder, PersistedPosition) else Decimal(0)

    # --------------------------------------------------------------------------------- questions to the venue

    def _order_query(self, order: Order) -> OrderQuery:
        return OrderQuery(
            venue=self._key.venue,
            account=self._key.account,
            symbol=self._key.symbol,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            conditional=order.conditional,
        )

    def _trades_query(self, order: Order) -> FillQuery:
        return FillQuery(
            venue=self._key.venue,
            account=self._key.account,
            symbol=self._key.symbol,
            since=self._earliest_trade(order),
        )

    def _earliest_trade(self, order: Order) -> datetime:
        """
        Return the time from which a trade may be the order's, by the venue's clock.
        """
        window = timedelta(seconds=self._committer.timings.receive_window)
        return order.prepared_at - window - CLOCKS_APART

    async def _pages(self, query: FillQuery) -> tuple[list[Fill], bool]:
        """
        Return the fills of all pages; the flag is false where a page was not complete.
        """
        fills: list[Fill] = []
        complete = True
        while True:
            page = await self._source.fills(query)
            fills += page.fills
            self._fills.report_unreadable(page.unreadable)
            complete = complete and page.complete
            if page.next_cursor is None:
                return fills, complete
            query = replace(query, cursor=page.next_cursor)
