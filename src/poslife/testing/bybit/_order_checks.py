"""
Checks of a new order, with the venue's own return codes. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from poslife.testing.bybit._instruments import Instrument
from poslife.testing.bybit._orders import OrderType, Side, TimeInForce
from poslife.testing.bybit._position_state import PositionState

__all__ = [
    "ORDER_LINK_ID_LENGTH",
    "OrderTicket",
    "Refused",
    "check_position_index",
    "check_ticket",
    "cut_to_position",
]

ORDER_LINK_ID_LENGTH = 36


class Refused(Exception):
    """
    The venue refuses a request with a return code other than 0.
    """

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code} {message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTicket:
    """
    An order as requested.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    order_link_id: str = ""
    reduce_only: bool = False
    position_index: int = 0

    @property
    def closes_leg(self) -> bool:
        """
        True in hedge mode for an order against its leg, which the venue treats as reduce-only.
        """
        opens = {1: Side.BUY, 2: Side.SELL}.get(self.position_index)
        return opens is not None and self.side is not opens


def check_ticket(ticket: OrderTicket, instrument: Instrument, mark_price: Decimal) -> None:
    """
    Check *ticket* against its instrument.

    Raises:
        Refused: With the venue's code.
    """
    if ticket.quantity <= 0 or ticket.quantity % instrument.quantity_step:
        raise Refused(10001, "Qty invalid")
    if ticket.quantity < instrument.minimum_quantity:
        raise Refused(10001, "The number of contracts is less than the minimum")
    if ticket.quantity > instrument.maximum_quantity:
        raise Refused(10001, "The number of contracts exceeds maximum limit allowed: too large")
    if ticket.type is OrderType.LIMIT:
        if ticket.price is None or ticket.price <= 0:
            raise Refused(10001, "params error: price invalid")
        if ticket.price % instrument.tick_size:
            raise Refused(10001, "params error: price is not a multiple of the tick size")
    elif ticket.time_in_force is TimeInForce.POST_ONLY:
        raise Refused(10001, "params error: timeInForce invalid for a market order")
    if len(ticket.order_link_id) > ORDER_LINK_ID_LENGTH:
        raise Refused(10001, "params error: OrderLinkId is longer than 36")
    notional = ticket.quantity * (ticket.price if ticket.price is not None else mark_price)
    if notional < instrument.minimum_notional and not (ticket.reduce_only or ticket.closes_leg):
        raise Refused(110094, f"Order does not meet minimum order value {instrument.minimum_notional}USDT")


def check_position_index(ticket: OrderTicket, *, hedged: bool) -> None:
    """
    Check that the position index belongs to the position mode.

    Raises:
        Refused: With the venue's code.
    """
    if ticket.position_index not in ((1, 2) if hedged else (0,)):
        raise Refused(10001, "position idx not match position mode")


def cut_to_position(ticket: OrderTicket, position: PositionState) -> OrderTicket:
    """
    Return a reduce-only *ticket* cut to its position, any other unchanged.

    Raises:
        Refused: There is no position to reduce.
    """
    if not (ticket.reduce_only or ticket.closes_leg):
        return ticket
    closing = position.closing(ticket.side, ticket.quantity)
    if not closing:
        if not position.size:
            raise Refused(110017, "current position is zero, cannot fix reduce-only order qty")
        raise Refused(110017, "Reduce-only rule not satisfied: the order side equals the position side")
    return replace(ticket, quantity=closing, reduce_only=True)
