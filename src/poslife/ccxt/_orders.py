"""
Conversion of ccxt's orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.identifiers import Venue, VenueOrderId
from poslife._domain.orders import OrderStatus
from poslife._domain.venue_answers import OrderSeen
from poslife.ccxt._fields import client_order_id_in, info_of, number, order_side, row, text
from poslife.errors import InvalidValue

__all__ = ["made_order_id", "order_seen_from", "waiting"]

_STATUSES = {
    "open": OrderStatus.WORKING,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}


def order_seen_from(
    order: Mapping[str, object],
    *,
    venue: Venue,
    at: datetime,
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
) -> OrderSeen:
    """
    Convert a ccxt order, received at *at*.

    The result of ``create_order`` is not enough: it often has no side, amount or status. An order that is
    ``closed`` but not completely filled is canceled: ccxt uses ``closed`` for both.

    Raises:
        InvalidValue: The id, side, amount, filled amount or status is missing or cannot be read.
    """
    raw = row("order", order)
    status = _STATUSES.get(str(raw.get("status")))
    if status is None:
        raise InvalidValue("order.status", raw.get("status"), f"one of {', '.join(_STATUSES)}")
    quantity = number("order.amount", raw.get("amount"))
    filled = number("order.filled", raw.get("filled"))
    if status is OrderStatus.FILLED and filled < quantity:
        status = OrderStatus.CANCELED
    return OrderSeen(
        venue_order_id=VenueOrderId(text("order.id", raw.get("id"))),
        client_order_id=client_order_id_in(raw.get("clientOrderId"), venue=venue, formats=formats),
        side=order_side("order.side", raw.get("side")),
        quantity=quantity,
        filled=filled,
        status=status,
        at=at,
    )


def made_order_id(order: Mapping[str, object], fields: Sequence[str]) -> str | None:
    """
    Return the id of the order that the venue has made of a conditional one, or ``None`` before.

    Venues write ``""``, ``"0"`` or ``0`` where there is none.
    """
    info = info_of(row("order", order))
    ids = [str(info[field]) for field in fields if info.get(field) not in (None, "", "0", 0)]
    return ids[0] if ids else None


def waiting(order: Mapping[str, object]) -> Mapping[str, object]:
    """
    Return a conditional order as one without fills: these are of the order that the venue makes of it.

    ``closed`` means triggered. It is shown as open until the order made of it is found.
    """
    filled = "0" if order.get("filled") is None else order["filled"]
    status = "open" if order.get("status") == "closed" else order.get("status")
    return {**order, "filled": filled, "status": status}
