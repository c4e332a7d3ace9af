"""
Orders, their statuses, and the tables of transitions between those.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from poslife._domain.checks import (
    require_count,
    require_instance,
    require_member,
    require_name,
    require_position_ref,
    require_utc,
    require_uuid,
)
from poslife._domain.client_order_ids import LAST_ORDINAL
from poslife._domain.decimals import exact_difference, require_positive, require_sum
from poslife._domain.identifiers import ClientOrderId, OrderSide, PositionRef, RunId, VenueOrderId
from poslife._domain.structs import as_dataclass_too
from poslife.errors import IllegalTransition, InvalidValue

__all__ = [
    "ORDER_EVIDENCE",
    "ORDER_TRANSITIONS",
    "CloseReason",
    "Order",
    "OrderPurpose",
    "OrderStatus",
    "Trigger",
]


class OrderPurpose(enum.Enum):
    """
    The purpose of an order. All but `ENTRY` and `INCREASE` are reduce-only.
    """

    ENTRY = "entry"
    INCREASE = "increase"
    REDUCE = "reduce"
    EXIT = "exit"
    PROTECT = "protect"

    @property
    def reduce_only(self) -> bool:
        """
        True if the order can only make the position smaller.
        """
        return self not in (OrderPurpose.ENTRY, OrderPurpose.INCREASE)


class CloseReason(enum.Enum):
    """
    The reason for which a position is closed.
    """

    STRATEGY = "strategy"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    LIQUIDATION = "liquidation"
    AUTO_DELEVERAGING = "auto_deleveraging"
    SETTLEMENT = "settlement"
    OPERATOR = "operator"
    EXTERNAL = "external"
    """By a fill that belongs to no exit of poslife's, and for which the venue gives no cause."""


class OrderStatus(enum.Enum):
    """
    The status of an order.
    """

    PREPARED = "prepared"
    """Committed; no request was made."""
    SUBMITTING = "submitting"
    """Committed immediately before the request. Once its run has ended, the order counts as in doubt."""
    WORKING = "working"
    """Acknowledged by the venue, or seen there."""
    IN_DOUBT = "in_doubt"
    """It may or may not exist at the venue. Only evidence ends this."""
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    """Refused by the venue, at once or after an acknowledgement."""
    ABANDONED = "abandoned"
    """Never submitted, or proven absent."""

    @property
    def ended(self) -> bool:
        """
        True if no further fill is expected. A late one is applied all the same.
        """
        return self in _ENDED


# Tuples find a member by identity; a set would call the member's Python-level `__hash__`.
_ENDED = (
    OrderStatus.FILLED,
    OrderStatus.CANCELED,
    OrderStatus.EXPIRED,
    OrderStatus.REJECTED,
    OrderStatus.ABANDONED,
)

_ON_ITS_WAY = (OrderStatus.PREPARED, OrderStatus.SUBMITTING, OrderStatus.WORKING)

_AT_VENUE = frozenset(
    {
        OrderStatus.WORKING,
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
        OrderStatus.REJECTED,
    }
)

ORDER_TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = MappingProxyType(
    {
        OrderStatus.PREPARED: frozenset({OrderStatus.SUBMITTING, OrderStatus.ABANDONED}),
        # ABANDONED from SUBMITTING: the submit window had passed, so the request was not made.
        OrderStatus.SUBMITTING: _AT_VENUE | {OrderStatus.IN_DOUBT, OrderStatus.ABANDONED},
        OrderStatus.WORKING: _AT_VENUE - {OrderStatus.WORKING},
        OrderStatus.IN_DOUBT: _AT_VENUE | {OrderStatus.ABANDONED},
        OrderStatus.FILLED: frozenset[OrderStatus](),
        OrderStatus.CANCELED: frozenset[OrderStatus](),
        OrderStatus.EXPIRED: frozenset[OrderStatus](),
        OrderStatus.REJECTED: frozenset[OrderStatus](),
        OrderStatus.ABANDONED: frozenset[OrderStatus](),
    }
)
"""
The statuses an order may change to by the host's report, by its status.
"""

