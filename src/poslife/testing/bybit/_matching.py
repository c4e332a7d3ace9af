"""
Matching: how accepted orders fill, rest or end, at once or when venue time reaches their due time. Pure.
"""

from __future__ import annotations

import enum
import heapq
import itertools
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from poslife.testing.bybit._account import SimulatedAccount
from poslife.testing.bybit._instruments import MAKER_FEE, TAKER_FEE, Instrument, worst_price
from poslife.testing.bybit._order_checks import OrderTicket
from poslife.testing.bybit._orders import (
    ExecutionKind,
    OrderStatus,
    OrderType,
    Side,
    SimulatedFill,
    SimulatedOrder,
    TimeInForce,
)
from poslife.testing.bybit._position_state import as_decimal

__all__ = ["Handling", "MatchingEngine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """
    The effect of faults on an accepted order; without any it is matched at once.

    Attributes:
        fill_ratio: Fill this share, hold the rest.
        hold: Match nothing until `MatchingEngine.execute` or the due time.
        fill_after: With *hold*, fill after this time.
        reject_reason: Reject it although it was acknowledged.
        reject_after: The time until it is rejected.
        show_after: The time until its fills become visible.
    """

    fill_ratio: Decimal | None = None
    hold: bool = False
    fill_after: timedelta | None = None
    reject_reason: str | None = None
    reject_after: timedelta = timedelta(0)
    show_after: timedelta = timedelta(0)


class _Action(enum.Enum):
    FILL = "fill"
    REJECT = "reject"


class MatchingEngine:
    """
    Matches the orders of one account against the mark prices.
    """

    def __init__(
        self,
        *,
        account: SimulatedAccount,
        instruments: Mapping[str, Instrument],
        now: Callable[[], datetime],
        seed: int | None = None,
    ) -> None:
        self.mark_prices = {symbol: instrument.mark_price for symbol, instrument in instruments.items()}
        self._account = account
        self._instruments = instruments
        self._now = now
        self._random = random.Random(seed)  # noqa: S311 - for ids, not for secrets
        self._show_after: dict[str, timedelta] = {}
        self._due: list[tuple[datetime, int, _Action, str, str]] = []
        self._due_numbers = itertools.count()

    def accept(self, ticket: OrderTicket) -> SimulatedOrder:
        """
        Store a new order, unmatched.
        """
        now, price = self._now(), ticket.price
        if price is None:
            price = worst_price(
                self._instruments[ticket.symbol], self.mark_prices[ticket.symbol], ticket.side
            )
        return self._account.put(
            SimulatedOrder(
                order_id=self._new_id(),
                order_link_id=ticket.order_link_id,
                symbol=ticket.symbol,
                side=ticket.side,
                type=ticket.type,
                time_in_force=ticket.time_in_force if ticket.type is OrderType.LIMIT else TimeInForce.IOC,
                quantity=ticket.quantity,
                price=price,
                reduce_only=ticket.reduce_only,
                position_index=ticket.position_index,
                status=OrderStatus.NEW,
                created_at=now,
                updated_at=now,
            )
        )

    def match(self, order: SimulatedOrder, handling: Handling) -> None:
        """
        Match a new order, or hold it as *handling* says.
        """
        self._show_after[order.order_id] = handling.show_after
        if handling == Handling(show_after=handling.show_after):
            self._match_now(order)
            return
        order = self._account.put(replace(order, is_held=True))
        if handling.reject_reason is not None:
            self._schedule(order, _Action.REJECT, handling.reject_after, handling.reject_reason)
        elif handling.fill_ratio is not None:
            step = self._instruments[order.symbol].quantity_step
            share = (order.quantity * handling.fill_ratio / step).to_integral_value(ROUND_DOWN) * step
            self.execute(order, max(share, step))
        elif handling.fill_after is not None:
            self._schedule(order, _Action.FILL, handling.fill_after, "")

    def execute(
        self,
        order: SimulatedOrder,
        quantity: Decimal,
        price: Decimal | None = None,
        *,
        at: datetime | None = None,
        kind: ExecutionKind = ExecutionKind.TRADE,
        is_maker: bool = False,
    ) -> SimulatedOrder:
        """
        Fill *quantity* of an open order and book the execution.

        Args:
            order: The order.
            quantity: The quantity; a reduce-only order is cut to its position, and cancelled if that is flat.
            price: *Default*: the mark price, or the order's own price if it is not marketable.
            at: *Default*: now.
            kind: The kind of execution.
            is_maker: With a *price*, charge the maker's fee.
        """
        at = self._now() if at is None else at
        if order.reduce_only:
            position = self._account.position(order.symbol, order.position_index)
            quantity = position.closing(order.side, quantity)
            if not quantity:
                return self.end(order, OrderStatus.CANCELLED, "EC_NoEnoughQtyToFill", at=at)
        if price is None:
            is_maker = not self._is_marketable(order)
            price = order.price if is_maker else self.mark_prices[order.symbol]
        fill = self._fill(order, quantity, price, at=at, kind=kind, is_maker=is_maker)
        filled = order.filled_quantity + quantity
        self._account.put(
            replace(
                order,
                filled_quantity=filled,
                filled_value=order.filled_value + fill.value,
                fee=order.fee + fill.fee,
                status=OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED,
                updated_at=at,
            )
        )
        self._account.book(fill)
        self._cancel_reduce_only(order.symbol, order.position_index, at)
        return self._account.order(order.order_id)

    def end(
        self, order: SimulatedOrder, status: OrderStatus, reason: str, *, at: datetime | None = None
    ) -> SimulatedOrder:
        """
        End an order without a further fill.
        """
        updated_at = self._now() if at is None else at
        return self._account.put(replace(order, status=status, reject_reason=reason, updated_at=updated_at))

    def pay_funding(self, symbol: str, position_index: int, rate: Decimal) -> SimulatedFill | None:
        """
        Charge a long, or pay a short, *rate* of its value at the mark price; ``None`` if flat.
        """
        size = self._account.position(symbol, position_index).size
        if not size:
            return None
        side = Side.BUY if size > 0 else Side.SELL
        payment = SimulatedFill(
            execution_id=self._new_id(),
            order_id=self._new_id(),
            order_link_id="",
            symbol=symbol,
            side=side,
            quantity=abs(size),
            price=self.mark_prices[symbol],
            fee=size * self.mark_prices[symbol] * rate,
            fee_rate=rate * side.sign,
            is_maker=False,
            kind=ExecutionKind.FUNDING,
            position_index=position_index,
            executed_at=self._now(),
            visible_at=self._now(),
            closed_quantity=Decimal(0),
            realised_pnl=Decimal(0),
            leaves_quantity=Decimal(0),
        )
        self._account.book(payment)
        return payment

    def set_mark_price(self, symbol: str, price: Decimal) -> None:
        """
        Set the mark price, and fill the resting orders that it reaches at their own price.
        """
        self.mark_prices[symbol] = price
        for order in self._account.open_orders:
            if order.symbol == symbol and not order.is_held and self._is_marketable(order):
                self.execute(order, order.open_quantity, order.price, is_maker=True)

    def run_due(self) -> None:
        """
        Execute the late fills and rejections whose time has come.
        """
        while self._due and self._due[0][0] <= self._now():
            at, _, action, order_id, reason = heapq.heappop(self._due)
            order = self._account.order(order_id)
            if not order.status.is_open:
                continue
            if action is _Action.FILL:
                self.execute(order, order.open_quantity, at=at)
            else:
                self.end(order, OrderStatus.REJECTED, reason, at=at)

    def _fill(
        self,
        order: SimulatedOrder,
        quantity: Decimal,
        price: Decimal,
        *,
        at: datetime,
        kind: ExecutionKind,
        is_maker: bool,
    ) -> SimulatedFill:
        position = self._account.position(order.symbol, order.position_index)
        rate = MAKER_FEE if is_maker else TAKER_FEE
        return SimulatedFill(
            execution_id=self._new_id(),
            order_id=order.order_id,
            order_link_id=order.order_link_id,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            fee=quantity * price * rate,
            fee_rate=rate,
            is_maker=is_maker,
            kind=kind,
            position_index=order.position_index,
            executed_at=at,
            visible_at=at + self._show_after.get(order.order_id, timedelta(0)),
            closed_quantity=position.closing(order.side, quantity),
            realised_pnl=as_decimal(position.profit(order.side, quantity, price)),
            leaves_quantity=order.quantity - order.filled_quantity - quantity,
        )

    def _match_now(self, order: SimulatedOrder) -> None:
        if self._is_marketable(order):
            if order.time_in_force is TimeInForce.POST_ONLY:
                self.end(order, OrderStatus.CANCELLED, "EC_PostOnlyWillTakeLiquidity")
            else:
                self.execute(order, order.quantity)
        elif order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            self.end(order, OrderStatus.CANCELLED, "EC_NoImmediateQtyToFill")

    def _is_marketable(self, order: SimulatedOrder) -> bool:
        reach = (order.price - self.mark_prices[order.symbol]) * order.side.sign
        return order.type is OrderType.MARKET or reach >= 0

    def _cancel_reduce_only(self, symbol: str, position_index: int, at: datetime) -> None:
        if self._account.position(symbol, position_index).size:
            return
        for order in self._account.open_orders:
            if order.reduce_only and (order.symbol, order.position_index) == (symbol, position_index):
                self.end(order, OrderStatus.CANCELLED, "EC_NoEnoughQtyToFill", at=at)

    def _schedule(self, order: SimulatedOrder, action: _Action, after: timedelta, reason: str) -> None:
        due = (self._now() + after, next(self._due_numbers), action, order.order_id, reason)
        heapq.heappush(self._due, due)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
