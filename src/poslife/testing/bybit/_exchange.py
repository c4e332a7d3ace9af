"""
The exchange: which requests it accepts, and what a test or venue time makes it do. Pure, but for its clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from poslife.testing.bybit._account import SimulatedAccount
from poslife.testing.bybit._instruments import Instrument, initial_margin, venue_symbol
from poslife.testing.bybit._matching import Handling, MatchingEngine
from poslife.testing.bybit._order_checks import (
    OrderTicket,
    Refused,
    check_position_index,
    check_ticket,
    cut_to_position,
)
from poslife.testing.bybit._orders import ExecutionKind, OrderStatus, SimulatedFill, SimulatedOrder
from poslife.testing.bybit._position_state import as_decimal

__all__ = ["Exchange"]


class Exchange:
    """
    One account on one simulated exchange.

    Every call that changes something calls `settle` first; a caller that only reads calls it itself.
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
        self.leverages = dict.fromkeys(self.instruments, leverage)
        self.hedged = dict.fromkeys(self.instruments, hedged)
        self.now = now
        self.account = SimulatedAccount(balance=balance, now=now)
        self._engine = MatchingEngine(account=self.account, instruments=self.instruments, now=now, seed=seed)

    # -- reading

    @property
    def mark_prices(self) -> dict[str, Decimal]:
        """
        The mark price of each symbol.
        """
        return self._engine.mark_prices

    def symbol(self, symbol: str) -> str:
        """
        Return the venue's symbol for *symbol*, the venue's or ccxt's.

        Raises:
            LookupError: It is not listed.
        """
        name = venue_symbol(symbol)
        if name not in self.instruments:
            raise LookupError(f"the venue does not list {symbol!r}: it has {', '.join(self.instruments)}")
        return name

    def position_indexes(self, symbol: str) -> tuple[int, ...]:
        """
        Return the position indexes of *symbol* in its position mode.
        """
        return (1, 2) if self.hedged[symbol] else (0,)

    def position_margin(self, symbol: str, position_index: int) -> Decimal:
        """
        Return the margin of the visible position.
        """
        cost = as_decimal(self.account.visible_position(symbol, position_index).cost)
        return abs(cost) / self.leverages[symbol]

    def order_margin(self) -> Decimal:
        """
        Return the margin of all visible open orders.
        """
        reserving = (order for order in self.account.visible_open_orders() if not order.reduce_only)
        return sum(
            (self._margin(order.symbol, order.open_quantity, order.price) for order in reserving), Decimal(0)
        )

    def available(self) -> Decimal:
        """
        Return the funds available to a new order.
        """
        bound = sum((self.position_margin(*key) for key, _ in self.account.visible_positions()), Decimal(0))
        return self.account.visible_cash() - bound - self.order_margin()

    # -- by a request

    def place(self, ticket: OrderTicket, handling: Handling) -> SimulatedOrder:
        """
        Accept an order and match it.

        Raises:
            Refused: The venue refuses it; nothing has changed.
        """
        self.settle()
        instrument = self.instruments.get(ticket.symbol)
        if instrument is None:
            raise Refused(10001, "params error: symbol invalid")
        mark_price = self.mark_prices[ticket.symbol]
        check_ticket(ticket, instrument, mark_price)
        check_position_index(ticket, hedged=self.hedged[ticket.symbol])
        if self.account.has_link_id(ticket.order_link_id):
            raise Refused(110072, "OrderLinkedID is duplicate")
        position = self.account.position(ticket.symbol, ticket.position_index)
        ticket = cut_to_position(ticket, position)
        opened = ticket.quantity - position.closing(ticket.side, ticket.quantity)
        price = ticket.price if ticket.price is not None else mark_price
        if opened and self._margin(ticket.symbol, opened, price) > self.available():
            raise Refused(110007, "ab not enough for new order")
        order = self._engine.accept(ticket)
        self._engine.match(order, handling)
        self.settle()
        return self.account.order(order.order_id)

    def cancel(self, identifier: str) -> SimulatedOrder:
        """
        Cancel an open order.

        Raises:
            Refused: It does not exist, or is not open any more.
        """
        self.settle()
        order = self.account.find_order(identifier)
        if order is None or not order.status.is_open:
            raise Refused(110001, "order not exists or too late to cancel")
        return self._engine.end(order, OrderStatus.CANCELLED, "EC_PerCancelRequest")

    def switch_mode(self, symbols: Iterable[str], *, hedged: bool) -> None:
        """
        Change the position mode of *symbols*.

        Raises:
            Refused: They have that mode already, or there are positions or open orders.
        """
        self.settle()
        names = tuple(symbols)
        if all(self.hedged[name] is hedged for name in names):
            raise Refused(110025, "Position mode is not modified")
        if any(key[0] in names and position.size for key, position in self.account.visible_positions()):
            raise Refused(110024, "You have an existing position, so position mode cannot be switched")
        if any(order.symbol in names for order in self.account.open_orders):
            raise Refused(110028, "Open orders exist, so you cannot change position mode")
        self.hedged.update(dict.fromkeys(names, hedged))

    # -- by a test or by time

    def fill(self, identifier: str, *, quantity: Decimal | None, price: Decimal | None) -> SimulatedOrder:
        """
        Fill an open order, held or not: all of it, or *quantity*.

        Raises:
            LookupError: There is no such order, or it is not open.
        """
        order = self._open_order(identifier)
        wanted = order.open_quantity if quantity is None else min(quantity, order.open_quantity)
        return self._engine.execute(order, wanted, price)

    def reject(self, identifier: str, *, reason: str) -> SimulatedOrder:
        """
        Reject an open order after its acknowledgement.

        Raises:
            LookupError: There is no such order, or it is not open.
        """
        return self._engine.end(self._open_order(identifier), OrderStatus.REJECTED, reason)

    def trade(self, ticket: OrderTicket, kind: ExecutionKind) -> SimulatedFill:
        """
        Execute a trade without a request: by hand, a liquidation, a deleveraging.
        """
        self.settle()
        order = self.account.put(replace(self._engine.accept(ticket), from_api=False))
        self._engine.execute(order, ticket.quantity, ticket.price, kind=kind)
        return self.account.fills[-1]

    def settle_funding(self, symbol: str, rate: Decimal) -> Sequence[SimulatedFill]:
        """
        Charge longs and pay shorts *rate* of their value at the mark price.
        """
        self.settle()
        payments = [self._engine.pay_funding(symbol, leg, rate) for leg in self.position_indexes(symbol)]
        return [payment for payment in payments if payment is not None]

    def set_mark_price(self, symbol: str, price: Decimal) -> None:
        """
        Set the mark price, and fill the resting limit orders that it reaches at their own price.
        """
        self.settle()
        self._engine.set_mark_price(symbol, price)

    def settle(self) -> None:
        """
        Execute everything that is due: late fills, late rejections, fills that become visible.
        """
        self._engine.run_due()
        self.account.reveal()

    def _open_order(self, identifier: str) -> SimulatedOrder:
        self.settle()
        order = self.account.order(identifier)
        if not order.status.is_open:
            raise LookupError(f"order {identifier!r} is {order.status.value}, not open")
        return order

    def _margin(self, symbol: str, quantity: Decimal, price: Decimal) -> Decimal:
        return initial_margin(quantity, price, self.leverages[symbol])
