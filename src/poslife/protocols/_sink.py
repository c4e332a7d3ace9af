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
    The receiver of all events but life events, which are committed with their change.
    """

    @abstractmethod
    def emit(self, event: HostEvent, /) -> EventId:
        """
        Accept an event and return its id at once.

        May be called from any coroutine or thread, also before the store is connected. Never waits for a
        network or a database, never raises because of the event's contents, and never drops an event without
        reporting it. Events of one run are numbered from 1 without gaps, in the order in which they were
        emitted, and are stored in that order.
        """
        ...

    @abstractmethod
    async def flush(self, timeout: float | None = None, /) -> None:
        """
        Wait until every event emitted before is stored, or kept as a dead letter.

        Raises:
            FlushTimeout: *timeout* seconds have passed first. Nothing is lost; the sink goes on storing.
        """
        ...

    @abstractmethod
    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        Flush for at most *deadline* seconds, then stop. Closing a closed sink does nothing.

        Raises:
            FlushTimeout: Events are not stored by then; says how many.
        """
        ...
