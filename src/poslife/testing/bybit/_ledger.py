"""
The venue's books: orders, executions, positions, and what of them is visible yet. Pure.

`Ledger` holds the truth. What the venue shows may lag behind it: `order_as_seen`,
`holding_as_seen` and `fills_as_seen` leave out executions that are not visible yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from poslife.testing.bybit._holding import FLAT, Holding, as_decimal, fold
from poslife.testing.bybit._values import OrderStatus, SimulatedFill, SimulatedOrder

__all__ = ["Ledger", "PositionKey"]

PositionKey = tuple[str, int]


class Ledger:
    """
    One account's books.
    """

    def __init__(self, *, balance: Decimal, now: Callable[[], datetime]) -> None:
        self._balance = balance
        self._now = now
        self._orders: dict[str, SimulatedOrder] = {}
        self._by_link_id: dict[str, str] = {}
        self._open: dict[str, None] = {}
        self._fills: list[SimulatedFill] = []
        self._hidden: list[SimulatedFill] = []
        self._holdings: dict[PositionKey, Holding] = {}

    # -- the truth

    @property
    def orders(self) -> Sequence[SimulatedOrder]:
        """
        Every order ever accepted, oldest first.
        """
        return tuple(self._orders.values())

    @property
    def open_orders(self) -> Sequence[SimulatedOrder]:
        """
        The orders that may still fill, oldest first.
        """
        return tuple(self._orders[order_id] for order_id in self._open)

    @property
    def fills(self) -> Sequence[SimulatedFill]:
        """
        Every execution, oldest first.
        """
        return tuple(self._fills)

    def has_link_id(self, order_link_id: str) -> bool:
        """
        Whether an accepted order carries this order link id.
        """
        return order_link_id in self._by_link_id

    def find_order(self, identifier: str) -> SimulatedOrder | None:
        """
        The order with this order id or order link id.
        """
        return self._orders.get(self._by_link_id.get(identifier, identifier))

    def order(self, identifier: str) -> SimulatedOrder:
        """
        The order with this order id or order link id.

        Raises:
            LookupError: There is none.
        """
        found = self.find_order(identifier)
        if found is None:
            raise LookupError(f"the venue has no order {identifier!r}")
        return found

    def holding(self, symbol: str, position_index: int) -> Holding:
        """
        The true position.
        """
        return self._holdings.get((symbol, position_index), FLAT)

    # -- what the venue shows

    def order_as_seen(self, order: SimulatedOrder) -> SimulatedOrder:
        """
        The order without the executions that are not visible yet.
        """
        hidden = [fill for fill in self._hidden if fill.order_id == order.order_id]
        if not hidden:
            return order
        filled = order.filled_quantity - sum(fill.quantity for fill in hidden)
        return replace(
            order,
            filled_quantity=filled,
            filled_value=order.filled_value - sum(fill.value for fill in hidden),
            fee=order.fee - sum(fill.fee for fill in hidden),
            status=OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW,
            updated_at=order.created_at,
        )

    def orders_as_seen(self) -> Sequence[SimulatedOrder]:
        """
        Every order as the venue shows it, oldest first.
        """
        return tuple(self.order_as_seen(order) for order in self._orders.values())

    def open_orders_as_seen(self) -> Sequence[SimulatedOrder]:
        """
        The orders the venue shows as open.
        """
        names = dict.fromkeys([*self._open, *(fill.order_id for fill in self._hidden)])
        seen = (self.order_as_seen(self._orders[name]) for name in names if name in self._orders)
        return tuple(order for order in seen if order.status.is_open)

    def fills_as_seen(self) -> Sequence[SimulatedFill]:
        """
        The executions the venue shows, oldest first.
        """
        now = self._now()
        return tuple(fill for fill in self._fills if fill.visible_at <= now)

    def holding_as_seen(self, symbol: str, position_index: int) -> Holding:
        """
        The position without the executions that are not visible yet.
        """
        key = (symbol, position_index)
        if all((fill.symbol, fill.position_index) != key for fill in self._hidden):
            return self.holding(*key)
        return fold(fill for fill in self.fills_as_seen() if (fill.symbol, fill.position_index) == key)

    def holdings_as_seen(self) -> Sequence[tuple[PositionKey, Holding]]:
        """
        Every position there ever was, as the venue shows it.
        """
        return tuple((key, self.holding_as_seen(*key)) for key in self._holdings)

    def cash_as_seen(self) -> Decimal:
        """
        The wallet's balance, realised profit and fees included.
        """
        seen = (holding for _, holding in self.holdings_as_seen())
        return self._balance + sum((as_decimal(item.realised_pnl) - item.fees for item in seen), Decimal(0))

    # -- writing

    def put(self, order: SimulatedOrder) -> SimulatedOrder:
        """
        Store an order, new or changed.
        """
        self._orders[order.order_id] = order
        if order.order_link_id:
            self._by_link_id[order.order_link_id] = order.order_id
        if order.status.is_open:
            self._open[order.order_id] = None
        else:
            self._open.pop(order.order_id, None)
        return order

    def book(self, fill: SimulatedFill) -> None:
        """
        Store an execution and move its position.
        """
        key = (fill.symbol, fill.position_index)
        self._fills.append(fill)
        self._holdings[key] = self.holding(*key).after(fill)
        if fill.visible_at > self._now():
            self._hidden.append(fill)

    def reveal(self) -> None:
        """
        Show the executions whose time has come.
        """
        now = self._now()
        self._hidden = [fill for fill in self._hidden if fill.visible_at > now]