ORDER_EVIDENCE: Mapping[OrderStatus, frozenset[OrderStatus]] = MappingProxyType(
    {
        OrderStatus.PREPARED: _AT_VENUE,
        OrderStatus.SUBMITTING: _AT_VENUE,
        OrderStatus.WORKING: _AT_VENUE - {OrderStatus.WORKING},
        OrderStatus.IN_DOUBT: _AT_VENUE,
        OrderStatus.FILLED: frozenset[OrderStatus](),
        OrderStatus.CANCELED: frozenset({OrderStatus.FILLED}),
        OrderStatus.EXPIRED: frozenset({OrderStatus.FILLED}),
        OrderStatus.REJECTED: _AT_VENUE - {OrderStatus.REJECTED},
        OrderStatus.ABANDONED: _AT_VENUE,
    }
)
"""
The statuses an order may change to because the order or a fill of it was seen at the venue, by its status.

Presence is evidence, whatever was believed before: an abandoned order that is seen is working again.
"""


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """
    The condition of a conditional order: the venue makes the order when the market reaches a price.

    Most venues keep such an order apart from the others, under an id of its own, until then.

    Attributes:
        price: The trigger price in the quote currency, above zero.

    Raises:
        InvalidValue: The price is not as above.
    """

    price: Decimal

    def __post_init__(self) -> None:
        require_positive("Trigger.price", self.price)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """
    An instruction to the venue on behalf of a position.

    Attributes:
        ref: The position it belongs to.
        ordinal: Its number within the position, 0 to 65,535; part of its client order id.
        run: The run responsible for it; a recovery takes over the orders of ended runs.
        purpose: Its purpose.
        side: Buy or sell.
        quantity: The requested quantity in contracts, above zero.
        filled: The sum of its fills in contracts.
        price: The limit price in the quote currency, or ``None`` for a market order.
        trigger: The condition on which the venue makes it, or ``None`` for an order that is made at once.
        client_order_id: The client order id.
        venue_order_id: The venue's id of the order, or ``None`` until it is known.
        status: Its status.
        prepared_at: The time at which it was prepared.
        submitted_at: The time at which it was committed as submitting, or ``None`` before. The request
            followed within the submit window or not at all.
        close_reason: The reason for which an exit closes the position; ``None`` for every other order.

    Raises:
        InvalidValue: A field is not as above.
    """

    ref: PositionRef
    ordinal: int
    run: RunId
    purpose: OrderPurpose
    side: OrderSide
    quantity: Decimal
    filled: Decimal = Decimal(0)
    price: Decimal | None = None
    trigger: Trigger | None = None
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId | None = None
    status: OrderStatus = OrderStatus.PREPARED
    prepared_at: datetime
    submitted_at: datetime | None = None
    close_reason: CloseReason | None = None

    def __post_init__(self) -> None:
        require_position_ref("Order.ref", self.ref)
        require_count("Order.ordinal", self.ordinal, most=LAST_ORDINAL)
        require_uuid("Order.run", self.run)
        require_member("Order.purpose", self.purpose, OrderPurpose)
        require_member("Order.side", self.side, OrderSide)
        require_positive("Order.quantity", self.quantity)
        require_sum("Order.filled", self.filled)
        if self.price is not None:
            require_positive("Order.price", self.price)
        if self.trigger is not None:
            require_instance("Order.trigger", self.trigger, Trigger)
        require_name("Order.client_order_id", self.client_order_id)
        if self.venue_order_id is not None:
            require_name("Order.venue_order_id", self.venue_order_id)
        require_member("Order.status", self.status, OrderStatus)
        require_utc("Order.prepared_at", self.prepared_at)
        if self.submitted_at is not None:
            require_utc("Order.submitted_at", self.submitted_at)
        if self.purpose is OrderPurpose.EXIT:
            require_member("Order.close_reason", self.close_reason, CloseReason)
        elif self.close_reason is not None:
            raise InvalidValue(
                "Order.close_reason", self.close_reason, f"None for a {self.purpose.value} order"
            )

    @property
    def remaining(self) -> Decimal:
        """
        The quantity not filled yet, in contracts; zero for an overfilled order.
        """
        return max(exact_difference(self.quantity, self.filled), Decimal(0))

    @property
    def overfilled(self) -> bool:
        """
        True if its fills sum to more than its quantity.
        """
        return self.filled > self.quantity

    @property
    def conditional(self) -> bool | None:
        """
        True if it has a trigger; ``None`` if it may be conditional all the same, as one that protects may.
        """
        if self.trigger is not None:
            return True
        return None if self.purpose is OrderPurpose.PROTECT else False

    @property
    def closes(self) -> bool:
        """
        True for an exit that is prepared, submitting or working: it owns the closing of its position.

        One in doubt owns nothing.
        """
        return self.purpose is OrderPurpose.EXIT and self.status in _ON_ITS_WAY

    def moved(self, to: OrderStatus, *, by_evidence: bool = False) -> Order:
        """
        Return the order with another status.

        Args:
            to: The status.
            by_evidence: True if the order was seen at the venue: `ORDER_EVIDENCE` applies instead of
                `ORDER_TRANSITIONS`.

        Raises:
            IllegalTransition: The table has no such change.
        """
        allowed = (ORDER_EVIDENCE if by_evidence else ORDER_TRANSITIONS)[self.status]
        if to not in allowed:
            raise IllegalTransition(
                f"order {self.ordinal} of {self.ref}",
                self.status.value,
                to.value,
                sorted(status.value for status in allowed),
            )
        return replace(self, status=to)


as_dataclass_too(Trigger)
as_dataclass_too(Order)
