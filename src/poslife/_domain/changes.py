"""
Changes: what a repository commits, all or nothing. Pure.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from poslife._domain.checks import require_utc, require_uuid
from poslife._domain.decimals import average
from poslife._domain.event_envelopes import LifeEvent
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import ChangeId, PositionId, PositionRef, RunId
from poslife._domain.orders import Order, OrderStatus
from poslife._domain.positions import (
    ClosedPosition,
    Confidence,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._domain.structs import as_dataclass_too
from poslife.errors import InvalidValue

__all__ = ["Change", "Claim", "Close", "Committed", "Promote", "Revise", "Transition"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """
    A new position takes its key.

    Attributes:
        after: The position.
    """

    after: PendingPosition

    @property
    def ref(self) -> PositionRef:
        """
        The ref of the position.
        """
        return self.after.ref

    @property
    def version(self) -> int:
        """
        The version that it makes: 1.
        """
        return self.after.version

    @property
    def orders(self) -> tuple[Order, ...]:
        """
        The position's orders.
        """
        return self.after.orders

    def result(self, _: PositionId | None, /) -> PendingPosition:
        """
        Return the position afterwards.
        """
        return self.after


class Revise(msgspec.Struct, frozen=True, kw_only=True):
    """
    A position changes and stays what it is: pending, persisted, or closed (then only its orders change).

    Attributes:
        after: The position afterwards; it was read one version before.
        orders: Its orders that the change touches.
    """

    after: Position
    orders: tuple[Order, ...] = ()

    @property
    def ref(self) -> PositionRef:
        """
        The ref of the position.
        """
        return self.after.ref

    @property
    def version(self) -> int:
        """
        The version that it makes.
        """
        return self.after.version

    def result(self, _: PositionId | None, /) -> Position:
        """
        Return the position afterwards.
        """
        return self.after


class Promote(msgspec.Struct, frozen=True, kw_only=True):
    """
    The first fill: the repository mints an id, and the pending position becomes persisted.

    Attributes:
        pending: The position as it was read. Where *version* is 1 it is not stored: made up for fills that no
            order of ours asked for.
        entered_quantity: The sum of the quantities of its fills.
        entered_cost: The sum of price times quantity over its fills.
        opened_at: The time of the first fill.
        origin: Where the position came from.
        confidence: How sure it is that the venue agrees.
        all_orders: All its orders afterwards.
        orders: Its orders that the change touches.
    """

    pending: PendingPosition
    entered_quantity: Decimal
    entered_cost: Decimal
    opened_at: datetime
    origin: Origin = Origin.OWN
    confidence: Confidence = Confidence.CONFIRMED
    all_orders: tuple[Order, ...] = ()
    orders: tuple[Order, ...] = ()
    version: int

    @property
    def ref(self) -> PositionRef:
        """
        The ref of the position.
        """
        return self.pending.ref

    @property
    def entry_price(self) -> Decimal:
        """
        The average price of its fills, to 34 digits.
        """
        return average(self.entered_cost, self.entered_quantity)

    def result(self, minted: PositionId | None, /) -> PersistedPosition:
        """
        Return the position afterwards, with the id that the repository has minted.

        Raises:
            InvalidValue: There is no id.
        """
        if minted is None:
            raise InvalidValue("Promote.result", minted, "the PositionId that the repository has minted")
        return PersistedPosition(
            id=minted,
            ref=self.pending.ref,
            key=self.pending.key,
            side=self.pending.side,
            confidence=self.confidence,
            origin=self.origin,
            requested_quantity=self.pending.requested_quantity,
            requested_price=self.pending.requested_price,
            entered_quantity=self.entered_quantity,
            entered_cost=self.entered_cost,
            orders=self.all_orders,
            created_at=self.pending.created_at,
            opened_at=self.opened_at,
            version=self.version,
        )


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """
    A persisted position's fills reach zero.

    Attributes:
        after: The position afterwards.
        orders: Its orders that the change touches.
    """

    after: ClosedPosition
    orders: tuple[Order, ...] = ()

    @property
    def ref(self) -> PositionRef:
        """
        The ref of the position.
        """
        return self.after.ref

    @property
    def version(self) -> int:
        """
        The version that it makes.
        """
        return self.after.version

    def result(self, _: PositionId | None, /) -> ClosedPosition:
        """
        Return the position afterwards.
        """
        return self.after


Transition = Claim | Revise | Promote | Close
"""
The effect of a change on one position.

It was planned from version ``transition.version - 1``; 0 is a position that is not stored yet.
"""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """
    The content of one commit: all of it is written or nothing.

    Attributes:
        id: A new one for each change; repeating the change under it gives the first result.
        run: The run that writes. A change that opens or increases is refused when its lease has ended.
        at: The time of the decision; its events are recorded at this time.
        transitions: At most one for each position.
        fills: Fills to store, assigned or unclaimed.
        events: The life events, in order.

    Raises:
        InvalidValue: For two transitions of one position, an event of a version that no transition makes, or
            an event about no position that is of another run.
    """

    id: ChangeId
    run: RunId
    at: datetime
    transitions: tuple[Transition, ...] = ()
    fills: tuple[StoredFill, ...] = ()
    events: tuple[LifeEvent, ...] = ()

    def __post_init__(self) -> None:
        require_uuid("Change.id", self.id)
        require_uuid("Change.run", self.run)
        require_utc("Change.at", self.at)
        versions = {transition.ref: transition.version for transition in self.transitions}
        if len(versions) != len(self.transitions):
            raise InvalidValue("Change.transitions", self.transitions, "at most one transition per position")
        for event in self.events:
            ref = event.header.ref
            if (0 if ref is None else versions.get(ref)) != event.version:
                raise InvalidValue("Change.events", event, "an event of a version that its transitions make")
            if ref is None and event.header.run != self.run:
                raise InvalidValue(
                    "Change.events", event, "an event of the change's run, for it is about no position"
                )

    @property
    def refs(self) -> frozenset[PositionRef]:
        """
        The refs of the positions that it changes.
        """
        return frozenset(transition.ref for transition in self.transitions)

    @property
    def needs_lease(self) -> bool:
        """
        It opens or increases a position: a run that has lost its lease may not. Other changes it may make.
        """
        return any(
            isinstance(transition, Claim)
            or any(
                order.status in (OrderStatus.PREPARED, OrderStatus.SUBMITTING)
                and not order.purpose.reduce_only
                and order.run == self.run
                for order in transition.orders
            )
            for transition in self.transitions
        )


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """
    The result of a commit.

    Attributes:
        change_id: The id of the change.
        positions: The positions afterwards, in the order of the change's transitions.
        repeated: The change had been committed before; this is its first result.
    """

    change_id: ChangeId
    positions: tuple[Position, ...]
    repeated: bool = False

    def position_of(self, ref: PositionRef) -> Position | None:
        """
        Return the position with this ref, if the change has touched it.
        """
        return next((position for position in self.positions if position.ref == ref), None)


as_dataclass_too(Claim)
as_dataclass_too(Revise)
as_dataclass_too(Promote)
as_dataclass_too(Close)
as_dataclass_too(Change)
as_dataclass_too(Committed)
