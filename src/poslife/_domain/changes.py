"""
Changes: what a repository commits, all or nothing, and the checks every repository makes. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from poslife._domain.checks import require_utc, require_uuid
from poslife._domain.decimals import average
from poslife._domain.event_envelopes import UNLINKED, LifeEvent
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import ChangeId, PositionId, PositionRef, RunId
from poslife._domain.orders import Order, OrderStatus
from poslife._domain.position_status import PositionStatus, require_transition
from poslife._domain.positions import (
    ClosedPosition,
    Confidence,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._domain.structs import as_dataclass_too
from poslife.errors import AlreadyClosed, IllegalTransition, InvalidValue, PositionNotFound, StaleVersion

__all__ = ["Change", "Claim", "Close", "Committed", "Heads", "Promote", "Revise", "StoredHead", "Transition"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """
    A new position takes its key.
    """

    after: PendingPosition

    @property
    def ref(self) -> PositionRef:
        """
        The position.
        """
        return self.after.ref

    @property
    def version(self) -> int:
        """
        The version it makes: 1.
        """
        return self.after.version

    @property
    def orders(self) -> tuple[Order, ...]:
        """
        The orders to write.
        """
        return self.after.orders

    def result(self, _: PositionId | None, /) -> PendingPosition:
        """
        The position afterwards.
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
        The position.
        """
        return self.after.ref

    @property
    def version(self) -> int:
        """
        The version it makes.
        """
        return self.after.version

    def result(self, _: PositionId | None, /) -> Position:
        """
        The position afterwards.
        """
        return self.after


class Promote(msgspec.Struct, frozen=True, kw_only=True):
    """
    The first fill: the repository mints an id, and the pending position becomes persisted.

    Attributes:
        pending: The position as it was read; where *version* is 1, what a fill that nobody intended would
            have intended.
        entered_quantity: The sum of the quantities of its fills.
        entered_cost: The sum of price times quantity over its fills.
        opened_at: The time of the first fill.
        origin: Where the position came from.
        confidence: How sure we are that the venue agrees.
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
        The position.
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
        The position afterwards, with the id the repository has minted.

        Raises:
            InvalidValue: Without one.
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
        The position.
        """
        return self.after.ref

    @property
    def version(self) -> int:
        """
        The version it makes.
        """
        return self.after.version

    def result(self, _: PositionId | None, /) -> ClosedPosition:
        """
        The position afterwards.
        """
        return self.after


Transition = Claim | Revise | Promote | Close
"""
What a change does to one position.

It was planned from version ``transition.version - 1``; 0 is "not there yet".
"""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one commit writes: all of it or nothing.

    Attributes:
        id: A fresh one for each change; repeating the change under it gives the first result.
        run: The run that writes. A change that opens or increases is refused when its lease has ended.
        at: When it was decided; the events' time of recording.
        transitions: At most one for each position.
        fills: Fills to store, assigned or unclaimed.
        events: The life events, in order.

    Raises:
        InvalidValue: For two transitions of one position, or an event whose version is not its position's.
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

    @property
    def refs(self) -> frozenset[PositionRef]:
        """
        The positions it changes.
        """
        return frozenset(transition.ref for transition in self.transitions)

    @property
    def needs_lease(self) -> bool:
        """
        Whether it opens or increases a position: a run that has lost its lease may not, and may record.
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
    What a commit has made.

    Attributes:
        change_id: The change.
        positions: The positions afterwards, in the order of the change's transitions.
        repeated: The change was committed before; this is its first result.
    """

    change_id: ChangeId
    positions: tuple[Position, ...]
    repeated: bool = False


class StoredHead(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a repository must read of a stored position before it writes.

    Attributes:
        status: Its status.
        version: Its version.
        id: Its id, if it has one.
        trail: The digest of its last life event; 32 zero bytes where it has none.
    """

    status: PositionStatus
    version: int
    id: PositionId | None
    trail: bytes = UNLINKED


Heads = Mapping[PositionRef, StoredHead]


def require_found(transitions: Iterable[Transition], heads: Heads) -> None:
    """
    The first check of a commit: every position that should be there is.

    Raises:
        PositionNotFound: Naming the first that is not.
    """
    for transition in transitions:
        may_be_new = transition.version == 1 and isinstance(transition, Claim | Promote)
        if transition.ref not in heads and not may_be_new:
            raise PositionNotFound(transition.ref)


def require_settlement(transition: Transition, stored: ClosedPosition) -> None:
    """
    The second check, for a position that is stored as closed: nothing but its orders changes.

    Raises:
        AlreadyClosed: With the stored exit.
    """
    if not isinstance(transition, Revise) or not isinstance(transition.after, ClosedPosition):
        raise AlreadyClosed(stored)
    if replace(transition.after, orders=stored.orders, version=stored.version) != stored:
        raise AlreadyClosed(stored)


def require_versions(transitions: Sequence[Transition], heads: Heads) -> None:
    """
    The third check: every change was planned from the stored version, and is a step the tables have.

    Raises:
        StaleVersion: Naming the first that was not.
        IllegalTransition: For a step outside `POSITION_TRANSITIONS`, or an id that is not the stored one.
    """
    for transition in transitions:
        head = heads.get(transition.ref)
        stored = head.version if head is not None else 0
        if stored != transition.version - 1:
            raise StaleVersion(transition.ref, transition.version - 1, stored)
    for transition in transitions:
        if transition.ref in heads:
            _require_step(transition, heads[transition.ref])


def _require_step(transition: Transition, head: StoredHead) -> None:
    wanted = PositionStatus.OPEN if isinstance(transition, Promote) else transition.after.status
    subject = f"position {transition.ref}"
    if isinstance(transition, Claim):
        raise IllegalTransition(subject, head.status.value, "claimed")
    was_persisted = head.id is not None
    if isinstance(transition, Promote):
        if was_persisted:
            raise IllegalTransition(subject, head.status.value, "promoted")
    elif isinstance(transition.after, PendingPosition):
        if was_persisted:
            raise IllegalTransition(subject, head.status.value, wanted.value)
    elif not was_persisted:
        raise IllegalTransition(subject, head.status.value, f"{wanted.value} without a Promote")
    elif transition.after.id != head.id:
        raise InvalidValue("PersistedPosition.id", transition.after.id, f"{head.id}, the id of {subject}")
    if isinstance(transition, Revise) and wanted is PositionStatus.CLOSED and head.status is not wanted:
        raise IllegalTransition(subject, head.status.value, "closed by a Revise; use Close")
    require_transition(transition.ref, head.status, wanted)


as_dataclass_too(Claim)
as_dataclass_too(Revise)
as_dataclass_too(Promote)
as_dataclass_too(Close)
as_dataclass_too(Change)
as_dataclass_too(Committed)
