"""
Example changes, and the steps of a host that commit them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from poslife._domain.changes import Change, Claim, Close, Committed, Promote, Revise, Transition
from poslife._domain.decimals import exact_product, exact_sum
from poslife._domain.event_envelopes import EventHeader, Json, LifeEvent
from poslife._domain.events import (
    FillApplied,
    FillUnclaimed,
    OrderPrepared,
    PositionClaimed,
    PositionClosed,
    PositionOpened,
)
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import PositionKey, RunId
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife.conformance._assertions import narrowed, same
from poslife.conformance._example_values import PRICE, QUANTITY, Examples
from poslife.protocols import Repository

__all__ = ["Story", "begin"]

PositionT = TypeVar("PositionT", PendingPosition, PersistedPosition, ClosedPosition)


class Story(Examples):
    """
    Changes as a host makes them, and the steps that commit them: those take a repository.
    """

    # ----------------------------------------------------------------------------------------- changes

    def change(
        self,
        *transitions: Transition,
        fills: Iterable[StoredFill] = (),
        events: Iterable[LifeEvent] = (),
        run: RunId | None = None,
    ) -> Change:
        """
        Return a change of the story's run, or another.
        """
        return Change(
            id=self.change_id(),
            run=self.run if run is None else run,
            at=self.at(),
            transitions=transitions,
            fills=tuple(fills),
            events=tuple(events),
        )

    def claim(self, pending: PendingPosition, *, run: RunId | None = None) -> Change:
        """
        Return the change in which a new position claims its key.
        """
        order = pending.orders[0]
        claimed = PositionClaimed(
            side=pending.side,
            requested_quantity=pending.requested_quantity,
            requested_price=pending.requested_price,
        )
        prepared = OrderPrepared(
            purpose=order.purpose,
            side=order.side,
            quantity=order.quantity,
            price=order.price,
            client_order_id=order.client_order_id,
        )
        events = (self.event(pending, 0, claimed), self.event(pending, 1, prepared))
        return self.change(Claim(after=pending), events=events, run=run)

    def with_order(self, position: PositionT, order: Order) -> PositionT:
        """
        Return the position one version later, with *order* replaced or added.
        """
        orders = (*position.orders[: order.ordinal], order, *position.orders[order.ordinal + 1 :])
        return replace(position, orders=orders, version=position.version + 1)

    def set_order(self, position: Position, order: Order, *, run: RunId | None = None) -> Change:
        """
        Return the change in which one order of a position is replaced or added.
        """
        return self.change(self.order_set(position, order), run=run)

    def order_set(self, position: Position, order: Order) -> Revise:
        """
        Return the transition in which one order of a position is replaced or added.
        """
        after: Position
        match position:
            case PendingPosition():
                after = self.with_order(position, order)
            case PersistedPosition():
                after = self.with_order(position, order)
            case ClosedPosition():
                after = self.with_order(position, order)
        return Revise(after=after, orders=(order,))

    def promoted(self, pending: PendingPosition, *, quantity: Decimal = QUANTITY) -> Promote:
        """
        Return the transition of a first fill of the first order.
        """
        first = pending.orders[0]
        status = OrderStatus.FILLED if quantity == first.quantity else OrderStatus.WORKING
        order = replace(
            first, status=status, filled=quantity, venue_order_id=first.venue_order_id or self.venue_order()
        )
        return Promote(
            pending=pending,
            entered_quantity=quantity,
            entered_cost=exact_product(quantity, PRICE),
            opened_at=self.at(),
            all_orders=(order, *pending.orders[1:]),
            orders=(order,),
            version=pending.version + 1,
        )

    def promote(
        self, pending: PendingPosition, *, quantity: Decimal = QUANTITY, run: RunId | None = None
    ) -> Change:
        """
        Return the change with the first fill of a pending position.
        """
        promote = self.promoted(pending, quantity=quantity)
        fill = self.fill(pending.key, quantity=quantity, order=promote.all_orders[0])
        applied = FillApplied(
            trade_id=fill.trade_id,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            venue_order_id=fill.venue_order_id,
            late=False,
        )
        opened = PositionOpened(
            side=pending.side, quantity=quantity, entry_price=PRICE, origin=promote.origin
        )
        after = replace(pending, version=promote.version)
        return self.change(
            promote,
            fills=(StoredFill(fill=fill, ref=pending.ref, ordinal=0),),
            events=(self.event(after, 0, applied), self.event(after, 1, opened)),
            run=run,
        )

    def exit_order(self, held: PersistedPosition, status: OrderStatus) -> Order:
        """
        Return the next order of a position: its exit.
        """
        return self.order(held.ref, len(held.orders), purpose=OrderPurpose.EXIT, status=status)

    def closed_from(self, held: PersistedPosition, order: Order, *, at: datetime | None = None) -> Close:
        """
        Return the transition in which *order* reduces a position to zero.
        """
        orders = (*held.orders[: order.ordinal], order)
        return Close(
            after=ClosedPosition(
                id=held.id,
                ref=held.ref,
                key=held.key,
                side=held.side,
                reason=CloseReason.STRATEGY,
                origin=held.origin,
                requested_quantity=held.requested_quantity,
                requested_price=held.requested_price,
                entered_quantity=held.entered_quantity,
                entered_cost=held.entered_cost,
                exited_cost=exact_product(held.entered_quantity, exact_sum((PRICE, Decimal("0.0001")))),
                orders=orders,
                created_at=held.created_at,
                opened_at=held.opened_at,
                closed_at=self.at() if at is None else at,
                version=held.version + 1,
            ),
            orders=(order,),
        )

    def close(self, held: PersistedPosition, *, run: RunId | None = None) -> Change:
        """
        Return the change in which an exit that is filled at once closes a position.
        """
        order = replace(self.exit_order(held, OrderStatus.FILLED), filled=held.quantity)
        close = self.closed_from(held, order)
        fill = self.fill(held.key, side=order.side, quantity=held.quantity, order=order)
        closed = PositionClosed(
            reason=close.after.reason,
            entry_price=close.after.entry_price,
            exit_price=close.after.exit_price,
            opened_at=close.after.opened_at,
            closed_at=close.after.closed_at,
        )
        return self.change(
            close,
            fills=(StoredFill(fill=fill, ref=held.ref, ordinal=order.ordinal),),
            events=(self.event(close.after, 0, closed),),
            run=run,
        )

    def unclaimed(self, *reasons: str, key: PositionKey | None = None, run: RunId | None = None) -> Change:
        """
        Return a change with a fill that could not be assigned for each of *reasons*.
        """
        fills = [
            StoredFill(fill=self.fill(self.key() if key is None else key), ref=None, unclaimed_because=reason)
            for reason in reasons
        ]
        events = [self.unclaimed_event(stored, index, run=run) for index, stored in enumerate(fills)]
        return self.change(fills=fills, events=events, run=run)

    def unclaimed_event(self, stored: StoredFill, index: int, *, run: RunId | None = None) -> LifeEvent:
        """
        Return the life event of a fill that could not be assigned.
        """
        fill = stored.fill
        body = FillUnclaimed(
            trade_id=fill.trade_id,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            venue_order_id=fill.venue_order_id,
        )
        header = EventHeader(
            id=self.event_id(),
            type=body.type,
            venue=fill.venue,
            account=fill.account,
            symbol=fill.symbol,
            occurred_at=self.at(),
            run=self.run if run is None else run,
        )
        reason: dict[str, Json] = {"reason": stored.unclaimed_because or ""}
        return LifeEvent(header=header, version=0, index=index, body=body, evidence=reason)

    # ------------------------------------------------------------------------------------------- steps

    async def claimed(
        self,
        repository: Repository,
        key: PositionKey | None = None,
        *,
        status: OrderStatus = OrderStatus.PREPARED,
    ) -> PendingPosition:
        """
        Store and return a position that holds its key and has had no fill.
        """
        return await self.commit_one(
            repository, self.claim(self.pending(key, status=status)), PendingPosition
        )

    async def ended(self, repository: Repository, key: PositionKey | None = None) -> PendingPosition:
        """
        Store and return a position whose entry order ended without a fill.
        """
        pending = await self.claimed(repository, key)
        order = replace(pending.orders[0], status=OrderStatus.ABANDONED)
        return await self.commit_one(repository, self.set_order(pending, order), PendingPosition)

    async def opened(
        self, repository: Repository, key: PositionKey | None = None, *, quantity: Decimal = QUANTITY
    ) -> PersistedPosition:
        """
        Store and return a position that has had a fill.
        """
        pending = await self.claimed(repository, key, status=OrderStatus.SUBMITTING)
        return await self.commit_one(repository, self.promote(pending, quantity=quantity), PersistedPosition)

    async def closing(self, repository: Repository, key: PositionKey | None = None) -> PersistedPosition:
        """
        Store and return a position with a working exit.
        """
        held = await self.opened(repository, key)
        change = self.set_order(held, self.exit_order(held, OrderStatus.WORKING))
        return await self.commit_one(repository, change, PersistedPosition)

    async def closed(self, repository: Repository, key: PositionKey | None = None) -> ClosedPosition:
        """
        Store and return a closed position.
        """
        held = await self.opened(repository, key)
        return await self.commit_one(repository, self.close(held), ClosedPosition)

    async def commit_one(self, repository: Repository, change: Change, kind: type[PositionT]) -> PositionT:
        """
        Commit a change of one position, check the result, and return the position afterwards.
        """
        committed = narrowed(await repository.commit(change), Committed, "the return value of commit")
        (position,) = committed.positions
        after = narrowed(position, kind, "Committed.positions[0]")
        (transition,) = change.transitions
        minted = None if isinstance(position, PendingPosition) else position.id
        same(transition.result(minted), after, "Committed.positions[0]")
        return after


async def begin(repository: Repository) -> Story:
    """
    Start the run of a new story, with a lease that lasts, and return the story.
    """
    story = Story()
    run = story.new_run()
    story.run = run.id
    await repository.start_run(run)
    return story
