"""
Orders, executions and positions as a test sees them, and their enums. Pure.

The enums' values are the words on the wire (``Buy``, ``PartiallyFilled``, ``Trade``).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

__all__ = [
    "ExecutionKind",
    "OrderStatus",
    "OrderType",
    "Side",
    "SimulatedFill",
    "SimulatedOrder",
    "SimulatedPosition",
    "TimeInForce",
]


class Side(enum.Enum):
    """
    The direction of an order, an execution or a position.
    """

    BUY = "Buy"
    SELL = "Sell"

    @property
    def sign(self) -> int:
        """
        1 for buy, -1 for sell.
        """
        return 1 if self is Side.BUY else -1


class OrderType(enum.Enum):
    """
    The simulated order types.
    """

    MARKET = "Market"
    LIMIT = "Limit"


class OrderStatus(enum.Enum):
    """
    The order states of linear contracts, without those of conditional orders.
    """

    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    REJECTED = "Rejected"

    @property
    def is_open(self) -> bool:
        """
        True while the order may still fill.
        """
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class TimeInForce(enum.Enum):
    """
    The time in force of an order.
    """

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "PostOnly"


class ExecutionKind(enum.Enum):
    """
    The reason of an execution. The venue lists all kinds together unless one is requested.
    """

    TRADE = "Trade"
    LIQUIDATION = "BustTrade"
    DELEVERAGING = "AdlTrade"
    FUNDING = "Funding"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedOrder:
    """
    An order in its true state, which may be ahead of the visible one.

    Attributes:
        quantity: The requested quantity; for a reduce-only order, cut to its position.
        price: The limit; for a market order the worst price the venue would accept.
        position_index: 0 in one-way mode, 1 the long leg, 2 the short leg.
        is_held: A fault keeps it from matching until it is filled by a call.
        from_api: Placed by a request; otherwise by hand or by the venue itself.
    """

    order_id: str
    order_link_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal
    reduce_only: bool
    position_index: int
    status: OrderStatus
    created_at: datetime
    updated_at: datetime
    filled_quantity: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    reject_reason: str = "EC_NoError"
    is_held: bool = False
    from_api: bool = True

    @property
    def open_quantity(self) -> Decimal:
        """
        The quantity that may still fill.
        """
        return self.quantity - self.filled_quantity if self.status.is_open else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFill:
    """
    One execution.

    Attributes:
        visible_at: The time from which executions, orders, positions and the wallet include it.
        closed_quantity: The part that reduced a position.
        realised_pnl: The profit of that part, before fees.
        leaves_quantity: The order's open quantity afterwards.
    """

    execution_id: str
    order_id: str
    order_link_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_rate: Decimal
    is_maker: bool
    kind: ExecutionKind
    position_index: int
    executed_at: datetime
    visible_at: datetime
    closed_quantity: Decimal
    realised_pnl: Decimal
    leaves_quantity: Decimal

    @property
    def value(self) -> Decimal:
        """
        Quantity times price.
        """
        return self.quantity * self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPosition:
    """
    The position in one symbol, or in one leg of it.

    Attributes:
        side: ``None`` when flat.
        average_price: ``None`` when flat.
        realised_pnl: Since the venue started, before fees.
    """

    symbol: str
    position_index: int
    side: Side | None
    size: Decimal
    average_price: Decimal | None
    realised_pnl: Decimal
    fees: Decimal
    opened_at: datetime | None
    updated_at: datetime | None

    @property
    def signed_size(self) -> Decimal:
        """
        The size, negative for a short.
        """
        return self.size * self.side.sign if self.side is not None else Decimal(0)
