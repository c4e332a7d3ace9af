"""
Single fields of ccxt's dictionaries: read exactly, or refused with the field's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeGuard, cast

from poslife._domain.checks import require_name
from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.identifiers import ClientOrderId, Leg, OrderSide, Venue
from poslife.ccxt._venues import VenueRules
from poslife.errors import InvalidValue

__all__ = [
    "Raw",
    "client_order_id_in",
    "info_of",
    "is_hedged",
    "is_row",
    "is_same_client_order_id",
    "leg_in",
    "listed",
    "next_page_cursor",
    "number",
    "optional_text",
    "order_side",
    "row",
    "rows",
    "text",
    "time",
    "venue_time",
]

Raw = Mapping[str, object]
"""
An order, a trade or a position as ccxt returns it.
"""

# Of the year 5138; nanoseconds have 19 digits.
_LONGEST_MILLISECONDS = 14

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row(field: str, value: object) -> Raw:
    """
    Return *value* if it is a dictionary.

    Raises:
        InvalidValue: It is not.
    """
    if not isinstance(value, Mapping):
        raise InvalidValue(field, value, "a dict")
    return cast("Raw", value)


def rows(field: str, value: object) -> Sequence[Raw]:
    """
    Return *value* if it is a list of dictionaries.

    Raises:
        InvalidValue: It is not.
    """
    return [row(field, one) for one in listed(field, value)]


def listed(field: str, value: object) -> Sequence[object]:
    """
    Return *value* if it is a list, whatever it holds.

    Raises:
        InvalidValue: It is not.
    """
    if not isinstance(value, list | tuple):
        raise InvalidValue(field, value, "a list of dicts")
    return cast("Sequence[object]", value)


def is_row(value: object) -> TypeGuard[Raw]:
    """
    Return whether *value* is a dictionary.
    """
    return isinstance(value, Mapping)


def number(field: str, value: object) -> Decimal:
    """
    Return a number given as text, int or float; a float by its shortest repr, which is exact to 15 digits.

    Raises:
        InvalidValue: It is not a number, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise InvalidValue(field, value, "a number, as a str, int or float")
    try:
        # The `.0` of a whole float is no digit that the venue wrote.
        read = Decimal(repr(value).removesuffix(".0") if isinstance(value, float) else value)
    except InvalidOperation:
        raise InvalidValue(field, value, "a number") from None
    if not read.is_finite():
        raise InvalidValue(field, value, "a finite number")
    return read


def text(field: str, value: object) -> str:
    """
    Return *value* if it is a non-empty str.

    Raises:
        InvalidValue: It is not.
    """
    if not isinstance(value, str) or not value:
        raise InvalidValue(field, value, "a non-empty str")
    return value


def optional_text(value: object) -> str | None:
    """
    Return *value* if it is a non-empty str, else ``None``.
    """
    return value if isinstance(value, str) and value else None


def time(field: str, value: object) -> datetime:
    """
    Return the time for a number of milliseconds since 1970.

    Raises:
        InvalidValue: It is not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(field, value, "a number of milliseconds since 1970")
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except (OverflowError, ValueError):
        raise InvalidValue(field, value, "a number of milliseconds since 1970") from None


def venue_time(field: str, value: object) -> datetime:
    """
    Return the time for the venue's own number of milliseconds or nanoseconds since 1970, text or not.

    Raises:
        InvalidValue: It is not such a number.
    """
    digits = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidValue(field, value, "a number of milliseconds or nanoseconds since 1970")
    return time(field, int(digits) // 1_000_000 if len(digits) > _LONGEST_MILLISECONDS else int(digits))


def order_side(field: str, value: object) -> OrderSide:
    """
    Return the side for ``buy`` or ``sell``.

    Raises:
        InvalidValue: It is neither.
    """
    if value not in ("buy", "sell"):
        raise InvalidValue(field, value, "'buy' or 'sell'")
    return OrderSide(value)


def info_of(raw: Raw) -> Raw:
    """
    Return the venue's own fields (``info``); empty if ccxt has none.
    """
    info = raw.get("info")
    return cast("Raw", info) if isinstance(info, Mapping) else {}


def leg_in(field: str, info: Raw, rules: VenueRules, leg_fields: Sequence[str] | None = None) -> Leg | None:
    """
    Return the leg that the venue names, in *leg_fields* if given, or ``None`` if it names none.

    Raises:
        InvalidValue: It names an unknown one.
    """
    if rules.one_way or is_hedged(info, rules) is False:
        return Leg.NET
    for name in rules.leg_fields if leg_fields is None else leg_fields:
        word = info.get(name)
        if word in (None, ""):
            continue
        leg = rules.legs.get(str(word).lower())
        if leg is None:
            raise InvalidValue(f"{field}.info.{name}", word, f"one of {', '.join(rules.legs)}")
        return leg
    return None


def is_hedged(info: Raw, rules: VenueRules) -> bool | None:
    """
    Return true for hedge mode, false for one-way mode, ``None`` if the venue does not say.
    """
    for name in rules.hedge_fields:
        if info.get(name) is not None:
            return str(info[name]).lower() in rules.hedge_words
    return None


def client_order_id_in(
    value: object, *, venue: Venue, formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS
) -> ClientOrderId | None:
    """
    Return the client order id as it was sent, without the prefix that the venue or ccxt adds.

    Another program's id can be one that no id of ours is, such as ``"None"``: it is none then.
    """
    returned = optional_text(value)
    if returned is None:
        return None
    sent = _without_prefix(returned, venue, formats)
    try:
        require_name("client_order_id", sent)
    except InvalidValue:
        return None
    return ClientOrderId(sent)


def is_same_client_order_id(
    returned: str,
    sent: ClientOrderId,
    *,
    venue: Venue,
    formats: Mapping[Venue, ClientOrderIdFormat],
) -> bool:
    """
    Return whether *returned* is *sent*, apart from the venue's prefix and from case, which BingX changes.
    """
    return _without_prefix(returned, venue, formats).lower() == sent.lower()


def _without_prefix(returned: str, venue: Venue, formats: Mapping[Venue, ClientOrderIdFormat]) -> str:
    known = formats.get(venue)
    return returned.removeprefix(known.returned_prefix) if known else returned


def next_page_cursor(page: Sequence[object]) -> str | None:
    """
    Return the venue's cursor for the next page, which ccxt puts into one of the rows.
    """
    for one in page:
        cursor = info_of(one).get("nextPageCursor") if is_row(one) else None
        if isinstance(cursor, str) and cursor:
            return cursor
    return None
