"""
Taps: code that reads the bytes of one connection through a proxy, and decides what happens to them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class Cut(enum.Enum):
    """
    A way in which a connection fails.
    """

    RESET = enum.auto()
    """Both ends notice at once: the client gets a TCP reset."""
    SILENCE = enum.auto()
    """Neither end notices: from here on nothing arrives any more, in either direction."""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Bytes that the proxy sends to the client in place of the server.
    """

    data: bytes


# A tap's decision: pass these bytes on, answer the client, or let the connection fail.
Step = bytes | Answer | Cut


class Tap(Protocol):
    """
    The reader of one connection.

    The proxy executes each step before it takes the next, and takes no more after a `Cut`.
    """

    def requested(self, data: bytes, /) -> Iterator[Step]:
        """
        Yield the steps for *data* from the client.
        """
        ...

    def replied(self, data: bytes, /) -> Iterator[Step]:
        """
        Yield the steps for *data* from the server.
        """
        ...


class PassThrough:
    """
    A tap that passes everything on.
    """

    def requested(self, data: bytes, /) -> Iterator[Step]:
        """
        Pass *data* on.
        """
        yield data

    def replied(self, data: bytes, /) -> Iterator[Step]:
        """
        Pass *data* on.
        """
        yield data
