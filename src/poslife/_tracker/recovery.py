"""
Recovery: take over what ended runs left, and settle orders in doubt by what the venue shows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from poslife._domain import order_steps as _steps
from poslife._domain.absence import Absence, judge_absence, latest_arrival
from poslife._domain.client_order_ids import read_client_order_id
from poslife._domain.fill_owner import find_order
from poslife._domain.fills import Fill
from poslife._domain.identifiers import PositionKey, PositionRef, RunId
from poslife._domain.orders import Order, OrderStatus
from poslife._domain.plans import Plan
from poslife._domain.positions import PersistedPosition, Position
from poslife._domain.venue_answers import FillQuery, OrderNotSeen, OrderQuery, OrderSeen, SnapshotScope
from poslife._runtime.process import is_certainly_dead
from poslife._tracker.apply_fills import find_candidates, order_of_fill
from poslife._tracker.committing import Ledger, every
from poslife._tracker.steps import Steps
from poslife.errors import IllegalTransition, VenueUnavailable
from poslife.protocols import Run, VenueSource

__all__ = ["Recovery", "StillInDoubt", "settle_doubts", "take_over"]

logger = logging.getLogger("poslife.tracker")


@dataclass(frozen=True, slots=True, kw_only=True)
class StillInDoubt:
    """
    An order that could not be settled, and why.
    """

    position: Position
    order: Order
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """
    What a recovery found.

    Attributes:
        taken_over: The positions of which orders of ended runs were taken over, as they were then.
        settled: The positions whose orders were looked up and are no longer in doubt, as they are now.
        still_in_doubt: The orders that are; their keys take no new entry.
        living_runs: The other runs that have not ended, whose orders were left alone. A bot that was
            restarted on another machine or in another container finds its old self here until that lease has
            run out.
    """

    taken_over: tuple[Position, ...]
    settled: tuple[Position, ...]
    still_in_doubt: tuple[StillInDoubt, ...]
    living_runs: tuple[Run, ...]


async def take_over(ledger: Ledger) -> tuple[Position, ...]:
    """
    Take over the orders of ended runs: prepared ones are abandoned, submitting ones are in doubt.

    Raises:
        StorageUnavailable: The store did not answer in time.
    """
    await _end_dead_runs(ledger)
    left = [position async for position in every(ledger.repository.list_left_by_ended_runs)]
    return tuple([await _take_over(ledger, position) for position in left])


async def settle_doubts(
    ledger: Ledger, steps: Steps, sources: Sequence[VenueSource], taken_over: Sequence[Position]
) -> Recovery:
    """
    Look up at *sources* what is in doubt, and what was left working in the positions *taken_over*.

    Raises:
        VenueUnavailable: A venue could not be asked about one order or more; those stay as they are.
        StorageUnavailable: The store did not answer in time.
    """
    doubted = [position async for position in every(ledger.repository.list_in_doubt)]
    settled: list[Position] = []
    doubts: list[StillInDoubt] = []
    unasked: list[VenueUnavailable] = []
    for ref in dict.fromkeys(position.ref for position in (*taken_over, *doubted)):
        before = await ledger.read(ref)
        for order in before.orders:
            if order.status not in (OrderStatus.IN_DOUBT, OrderStatus.WORKING) or order.run != ledger.run:
                continue
            try:
                reasons = await _Settling(ledger, steps, sources, before.key).settle(ref, order.ordinal)
            except VenueUnavailable as error:
                unasked.append(error)
                continue
            after = await ledger.read(ref)
            now = after.orders[order.ordinal]
            if now.status is OrderStatus.IN_DOUBT:
                doubts.append(StillInDoubt(position=after, order=now, reasons=reasons))
            elif order.status is OrderStatus.IN_DOUBT:
                settled.append(after)
            if reasons and now.status is not OrderStatus.IN_DOUBT:
                logger.warning("order %s of %s: %s", order.ordinal, ref, "; ".join(reasons))
    if unasked:
        raise unasked[0]
    living = [
        run async for run in every(ledger.repository.list_runs) if not run.ended and run.id != ledger.run
    ]
    return Recovery(
        taken_over=tuple(taken_over),
        settled=tuple(settled),
        still_in_doubt=tuple(doubts),
        living_runs=tuple(living),
    )


async def _end_dead_runs(ledger: Ledger) -> None:
    async for run in every(ledger.repository.list_runs):
        if run.id != ledger.run and not run.ended and is_certainly_dead(run):
            await ledger.repository.end_run(run.id)


async def _take_over(ledger: Ledger, position: Position) -> Position:
    async def step(read: Position, _: object) -> Plan:
        # The runs are read after the position: an order of a run that began since is of a later version.
        return _steps.taken_over(read, alive=await _alive(ledger), run=ledger.run)

    return await ledger.take_looking(position.ref, step)


async def _alive(ledger: Ledger) -> frozenset[RunId]:
    return frozenset([run.id async for run in every(ledger.repository.list_runs) if not run.ended])


class _Settling:
    """
    Finding out what became of one order.
    """

    def __init__(
        self, ledger: Ledger, steps: Steps, sources: Sequence[VenueSource], key: PositionKey
    ) -> None:
        self._ledger = ledger
        self._steps = steps
        self._key = key
        matching = [one for one in sources if (one.venue, one.account) == (key.venue, key.account)]
        self._source = matching[0] if matching else None

    async def settle(self, ref: PositionRef, ordinal: int) -> tuple[str, ...]:
        """
        Look the order up until it is seen or proven absent, or neither can be.

        Returns:
            Why it is still in doubt; nothing when it is not.
        """
        if self._source is None:
            return (f"no source was given for {self._key.venue}:{self._key.account}",)
        timings, clock = self._ledger.timings, self._ledger.clock
        misses: list[OrderNotSeen] = []
        while True:
            order = (await self._ledger.read(ref)).orders[ordinal]
            if order.status.ended:
                return ()  # somebody else has heard of it meanwhile
            sight = await self._source.find_order(self._query(order))
            if isinstance(sight, OrderSeen):
                return await self._follow(ref, ordinal, sight)
            if await self._apply_fills_of(ref, order):
                return ()
            if order.status is not OrderStatus.IN_DOUBT:
                return ("the venue does not show the order any more, nor fills of it",)
            misses.append(sight)
            arrival = latest_arrival(order, quiet=timings.quiet)
            if sum(miss.at >= arrival for miss in misses) >= timings.lookups:
                break
            until_then = (arrival - clock.now()).total_seconds()
            await clock.sleep(max(until_then, timings.lookup_interval))
        return await self._judge(ref, ordinal, misses)

    def _query(self, order: Order) -> OrderQuery:
        return OrderQuery(
            venue=self._key.venue,
            account=self._key.account,
            symbol=self._key.symbol,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
        )

    async def _follow(self, ref: PositionRef, ordinal: int, sight: OrderSeen) -> tuple[str, ...]:
        """
        Take what was seen, and wait until the fills it is said to have are shown.
        """
        assert self._source is not None  # it has just shown the order
        timings, clock = self._ledger.timings, self._ledger.clock
        give_up = clock.monotonic() + timings.fills_within
        while True:
            position = await self._steps.seen(ref, ordinal, sight)
            await self._apply_fills_of(ref, position.orders[ordinal])
            position = await self._steps.seen(ref, ordinal, sight)
            missing = sight.filled - position.orders[ordinal].filled
            if missing <= 0:
                return ()
            if clock.monotonic() >= give_up:
                return (
                    f"the venue says {sight.filled} are filled and does not show fills for {missing} of them",
                )
            await clock.sleep(min(timings.lookup_interval, timings.fills_within))
            again = await self._source.find_order(self._query(position.orders[ordinal]))
            sight = again if isinstance(again, OrderSeen) else sight

    async def _apply_fills_of(self, ref: PositionRef, order: Order) -> bool:
        """
        Apply the fills the venue shows for the order; whether it showed any.
        """
        query = FillQuery(
            venue=self._key.venue,
            account=self._key.account,
            symbol=self._key.symbol,
            since=order.prepared_at - timedelta(seconds=self._ledger.timings.receive_window),
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
        )
        shown, _ = await self._pages(query)
        # A venue that cannot filter by our name shows others' fills too; those are not this order's.
        fills = [fill for fill in shown if self._is_of(fill, ref, order)]
        if fills:
            await self._steps.apply_fills(*fills, order=(ref, order.ordinal))
        return bool(fills)

    def _is_of(self, fill: Fill, ref: PositionRef, order: Order) -> bool:
        if order.venue_order_id is not None and fill.venue_order_id is not None:
            return fill.venue_order_id == order.venue_order_id
        if fill.client_order_id is None:
            return False
        formats = self._ledger.formats
        return read_client_order_id(fill.client_order_id, venue=fill.venue, formats=formats) == (
            ref,
            order.ordinal,
        )

    async def _pages(self, query: FillQuery) -> tuple[list[Fill], bool]:
        assert self._source is not None  # without one nothing is asked
        fills: list[Fill] = []
        complete = True
        while True:
            page = await self._source.fills(query)
            fills += page.fills
            complete = complete and page.complete
            if page.next_cursor is None:
                return fills, complete
            query = FillQuery(
                venue=query.venue,
                account=query.account,
                symbol=query.symbol,
                since=query.since,
                client_order_id=query.client_order_id,
                venue_order_id=query.venue_order_id,
                cursor=page.next_cursor,
            )

    async def _judge(self, ref: PositionRef, ordinal: int, misses: Sequence[OrderNotSeen]) -> tuple[str, ...]:
        assert self._source is not None  # it has just been asked
        timings, key = self._ledger.timings, self._key
        order = (await self._ledger.read(ref)).orders[ordinal]
        since = order.prepared_at - timedelta(seconds=timings.receive_window)
        trades, complete = await self._pages(
            FillQuery(venue=key.venue, account=key.account, symbol=key.symbol, since=since)
        )
        foreign = [fill for fill in trades if not await self._is_known(fill)]
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
            logger.warning("order %s of %s stays in doubt: %s", ordinal, ref, "; ".join(reasons))
            return reasons
        proof = (
            f"proven absent: not seen in {len(misses)} look-ups, the last at {misses[-1].at.isoformat()}; "
            f"{len(trades)} trades since it was prepared all belong to known orders; "
            f"the venue holds {found.held} as we do"
        )
        try:
            await self._steps.abandoned(ref, ordinal, reason=proof)
        except IllegalTransition as seen:
            logger.warning("order %s of %s was not seen, and was told of meanwhile: %s", ordinal, ref, seen)
        return ()

    async def _is_known(self, fill: Fill) -> bool:
        named = order_of_fill(self._ledger, fill, None)
        found = await find_candidates(self._ledger, [fill], named)
        # One that is stored without an order may be of the very order that is looked for.
        if any(stored.ordinal is not None for stored in found.stored):
            return True
        return find_order(fill, found.positions, named=named) is not None

    async def _believed(self) -> Decimal:
        holder = await self._ledger.ask(lambda: self._ledger.repository.find_live(self._key))
        return holder.signed_quantity if isinstance(holder, PersistedPosition) else Decimal(0)
