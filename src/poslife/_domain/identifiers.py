"""
What things are called: identifiers, the key, sides and legs. Pure.
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
The number a repository gives a position with its first fill. Only a repository mints one.
"""

PositionRef = NewType("PositionRef", UUID)
"""
What every position has from its first instant: a UUIDv7 whose low 12 bits are zero.
"""

EventId = NewType("EventId", UUID)
"""
A UUIDv7; an event is stored once under it, however often it is sent.
"""

ChangeId = NewType("ChangeId", UUID)
"""
Names one change, so that repeating it gives the first result.
"""

RunId = NewType("RunId", UUID)
"""
One life of a host process.
"""

Venue = NewType("Venue", str)
"""
ccxt's exchange id, for example ``bybit``.
"""

Account = NewType("Account", str)
"""
The host's name for an account or sub-account at a venue.
"""

Symbol = NewType("Symbol", str)
"""
ccxt's unified symbol, for example ``BTC/USDT:USDT``; never the venue's raw one.
"""

ClientOrderId = NewType("ClientOrderId", str)
"""
Our name for an order, as the venue takes it.
"""

VenueOrderId = NewType("VenueOrderId", str)
"""
The venue's name for an order.
"""

TradeId = NewType("TradeId", str)
"""
The venue's name for a fill, unique within venue, account and symbol.
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
        The side of the orders that open or increase such a position.
        """
        return OrderSide.BUY if self is Side.LONG else OrderSide.SELL

    @property
    def left_by(self) -> OrderSide:
        """
        The side of the orders that reduce or close such a position.
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
        The side of the position that such an order opens from flat.
        """
        return Side.LONG if self is OrderSide.BUY else Side.SHORT


class Leg(enum.Enum):
    """
    Which of a symbol's positions: the net one in one-way mode, or one of the two in hedge mode.
    """

    NET = "net"
    LONG = "long"
    SHORT = "short"


class MarginMode(enum.Enum):
    """
    Part of the key only where a venue can hold a cross and an isolated position of one symbol side by side.
    """

    CROSS = "cross"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionKey:
    """
    What the exchange can hold one of: one live position per key.

    Attributes:
        venue: ccxt's exchange id.
        account: The host's name for the account or sub-account.
        symbol: ccxt's unified symbol.
        leg: `Leg.NET` in one-way mode, the leg in hedge mode.
        margin_mode: Only where the venue can hold both modes of one symbol side by side.

    Raises:
        InvalidValue: For a name that is empty, padded or no text, or a leg or mode that is none.
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
    RFC 9562 section 5.7: 48 bits of milliseconds, version 7, variant 2, the rest from *entropy* (74 bits).
    """
    milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)
    random_a, random_b = (entropy >> 62) & 0xFFF, entropy & ((1 << 62) - 1)
    return (milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | random_a << 64 | 2 << 62 | random_b


def position_ref_at(at: datetime, entropy: int) -> PositionRef:
    """
    A new ref: a UUIDv7 of the time, with the low 12 bits free for an order's ordinal.
    """
    return PositionRef(UUID(int=_uuid7(at, entropy) & ~0xFFF))


def event_id_at(at: datetime, entropy: int) -> EventId:
    """
    A new event id: a UUIDv7 of the time.
    """
    return EventId(UUID(int=_uuid7(at, entropy)))
