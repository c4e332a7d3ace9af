"""
What the simulated Bybit holds: instruments, orders, executions, positions. Pure.

The words on the wire (``Buy``, ``PartiallyFilled``, ``Trade``) are the enums' values.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

__all__ = [
    "DEFAULT_INSTRUMENTS",
    "Endpoint",
    "ExecutionKind",
    "Instrument",
    "OrderStatus",
    "OrderType",
    "ReceivedRequest",
    "Side",
    "SimulatedFill",
    "SimulatedOrder",
    "SimulatedPosition",
    "TimeInForce",
    "venue_symbol",
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
    The two order types that are simulated.
    """

    MARKET = "Market"
    LIMIT = "Limit"


class OrderStatus(enum.Enum):
    """
    The order states of linear contracts, conditional orders aside.
    """

    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    REJECTED = "Rejected"

    @property
    def is_open(self) -> bool:
        """
        Whether the order may still fill.
        """
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class TimeInForce(enum.Enum):
    """
    How long an order works.
    """

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "PostOnly"


class ExecutionKind(enum.Enum):
    """
    Why an execution happened. The venue lists all of them together unless asked for one.
    """

    TRADE = "Trade"
    LIQUIDATION = "BustTrade"
    DELEVERAGING = "AdlTrade"
    FUNDING = "Funding"


class Endpoint(enum.Enum):
    """
    The requests that are answered, by the path after ``/v5/``.
    """

    ACCOUNT_INFO = "account/info"
    CANCEL_ORDER = "order/cancel"
    CREATE_ORDER = "order/create"
    EXECUTIONS = "execution/list"
    INSTRUMENTS = "market/instruments-info"
    OPEN_ORDERS = "order/realtime"
    ORDER_HISTORY = "order/history"
    POSITIONS = "position/list"
    QUERY_API_KEY = "user/query-api"
    SERVER_TIME = "market/time"
    SET_LEVERAGE = "position/set-leverage"
    SWITCH_MODE = "position/switch-mode"
    TICKERS = "market/tickers"
    WALLET = "account/wallet-balance"

    @property
    def is_private(self) -> bool:
        """
        Whether the request must be signed.
        """
        return not self.value.startswith("market/")

    @property
    def is_write(self) -> bool:
        """
        Whether the request is a POST that changes something.
        """
        return self in (
            Endpoint.CANCEL_ORDER,
            Endpoint.CREATE_ORDER,
            Endpoint.SET_LEVERAGE,
            Endpoint.SWITCH_MODE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """
    One USDT perpetual.

    Attributes:
        mark_price: The price it starts with.
    """

    symbol: str
    base: str
    mark_price: Decimal
    tick_size: Decimal
    quantity_step: Decimal
    minimum_quantity: Decimal
    maximum_quantity: Decimal = Decimal(10_000_000)
    minimum_notional: Decimal = Decimal(5)
    maximum_leverage: Decimal = Decimal(100)


def _instrument(base: str, mark_price: str, tick_size: str, quantity_step: str) -> Instrument:
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        mark_price=Decimal(mark_price),
        tick_size=Decimal(tick_size),
        quantity_step=Decimal(quantity_step),
        minimum_quantity=Decimal(quantity_step),
    )


DEFAULT_INSTRUMENTS: tuple[Instrument, ...] = (
    _instrument("BTC", "60000", "0.1", "0.001"),
    _instrument("ETH", "3000", "0.01", "0.01"),
    _instrument("SOL", "150", "0.01", "0.1"),
    _instrument("XRP", "0.5", "0.0001", "0.1"),
    _instrument("LTC", "80", "0.01", "0.1"),
    _instrument("DOGE", "0.12", "0.00001", "1"),
    _instrument("DBR", "0.025", "0.00001", "1"),
    _instrument("APT", "9.5", "0.0001", "0.01"),
    _instrument("1000PEPE", "0.0086", "0.0000001", "100"),
)
"""The instruments a venue starts with when it is given no others."""


def venue_symbol(symbol: str) -> str:
    """
    The venue's name of *symbol*, which may also be ccxt's (``DBR/USDT:USDT``).
    """
    return symbol.partition(":")[0].replace("/", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedOrder:
    """
    An order as it truly stands, whatever the venue shows of it.

    Attributes:
        quantity: What is asked for, after a reduce-only order was cut to its position.
        price: The limit; for a market order the worst price the venue would take.
        position_index: 0 in one-way mode, 1 the long leg, 2 the short leg.
        is_held: A fault keeps it from matching until it is filled by command.
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
        What may still fill.
        """
        return self.quantity - self.filled_quantity if self.status.is_open else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFill:
    """
    One execution, in the order they happened.

    Attributes:
        visible_at: When executions, orders, positions and the wallet begin to show it.
        closed_quantity: How much of it made a position smaller.
        realised_pnl: Of the closed part, before fees.
        leaves_quantity: What the order had left afterwards.
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
    What is held of one symbol, or of one leg of it.

    Attributes:
        side: ``None`` when flat.
        average_price: ``None`` when flat.
        realised_pnl: Since the beginning, before fees.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """
    A request the venue received, answered or not.

    Attributes:
        number: Counts from 1.
        at: Venue time.
        parameters: The query or the JSON body, every value as text.
        faults: The names of the faults it met.
    """

    number: int
    at: datetime
    endpoint: Endpoint
    parameters: Mapping[str, str]
    faults: tuple[str, ...] = ()
