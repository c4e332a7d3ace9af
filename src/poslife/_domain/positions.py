"""
The three position types: pending, persisted, closed. Pure.
"""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from poslife._domain.checks import (
    require_count,
    require_member,
    require_position_id,
    require_position_ref,
    require_utc,
)
from poslife._domain.decimals import average, exact_difference, require_positive, require_sum
from poslife._domain.identifiers import PositionId, PositionKey, PositionRef, Side
from poslife._domain.orders import CloseReason, Order, OrderStatus
from poslife._domain.position_status import PositionStatus
from poslife._domain.protection import Protection
from poslife._domain.structs import as_dataclass_too
from poslife.errors import InvalidValue

if TYPE_CHECKING:
    from typing import Never

__all__ = [
    "ClosedPosition",
    "Confidence",
    "LivePosition",
    "Origin",
    "PendingPosition",
    "PersistedPosition",
    "Position",
]


class Confidence(enum.Enum):
    """
    How sure we are that the venue holds what we say.
    """

    CONFIRMED = "confirmed"
    SUSPECT = "suspect"
    UNCONFIRMED = "unconfirmed"


class Origin(enum.Enum):
    """
    Where a position came from.
    """

    OWN = "own"
    """From an opening of ours."""
    ADOPTED = "adopted"
    """From fills at the venue that no order of ours asked for."""
    IMPORTED = "imported"
    """From another system's records."""


def _check_origins(owner: str, position: PendingPosition | PersistedPosition | ClosedPosition) -> None:
    require_position_ref(f"{owner}.ref", position.ref)
    if not isinstance(position.key, PositionKey):
        raise InvalidValue(f"{owner}.key", position.key, "a PositionKey")
    require_member(f"{owner}.side", position.side, Side)
    require_positive(f"{owner}.requested_quantity", position.requested_quantity)
    if position.requested_price is not None:
        require_positive(f"{owner}.requested_price", position.requested_price)
    if type(position.orders) is not tuple or not all(isinstance(order, Order) for order in position.orders):
        raise InvalidValue(f"{owner}.orders", position.orders, "a tuple of Order")
    for index, order in enumerate(position.orders):
        if order.ref != position.ref or order.ordinal != index:
            raise InvalidValue(f"{owner}.orders", order, f"order {index} of position {position.ref}")
    require_utc(f"{owner}.created_at", position.created_at)
    require_count(f"{owner}.version", position.version)
    if position.version < 1:
        raise InvalidValue(f"{owner}.version", position.version, "an int of at least 1")


class PendingPosition(msgspec.Struct, frozen=True, kw_only=True):
    """
    Intended, stored, and without a fill: it has a ref and **no id**.

    Attributes:
        ref: Its name from its first instant.
        key: What it claims at the venue.
        side: Long or short.
        requested_quantity: What is to be held, in contracts.
        requested_price: The price the decision was made at, or the limit; never the entry price.
        orders: Its entry orders, by ordinal.
        created_at: When it was intended.
        version: Counts its changes, from 1.
    """

    ref: PositionRef
    key: PositionKey
    side: Side
    requested_quantity: Decimal
    requested_price: Decimal | None = None
    orders: tuple[Order, ...]
    created_at: datetime
    version: int = 1

    def __post_init__(self) -> None:
        _check_origins("PendingPosition", self)
        if any(order.filled for order in self.orders):
            raise InvalidValue(
                "PendingPosition.orders",
                self.orders,
                "orders without fills",
                hint="a position with a fill is a PersistedPosition",
            )

    if not TYPE_CHECKING:  # type checkers must go on rejecting `.id`; at run time it should explain itself

        def __getattr__(self, attribute: str) -> Never:
            explained = (
                "a PendingPosition has no id: it has had no fill, so no repository has given it one. "
                "Name it by its ref; narrow with isinstance(position, PersistedPosition) to ask for it"
                if attribute == "id"
                else f"'PendingPosition' object has no attribute {attribute!r}"
            )
            raise AttributeError(explained, name=attribute, obj=self)

    @property
    def status(self) -> Literal[PositionStatus.PENDING, PositionStatus.ENDED]:
        """
        Its entry orders': pending while any of them may still become a fill.
        """
        for order in self.orders:
            if not order.status.ended:
                return PositionStatus.PENDING
        return PositionStatus.ENDED

    @property
    def live(self) -> bool:
        """
        Whether it holds its key.
        """
        return self.status is PositionStatus.PENDING

    @property
    def in_doubt(self) -> bool:
        """
        Whether one of its orders may or may not exist.
        """
        return any(order.status is OrderStatus.IN_DOUBT for order in self.orders)


class PersistedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """
    Has had its first fill: it has an id, and holds a quantity.

    Sums are kept and averages computed on reading, so that no rounding adds up.

    Attributes:
        id: The number the repository has given it.
        ref: Its name from its first instant.
        key: What it holds at the venue.
        side: Long or short.
        confidence: How sure we are that the venue agrees.
        origin: Where it came from.
        requested_quantity: What was to be held, in contracts.
        requested_price: The price the decision was made at, or the limit.
        entered_quantity: The sum of the quantities of its entry fills.
        entered_cost: The sum of price times quantity over its entry fills.
        exited_quantity: The sum of the quantities of its exit fills.
        exited_cost: The sum of price times quantity over its exit fills.
        orders: All its orders, by ordinal.
        protection: The venue's orders that close it without us, or ``None``.
        created_at: When it was intended.
        opened_at: The time of its first fill, by the venue's clock.
        version: Counts its changes.
    """

    id: PositionId
    ref: PositionRef
    key: PositionKey
    side: Side
    confidence: Confidence = Confidence.CONFIRMED
    origin: Origin = Origin.OWN
    requested_quantity: Decimal
    requested_price: Decimal | None = None
    entered_quantity: Decimal
    entered_cost: Decimal
    exited_quantity: Decimal = Decimal(0)
    exited_cost: Decimal = Decimal(0)
    orders: tuple[Order, ...] = ()
    protection: Protection | None = None
    created_at: datetime
    opened_at: datetime
    version: int

    def __post_init__(self) -> None:
        require_position_id("PersistedPosition.id", self.id)
        _check_origins("PersistedPosition", self)
        require_member("PersistedPosition.confidence", self.confidence, Confidence)
        require_member("PersistedPosition.origin", self.origin, Origin)
        _check_sums("PersistedPosition", self)
        if self.exited_quantity >= self.entered_quantity:
            raise InvalidValue(
                "PersistedPosition.exited_quantity",
                self.exited_quantity,
                f"a Decimal below entered_quantity, {self.entered_quantity}",
                hint="a position that holds nothing is a ClosedPosition",
            )
        if self.protection is not None and not isinstance(self.protection, Protection):
            raise InvalidValue("PersistedPosition.protection", self.protection, "a Protection or None")
        require_utc("PersistedPosition.opened_at", self.opened_at)

    @property
    def status(self) -> Literal[PositionStatus.OPEN, PositionStatus.CLOSING]:
        """
        Closing while an exit is on its way and owns it; else open.
        """
        if any(order.closes for order in self.orders):
            return PositionStatus.CLOSING
        return PositionStatus.OPEN

    @property
    def live(self) -> Literal[True]:
        """
        It holds its key.
        """
        return True

    @property
    def quantity(self) -> Decimal:
        """
        What it holds, in contracts; above zero.
        """
        return exact_difference(self.entered_quantity, self.exited_quantity)

    @property
    def signed_quantity(self) -> Decimal:
        """
        What it holds, as `poslife.venues.Snapshot.quantity_of` says it: negative for a short position.
        """
        return self.quantity if self.side is Side.LONG else self.quantity.copy_negate()

    @property
    def entry_price(self) -> Decimal:
        """
        The average price of its entry fills, to 34 digits.
        """
        return average(self.entered_cost, self.entered_quantity)

    @property
    def live_orders(self) -> tuple[Order, ...]:
        """
        Its orders that have not ended.
        """
        return tuple(order for order in self.orders if not order.status.ended)

    @property
    def in_doubt(self) -> bool:
        """
        Whether one of its orders may or may not exist.
        """
        return any(order.status is OrderStatus.IN_DOUBT for order in self.orders)


class ClosedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a persisted position becomes when its fills reach zero. It cannot be closed again.

    Attributes:
        id: The number the repository gave it.
        ref: Its name from its first instant.
        key: What it held at the venue.
        side: Long or short.
        reason: Why it was closed.
        origin: Where it came from.
        requested_quantity: What was to be held, in contracts.
        requested_price: The price the decision was made at, or the limit.
        entered_quantity: The sum of the quantities of its entry fills, and so of its exit fills.
        entered_cost: The sum of price times quantity over its entry fills.
        exited_cost: The sum of price times quantity over its exit fills.
        orders: All its orders, by ordinal.
        created_at: When it was intended.
        opened_at: The time of its first fill, by the venue's clock.
        closed_at: The time of its last fill, by the venue's clock; never before *opened_at*.
        version: Counts its changes.
    """

    id: PositionId
    ref: PositionRef
    key: PositionKey
    side: Side
    reason: CloseReason
    origin: Origin = Origin.OWN
    requested_quantity: Decimal
    requested_price: Decimal | None = None
    entered_quantity: Decimal
    entered_cost: Decimal
    exited_cost: Decimal
    orders: tuple[Order, ...] = ()
    created_at: datetime
    opened_at: datetime
    closed_at: datetime
    version: int

    def __post_init__(self) -> None:
        require_position_id("ClosedPosition.id", self.id)
        _check_origins("ClosedPosition", self)
        require_member("ClosedPosition.reason", self.reason, CloseReason)
        require_member("ClosedPosition.origin", self.origin, Origin)
        _check_sums("ClosedPosition", self)
        require_utc("ClosedPosition.opened_at", self.opened_at)
        require_utc("ClosedPosition.closed_at", self.closed_at)
        if self.closed_at < self.opened_at:
            raise InvalidValue(
                "ClosedPosition.closed_at",
                self.closed_at,
                f"a time at or after opened_at, {self.opened_at.isoformat()}",
            )

    @property
    def status(self) -> Literal[PositionStatus.CLOSED]:
        """
        Closed.
        """
        return PositionStatus.CLOSED

    @property
    def live(self) -> Literal[False]:
        """
        Its key is free.
        """
        return False

    @property
    def entry_price(self) -> Decimal:
        """
        The average price of its entry fills, to 34 digits.
        """
        return average(self.entered_cost, self.entered_quantity)

    @property
    def exit_price(self) -> Decimal:
        """
        The average price of its exit fills, to 34 digits.
        """
        return average(self.exited_cost, self.entered_quantity)


def _check_sums(owner: str, position: PersistedPosition | ClosedPosition) -> None:
    require_sum(f"{owner}.entered_quantity", position.entered_quantity)
    require_sum(f"{owner}.entered_cost", position.entered_cost)
    require_sum(f"{owner}.exited_cost", position.exited_cost)
    if isinstance(position, PersistedPosition):
        require_sum(f"{owner}.exited_quantity", position.exited_quantity)
    if not position.entered_quantity:
        raise InvalidValue(f"{owner}.entered_quantity", position.entered_quantity, "a Decimal above zero")


LivePosition = PendingPosition | PersistedPosition
"""
What can hold a key.
"""

Position = PendingPosition | PersistedPosition | ClosedPosition
"""
For ``match`` with ``assert_never``.
"""


as_dataclass_too(PendingPosition)
as_dataclass_too(PersistedPosition)
as_dataclass_too(ClosedPosition)
