"""
The three types of position: pending, persisted and closed.
"""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from poslife._domain.checks import (
    require_count,
    require_instance,
    require_member,
    require_position_id,
    require_position_ref,
    require_tuple_of,
    require_utc,
)
from poslife._domain.decimals import average, exact_difference, exact_negation, require_positive, require_sum
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
    The degree to which the venue is known to hold the position.
    """

    CONFIRMED = "confirmed"
    SUSPECT = "suspect"
    UNCONFIRMED = "unconfirmed"


class Origin(enum.Enum):
    """
    The source of a position.
    """

    OWN = "own"
    """An opening through poslife."""
    ADOPTED = "adopted"
    """Fills at the venue that belong to no order of poslife's."""
    IMPORTED = "imported"
    """Another system's records."""


def _check_origins(owner: str, position: PendingPosition | PersistedPosition | ClosedPosition) -> None:
    require_position_ref(f"{owner}.ref", position.ref)
    require_instance(f"{owner}.key", position.key, PositionKey)
    require_member(f"{owner}.side", position.side, Side)
    require_positive(f"{owner}.requested_quantity", position.requested_quantity)
    if position.requested_price is not None:
        require_positive(f"{owner}.requested_price", position.requested_price)
    require_tuple_of(f"{owner}.orders", position.orders, Order)
    for index, order in enumerate(position.orders):
        if order.ref != position.ref or order.ordinal != index:
            raise InvalidValue(f"{owner}.orders", order, f"order {index} of position {position.ref}")
    require_utc(f"{owner}.created_at", position.created_at)
    require_count(f"{owner}.version", position.version, least=1)


class PendingPosition(msgspec.Struct, frozen=True, kw_only=True):
    """
    A position that is intended and stored, and has had no fill: it has a ref and **no id**.

    Attributes:
        ref: Its identifier from its first instant.
        key: The key that it claims.
        side: Long or short.
        requested_quantity: The intended quantity in contracts, above zero.
        requested_price: The price of the decision, or the limit, in the quote currency; or ``None``. Never
            the entry price.
        orders: Its entry orders, by ordinal from 0.
        created_at: The time at which it was claimed.
        version: The number of its changes, from 1.

    Raises:
        InvalidValue: A field is not as above, or an order has a fill.
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

    if not TYPE_CHECKING:  # type checkers must reject `.id`; at run time the error explains why

        def __getattr__(self, attribute: str) -> Never:
            message = (
                "a PendingPosition has no id: it has had no fill, so no repository has given it one; "
                "name it by its ref, or narrow with isinstance(position, PersistedPosition) first"
                if attribute == "id"
                else f"'PendingPosition' object has no attribute {attribute!r}"
            )
            raise AttributeError(message, name=attribute, obj=self)

    @property
    def status(self) -> Literal[PositionStatus.PENDING, PositionStatus.ENDED]:
        """
        Pending while one of its entry orders has not ended, then ended.
        """
        for order in self.orders:
            if not order.status.ended:
                return PositionStatus.PENDING
        return PositionStatus.ENDED

    @property
    def live(self) -> bool:
        """
        True if it holds its key.
        """
        return self.status is PositionStatus.PENDING

    @property
    def in_doubt(self) -> bool:
        """
        True if one of its orders is in doubt.
        """
        return any(order.status is OrderStatus.IN_DOUBT for order in self.orders)


class PersistedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """
    A position that has had its first fill: it has an id and holds a quantity.

    It keeps exact sums; averages are computed when read, so that no rounding accumulates.

    Attributes:
        id: The number that the repository gave it.
        ref: Its identifier from its first instant.
        key: The key that it holds.
        side: Long or short.
        confidence: The degree to which the venue is known to hold it.
        origin: Its source.
        requested_quantity: The intended quantity in contracts, above zero.
        requested_price: The price of the decision, or the limit, in the quote currency; or ``None``.
        entered_quantity: The sum of the quantities of its entry fills, above zero.
        entered_cost: The sum of price times quantity over its entry fills.
        exited_quantity: The sum of the quantities of its exit fills, below *entered_quantity*.
        exited_cost: The sum of price times quantity over its exit fills.
        orders: All its orders, by ordinal from 0.
        protection: The stop loss and take profit at the venue, or ``None``.
        created_at: The time at which it was claimed.
        opened_at: The time of its first fill, by the venue's clock.
        version: The number of its changes, from 1.

    Raises:
        InvalidValue: A field is not as above.
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
        if self.protection is not None:
            require_instance("PersistedPosition.protection", self.protection, Protection)
        require_utc("PersistedPosition.opened_at", self.opened_at)

    @property
    def status(self) -> Literal[PositionStatus.OPEN, PositionStatus.CLOSING]:
        """
        Closing while an exit owns it, else open.
        """
        if any(order.closes for order in self.orders):
            return PositionStatus.CLOSING
        return PositionStatus.OPEN

    @property
    def live(self) -> Literal[True]:
        """
        True: it holds its key.
        """
        return True

    @property
    def quantity(self) -> Decimal:
        """
        The quantity that it holds, in contracts; above zero.
        """
        return exact_difference(self.entered_quantity, self.exited_quantity)

    @property
    def signed_quantity(self) -> Decimal:
        """
        The quantity that it holds, below zero for a short position.

        `poslife.venues.Snapshot.quantity_of` gives the venue's in the same way.
        """
        return self.quantity if self.side is Side.LONG else exact_negation(self.quantity)

    @property
    def entry_price(self) -> Decimal:
        """
        The average price of its entry fills, to 34 digits.
        """
        return average(self.entered_cost, self.entered_quantity)

    @property
    def live_orders(self) -> tuple[Order, ...]:
        """
        The orders that have not ended.
        """
        return tuple(order for order in self.orders if not order.status.ended)

    @property
    def in_doubt(self) -> bool:
        """
        True if one of its orders is in doubt.
        """
        return any(order.status is OrderStatus.IN_DOUBT for order in self.orders)


class ClosedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """
    A position whose fills sum to zero. It is final and cannot be closed again.

    Attributes:
        id: The number that the repository gave it.
        ref: Its identifier from its first instant.
        key: The key that it held.
        side: Long or short.
        reason: The reason for which it was closed.
        origin: Its source.
        requested_quantity: The intended quantity in contracts, above zero.
        requested_price: The price of the decision, or the limit, in the quote currency; or ``None``.
        entered_quantity: The sum of the quantities of its entry fills, and so of its exit fills; above zero.
        entered_cost: The sum of price times quantity over its entry fills.
        exited_cost: The sum of price times quantity over its exit fills.
        orders: All its orders, by ordinal from 0.
        created_at: The time at which it was claimed.
        opened_at: The time of its first fill, by the venue's clock.
        closed_at: The time of its last fill, by the venue's clock; never before *opened_at*.
        version: The number of its changes, from 1.

    Raises:
        InvalidValue: A field is not as above.
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
        Always closed.
        """
        return PositionStatus.CLOSED

    @property
    def live(self) -> Literal[False]:
        """
        False: its key is free.
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
A position that can hold a key.
"""

Position = PendingPosition | PersistedPosition | ClosedPosition
"""
A position of any type, for ``match`` with ``assert_never``.
"""


as_dataclass_too(PendingPosition)
as_dataclass_too(PersistedPosition)
as_dataclass_too(ClosedPosition)
