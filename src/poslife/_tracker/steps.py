"""
The steps of orders and positions as plain calls, by ref: for code that does not fit a block.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from poslife._domain import order_preparation, order_steps
from poslife._domain.checks import require_name
from poslife._domain.event_envelopes import Actor
from poslife._domain.fills import Fill
from poslife._domain.identifiers import PositionKey, PositionRef, Side, VenueOrderId
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.plans import Plan
from poslife._domain.positions import PendingPosition, PersistedPosition, Position
from poslife._domain.protection import Protection
from poslife._domain.venue_answers import OrderSeen
from poslife._runtime.ids import new_ref
from poslife._tracker.apply_fills import FillsApplied, apply_fills, booked_without_order
from poslife._tracker.committing import Ledger
from poslife.errors import IllegalTransition, NotRecovered, StaleVersion

__all__ = ["Steps"]


class Steps:
    """
    What a host tells of its orders, by ref and ordinal.

    Each call commits one step and returns the position afterwards. A step taken before changes nothing; one
    the transition tables do not have raises `IllegalTransition` before anything is written. Cancelling a call
    leaves it open whether the step was committed; taking it again is safe.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.recovered = False

    async def claim(
        self,
        key: PositionKey,
        *,
        side: Side,
        quantity: Decimal,
        price: Decimal | None = None,
        ref: PositionRef | None = None,
        patience: float | None = None,
    ) -> PendingPosition:
        """
        Take the key for a new position, with its first entry order prepared under ordinal 0.

        Args:
            key: What is claimed.
            side: Long or short.
            quantity: What is to be held, in contracts.
            price: The limit, or the price the decision was made at.
            ref: The position's name, where it was made before; claiming again under it is safe.
            patience: For how many seconds a store that does not answer is asked again.

        Raises:
            NotRecovered: `recover` was not called yet.
            DuplicatePosition: The key has a live position; carries it. `KeyInDoubt` where it has an order in
                doubt.
            RunLost: This run's lease has ended.
            UnknownVenueFormat: No client order id format is known for the venue.
            InvalidValue: For a value that cannot be.
        """
        if not self.recovered:
            raise NotRecovered
        asked_before = ref is not None
        ref = new_ref(self._ledger.clock) if ref is None else ref
        plan = order_preparation.claim(
            ref=ref,
            key=key,
            side=side,
            quantity=quantity,
            price=price,
            run=self._ledger.run,
            client_order_id=self._ledger.client_order_id(ref, 0, key.venue),
            at=self._ledger.clock.now(),
        )
        try:
            (position,) = (await self._ledger.put(plan, patience=patience)).positions
        except StaleVersion:
            if not asked_before:
                raise
            position = await self._ledger.read(ref, patience=patience)
            if (position.key, position.side, position.requested_quantity) != (key, side, quantity):
                raise
        if not isinstance(position, PendingPosition):
            raise IllegalTransition(f"position {ref}", position.status.value, "claimed")
        return position

    async def prepare(
        self,
        ref: PositionRef,
        *,
        purpose: OrderPurpose,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        reason: CloseReason | None = None,
        patience: float | None = None,
    ) -> Order:
        """
        Prepare a further order for a live position; an exit takes the closing for itself.

        Args:
            ref: The position.
            purpose: What the order is for.
            quantity: In contracts; for an exit all that is held, if not given.
            price: The limit price, or ``None``.
            reason: Why an exit closes the position.
            patience: For how many seconds a store that does not answer is asked again.

        Raises:
            AlreadyClosed: The position is closed; carries the stored exit.
            AlreadyClosing: Another exit is on its way.
            KeyInDoubt: The order would enter, and an order of the position is in doubt.
            NotRecovered: The order would enter, and `recover` was not called yet.
        """
        if not purpose.reduce_only and not self.recovered:
            raise NotRecovered

        def step(position: Position, at: datetime) -> Plan:
            wanted = quantity
            if wanted is None and isinstance(position, PersistedPosition) and purpose.reduce_only:
                wanted = position.quantity
            elif wanted is None:
                wanted = position.requested_quantity
            ordinal = len(position.orders)
            return order_preparation.prepared(
                position,
                purpose=purpose,
                quantity=wanted,
                price=price,
                close_reason=reason,
                run=self._ledger.run,
                client_order_id=self._ledger.client_order_id(ref, ordinal, position.key.venue),
                at=at,
            )

        position = await self._ledger.take(ref, step, patience=patience)
        return position.orders[-1]

    async def submitting(
        self, ref: PositionRef, ordinal: int = 0, *, known: Position | None = None
    ) -> Position:
        """
        Say that the request is about to be made; make it within `Timings.submit_window`, or say `abandoned`.

        Args:
            ref: The position.
            ordinal: The order.
            known: The position as it was last seen, which saves reading it.
        """
        return await self._ledger.take(
            ref, lambda position, at: order_steps.submitting(position, ordinal, at=at), known=known
        )

    async def acknowledged(
        self,
        ref: PositionRef,
        ordinal: int = 0,
        *fills: Fill,
        venue_order_id: VenueOrderId | None = None,
        known: Position | None = None,
        actor: Actor | None = None,
    ) -> Position:
        """
        Say that the venue has taken the order, and what of it is filled already.

        Args:
            ref: The position.
            ordinal: The order.
            fills: What of it is filled, as the venue says.
            venue_order_id: The venue's name for it.
            known: The position as it was last seen, which saves reading it.
            actor: Who heard of it; who acts here and now by default.
        """
        if venue_order_id is not None:
            require_name("venue_order_id", venue_order_id)
        if fills:
            applied = await apply_fills(self._ledger, fills, order=(ref, ordinal), known=known, actor=actor)
            known = next((position for position in applied.positions if position.ref == ref), None)

        async def step(position: Position, _: datetime) -> Plan:
            booked = await self._booked(position, ordinal, venue_order_id)
            return order_steps.acknowledged(position, ordinal, venue_order_id=venue_order_id, booked=booked)

        return await self._ledger.take_looking(ref, step, known=known, actor=actor)

    async def seen(
        self, ref: PositionRef, ordinal: int, sight: OrderSeen, *, actor: Actor | None = None
    ) -> Position:
        """
        Say that the venue showed the order. It ends only once the fills it is said to have are applied.
        """

        async def step(position: Position, _: datetime) -> Plan:
            booked = await self._booked(position, ordinal, sight.venue_order_id)
            return order_steps.seen(position, ordinal, sight, booked=booked)

        return await self._ledger.take_looking(ref, step, actor=actor)

    async def _booked(self, position: Position, ordinal: int, venue_order_id: VenueOrderId | None) -> Decimal:
        """
        What fills of the order amount to that came before we knew the venue's name for it.
        """
        if venue_order_id is None:
            return Decimal(0)
        if order_steps.order_of(position, ordinal).venue_order_id is not None:
            return Decimal(0)
        return await booked_without_order(self._ledger, position, venue_order_id)

    async def rejected(
        self, ref: PositionRef, ordinal: int = 0, *, reason: str, patience: float | None = None
    ) -> Position:
        """
        Say that the venue has refused the order, at once or after an acknowledgement.
        """
        return await self._ledger.take(
            ref, lambda position, _: order_steps.rejected(position, ordinal, reason=reason), patience=patience
        )

    async def doubted(
        self, ref: PositionRef, ordinal: int = 0, *, reason: str, patience: float | None = None
    ) -> Position:
        """
        Say that the order may or may not exist. One that was seen at the venue meanwhile is not doubted.
        """
        return await self._ledger.take(
            ref, lambda position, _: order_steps.doubted(position, ordinal, reason=reason), patience=patience
        )

    async def abandoned(
        self,
        ref: PositionRef,
        ordinal: int = 0,
        *,
        reason: str,
        actor: Actor | None = None,
        patience: float | None = None,
    ) -> Position:
        """
        Say that no request was made, or that the order is proven absent.
        """
        return await self._ledger.take(
            ref,
            lambda position, _: order_steps.abandoned(position, ordinal, reason=reason),
            actor=actor,
            patience=patience,
        )

    async def canceled(self, ref: PositionRef, ordinal: int = 0) -> Position:
        """
        Say that the order was canceled. A fill that comes later is taken all the same.
        """
        return await self._ledger.take(
            ref, lambda position, _: order_steps.ended(position, ordinal, status=OrderStatus.CANCELED)
        )

    async def expired(self, ref: PositionRef, ordinal: int = 0) -> Position:
        """
        Say that the order has expired. A fill that comes later is taken all the same.
        """
        return await self._ledger.take(
            ref, lambda position, _: order_steps.ended(position, ordinal, status=OrderStatus.EXPIRED)
        )

    async def protected(self, ref: PositionRef, protection: Protection | None) -> Position:
        """
        Say which orders at the venue close the position without us; ``None`` for none.
        """
        return await self._ledger.take(ref, lambda position, _: order_steps.protected(position, protection))

    async def apply_fills(
        self, *fills: Fill, order: tuple[PositionRef, int] | None = None, actor: Actor | None = None
    ) -> FillsApplied:
        """
        Apply fills, from whatever source and as often as they come: each is booked once.

        A fill goes to its order's position if that is live, else to the key's live holder, else it opens a
        position; what cannot be assigned is stored as unclaimed, with an event of severity ERROR.

        Args:
            fills: In the order the venue executed them.
            order: The position and the ordinal of the order they are known to belong to.
            actor: Who heard of them; who acts here and now by default.

        Raises:
            StorageUnavailable: The store did not answer in time. Apply the same fills again.
        """
        return await apply_fills(self._ledger, fills, order=order, actor=actor)
