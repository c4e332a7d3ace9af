"""
What the demo and its bots say to each other: one line of JSON each.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = ["Answer", "Close", "Command", "Did", "Emitted", "Open", "Protect", "Stop", "Sync", "read", "write"]


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


Command = Open | Protect | Close | Sync | Stop


class Did(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    A command is done.

    Attributes:
        outcome: In a word.
        told: In a sentence.
    """

    outcome: str
    told: str


class Emitted(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    An event is about to be handed to whatever keeps events. What is said here is known even of a killed bot.

    Attributes:
        event: Names it.
        kind: Its type.
        about: How it names its position, where it does.
        run: The run that emits it, where there are such.
    """

    event: str
    kind: str
    about: str = ""
    run: str = ""


Answer = Did | Emitted


def write(message: Command | Answer) -> bytes:
    """
    A message as a line.
    """
    return msgspec.json.encode(message) + b"\n"


def read(line: bytes) -> Command | Answer:
    """
    A line as a message.
    """
    message: Command | Answer = msgspec.json.decode(line, type=Command | Answer)
    return message
