"""
Client order ids: a position's ref and an order's ordinal, in the form that each venue takes.

The id is the ref's 128 bits with the ordinal (0 to 65,535) in the low 16. Clearing those gives the ref back,
so an order seen at the venue names its position without a look-up table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple
from uuid import UUID

from poslife._domain.checks import require_count, require_position_ref
from poslife._domain.identifiers import ClientOrderId, PositionRef, Venue
from poslife.errors import InvalidValue, UnknownVenueFormat

__all__ = ["CLIENT_ORDER_IDS", "ClientOrderIdFormat", "OrderName", "client_order_id", "read_client_order_id"]

LAST_ORDINAL = 0xFFFF
ORDINALS_FOR_EXITS = 256

# Crockford's base 32 (https://www.crockford.com/base32.html), lower case because BingX lower-cases ids.
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_CROCKFORD_VALUE = {digit: value for value, digit in enumerate(_CROCKFORD)}
_CROCKFORD_LENGTH = 26


class OrderName(NamedTuple):
    """
    The position and the order that a client order id names.
    """

    ref: PositionRef
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOrderIdFormat:
    """
    The form in which a venue takes client order ids.

    Attributes:
        alphabet: ``crockford`` for 26 lower-case letters and digits, ``hex`` for 32 lower-case hex digits.
        prefix: The text before the digits in the id that is sent.
        returned_prefix: The text that the venue, or ccxt, adds before the sent id when it gives it back.
        most: The most characters that the venue takes.

    Raises:
        InvalidValue: An id would be longer than *most*, or a field is not of its kind.
    """

    alphabet: Literal["crockford", "hex"] = "crockford"
    prefix: str = ""
    returned_prefix: str = ""
    most: int

    def __post_init__(self) -> None:
        if self.alphabet not in ("crockford", "hex"):
            raise InvalidValue("ClientOrderIdFormat.alphabet", self.alphabet, "'crockford' or 'hex'")
        texts: dict[str, object] = {"prefix": self.prefix, "returned_prefix": self.returned_prefix}
        for field, text in texts.items():
            if not isinstance(text, str) or not text.isascii():
                raise InvalidValue(f"ClientOrderIdFormat.{field}", text, "an ASCII str")
        needed = len(self.prefix) + self._digits
        if type(self.most) is not int or self.most < needed:
            raise InvalidValue(
                "ClientOrderIdFormat.most",
                self.most,
                f"an int of at least {needed}, for this alphabet and prefix",
            )

    @property
    def _digits(self) -> int:
        return _CROCKFORD_LENGTH if self.alphabet == "crockford" else 32

    def write(self, number: int) -> str:
        """
        Return the id for a number of 128 bits.
        """
        if self.alphabet == "hex":
            return f"{self.prefix}{number:032x}"
        digits = [_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5)]
        return self.prefix + "".join(digits)

    def read(self, text: str) -> int | None:
        """
        Return the number that an id of this format holds, or ``None`` for any other text.

        The returned prefix may be there or not.
        """
        if self.returned_prefix:
            text = text.removeprefix(self.returned_prefix)
        if not text.startswith(self.prefix):
            return None
        digits = text[len(self.prefix) :]
        if len(digits) != self._digits:
            return None
        if self.alphabet == "hex":
            return int(digits, 16) if set(digits) <= set("0123456789abcdef") else None
        number = 0
        for digit in digits:
            value = _CROCKFORD_VALUE.get(digit)
            if value is None:
                return None
            number = number << 5 | value
        return number if number < 1 << 128 else None


# Lengths from the venues' API documentation. ccxt's gate class adds `t-` and gives it back; hyperliquid takes
# a 128-bit hex number only.
CLIENT_ORDER_IDS: Mapping[Venue, ClientOrderIdFormat] = MappingProxyType(
    {
        Venue("binance"): ClientOrderIdFormat(most=36),
        Venue("binancecoinm"): ClientOrderIdFormat(most=36),
        Venue("binanceusdm"): ClientOrderIdFormat(most=36),
        Venue("bingx"): ClientOrderIdFormat(most=40),
        Venue("bitget"): ClientOrderIdFormat(most=40),
        Venue("bybit"): ClientOrderIdFormat(most=36),
        Venue("gate"): ClientOrderIdFormat(most=28, returned_prefix="t-"),
        Venue("hyperliquid"): ClientOrderIdFormat(alphabet="hex", prefix="0x", most=34),
        Venue("kucoin"): ClientOrderIdFormat(most=40),
        Venue("kucoinfutures"): ClientOrderIdFormat(most=40),
        Venue("okx"): ClientOrderIdFormat(most=32),
    }
)
"""
The formats that poslife knows, by ccxt's exchange id. Give others to the tracker as ``client_order_ids``.
"""


def _format(venue: Venue, formats: Mapping[Venue, ClientOrderIdFormat]) -> ClientOrderIdFormat:
    try:
        return formats[venue]
    except KeyError:
        raise UnknownVenueFormat(venue, formats) from None


def client_order_id(
    ref: PositionRef,
    ordinal: int,
    *,
    venue: Venue,
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
) -> ClientOrderId:
    """
    Return the client order id of a position's order in the form that *venue* takes.

    Raises:
        UnknownVenueFormat: *formats* has no such venue.
        InvalidValue: *ref* is no ref, or *ordinal* is no int from 0 to 65,535.
    """
    require_position_ref("ref", ref)
    require_count("ordinal", ordinal, most=LAST_ORDINAL)
    return ClientOrderId(_format(venue, formats).write(ref.int | ordinal))


def read_client_order_id(
    text: str,
    *,
    venue: Venue,
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
) -> OrderName | None:
    """
    Return the ref and ordinal that a client order id holds, or ``None`` if poslife did not make it.

    Raises:
        UnknownVenueFormat: *formats* has no such venue.
    """
    number = _format(venue, formats).read(text)
    if number is None:
        return None
    ref = UUID(int=number & ~LAST_ORDINAL)
    if ref.version != 7:
        return None
    return OrderName(PositionRef(ref), number & LAST_ORDINAL)
