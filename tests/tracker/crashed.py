"""
Bots that are killed, with the tools to look at what they left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from typing import TypeVar

from poslife import (
    BatchingSink,
    OrderSide,
    OrderStatus,
    PositionRef,
    PositionTracker,
    Side,
    Timings,
    VenueOrderId,
)
from poslife._domain.venue_answers import OrderSeen
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from tests.tracker.scenes import KEY, refuses

ResultT = TypeVar("ResultT")

TIMINGS = Timings(lease=30, fills_within=10, lookup_interval=1)


class Bot:
    """
    One process's life over a store: it can be killed, which leaves the store as it is.
    """

    def __init__(self, store: MemoryStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.tracker = PositionTracker(
            repository=store, sink=BatchingSink(store), classify=refuses, clock=clock, timings=TIMINGS
        )

    async def start(self) -> PositionTracker:
        await self.tracker.__aenter__()
        return self.tracker

    async def die(self) -> None:
        """
        What SIGKILL leaves: no farewell, and a lease that runs out.
        """
        for task in asyncio.all_tasks():
            if task.get_name().startswith("poslife"):
                task.cancel()
                await asyncio.wait((task,))
        self.clock.advance(TIMINGS.lease + 1)

    async def stop(self) -> None:
        await self.tracker.__aexit__(None, None, None)


async def while_time_passes(clock: ManualClock, work: Awaitable[ResultT]) -> ResultT:
    task = asyncio.ensure_future(work)
    for _ in range(400):
        if task.done():
            break
        await clock.elapse(0.5)
    return await task


async def crashed(store: MemoryStore, clock: ManualClock, *, at: str) -> PositionRef:
    """
    A run that ended with an order prepared, submitting, in doubt, or working.
    """
    bot = Bot(store, clock)
    tracker = await bot.start()
    await tracker.recover()
    position = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(100))
    if at != "prepared":
        await tracker.steps.submitting(position.ref)
    if at == "in doubt":
        await tracker.steps.doubted(position.ref, reason="no answer")
    if at == "working":
        await tracker.steps.acknowledged(position.ref, venue_order_id=VenueOrderId("v"))
    await bot.die()
    return position.ref


def order_seen(clock: ManualClock, *, filled: str, status: OrderStatus) -> OrderSeen:
    return OrderSeen(
        venue_order_id=VenueOrderId("v"),
        client_order_id=None,
        side=OrderSide.BUY,
        quantity=Decimal(100),
        filled=Decimal(filled),
        status=status,
        at=clock.now(),
    )
