"""
One field at a time out of ccxt's dictionaries: read exactly, or refused by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import cast

from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.identifiers import ClientOrderId, Leg, OrderSide, Venue
from poslife.ccxt._venues import VenueRules
from poslife.errors import InvalidValue

__all__ = [
    "Raw",
    "client_order_id_in",
    "info_of",
    "is_hedged",
    "leg_in",
    "number",
    "optional_text",
    "order_side",
    "row",
    "rows",
    "text",
    "time",
]

Raw = Mapping[str, object]
"""
What ccxt gives for an order, a trade or a position.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row(field: str, value: object) -> Raw:
    """
    A dictionary.

    Raises:
        InvalidValue: It is none.
    """
    if not isinstance(value, Mapping):
        raise InvalidValue(field, value, "a dictionary as ccxt gives it")
    return cast("Raw", value)


def rows(field: str, value: object) -> Sequence[Raw]:
    """
    A list of dictionaries.

    Raises:
        InvalidValue: It is none.
    """
    if not isinstance(value, list | tuple):
        raise InvalidValue(field, value, "a list of dictionaries as ccxt gives it")
    return [row(field, one) for one in cast("Iterable[object]", value)]


def number(field: str, value: object) -> Decimal:
    """
    A number as ccxt gives it: text, int or float; a float by its shortest text, which is exact to 15 digits.

    Raises:
        InvalidValue: It is none, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise InvalidValue(field, value, "a number, as text, int or float")
    try:
        read = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise InvalidValue(field, value, "a number") from None
    if not read.is_finite():
        raise InvalidValue(field, value, "a finite number")
    return read


def text(field: str, value: object) -> str:
    """
    Text that is there.

    Raises:
        InvalidValue: It is none, or empty.
    """
    if not isinstance(value, str) or not value:
        raise InvalidValue(field, value, "text")
    return value


def optional_text(value: object) -> str | None:
    """
    Text, or ``None`` where there is none or nothing in it.
    """
    return value if isinstance(value, str) and value else None


def time(field: str, value: object) -> datetime:
    """
    A time as ccxt gives it.

    Raises:
        InvalidValue: It is no number of milliseconds since 1970.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(field, value, "milliseconds since 1970")
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except (OverflowError, ValueError):
        raise InvalidValue(field, value, "milliseconds since 1970") from None


def order_side(field: str, value: object) -> OrderSide:
    """
    Buy or sell.

    Raises:
        InvalidValue: It is neither.
    """
    if value not in ("buy", "sell"):
        raise InvalidValue(field, value, "'buy' or 'sell'")
    return OrderSide(value)


def info_of(raw: Raw) -> Raw:
    """
    What the venue itself sent; nothing where ccxt does not say.
    """
    info = raw.get("info")
    return cast("Raw", info) if isinstance(info, Mapping) else {}


def leg_in(field: str, info: Raw, rules: VenueRules) -> Leg | None:
    """
    The leg that the venue names, or ``None`` where it names none.

    Raises:
        InvalidValue: It says a word for it that is not known.
    """
    if is_hedged(info, rules) is False:
        return Leg.NET
    for where in rules.leg_fields:
        said = info.get(where)
        if said in (None, ""):
            continue
        leg = rules.legs.get(str(said).lower())
        if leg is None:
            raise InvalidValue(f"{field}.info.{where}", said, f"one of {', '.join(rules.legs)}")
        return leg
    return None


def is_hedged(info: Raw, rules: VenueRules) -> bool | None:
    """
    Whether the venue says that it is hedge mode, or ``None`` where it says nothing about that.
    """
    for where in rules.hedge_fields:
        if info.get(where) is not None:
            return str(info[where]).lower() in rules.hedge_words
    return None


def client_order_id_in(
    value: object, *, venue: Venue, formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS
) -> ClientOrderId | None:
    """
    Our name for an order as it was sent: without what the venue, or ccxt, put before it.
    """
    returned = optional_text(value)
    if returned is None:
        return None
    known = formats.get(venue)
    return ClientOrderId(returned.removeprefix(known.returned_prefix) if known else returned)
