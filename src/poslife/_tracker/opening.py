"""
The opening block: a host's own order code, with the intention committed before and the outcome after.
"""

from __future__ import annotations

from decimal import Decimal

from typing_extensions import override

from poslife._domain.fills import Fill
from poslife._domain.identifiers import PositionKey, PositionRef, Side, VenueOrderId
from poslife._domain.orders import Trigger
from poslife._domain.outcomes import Opened, OpeningOutcome
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife._runtime.ids import new_ref
from poslife._tracker.order_block import BlockContext, OrderBlock
from poslife.errors import AlreadyClosed, BlockMisused

__all__ = ["Opening"]


class Opening(OrderBlock):
    """
    A position being opened. Made by `PositionTracker.opening`; entering it claims the key.

    Leaving it settles the order: before `submit` it is abandoned; after a definitive refusal out of `submit`
    it is rejected; after `acknowledged` or `rejected` it is as was said; else it is in doubt, however good
    the reason. The host's exception propagates unchanged.

    Attributes:
        ref: The position's name.
    """

    __slots__ = ("_key", "_price", "_quantity", "_side", "_trigger", "ref")

    _what = "opening"

    def __init__(
        self,
        context: BlockContext,
        key: PositionKey,
        *,
        side: Side,
        quantity: Decimal,
        price: Decimal | None,
        trigger: Trigger | None = None,
    ) -> None:
        super().__init__(context)
        self._key = key
        self._side = side
        self._quantity = quantity
        self._price = price
        self._trigger = trigger
        self.ref: PositionRef = new_ref(context.patient_committer.clock)

    @override
    async def _prepare(self) -> Position:
        return await self._tracker.patient_steps.claim(
            self._key,
            side=self._side,
            quantity=self._quantity,
            price=self._price,
            trigger=self._trigger,
            ref=self.ref,
        )

    async def acknowledged(
        self, venue_order_id: VenueOrderId | None = None, /, *fills: Fill
    ) -> PendingPosition | PersistedPosition:
        """
        Say that the venue has taken the order, and give the fills it has already.

        An order that was sent without `submit` is taken all the same, and recorded as misuse.

        Returns:
            The position: persisted with its first fill, pending before.

        Raises:
            BlockMisused: Outside the block.
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
        The outcome, once the block is left.

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
                return self._unfilled_outcome(position)
