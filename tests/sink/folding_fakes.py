"""
What the tests of folding share: a sink that keeps what it is given, and ticks of prices.
"""

from __future__ import annotations

import asyncio
from typing import Any

from poslife import EventId, FoldingStats
from poslife.events import EventHeader, HostEvent
from poslife.testing.clock import ManualClock
from tests.values import RUN, new_event_id

__all__ = ["CLOCK", "TICK", "Kept", "adds_up", "folded", "tick"]

TICK = "price.tick"


class Kept:
    """
    A sink that keeps what it is given.
    """

    def __init__(self) -> None:
        self.events: list[HostEvent] = []
        self.came = asyncio.Event()
        self.closed = 0

    def emit(self, event: HostEvent, /) -> EventId:
        self.events.append(event)
        self.came.set()
        return event.header.id

    async def flush(self, timeout: float | None = None, /) -> None:
        pass

    async def aclose(self, deadline: float | None = None, /) -> None:
        self.closed += 1

    @property
    def prices(self) -> list[object]:
        return [event.payload["price"] for event in self.events]

    def stands_for(self) -> int:
        """
        How many events those that were kept stand for, themselves included.
        """
        return sum(1 + folded(event).get("count", 0) for event in self.events)


def folded(event: HostEvent) -> dict[str, Any]:
    found: Any = event.payload.get("folded", {})
    return dict(found)


CLOCK = ManualClock()


def tick(
    price: object, symbol: str = "BTC/USDT:USDT", *, clock: ManualClock = CLOCK, **fields: Any
) -> HostEvent:
    values: dict[str, Any] = {"id": new_event_id(), "type": TICK, "occurred_at": clock.now(), "run": RUN}
    error = fields.pop("error", None)
    return HostEvent(
        header=EventHeader(**(values | fields)), payload={"symbol": symbol, "price": price}, error=error
    )


def adds_up(stats: FoldingStats) -> bool:
    return stats.emitted == stats.passed + stats.folded + stats.waiting
