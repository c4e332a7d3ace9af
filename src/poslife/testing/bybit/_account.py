"""
Orders, executions and positions of one account, in truth and as far as they are visible. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from poslife.testing.bybit._orders import OrderStatus, SimulatedFill, SimulatedOrder
from poslife.testing.bybit._position_state import FLAT, PositionState, as_decimal, state_after

__all__ = ["PositionKey", "SimulatedAccount"]

PositionKey = tuple[str, int]


class SimulatedAccount:
    """
    The orders, executions and positions of one account.

    Its plain names give the truth. The ``visible_`` ones, which the venue's responses are made of, leave out
    executions that are not visible yet.
    """

    def __init__(self, *, balance: Decimal, now: Callable[[], datetime]) -> None:
        self._balance = balance
        self._now = now
        self._orders: dict[str, SimulatedOrder] = {}
        self._by_link_id: dict[str, str] = {}
        self._open: dict[str, None] = {}
        self._fills: list[SimulatedFill] = []
        self._hidden: list[SimulatedFill] = []
        self._positions: dict[PositionKey, PositionState] = {}

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
        Every open order, oldest first.
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
        Return whether an order with this order link id was accepted.
        """
        return order_link_id in self._by_link_id

    def find_order(self, identifier: str) -> SimulatedOrder | None:
        """
        Return the order with this order id or order link id, or ``None``.
        """
        return self._orders.get(self._by_link_id.get(identifier, identifier))

    def order(self, identifier: str) -> SimulatedOrder:
        """
        Return the order with this order id or order link id.

        Raises:
            LookupError: There is none.
        """
        found = self.find_order(identifier)
        if found is None:
            raise LookupError(f"the venue has no order {identifier!r}")
        return found

    def position(self, symbol: str, position_index: int) -> PositionState:
        """
        Return the position, including executions that are not visible yet.
        """
        return self._positions.get((symbol, position_index), FLAT)

    # -- as visible

    def as_visible(self, order: SimulatedOrder) -> SimulatedOrder:
        """
        Return *order* without the executions that are not visible yet.
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

    def visible_orders(self) -> Sequence[SimulatedOrder]:
        """
        Return every order as visible, oldest first.
        """
        return tuple(self.as_visible(order) for order in self._orders.values())

    def visible_open_orders(self) -> Sequence[SimulatedOrder]:
        """
        Return the orders that are visibly open.
        """
        ids = dict.fromkeys([*self._open, *(fill.order_id for fill in self._hidden)])
        visible = (self.as_visible(self._orders[one]) for one in ids if one in self._orders)
        return tuple(order for order in visible if order.status.is_open)

    def visible_fills(self) -> Sequence[SimulatedFill]:
        """
        Return the visible executions, oldest first.
        """
        now = self._now()
        return tuple(fill for fill in self._fills if fill.visible_at <= now)

    def visible_position(self, symbol: str, position_index: int) -> PositionState:
        """
        Return the position without the executions that are not visible yet.
        """
        key = (symbol, position_index)
        if all((fill.symbol, fill.position_index) != key for fill in self._hidden):
            return self.position(*key)
        return state_after(fill for fill in self.visible_fills() if (fill.symbol, fill.position_index) == key)

    def visible_positions(self) -> Sequence[tuple[PositionKey, PositionState]]:
        """
        Return every position that has had an execution, as visible.
        """
        return tuple((key, self.visible_position(*key)) for key in self._positions)

    def visible_cash(self) -> Decimal:
        """
        Return the wallet balance, with realised profits and fees.
        """
        positions = (position for _, position in self.visible_positions())
        return self._balance + sum(
            (as_decimal(position.realised_pnl) - position.fees for position in positions), Decimal(0)
        )

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
        Store an execution and update its position.
        """
        key = (fill.symbol, fill.position_index)
        self._fills.append(fill)
        self._positions[key] = self.position(*key).after(fill)
        if fill.visible_at > self._now():
            self._hidden.append(fill)

    def reveal(self) -> None:
        """
        Make the executions visible whose time has come.
        """
        now = self._now()
        self._hidden = [fill for fill in self._hidden if fill.visible_at > now]
