"""
The closing block: a host's own exit code, with the intention committed before and the outcome after.
"""

from __future__ import annotations

from decimal import Decimal

from typing_extensions import override

from poslife._domain.fills import Fill
from poslife._domain.identifiers import PositionRef, VenueOrderId
from poslife._domain.orders import CloseReason, OrderPurpose
from poslife._domain.outcomes import Closed, ClosingOutcome
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife._tracker.order_block import BlockContext, OrderBlock
from poslife.errors import AlreadyClosed, BlockMisused, InvalidValue

__all__ = ["Closing"]


class Closing(OrderBlock):
    """
    A position being closed. Made by `PositionTracker.closing`; its exit owns the closing once it is entered.

    Leaving it settles the order as leaving an `Opening` does. An exit that is refused, abandoned or in doubt
    leaves the position open, so that another can be made: it is reduce-only.
    """

    __slots__ = ("_close_reason", "_of", "_price")

    _what = "closing"

    def __init__(
        self,
        context: BlockContext,
        position: PersistedPosition,
        *,
        reason: CloseReason,
        price: Decimal | None,
    ) -> None:
        super().__init__(context)
        _require_persisted(position)
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
        The quantity of the exit, in contracts: all that was held when the block was entered.

        Raises:
            BlockMisused: Before the block is entered.
        """
        return self.order.quantity

    @override
    async def _prepare(self) -> Position:
        position = await self._tracker.patient_steps.prepare_position(
            self._of.ref, purpose=OrderPurpose.EXIT, price=self._price, reason=self._close_reason
        )
        self._ordinal = position.orders[-1].ordinal
        return position

    async def acknowledged(
        self, venue_order_id: VenueOrderId | None = None, /, *fills: Fill
    ) -> PersistedPosition | ClosedPosition:
        """
        Say that the venue has taken the order, and give the fills it has already.

        An order that was sent without `submit` is taken all the same, and recorded as misuse.

        Returns:
            The position: closed when its fills have reached zero.

        Raises:
            BlockMisused: Outside the block.
        """
        position = await self._acknowledge(venue_order_id, fills)
        assert not isinstance(position, PendingPosition)  # a position with fills is never pending again
        return position

    @property
    def outcome(self) -> ClosingOutcome:
        """
        The outcome, once the block is left.

        Raises:
            BlockMisused: Before the block is left.
        """
        if not self._left:
            raise BlockMisused("outcome", "it is known once the block is left")
        position = self._held()
        if isinstance(position, ClosedPosition):
            return Closed(position=position)
        assert isinstance(position, PersistedPosition)  # a position with fills is never pending again
        return self._unfilled_outcome(position)


def _require_persisted(position: object) -> None:
    if isinstance(position, ClosedPosition):
        raise AlreadyClosed(position)
    if not isinstance(position, PersistedPosition):
        raise InvalidValue(
            "position", position, "a PersistedPosition", hint="a pending position holds nothing to close"
        )
