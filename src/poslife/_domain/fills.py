"""
Fills: the executions that a venue reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from poslife._domain.checks import (
    require_count,
    require_instance,
    require_label,
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

__all__ = ["Fee", "Fill", "FillId", "StoredFill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """
    The fee of one fill in one currency.

    Attributes:
        cost: The amount in *currency*: paid if above zero, earned if below.
        currency: The currency of the fee, often neither the quote's nor the base's.
    """

    cost: Decimal
    currency: str

    def __post_init__(self) -> None:
        require_decimal("Fee.cost", self.cost)
        require_label("Fee.currency", self.currency)


class FillId(msgspec.Struct, frozen=True):
    """
    The identity of a fill: the venue's id of the match, and the side, since both sides of one may be ours.

    Attributes:
        venue: ccxt's exchange id.
        account: The host's name for the account.
        symbol: ccxt's unified symbol.
        trade_id: The venue's id.
        side: Buy or sell.
    """

    venue: Venue
    account: Account
    symbol: Symbol
    trade_id: TradeId
    side: OrderSide


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """
    One execution; ccxt calls it a trade.

    Attributes:
        venue: ccxt's exchange id.
        account: The host's name for the account.
        symbol: ccxt's unified symbol.
        trade_id: The venue's id of the fill, unique within venue, account, symbol and side.
        side: Buy or sell.
        quantity: The executed quantity in contracts, above zero.
        price: The price in the quote currency, above zero.
        at: The time of execution, by the venue's clock.
        venue_order_id: The venue's id of the order, or ``None`` where the venue does not give it.
        client_order_id: The client order id, or ``None`` where the venue does not give it.
        leg: The leg of the position, or ``None`` where the venue does not give it.
        fees: The fees; empty where the venue does not give them, which does not mean free of charge.
        closed: The part of *quantity* that closed a position, by the venue; ``None`` where it does not say.

    Raises:
        InvalidValue: A field is not as above.
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
    closed: Decimal | None = None

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
        if self.closed is not None and not 0 <= require_decimal("Fill.closed", self.closed) <= self.quantity:
            raise InvalidValue("Fill.closed", self.closed, f"a Decimal from 0 to {self.quantity}")

    @property
    def id(self) -> FillId:
        """
        The identity of the fill.
        """
        return FillId(self.venue, self.account, self.symbol, self.trade_id, self.side)

    def repeats(self, other: Fill) -> bool:
        """
        Return whether *other* is the same execution, shown before; perhaps with other numbers.

        Two fills of one trade id and of opposite sides are the two sides of a match if they name different
        orders. Otherwise one of them shows a wrong side, for an order has one.
        """
        if (self.venue, self.account, self.symbol, self.trade_id) != (
            other.venue,
            other.account,
            other.symbol,
            other.trade_id,
        ):
            return False
        return self.side is other.side or not (
            _differ(self.venue_order_id, other.venue_order_id)
            or _differ(self.client_order_id, other.client_order_id)
        )

    def agrees_with(self, other: Fill) -> bool:
        """
        Return whether *other* reports the same side, quantity, price and order.

        An order id that one of them lacks does not count: a later report may fill in more.
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


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


class StoredFill(msgspec.Struct, frozen=True, kw_only=True):
    """
    A fill and the position it is assigned to.

    Attributes:
        fill: The fill as the venue reported it.
        ref: The position it was applied to, or ``None`` while it is unclaimed.
        ordinal: The position's order that it belongs to, or ``None`` where that is no order of poslife's.
        unclaimed_because: The reason for which it could not be assigned; ``None`` for an assigned fill.

    Raises:
        InvalidValue: A field is not of its kind, or *unclaimed_because* is given with a ref or missing
            without.
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
