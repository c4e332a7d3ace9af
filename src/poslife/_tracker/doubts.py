"""
Settling orders in doubt, each by a look-up at its venue.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from poslife._domain.identifiers import PositionKey, PositionRef
from poslife._domain.orders import Order, OrderStatus
from poslife._domain.positions import Position
from poslife._tracker.apply_fills import FillApplier
from poslife._tracker.committing import Committer
from poslife._tracker.order_lookup import OrderLookup
from poslife._tracker.steps import Steps
from poslife.errors import VenueUnavailable
from poslife.protocols import VenueSource

__all__ = ["DoubtSettler", "StillInDoubt"]

logger = logging.getLogger("poslife.tracker")


@dataclass(frozen=True, slots=True, kw_only=True)
class StillInDoubt:
    """
    An order that could not be settled.

    Attributes:
        position: The position, as it is now.
        order: The order.
        reasons: The reasons why it is still in doubt.
    """

    position: Position
    order: Order
    reasons: tuple[str, ...]


class DoubtSettler:
    """
    Looks up orders of this run at their venue, until each is seen or proven absent, or neither can be.

    Attributes:
        settled: The positions whose orders are no longer in doubt, as they were after the look-up.
        still_in_doubt: The orders that are.
    """

    def __init__(
        self, committer: Committer, steps: Steps, fills: FillApplier, sources: Sequence[VenueSource]
    ) -> None:
        self._committer = committer
        self._steps = steps
        self._fills = fills
        self._sources = sources
        self.settled: list[Position] = []
        self.still_in_doubt: list[StillInDoubt] = []
        self._unasked: list[VenueUnavailable] = []

    async def settle(self, refs: Sequence[PositionRef]) -> None:
        """
        Look up the orders of these positions that are in doubt, or working.

        Raises:
            VenueUnavailable: A venue could not be asked about one order or more; those stay as they are.
            StorageUnavailable: The store did not answer in time.
        """
        for ref in refs:
            position = await self._committer.read(ref)
            for order in position.orders:
                is_open = order.status in (OrderStatus.IN_DOUBT, OrderStatus.WORKING)
                if is_open and order.run == self._committer.life.id:
                    await self._settle_order(position.key, order)
        if self._unasked:
            raise self._unasked[0]

    async def _settle_order(self, key: PositionKey, before: Order) -> None:
        ref, ordinal = before.ref, before.ordinal
        matching = [one for one in self._sources if (one.venue, one.account) == (key.venue, key.account)]
        if not matching:
            reasons: tuple[str, ...] = (f"no source was given for {key.venue}:{key.account}",)
        else:
            lookup = OrderLookup(self._committer, self._steps, self._fills, matching[0], key, ref, ordinal)
            try:
                reasons = await lookup.settle()
            except VenueUnavailable as error:
                self._unasked.append(error)
                return
        position = await self._committer.read(ref)
        order = position.orders[ordinal]
        if order.status is OrderStatus.IN_DOUBT:
            self.still_in_doubt.append(StillInDoubt(position=position, order=order, reasons=reasons))
        elif before.status is OrderStatus.IN_DOUBT:
            self.settled.append(position)
        if reasons and order.status is not OrderStatus.IN_DOUBT:
            logger.warning("order %s of %s: %s", ordinal, ref, "; ".join(reasons))
