"""
Values for the suites: positions, orders, fills and changes, no two alike, the same at every run.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from poslife._changes import Change, Claim, Close, Committed, Promote, Revise, Transition
from poslife._client_order_ids import client_order_id
from poslife._events import (
    EventHeader,
    FillApplied,
    FillUnclaimed,
    LifeBody,
    LifeEvent,
    OrderPrepared,
    PositionClaimed,
    PositionClosed,
    PositionOpened,
)
from poslife._fills import Fee, Fill, StoredFill
from poslife._identifiers import (
    Account,
    ChangeId,
    EventId,
    OrderSide,
    PositionKey,
    PositionRef,
    RunId,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
    event_id_at,
    position_ref_at,
)
from poslife._money import exact_product
from poslife._orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._position import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife.conformance._checking import narrowed
from poslife.protocols import NewRun, Repository

__all__ = ["ACCOUNT", "LONG_LEASE", "PRICE", "QUANTITY", "START", "VENUE", "Story", "begin"]

VENUE = Venue("bybit")
ACCOUNT = Account("main")
START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LONG_LEASE = 3600.0

PRICE = Decimal("0.0123")
QUANTITY = Decimal("100.5")

_UNSENT = frozenset({OrderStatus.PREPARED, OrderStatus.ABANDONED})
_SHOWN_BY_VENUE = frozenset(
    {
        OrderStatus.WORKING,
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
    }
)

PositionT = TypeVar("PositionT", PendingPosition, PersistedPosition, ClosedPosition)


class Story:
    """
    What a host does, as values and as steps: every value is new, every run of the suite makes the same ones.

    Attributes:
        run: The run that tells it.
    """

    def __init__(self) -> None:
        self._random = random.Random(20260102)  # noqa: S311 - the same values at every run
        self._count = 0
        self.run = self.run_id()

    # ------------------------------------------------------------------------------------------ names

    def at(self) -> datetime:
        """
        A later time than every one before, to the microsecond.
        """
        return START + timedelta(seconds=self._next(), microseconds=self._count)

    def ref(self) -> PositionRef:
        """
        A ref. They do not come in order, so that a list by ref shows.
        """
        return position_ref_at(START - timedelta(hours=self._random.randrange(10_000)), self._entropy())

    def run_id(self) -> RunId:
        """
        A run's id.
        """
        return RunId(event_id_at(START, self._entropy()))

    def change_id(self) -> ChangeId:
        """
        A change's id.
        """
        return ChangeId(UUID(int=self._random.getrandbits(128), version=4))

    def event_id(self) -> EventId:
        """
        An event's id, greater than every one before.
        """
        return event_id_at(self.at(), self._entropy())

    def key(self) -> PositionKey:
        """
        A key.
        """
        return PositionKey(venue=VENUE, account=ACCOUNT, symbol=self.symbol())

    def symbol(self) -> Symbol:
        """
        A symbol.
        """
        return Symbol(f"C{self._next()}/USDT:USDT")

    def venue_order(self) -> VenueOrderId:
        """
        A venue's name for an order.
        """
        return VenueOrderId(f"venue-order-{self._next()}")

    def trade(self) -> TradeId:
        """
        A venue's name for a fill.
        """
        return TradeId(f"trade-{self._next()}")

    # ------------------------------------------------------------------------------------------ values

    def new_run(self, lease: float = LONG_LEASE) -> NewRun:
        """
        A run that introduces itself.
        """
        number = self._next()
        return NewRun(
            id=self.run_id(),
            machine=f"machine-{number}",
            pid=1000 + number,
            process_started=f"boot+{number}",
            lease=lease,
        )

    def order(
        self,
        ref: PositionRef,
        ordinal: int = 0,
        *,
        purpose: OrderPurpose = OrderPurpose.ENTRY,
        status: OrderStatus = OrderStatus.PREPARED,
        run: RunId | None = None,
    ) -> Order:
        """
        An order of a long position.
        """
        prepared_at = self.at()
        return Order(
            ref=ref,
            ordinal=ordinal,
            run=self.run if run is None else run,
            purpose=purpose,
            side=OrderSide.SELL if purpose.reduce_only else OrderSide.BUY,
            quantity=QUANTITY,
            client_order_id=client_order_id(ref, ordinal, venue=VENUE),
            venue_order_id=self.venue_order() if status in _SHOWN_BY_VENUE else None,
            status=status,
            prepared_at=prepared_at,
            submitted_at=None if status in _UNSENT else self.at(),
            close_reason=CloseReason.STRATEGY if purpose is OrderPurpose.EXIT else None,
        )

    def pending(
        self,
        key: PositionKey | None = None,
        *,
        status: OrderStatus = OrderStatus.PREPARED,
        run: RunId | None = None,
    ) -> PendingPosition:
        """
        A long position with one entry order, as it is claimed.
        """
        ref = self.ref()
        return PendingPosition(
            ref=ref,
            key=self.key() if key is None else key,
            side=Side.LONG,
            requested_quantity=QUANTITY,
            requested_price=PRICE,
            orders=(self.order(ref, status=status, run=run),),
            created_at=self.at(),
        )

    def fill(
        self,
        key: PositionKey,
        *,
        side: OrderSide = OrderSide.BUY,
        quantity: Decimal = QUANTITY,
        order: Order | None = None,
    ) -> Fill:
        """
        An execution.
        """
        return Fill(
            venue=key.venue,
            account=key.account,
            symbol=key.symbol,
            trade_id=self.trade(),
            side=side,
            quantity=quantity,
            price=PRICE,
            at=self.at(),
            venue_order_id=None if order is None else order.venue_order_id,
            client_order_id=None if order is None else order.client_order_id,
            fees=(Fee(cost=Decimal("0.00012"), currency="USDT"),),
        )

    def event(self, position: Position, index: int, body: LifeBody) -> LifeEvent:
        """
        A life event of the version that *position* has.
        """
        return LifeEvent(
            header=EventHeader(
                id=self.event_id(),
                type=body.type,
                ref=position.ref,
                venue=position.key.venue,
                account=position.key.account,
                symbol=position.key.symbol,
                occurred_at=self.at(),
                run=self.run,
            ),
            version=position.version,
            index=index,
            body=body,
        )

    # ----------------------------------------------------------------------------------------- changes

    def change(
        self,
        *transitions: Transition,
        fills: Iterable[StoredFill] = (),
        events: Iterable[LifeEvent] = (),
        run: RunId | None = None,
    ) -> Change:
        """
        A change of the story's run, or another.
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
        A new position takes its key.
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
        The position one version later, with *order* as it is now, or added to it.
        """
        orders = (*position.orders[: order.ordinal], order, *position.orders[order.ordinal + 1 :])
        return replace(position, orders=orders, version=position.version + 1)

    def set_order(self, position: Position, order: Order, *, run: RunId | None = None) -> Change:
        """
        One order of a position changes, or is added.
        """
        return self.change(self.order_set(position, order), run=run)

    def order_set(self, position: Position, order: Order) -> Revise:
        """
        The transition in which one order of a position changes, or is added.
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
        The transition of a first fill of the first order.
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
        The first fill of a pending position.
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
        The next order of a position: its exit.
        """
        return self.order(held.ref, len(held.orders), purpose=OrderPurpose.EXIT, status=status)

    def closed_from(self, held: PersistedPosition, order: Order, *, at: datetime | None = None) -> Close:
        """
        The transition in which *order* reduces a position to zero.
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
                exited_cost=exact_product(held.entered_quantity, PRICE + Decimal("0.0001")),
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
        A position's fills reach zero by an exit that is filled at once.
        """
        order = replace(self.exit_order(held, OrderStatus.FILLED), filled=held.quantity)
        close = self.closed_from(held, order)
        fill = self.fill(held.key, side=order.side, quantity=held.quantity, order=order)
        told = PositionClosed(
            reason=close.after.reason,
            entry_price=close.after.entry_price,
            exit_price=close.after.exit_price,
            opened_at=close.after.opened_at,
            closed_at=close.after.closed_at,
        )
        return self.change(
            close,
            fills=(StoredFill(fill=fill, ref=held.ref, ordinal=order.ordinal),),
            events=(self.event(close.after, 0, told),),
            run=run,
        )

    def unclaimed(self, *reasons: str, key: PositionKey | None = None, run: RunId | None = None) -> Change:
        """
        Fills that could not be assigned.
        """
        fills = [
            StoredFill(fill=self.fill(self.key() if key is None else key), ref=None, unclaimed_because=reason)
            for reason in reasons
        ]
        events = [self.unclaimed_event(stored, index) for index, stored in enumerate(fills)]
        return self.change(fills=fills, events=events, run=run)

    def unclaimed_event(self, stored: StoredFill, index: int) -> LifeEvent:
        """
        The event that tells of a fill that could not be assigned.
        """
        fill = stored.fill
        body = FillUnclaimed(
            trade_id=fill.trade_id,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            venue_order_id=fill.venue_order_id,
            reason=stored.unclaimed_because or "",
        )
        header = EventHeader(
            id=self.event_id(),
            type=body.type,
            venue=fill.venue,
            account=fill.account,
            symbol=fill.symbol,
            occurred_at=self.at(),
            run=self.run,
        )
        return LifeEvent(header=header, version=0, index=index, body=body)

    # ------------------------------------------------------------------------------------------- steps

    async def claimed(
        self,
        repository: Repository,
        key: PositionKey | None = None,
        *,
        status: OrderStatus = OrderStatus.PREPARED,
    ) -> PendingPosition:
        """
        A stored position that holds its key and has had no fill.
        """
        return await self.commit_one(
            repository, self.claim(self.pending(key, status=status)), PendingPosition
        )

    async def ended(self, repository: Repository, key: PositionKey | None = None) -> PendingPosition:
        """
        A stored position whose entry order ended without a fill.
        """
        pending = await self.claimed(repository, key)
        order = replace(pending.orders[0], status=OrderStatus.ABANDONED)
        return await self.commit_one(repository, self.set_order(pending, order), PendingPosition)

    async def opened(
        self, repository: Repository, key: PositionKey | None = None, *, quantity: Decimal = QUANTITY
    ) -> PersistedPosition:
        """
        A stored position that has had a fill.
        """
        pending = await self.claimed(repository, key, status=OrderStatus.SUBMITTING)
        return await self.commit_one(repository, self.promote(pending, quantity=quantity), PersistedPosition)

    async def closing(self, repository: Repository, key: PositionKey | None = None) -> PersistedPosition:
        """
        A stored position that an exit owns.
        """
        held = await self.opened(repository, key)
        change = self.set_order(held, self.exit_order(held, OrderStatus.WORKING))
        return await self.commit_one(repository, change, PersistedPosition)

    async def closed(self, repository: Repository, key: PositionKey | None = None) -> ClosedPosition:
        """
        A stored position whose fills have reached zero.
        """
        held = await self.opened(repository, key)
        return await self.commit_one(repository, self.close(held), ClosedPosition)

    async def commit_one(self, repository: Repository, change: Change, kind: type[PositionT]) -> PositionT:
        """
        Commit a change of one position, and give the position afterwards.
        """
        committed = narrowed(await repository.commit(change), Committed, "what commit returns")
        (position,) = committed.positions
        return narrowed(position, kind, "the position that commit gives")

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _entropy(self) -> int:
        return self._random.getrandbits(74)


async def begin(repository: Repository) -> Story:
    """
    A story whose run is started, with a lease that lasts.
    """
    story = Story()
    run = story.new_run()
    story.run = run.id
    await repository.start_run(run)
    return story
