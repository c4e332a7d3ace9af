"""
The faults that are switched on at a proxy, for all of its connections.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable


class Direction(enum.Flag):
    """
    The direction of the bytes that a fault applies to.
    """

    REQUESTS = enum.auto()
    """From the client to the server."""
    REPLIES = enum.auto()
    """From the server to the client."""
    BOTH = REQUESTS | REPLIES


class ActiveFaults:
    """
    Delay, stall, black hole and a reply to drop; none at the start.

    Args:
        sleep: Waits for the delay.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._swallowed = Direction(0)
        self._stalled = Direction(0)
        self._not_stalled = asyncio.Event()
        self._not_stalled.set()
        self._delayed = Direction(0)
        self._delay = 0.0
        self._drop_next_reply = False

    def swallow(self, direction: Direction) -> None:
        """
        Swallow everything in *direction*.
        """
        self._swallowed |= direction

    def stall(self, direction: Direction) -> None:
        """
        Hold everything in *direction* back until `clear`.
        """
        self._stalled |= direction
        self._not_stalled.clear()

    def delay(self, seconds: float, direction: Direction) -> None:
        """
        Hold each piece of data in *direction* back for *seconds*.
        """
        self._delay = seconds
        self._delayed = direction

    def drop_next_reply(self) -> None:
        """
        Let the next reply reset its connection.
        """
        self._drop_next_reply = True

    def clear(self) -> None:
        """
        Switch every fault off.
        """
        self._delay, self._delayed = 0.0, Direction(0)
        self._swallowed = self._stalled = Direction(0)
        self._drop_next_reply = False
        self._not_stalled.set()

    def swallows(self, direction: Direction) -> bool:
        """
        Return whether data in *direction* is swallowed.
        """
        return bool(direction & self._swallowed)

    def takes_reply(self) -> bool:
        """
        Return whether this reply is the one to drop; true once.
        """
        drops, self._drop_next_reply = self._drop_next_reply, False
        return drops

    async def hold_back(self, direction: Direction) -> None:
        """
        Wait for the delay and the stall of *direction* to pass.
        """
        if direction & self._delayed:
            await self._sleep(self._delay)
        while direction & self._stalled:
            await self._not_stalled.wait()
