"""
The `EventSink` protocol.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from poslife._domain.event_envelopes import HostEvent
from poslife._domain.identifiers import (
    EventId,
)

__all__ = ["EventSink"]


class EventSink(Protocol):
    """
    Where events go that are committed with no change.
    """

    @abstractmethod
    def emit(self, event: HostEvent, /) -> EventId:
        """
        Accept an event and return its id at once.

        From any coroutine or thread, also before the store is connected. Never waits for a network or a
        database, never raises because of what the event holds, and never forgets one in silence. Events of
        one run are numbered from 1 without gaps, in the order they were emitted, and are stored in that
        order.
        """
        ...

    @abstractmethod
    async def flush(self, timeout: float | None = None, /) -> None:
        """
        Return when every event emitted before is stored, or kept as a dead letter.

        Raises:
            FlushTimeout: *timeout* seconds went by first. Nothing is lost; the sink goes on.
        """
        ...

    @abstractmethod
    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        Flush for at most *deadline* seconds and stop. Closing a closed sink does nothing.

        Raises:
            FlushTimeout: Says how many events were not stored by then.
        """
        ...
