"""
The exchange: what it takes, how it matches, what it does by the clock. Pure but for the clock it is given.
"""

from __future__ import annotations

import enum
import heapq
import itertools
import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from poslife.testing.bybit._admission import (
    Handling,
    OrderTicket,
    Refused,
    check_position_index,
    check_ticket,
    cut_to_position,
)
from poslife.testing.bybit._holding import as_decimal
from poslife.testing.bybit._ledger import Ledger
from poslife.testing.bybit._pricing import MAKER_FEE, TAKER_FEE, margin, worst_price
from poslife.testing.bybit._values import (
    ExecutionKind,
    Instrument,
    OrderStatus,
    OrderType,
    Side,
    SimulatedFill,
    SimulatedOrder,
    TimeInForce,
    venue_symbol,
)

__all__ = ["Exchange"]


class _Action(enum.Enum):
    FILL = "fill"
    REJECT = "reject"


class Exchange:
    """
    One account on one simulated exchange.

    Every call that changes something first does what has become due by the clock; a reader calls `settle`
    itself.
    """

    def __init__(
        self,
        *,
        instruments: Iterable[Instrument],
        balance: Decimal,
        leverage: Decimal,
        hedged: bool,
        now: Callable[[], datetime],
        seed: int | None = None,
    ) -> None:
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.mark_prices = {symbol: item.mark_price for symbol, item in self.instruments.items()}
        self.leverages = dict.fromkeys(self.instruments, leverage)
        self.hedged = dict.fromkeys(self.instruments, hedged)
        self.now = now
        self.ledger = Ledger(balance=balance, now=now)
        self._random = random.Random(seed)  # noqa: S311 - it names orders and keeps no secret
        self._show_after: dict[str, timedelta] = {}
        self._due: list[tuple[datetime, int, _Action, str, str]] = []
        self._order_of_due = itertools.count()

    # -- reading

    def symbol(self, symbol: str) -> str:
        """
        The venue's name of *symbol*, the venue's or ccxt's own.

        Raises:
            LookupError: It is not listed.
        """
        name = venue_symbol(symbol)
        if name not in self.instruments:
            raise LookupError(f"the venue does not list {symbol!r}: it has {', '.join(self.instruments)}")
        return name

    def position_indexes(self, symbol: str) -> tuple[int, ...]:
        """
        The legs of *symbol* in its position mode.
        """
        return (1, 2) if self.hedged[symbol] else (0,)

    def position_margin(self, symbol: str, position_index: int) -> Decimal:
        """
        What the position as seen binds.
        """
        return (
            abs(as_decimal(self.ledger.holding_as_seen(symbol, position_index).cost)) / self.leverages[symbol]
        )

    def order_margin(self) -> Decimal:
        """
        What open orders bind.
        """
        binding = (order for order in self.ledger.open_orders_as_seen() if not order.reduce_only)
        return sum(
            (self._margin(item.symbol, item.open_quantity, item.price) for item in binding), Decimal(0)
        )

    def available(self) -> Decimal:
        """
        What a new order may bind.
        """
        bound = sum((self.position_margin(*key) for key, _ in self.ledger.holdings_as_seen()), Decimal(0))
        return self.ledger.cash_as_seen() - bound - self.order_margin()

    # -- what requests do

    def place(self, ticket: OrderTicket, handling: Handling) -> SimulatedOrder:
        """
        Take an order and match it.

        Raises:
            Refused: The venue does not take it; nothing has changed.
        """
        self.settle()
        instrument = self.instruments.get(ticket.symbol)
        if instrument is None:
            raise Refused(10001, "params error: symbol invalid")
        mark_price = self.mark_prices[ticket.symbol]
        check_ticket(ticket, instrument, mark_price)
        check_position_index(ticket, hedged=self.hedged[ticket.symbol])
        if self.ledger.has_link_id(ticket.order_link_id):
            raise Refused(110072, "OrderLinkedID is duplicate")
        holding = self.ledger.holding(ticket.symbol, ticket.position_index)
        ticket = cut_to_position(ticket, holding)
        opened = ticket.quantity - holding.closing(ticket.side, ticket.quantity)
        price = ticket.price if ticket.price is not None else mark_price
        if opened and self._margin(ticket.symbol, opened, price) > self.available():
            raise Refused(110007, "ab not enough for new order")
        order = self._accept(ticket)
        self._show_after[order.order_id] = handling.show_after
        self._handle(order, handling)
        self.settle()
        return self.ledger.order(order.order_id)

    def cancel(self, identifier: str) -> SimulatedOrder:
        """
        Cancel an open order.

        Raises:
            Refused: It does not exist or is not open any more.
        """
        self.settle()
        order = self.ledger.find_order(identifier)
        if order is None or not order.status.is_open:
            raise Refused(110001, "order not exists or too late to cancel")
        return self._end(order, OrderStatus.CANCELLED, "EC_PerCancelRequest", self.now())

    def switch_mode(self, symbols: Iterable[str], *, hedged: bool) -> None:
        """
        Change the position mode of *symbols*.

        Raises:
            Refused: They have it already, or hold positions or orders.
        """
        self.settle()
        names = tuple(symbols)
        if all(self.hedged[name] is hedged for name in names):
            raise Refused(110025, "Position mode is not modified")
        if any(key[0] in names and holding.size for key, holding in self.ledger.holdings_as_seen()):
            raise Refused(110024, "You have an existing position, so position mode cannot be switched")
        if any(order.symbol in names for order in self.ledger.open_orders):
            raise Refused(110028, "Open orders exist, so you cannot change position mode")
        self.hedged.update(dict.fromkeys(names, hedged))

    # -- what tests and time do

    def fill(self, identifier: str, *, quantity: Decimal | None, price: Decimal | None) -> SimulatedOrder:
        """
        Fill an open order, held or not: all of it, or *quantity*.

        Raises:
            LookupError: There is no such order, or nothing of it is open.
        """
        order = self._open_order(identifier)
        wanted = order.open_quantity if quantity is None else min(quantity, order.open_quantity)
        return self._execute(order, wanted, price, self.now())

    def reject(self, identifier: str, *, reason: str) -> SimulatedOrder:
        """
        Reject an open order after all.

        Raises:
            LookupError: There is no such order, or it is not open.
        """
        return self._end(self._open_order(identifier), OrderStatus.REJECTED, reason, self.now())

    def trade(self, ticket: OrderTicket, kind: ExecutionKind) -> SimulatedFill:
        """
        Execute what no request asked for: by hand, a liquidation, a deleveraging.
        """
        self.settle()
        order = self.ledger.put(replace(self._accept(ticket), from_api=False))
        self._execute(order, ticket.quantity, ticket.price, self.now(), kind)
        return self.ledger.fills[-1]

    def settle_funding(self, symbol: str, rate: Decimal) -> Sequence[SimulatedFill]:
        """
        Charge longs and pay shorts *rate* of their value at the mark price.
        """
        self.settle()
        charged: list[SimulatedFill] = []
        for position_index in self.position_indexes(symbol):
            size = self.ledger.holding(symbol, position_index).size
            if size:
                charged.append(self._funding(symbol, position_index, size, rate))
                self.ledger.book(charged[-1])
        return charged

    def set_mark_price(self, symbol: str, price: Decimal) -> None:
        """
        Move the mark price; resting limit orders it reaches fill at their own price.
        """
        self.settle()
        self.mark_prices[symbol] = price
        for order in self.ledger.open_orders:
            if order.symbol == symbol and not order.is_held and self._is_marketable(order):
                self._execute(order, order.open_quantity, order.price, self.now(), is_maker=True)

    def settle(self) -> None:
        """
        Do what has become due: late fills, late rejections, executions that become visible.
        """
        while self._due and self._due[0][0] <= self.now():
            at, _, action, order_id, reason = heapq.heappop(self._due)
            order = self.ledger.order(order_id)
            if not order.status.is_open:
                continue
            if action is _Action.FILL:
                self._execute(order, order.open_quantity, None, at)
            else:
                self._end(order, OrderStatus.REJECTED, reason, at)
        self.ledger.reveal()

    # -- matching

    def _open_order(self, identifier: str) -> SimulatedOrder:
        self.settle()
        order = self.ledger.order(identifier)
        if not order.status.is_open:
            raise LookupError(f"order {identifier!r} is {order.status.value}: nothing of it is open")
        return order

    def _accept(self, ticket: OrderTicket) -> SimulatedOrder:
        now, price = self.now(), ticket.price
        if price is None:
            price = worst_price(self.instruments[ticket.symbol], self.mark_prices[ticket.symbol], ticket.side)
        return self.ledger.put(
            SimulatedOrder(
                order_id=self._name(),
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

    def _handle(self, order: SimulatedOrder, handling: Handling) -> None:
        if handling == Handling(show_after=handling.show_after):
            self._match(order)
            return
        order = self.ledger.put(replace(order, is_held=True))
        if handling.reject_reason is not None:
            self._schedule(order, _Action.REJECT, handling.reject_after, handling.reject_reason)
        elif handling.fill_ratio is not None:
            step = self.instruments[order.symbol].quantity_step
            share = (order.quantity * handling.fill_ratio / step).to_integral_value(ROUND_DOWN) * step
            self._execute(order, max(share, step), None, self.now())
        elif handling.fill_after is not None:
            self._schedule(order, _Action.FILL, handling.fill_after, "")

    def _match(self, order: SimulatedOrder) -> None:
        if self._is_marketable(order):
            if order.time_in_force is TimeInForce.POST_ONLY:
                self._end(order, OrderStatus.CANCELLED, "EC_PostOnlyWillTakeLiquidity", self.now())
            else:
                self._execute(order, order.quantity, None, self.now())
        elif order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            self._end(order, OrderStatus.CANCELLED, "EC_NoImmediateQtyToFill", self.now())

    def _is_marketable(self, order: SimulatedOrder) -> bool:
        reach = (order.price - self.mark_prices[order.symbol]) * order.side.sign
        return order.type is OrderType.MARKET or reach >= 0

    def _execute(
        self,
        order: SimulatedOrder,
        quantity: Decimal,
        price: Decimal | None,
        at: datetime,
        kind: ExecutionKind = ExecutionKind.TRADE,
        *,
        is_maker: bool = False,
    ) -> SimulatedOrder:
        holding = self.ledger.holding(order.symbol, order.position_index)
        if order.reduce_only:
            quantity = holding.closing(order.side, quantity)
            if not quantity:
                return self._end(order, OrderStatus.CANCELLED, "EC_NoEnoughQtyToFill", at)
        if price is None:
            is_maker = not self._is_marketable(order)
            price = order.price if is_maker else self.mark_prices[order.symbol]
        rate = MAKER_FEE if is_maker else TAKER_FEE
        filled = order.filled_quantity + quantity
        fill = SimulatedFill(
            execution_id=self._name(),
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
            closed_quantity=holding.closing(order.side, quantity),
            realised_pnl=as_decimal(holding.profit(order.side, quantity, price)),
            leaves_quantity=order.quantity - filled,
        )
        self.ledger.put(
            replace(
                order,
                filled_quantity=filled,
                filled_value=order.filled_value + fill.value,
                fee=order.fee + fill.fee,
                status=OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED,
                updated_at=at,
            )
        )
        self.ledger.book(fill)
        self._cancel_reduce_only(order.symbol, order.position_index, at)
        return self.ledger.order(order.order_id)

    def _cancel_reduce_only(self, symbol: str, position_index: int, at: datetime) -> None:
        if self.ledger.holding(symbol, position_index).size:
            return
        for order in self.ledger.open_orders:
            if order.reduce_only and (order.symbol, order.position_index) == (symbol, position_index):
                self._end(order, OrderStatus.CANCELLED, "EC_NoEnoughQtyToFill", at)

    def _end(self, order: SimulatedOrder, status: OrderStatus, reason: str, at: datetime) -> SimulatedOrder:
        return self.ledger.put(replace(order, status=status, reject_reason=reason, updated_at=at))

    def _funding(self, symbol: str, position_index: int, size: Decimal, rate: Decimal) -> SimulatedFill:
        side = Side.BUY if size > 0 else Side.SELL
        return SimulatedFill(
            execution_id=self._name(),
            order_id=self._name(),
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
            executed_at=self.now(),
            visible_at=self.now(),
            closed_quantity=Decimal(0),
            realised_pnl=Decimal(0),
            leaves_quantity=Decimal(0),
        )

    def _schedule(self, order: SimulatedOrder, action: _Action, after: timedelta, reason: str) -> None:
        due = (self.now() + after, next(self._order_of_due), action, order.order_id, reason)
        heapq.heappush(self._due, due)

    def _margin(self, symbol: str, quantity: Decimal, price: Decimal) -> Decimal:
        return margin(quantity, price, self.leverages[symbol])

    def _name(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
