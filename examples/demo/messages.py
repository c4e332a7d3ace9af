"""
What the demo and its bots say to each other: one line of JSON each.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = [
    "Burst",
    "Close",
    "Command",
    "Did",
    "Load",
    "Open",
    "Protect",
    "Settle",
    "Stop",
    "Sync",
    "Watch",
    "read",
    "write",
]


class Open(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    The strategy wants a long position.
    """

    symbol: str
    quantity: Decimal


class Protect(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    The position gets a take-profit order at the venue.
    """

    symbol: str
    price: Decimal


class Close(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    The strategy wants out.
    """

    symbol: str


class Sync(msgspec.Struct, frozen=True, tag=True):
    """
    It is time for the periodic look at the venue.
    """


class Stop(msgspec.Struct, frozen=True, tag=True):
    """
    Shut down in good order.
    """


class Burst(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    Record many events at once.

    Attributes:
        kind: Their type.
        count: How many.
        odd_kind: The type of the one in the middle, where it has another.
        pending: Whether the one in the middle names its position ``"pending"``.
    """

    kind: str
    count: int
    odd_kind: str = ""
    pending: bool = False


class Watch(msgspec.Struct, frozen=True, tag=True):
    """
    Say what becomes of the events now that the store is away.
    """


class Settle(msgspec.Struct, frozen=True, tag=True):
    """
    Wait until whatever keeps events has nothing more to do.
    """


class Load(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    Record events as fast as it goes, until killed, or the one who would do that is gone.

    Attributes:
        kind: The type of those about nothing.
        position_kind: The type of those about the position in *symbol*: every fourth.
        symbol: Of the position.
        with_turns: After how many of them nothing else gets a turn any more, the writing of events included.
    """

    kind: str
    position_kind: str
    symbol: str
    with_turns: int


Command = Open | Protect | Close | Sync | Stop | Burst | Watch | Settle | Load


class Did(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    A command is done.

    Attributes:
        outcome: In a word.
        told: In a sentence.
    """

    outcome: str
    told: str


def write(message: Command | Did) -> bytes:
    """
    A message as a line.
    """
    return msgspec.json.encode(message) + b"\n"


def read(line: bytes) -> Command | Did:
    """
    A line as a message.
    """
    message: Command | Did = msgspec.json.decode(line, type=Command | Did)
    return message
