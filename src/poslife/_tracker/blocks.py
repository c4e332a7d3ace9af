"""
The opening and closing blocks: a host's own order code, its intention before and its outcome after.
"""

from __future__ import annotations

import math
from decimal import Decimal

from typing_extensions import override

from poslife._domain.fills import Fill
from poslife._domain.identifiers import PositionKey, PositionRef, Side, VenueOrderId
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.outcomes import (
    Abandoned,
    Closed,
    ClosingOutcome,
    InDoubt,
    Opened,
    OpeningOutcome,
    PositionT,
    Rejected,
    Working,
)
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife._runtime.ids import new_ref
from poslife._tracker.order_block import Host, OrderBlock, Stage
from poslife.errors import AlreadyClosed, BlockMisused, InvalidValue

__all__ = ["Closing", "Opening"]


class Opening(OrderBlock):
    """
    A position being opened. Made by `PositionTracker.opening`; entering it claims the key.

    Leaving it settles the order: before `submit` it is abandoned; after a definitive refusal out of `submit`
    it is rejected; after `acknowledged` it is as told; else it is in doubt, however good the reason. The
    host's exception goes on its way unchanged.

    Attributes:
        ref: The position's name.
    """

    _what = "opening"

    def __init__(
        self, host: Host, key: PositionKey, *, side: Side, quantity: Decimal, price: Decimal | None
    ) -> None:
        super().__init__(host)
        self._key = key
        self._side = side
        self._quantity = quantity
        self._price = price
        self.ref: PositionRef = new_ref(host.ledger.clock)

    @override
    async def _prepare(self) -> Position:
        return await self._host.steps.claim(
            self._key,
            side=self._side,
            quantity=self._quantity,
            price=self._price,
            ref=self.ref,
            patience=math.inf,
        )

    async def acknowledged(
        self, venue_order_id: VenueOrderId | None = None, /, *fills: Fill
    ) -> PendingPosition | PersistedPosition:
        """
        Say that the venue has taken the order, and what of it is filled already.

        Returns:
            The position: persisted with its first fill, pending before.

        Raises:
            BlockMisused: Before `submit`.
            AlreadyClosed: Fills that came meanwhile have opened and closed it.
        """
        position = await self._acknowledge(venue_order_id, fills)
        if isinstance(position, ClosedPosition):
            raise AlreadyClosed(position)
        return position

    @property
    def position(self) -> Position:
        """
        The position, as the block last knew it.

        Raises:
            BlockMisused: Before the block is entered.
        """
        return self._held()

    @property
    def outcome(self) -> OpeningOutcome:
        """
        What came of it, once the block is left.

        Raises:
            BlockMisused: Before the block is left.
            AlreadyClosed: The position has been opened and closed meanwhile.
        """
        if not self._left:
            raise BlockMisused("outcome", "it is known once the block is left")
        match self._held():
            case ClosedPosition() as position:
                raise AlreadyClosed(position)
            case PersistedPosition() as position:
                return Opened(position=position)
            case PendingPosition() as position:
                return unfilled_outcome(position, self.order, self._stage, self._reason)


class Closing(OrderBlock):
    """
    A position being closed. Made by `PositionTracker.closing`; entering it takes the closing for itself.

    Leaving it settles the order as leaving an `Opening` does. An exit that is refused, abandoned or in doubt
    leaves the position open, so that another can be made: it is reduce-only.
    """

    _what = "closing"

    def __init__(
        self, host: Host, position: PersistedPosition, *, reason: CloseReason, price: Decimal | None
    ) -> None:
        super().__init__(host)
        _require_held(position)
        self._of = position
        self._close_reason = reason
        self._price = price

    @property
    def ref(self) -> PositionRef:
        """
        The position's name.
        """
        return self._of.ref

    @property
    def quantity(self) -> Decimal:
        """
        What the exit asks for, in contracts: all that was held when the block was entered.

        Raises:
            BlockMisused: Before the block is entered.
        """
        return self.order.quantity

    @override
    async def _prepare(self) -> Position:
        order = await self._host.steps.prepare(
            self._of.ref,
            purpose=OrderPurpose.EXIT,
            price=self._price,
            reason=self._close_reason,
            patience=math.inf,
        )
        self._ordinal = order.ordinal
        return await self._host.ledger.read(self._of.ref, patience=math.inf)

    async def acknowledged(
        self, venue_order_id: VenueOrderId | None = None, /, *fills: Fill
    ) -> PersistedPosition | ClosedPosition:
        """
        Say that the venue has taken the order, and what of it is filled already.

        Returns:
            The position: closed when its fills have reached zero.

        Raises:
            BlockMisused: Before `submit`.
        """
        position = await self._acknowledge(venue_order_id, fills)
        assert not isinstance(position, PendingPosition)  # what has had a fill is never pending again
        return position

    @property
    def outcome(self) -> ClosingOutcome:
        """
        What came of it, once the block is left.

        Raises:
            BlockMisused: Before the block is left.
        """
        if not self._left:
            raise BlockMisused("outcome", "it is known once the block is left")
        position = self._held()
        if isinstance(position, ClosedPosition):
            return Closed(position=position)
        assert isinstance(position, PersistedPosition)  # what has had a fill is never pending again
        return unfilled_outcome(position, self.order, self._stage, self._reason)


def _require_held(position: object) -> None:
    """
    For hosts that do not type-check.
    """
    if isinstance(position, ClosedPosition):
        raise AlreadyClosed(position)
    if not isinstance(position, PersistedPosition):
        raise InvalidValue(
            "closing", position, "a PersistedPosition", hint="a pending position holds nothing to close"
        )


def unfilled_outcome(
    position: PositionT, order: Order, stage: Stage, reason: str
) -> Working[PositionT] | Rejected[PositionT] | InDoubt[PositionT] | Abandoned[PositionT]:
    """
    The outcome of an order that did not bring the position where the block was to bring it.
    """
    match order.status:
        case OrderStatus.REJECTED | OrderStatus.CANCELED | OrderStatus.EXPIRED:
            return Rejected(position=position, order=order, reason=reason or order.status.value)
        case OrderStatus.ABANDONED:
            return Abandoned(position=position, order=order, reason=reason)
        case OrderStatus.WORKING | OrderStatus.FILLED:
            return Working(position=position, order=order)
        case OrderStatus.IN_DOUBT:
            return InDoubt(position=position, order=order, reason=reason)
        case OrderStatus.PREPARED | OrderStatus.SUBMITTING:
            # The exit's commit did not come through; what is known here is known all the same.
            if stage in (Stage.PREPARED, Stage.UNSENT):
                return Abandoned(position=position, order=order, reason=reason)
            return InDoubt(position=position, order=order, reason=reason)
