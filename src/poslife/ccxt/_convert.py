"""
ccxt's dictionaries become ours. What cannot be read raises; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import cast

from poslife._fills import Fee, Fill
from poslife._identifiers import (
    Account,
    ClientOrderId,
    Leg,
    OrderSide,
    PositionKey,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._orders import OrderStatus
from poslife._snapshot import OrderSeen, VenuePosition
from poslife.errors import InvalidValue

__all__ = ["Raw", "fill_from", "info_of", "number", "order_seen_from", "position_from"]

Raw = Mapping[str, object]
"""
What ccxt gives for an order, a trade or a position.
"""

_STATUSES = {
    "open": OrderStatus.WORKING,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}

_SIDES = {"long": Side.LONG, "buy": Side.LONG, "short": Side.SHORT, "sell": Side.SHORT}

_BYBIT_LEGS = {"1": Leg.LONG, "2": Leg.SHORT}

# On Bybit these executions change no position: a funding payment comes as a trade, with an amount and a side.
_NO_EXECUTIONS = frozenset({"Funding"})


def number(field: str, value: object) -> Decimal:
    """
    A number as ccxt gives it: text, int or float; a float by its shortest text, which is exact to 15 digits.

    Raises:
        InvalidValue: It is none.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidValue(field, value, "a number, as text, int or float")
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise InvalidValue(field, value, "a number") from None


def _text(field: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidValue(field, value, "text")
    return value


def _optional_text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(field: str, value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(field, value, "milliseconds since 1970")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)


def info_of(raw: Raw) -> Raw:
    """
    What the venue itself sent.
    """
    info = raw.get("info")
    return cast("Raw", info) if isinstance(info, Mapping) else {}


def fill_from(
    trade: Raw,
    *,
    venue: Venue,
    account: Account,
    order_name: str | None = None,
    id_parts: Sequence[str] = ("id",),
) -> Fill | None:
    """
    A ccxt trade as a fill; ``None`` for what is no execution, such as a funding payment.

    Args:
        trade: One row of ``fetch_my_trades`` or of an order's ``trades``.
        venue: ccxt's exchange id.
        account: The host's name for the account.
        order_name: Where the trade's ``info`` has our name for its order.
        id_parts: What its id is made of, where the venue's own is not unique.

    Raises:
        InvalidValue: It has no id, side, price or amount, or one that cannot be read.
    """
    info = info_of(trade)
    if info.get("execType") in _NO_EXECUTIONS:
        return None
    side = trade.get("side")
    if side not in ("buy", "sell"):
        raise InvalidValue("trade.side", side, "'buy' or 'sell'")
    parts = [trade.get(part) for part in id_parts]
    if any(part is None for part in parts):
        raise InvalidValue("trade.id", parts, "an id")
    order = _optional_text(trade.get("order"))
    named = None if order_name is None else _optional_text(info.get(order_name))
    return Fill(
        venue=venue,
        account=account,
        symbol=Symbol(_text("trade.symbol", trade.get("symbol"))),
        trade_id=TradeId(":".join(str(part) for part in parts)),
        side=OrderSide(side),
        quantity=abs(number("trade.amount", trade.get("amount"))),
        price=number("trade.price", trade.get("price")),
        at=_time("trade.timestamp", trade.get("timestamp")),
        venue_order_id=None if order is None else VenueOrderId(order),
        client_order_id=None if named is None else ClientOrderId(named),
        leg=_BYBIT_LEGS.get(str(info.get("positionIdx"))),
        fees=_fees(trade),
    )


def _fees(trade: Raw) -> tuple[Fee, ...]:
    several = trade.get("fees")
    rows = cast("list[object]", several) if isinstance(several, list) and several else [trade.get("fee")]
    fees: list[Fee] = []
    for row in rows:
        if not isinstance(row, Mapping):
            continue
        fee = cast("Raw", row)
        currency = _optional_text(fee.get("currency"))
        if fee.get("cost") is not None and currency is not None:
            fees.append(Fee(cost=number("trade.fee.cost", fee.get("cost")), currency=currency))
    return tuple(fees)


def order_seen_from(order: Raw, *, at: datetime) -> OrderSeen:
    """
    A ccxt order as seen at *at*.

    Raises:
        InvalidValue: It has no id, side, amount or status, or one that cannot be read.
    """
    status = _STATUSES.get(str(order.get("status")))
    if status is None:
        raise InvalidValue("order.status", order.get("status"), f"one of {', '.join(_STATUSES)}")
    side = order.get("side")
    if side not in ("buy", "sell"):
        raise InvalidValue("order.side", side, "'buy' or 'sell'")
    named = _optional_text(order.get("clientOrderId"))
    return OrderSeen(
        venue_order_id=VenueOrderId(_text("order.id", order.get("id"))),
        client_order_id=None if named is None else ClientOrderId(named),
        side=OrderSide(side),
        quantity=number("order.amount", order.get("amount")),
        filled=number("order.filled", order.get("filled")),
        status=status,
        at=at,
    )


def position_from(position: Raw, *, venue: Venue, account: Account) -> VenuePosition:
    """
    A ccxt position. A row with 0 contracts is an explicit flat; one without a number cannot be read.

    Raises:
        InvalidValue: It has no contracts, or no side although it has contracts.
    """
    info = info_of(position)
    contracts = number("position.contracts", position.get("contracts"))
    leg = _BYBIT_LEGS.get(str(info.get("positionIdx")), Leg.NET)
    if position.get("hedged") is True and leg is Leg.NET:
        leg = Leg.LONG if position.get("side") == "long" else Leg.SHORT
    key = PositionKey(
        venue=venue,
        account=account,
        symbol=Symbol(_text("position.symbol", position.get("symbol"))),
        leg=leg,
    )
    entry = position.get("entryPrice")
    price = None if entry is None else number("position.entryPrice", entry)
    return VenuePosition(
        key=key,
        side=_side(position, contracts),
        quantity=abs(contracts),
        entry_price=price or None,
    )


def _side(position: Raw, contracts: Decimal) -> Side | None:
    """
    Long or short by ccxt's word, else by a sign, else by the venue's own word; ``None`` where it is flat.
    """
    if not contracts:
        return None
    if contracts < 0:
        return Side.SHORT
    info = info_of(position)
    signed = [info[where] for where in ("positionAmt", "szi", "size") if where in info]
    said = (position.get("side"), *(info.get(where) for where in ("positionSide", "posSide", "side")))
    if position.get("side") not in ("long", "short") and any(
        number("position.info", one) < 0 for one in signed
    ):
        return Side.SHORT
    for word in said:
        side = _SIDES.get(str(word).lower())
        if side is not None:
            return side
    raise InvalidValue("position.side", position.get("side"), "'long' or 'short'")
