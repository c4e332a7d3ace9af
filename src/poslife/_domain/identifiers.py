"""
Identifiers, the key of a position, and the sides and legs it is made of.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID

from typing_extensions import override

from poslife._domain.checks import require_member, require_name

__all__ = [
    "Account",
    "ChangeId",
    "ClientOrderId",
    "EventId",
    "Leg",
    "MarginMode",
    "OrderSide",
    "PositionId",
    "PositionKey",
    "PositionRef",
    "RunId",
    "Side",
    "Symbol",
    "TradeId",
    "Venue",
    "VenueOrderId",
    "event_id_at",
    "position_ref_at",
]

PositionId = NewType("PositionId", int)
"""
The number that a repository gives a position with its first fill. Only a repository mints one.
"""

PositionRef = NewType("PositionRef", UUID)
"""
A position's identifier from its first instant: a UUIDv7 whose low 16 bits are zero.
"""

EventId = NewType("EventId", UUID)
"""
An event's identifier, a UUIDv7. An event is stored once under it, however often it is sent.
"""

ChangeId = NewType("ChangeId", UUID)
"""
A change's identifier. Committing a change again under it returns the first result.
"""

RunId = NewType("RunId", UUID)
"""
A run's identifier. A run is one life of a host process.
"""

Venue = NewType("Venue", str)
"""
An exchange, by ccxt's exchange id: for example ``bybit``.
"""

Account = NewType("Account", str)
"""
An account or sub-account at a venue, by the host's name for it.
"""

Symbol = NewType("Symbol", str)
"""
A market, by ccxt's unified symbol: for example ``BTC/USDT:USDT``, never the venue's raw one.
"""

ClientOrderId = NewType("ClientOrderId", str)
"""
The id that poslife gives an order, in the form that the venue takes.
"""

VenueOrderId = NewType("VenueOrderId", str)
"""
The id that the venue gives an order.
"""

TradeId = NewType("TradeId", str)
"""
The id that the venue gives a fill, unique within venue, account and symbol.
"""


class Side(enum.Enum):
    """
    The direction of a position.
    """

    LONG = "long"
    SHORT = "short"

    @property
    def entered_by(self) -> OrderSide:
        """
        The side of orders that open or increase a position of this side.
        """
        return OrderSide.BUY if self is Side.LONG else OrderSide.SELL

    @property
    def left_by(self) -> OrderSide:
        """
        The side of orders that reduce or close a position of this side.
        """
        return OrderSide.SELL if self is Side.LONG else OrderSide.BUY


class OrderSide(enum.Enum):
    """
    The direction of an order or a fill.
    """

    BUY = "buy"
    SELL = "sell"

    @property
    def opens(self) -> Side:
        """
        The side of the position that an order of this side opens from flat.
        """
        return Side.LONG if self is OrderSide.BUY else Side.SHORT


class Leg(enum.Enum):
    """
    One of the positions a venue can hold in a symbol: the net one in one-way mode, two in hedge mode.
    """

    NET = "net"
    LONG = "long"
    SHORT = "short"


class MarginMode(enum.Enum):
    """
    A margin mode.

    It is part of the key only where the venue can hold a cross and an isolated position in one symbol.
    """

    CROSS = "cross"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionKey:
    """
    The key of a position: the exchange can hold one position per key, so at most one is live.

    Attributes:
        venue: ccxt's exchange id.
        account: The host's name for the account or sub-account.
        symbol: ccxt's unified symbol.
        leg: `Leg.NET` in one-way mode, the leg in hedge mode.
        margin_mode: The mode where the venue can hold both modes of one symbol at once, else ``None``.

    Raises:
        InvalidValue: A name is not a str of 1 to 255 printable characters without surrounding spaces, or
            *leg* or *margin_mode* is no member of its enumeration.
    """

    venue: Venue
    account: Account
    symbol: Symbol
    leg: Leg = Leg.NET
    margin_mode: MarginMode | None = None

    def __post_init__(self) -> None:
        require_name("PositionKey.venue", self.venue)
        require_name("PositionKey.account", self.account)
        require_name("PositionKey.symbol", self.symbol)
        require_member("PositionKey.leg", self.leg, Leg)
        if self.margin_mode is not None:
            require_member("PositionKey.margin_mode", self.margin_mode, MarginMode)

    @override
    def __str__(self) -> str:
        parts: list[str] = [self.venue, self.account, self.symbol]
        if self.leg is not Leg.NET:
            parts.append(self.leg.value)
        if self.margin_mode is not None:
            parts.append(self.margin_mode.value)
        return ":".join(parts[:2]) + " " + " ".join(parts[2:])


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _uuid7(at: datetime, entropy: int) -> int:
    """
    Return the bits of a UUIDv7: 48 of milliseconds, version, variant and 74 of *entropy* (RFC 9562, 5.7).
    """
    milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)
    random_a, random_b = (entropy >> 62) & 0xFFF, entropy & ((1 << 62) - 1)
    return (milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | random_a << 64 | 2 << 62 | random_b


def position_ref_at(at: datetime, entropy: int) -> PositionRef:
    """
    Return the ref for a time: a UUIDv7 whose low 16 bits are zero, for they hold an order's ordinal.
    """
    return PositionRef(UUID(int=_uuid7(at, entropy) & ~0xFFFF))


def event_id_at(at: datetime, entropy: int) -> EventId:
    """
    Return the event id for a time: a UUIDv7.
    """
    return EventId(UUID(int=_uuid7(at, entropy)))
