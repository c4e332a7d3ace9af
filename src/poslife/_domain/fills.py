"""
Fills: what the venue says was executed. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from poslife._domain.checks import (
    require_count,
    require_instance,
    require_member,
    require_name,
    require_position_ref,
    require_tuple_of,
    require_utc,
)
from poslife._domain.decimals import require_decimal, require_positive
from poslife._domain.identifiers import (
    Account,
    ClientOrderId,
    Leg,
    OrderSide,
    PositionRef,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.structs import as_dataclass_too
from poslife.errors import InvalidValue

__all__ = ["Fee", "Fill", "StoredFill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """
    What one fill cost, or earned.

    Attributes:
        cost: Paid when positive, earned when negative.
        currency: The currency it was paid in; often a third one.
    """

    cost: Decimal
    currency: str

    def __post_init__(self) -> None:
        require_decimal("Fee.cost", self.cost)
        require_name("Fee.currency", self.currency)


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """
    One execution, ccxt's trade.

    Attributes:
        venue: ccxt's exchange id.
        account: The host's name for the account.
        symbol: ccxt's unified symbol.
        trade_id: The venue's name for it, unique within venue, account and symbol.
        side: Buy or sell.
        quantity: In contracts.
        price: In the quote currency.
        at: When it was executed, by the venue's clock.
        venue_order_id: The venue's name for its order, where the venue says it.
        client_order_id: Our name for its order, where the venue says it.
        leg: The leg it belongs to, where the venue says it; ``None`` is "not said".
        fees: What it cost; empty where the venue does not say (not: free of charge).

    Raises:
        InvalidValue: For a field that cannot be: naming field and value.
    """

    venue: Venue
    account: Account
    symbol: Symbol
    trade_id: TradeId
    side: OrderSide
    quantity: Decimal
    price: Decimal
    at: datetime
    venue_order_id: VenueOrderId | None = None
    client_order_id: ClientOrderId | None = None
    leg: Leg | None = None
    fees: tuple[Fee, ...] = ()

    def __post_init__(self) -> None:
        require_name("Fill.venue", self.venue)
        require_name("Fill.account", self.account)
        require_name("Fill.symbol", self.symbol)
        require_name("Fill.trade_id", self.trade_id)
        require_member("Fill.side", self.side, OrderSide)
        require_positive("Fill.quantity", self.quantity)
        require_positive("Fill.price", self.price)
        require_utc("Fill.at", self.at)
        if self.venue_order_id is not None:
            require_name("Fill.venue_order_id", self.venue_order_id)
        if self.client_order_id is not None:
            require_name("Fill.client_order_id", self.client_order_id)
        if self.leg is not None:
            require_member("Fill.leg", self.leg, Leg)
        require_tuple_of("Fill.fees", self.fees, Fee)

    def agrees_with(self, other: Fill) -> bool:
        """
        Whether both tell the same execution: the core numbers are equal.

        Fields that one of them leaves out do not count: seen again with more filled in is no conflict.
        """
        return (
            self.side is other.side
            and self.quantity == other.quantity
            and self.price == other.price
            and (
                self.venue_order_id is None
                or other.venue_order_id is None
                or self.venue_order_id == other.venue_order_id
            )
        )


class StoredFill(msgspec.Struct, frozen=True, kw_only=True):
    """
    A fill and whose it is.

    Attributes:
        fill: What the venue said.
        ref: The position it was applied to, or ``None`` while it is unclaimed.
        ordinal: The order of that position it belongs to, or ``None`` where the order is not ours.
        unclaimed_because: Why it could not be assigned; ``None`` for an assigned fill.
    """

    fill: Fill
    ref: PositionRef | None
    ordinal: int | None = None
    unclaimed_because: str | None = None

    def __post_init__(self) -> None:
        require_instance("StoredFill.fill", self.fill, Fill)
        if self.ref is not None:
            require_position_ref("StoredFill.ref", self.ref)
        if self.ordinal is not None:
            require_count("StoredFill.ordinal", self.ordinal)
        if (self.ref is None) is (self.unclaimed_because is None):
            expected = "a str, since ref is None" if self.ref is None else "None, since ref is given"
            raise InvalidValue("StoredFill.unclaimed_because", self.unclaimed_because, expected)


as_dataclass_too(Fill)
as_dataclass_too(StoredFill)
