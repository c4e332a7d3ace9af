"""
The steps of orders and positions as plain calls, by ref: for code that does not fit a block.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from poslife._domain import order_preparation, order_steps
from poslife._domain.checks import require_instance, require_member, require_name, require_tuple_of
from poslife._domain.event_envelopes import Actor
from poslife._domain.fills import Fill
from poslife._domain.identifiers import PositionKey, PositionRef, Side, VenueOrderId
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus, Trigger
from poslife._domain.plans import Plan
from poslife._domain.positions import PendingPosition, PersistedPosition, Position
from poslife._domain.protection import Protection
from poslife._domain.venue_answers import FillPage, OrderSeen
from poslife._runtime.ids import new_ref
from poslife._tracker.apply_fills import FillApplier, FillsApplied
from poslife._tracker.arguments import require_arguments, require_optional_arguments
from poslife._tracker.committing import Committer
from poslife.errors import IllegalTransition, InvalidValue, NotRecovered, StaleVersion

__all__ = ["Steps"]


class Steps:
    """
    The steps of a host's orders, by ref and ordinal.

    Each call commits one step and returns the position afterwards. A step taken before changes nothing; one
    that the transition tables do not have raises `IllegalTransition` before anything is written. Cancelling a
    call leaves it open if the step was committed; taking it again is safe.
    """

    __slots__ = ("_committer", "_fills")

    def __init__(self, committer: Committer, fills: FillApplier) -> None:
        self._committer = committer
        self._fills = fills

    async def claim(
        self,
        key: PositionKey,
        *,
        side: Side,
        quantity: Decimal,
        price: Decimal | None = None,
        trigger: Trigger | None = None,
        ref: PositionRef | None = None,
    ) -> PendingPosition:
        """
        Take the key for a new position, with its first entry order prepared under ordinal 0.

        Args:
            key: The key to claim.
            side: Long or short.
            quantity: The quantity to hold, in contracts.
            price: The limit, or the price the decision was made at.
            trigger: The condition of a conditional order: it says where the order is looked up.
            ref: The position's name, where it was made before; claiming again under it is safe.

        Raises:
            NotRecovered: `recover` was not called yet.
            DuplicatePosition: The key has a live position; carries it. `KeyInDoubt` where it has an order in
                doubt.
            RunLost: This run's lease has ended.
            UnknownVenueFormat: No client order id format is known for the venue.
            InvalidValue: For a value that cannot be.
        """
        require_arguments(key=key, side=side, quantity=quantity)
        require_optional_arguments(price=price, trigger=trigger, ref=ref)
        self._require_recovered()
        committer, given = self._committer, ref
        ref = new_ref(committer.clock) if given is None else given
        plan = order_preparation.claim(
            ref=ref,
            key=key,
            side=side,
            quantity=quantity,
            price=price,
            trigger=trigger,
            run=committer.life.id,
            client_order_id=committer.client_order_id(ref, 0, key.venue),
            at=committer.clock.now(),
        )
        try:
            (position,) = (await committer.put(plan)).positions
        except StaleVersion:
            if given is None:
                raise
            position = await committer.read(ref)
            if (position.key, position.side, position.requested_quantity) != (key, side, quantity):
                raise
        if not isinstance(position, PendingPosition):
            raise IllegalTransition(f"position {ref}", position.status.value, "claimed")
        return position

    def _require_recovered(self) -> None:
        if not self._committer.life.has_recovered:
            raise NotRecovered

    async def prepare(
        self,
        ref: PositionRef,
        *,
        purpose: OrderPurpose,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        trigger: Trigger | None = None,
        reason: CloseReason | None = None,
    ) -> Order:
        """
        Prepare a further order for a live position; an exit becomes the owner of its closing.

        Args:
            ref: The position.
            purpose: The purpose of the order.
            quantity: In contracts. *Default*: for a reduce-only order all that is held, else the quantity
                that the position was to hold.
            price: The limit price, or ``None``.
            trigger: The condition of a conditional order, or ``None``.
            reason: The reason why an exit closes the position.

        Raises:
            AlreadyClosed: The position is closed; carries the stored exit.
            AlreadyClosing: Another exit is on its way.
            KeyInDoubt: The order would enter, and an order of the position is in doubt.
            NotRecovered: The order would enter, and `recover` was not called yet.
        """
        position = await self.prepare_position(
            ref, purpose=purpose, quantity=quantity, price=price, trigger=trigger, reason=reason
        )
        return position.orders[-1]

    async def prepare_position(
        self,
        ref: PositionRef,
        *,
        purpose: OrderPurpose,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        trigger: Trigger | None = None,
        reason: CloseReason | None = None,
    ) -> Position:
        """
        Prepare as `prepare` does, and return the position, whose last order is the prepared one.
        """
        require_arguments(ref=ref, purpose=purpose)
        require_optional_arguments(quantity=quantity, price=price, trigger=trigger)
        if reason is not None:
            require_member("reason", reason, CloseReason)
        if not purpose.reduce_only:
            self._require_recovered()

        def step(position: Position, at: datetime) -> Plan:
            wanted = quantity
            if wanted is None and isinstance(position, PersistedPosition) and purpose.reduce_only:
                wanted = position.quantity
            elif wanted is None:
                wanted = position.requested_quantity
            ordinal = order_preparation.next_ordinal(position, purpose)
            return order_preparation.prepared(
                position,
                purpose=purpose,
                quantity=wanted,
                price=price,
                trigger=trigger,
                close_reason=reason,
                run=self._committer.life.id,
                client_order_id=self._committer.client_order_id(ref, ordinal, position.key.venue),
                at=at,
            )

        return await self._committer.take(ref, step)

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
        require_arguments(ref=ref, ordinal=ordinal)
        require_optional_arguments(known=known)
        return await self._committer.take(
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
        Say that the venue has taken the order, and give the fills it has already.

        Args:
            ref: The position.
            ordinal: The order.
            fills: The fills of the order, as the venue shows them.
            venue_order_id: The venue's name for it.
            known: The position as it was last seen, which saves reading it.
            actor: The actor of the events; by default the one of the current context.
        """
        require_arguments(ref=ref, ordinal=ordinal)
        require_optional_arguments(known=known, actor=actor)
        if venue_order_id is not None:
            require_name("venue_order_id", venue_order_id)
        if fills:
            applied = await self._fills.apply(fills, order=(ref, ordinal), known=known, actor=actor)
            known = next((position for position in applied.positions if position.ref == ref), None)

        async def step(position: Position, _: datetime) -> Plan:
            booked = await self._booked_before(position, ordinal, venue_order_id)
            return order_steps.acknowledged(position, ordinal, venue_order_id=venue_order_id, booked=booked)

        return await self._committer.take(ref, step, known=known, actor=actor)

    async def seen(
        self, ref: PositionRef, ordinal: int, sight: OrderSeen, *, actor: Actor | None = None
    ) -> Position:
        """
        Say that the venue showed the order. It ends only once the fills it is said to have are applied.
        """
        require_arguments(ref=ref, ordinal=ordinal, sight=sight)
        require_optional_arguments(actor=actor)

        async def step(position: Position, _: datetime) -> Plan:
            booked = await self._booked_before(position, ordinal, sight.venue_order_id)
            return order_steps.seen(position, ordinal, sight, booked=booked)

        return await self._committer.take(ref, step, actor=actor)

    async def _booked_before(
        self, position: Position, ordinal: int, venue_order_id: VenueOrderId | None
    ) -> Decimal:
        if venue_order_id is None:
            return Decimal(0)
        if order_steps.order_of(position, ordinal).venue_order_id is not None:
            return Decimal(0)
        return await self._fills.booked_without_order(position, venue_order_id)

    async def amended(
        self,
        ref: PositionRef,
        ordinal: int = 0,
        *,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
    ) -> Position:
        """
        Say that the venue has taken another quantity or price for the order. Its further fills follow it.

        Say it once the venue has confirmed it or shows it: until then the order has the old numbers.

        Args:
            ref: The position.
            ordinal: The order.
            quantity: The whole quantity in contracts, what is filled included, or ``None`` for the old one.
            price: The limit price, or ``None`` for the old one.

        Raises:
            IllegalTransition: The order was not submitted, or has ended.
            InvalidValue: For a value that cannot be.
        """
        require_arguments(ref=ref, ordinal=ordinal)
        require_optional_arguments(quantity=quantity, price=price)
        return await self._committer.take(
            ref, lambda position, _: order_steps.amended(position, ordinal, quantity=quantity, price=price)
        )

    async def rejected(self, ref: PositionRef, ordinal: int = 0, *, reason: str) -> Position:
        """
        Say that the venue has refused the order, at once or after an acknowledgement.
        """
        require_arguments(ref=ref, ordinal=ordinal)
        require_instance("reason", reason, str)
        return await self._committer.take(
            ref, lambda position, _: order_steps.rejected(position, ordinal, reason=reason)
        )

    async def doubted(self, ref: PositionRef, ordinal: int = 0, *, reason: str) -> Position:
        """
        Say that the order may or may not exist. One that was seen at the venue meanwhile stays as it is.
        """
        require_arguments(ref=ref, ordinal=ordinal)
        require_instance("reason", reason, str)
        return await self._committer.take(
            ref, lambda position, _: order_steps.doubted(position, ordinal, reason=reason)
        )

    async def abandoned(
        self, ref: PositionRef, ordinal: int = 0, *, reason: str, actor: Actor | None = None
    ) -> Position:
        """
        Say that no request was made, or that the order is proven absent.
        """
        require_arguments(ref=ref, ordinal=ordinal)
        require_instance("reason", reason, str)
        require_optional_arguments(actor=actor)
        return await self._committer.take(
            ref, lambda position, _: order_steps.abandoned(position, ordinal, reason=reason), actor=actor
        )

    async def canceled(self, ref: PositionRef, ordinal: int = 0) -> Position:
        """
        Say that the order was canceled. A fill that comes later is taken all the same.
        """
        require_arguments(ref=ref, ordinal=ordinal)
        return await self._committer.take(
            ref, lambda position, _: order_steps.ended(position, ordinal, status=OrderStatus.CANCELED)
        )

    async def expired(self, ref: PositionRef, ordinal: int = 0) -> Position:
        """
        Say that the order has expired. A fill that comes later is taken all the same.
        """
        require_arguments(ref=ref, ordinal=ordinal)
        return await self._committer.take(
            ref, lambda position, _: order_steps.ended(position, ordinal, status=OrderStatus.EXPIRED)
        )

    async def protected(self, ref: PositionRef, protection: Protection | None) -> Position:
        """
        Say which orders at the venue close the position without us; ``None`` for none.
        """
        require_arguments(ref=ref)
        require_optional_arguments(protection=protection)
        return await self._committer.take(
            ref, lambda position, _: order_steps.protected(position, protection)
        )

    async def apply_fills(
        self,
        *fills: Fill | FillPage,
        order: tuple[PositionRef, int] | None = None,
        actor: Actor | None = None,
    ) -> FillsApplied:
        """
        Apply fills, from whatever source and as often as they come: each is booked once.

        A fill goes to its order's position if that is live, else to the key's live holder, else it opens a
        position; one that cannot be assigned is stored as unclaimed, with an event of severity ERROR.

        Args:
            fills: The fills, in the order in which the venue executed them, or pages of them.
            order: The position and the ordinal of the order that they are known to belong to.
            actor: The actor of the events; by default the one of the current context.

        Raises:
            StorageUnavailable: The store did not answer in time. Apply the same fills again.
        """
        if order is not None:
            require_tuple_of("order", order, object)
            if len(order) != 2:
                raise InvalidValue("order", order, "a ref and an ordinal")
            require_arguments(ref=order[0], ordinal=order[1])
        require_optional_arguments(actor=actor)
        return await self._fills.apply(fills, order=order, actor=actor)
