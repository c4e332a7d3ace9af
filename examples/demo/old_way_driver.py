"""
The old bot, as the demo drives it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from decimal import Decimal

from examples.demo.database import LOCK_TIMEOUT, connected
from examples.demo.driver import Driver, Life
from examples.demo.old_way import OldBot, OldEventLogger, OldRepository, create_tables
from examples.demo.witness import Emitted, Emitting, Witness
from poslife.testing.bybit import BybitClient


@contextlib.asynccontextmanager
async def driving_the_old_way(
    life: Life, witness: Witness, exchange: BybitClient
) -> AsyncGenerator[OldDriver]:
    """
    Run the bot from its start to its end.
    """
    named = 0

    def name(kind: str, position: object) -> str:
        nonlocal named
        named += 1
        event = f"{life.number}-{named}"
        witness.write(Emitting(event, kind, "" if position is None else str(position)))
        witness.write(Emitted(event))
        return event

    async with connected(life.database) as database:
        await create_tables(database, postgres="://" in life.database)
    async with connected(life.database, lock_timeout=LOCK_TIMEOUT) as database:
        events = OldEventLogger(database, name)
        bot = OldBot(exchange, OldRepository(database), events)
        worker = asyncio.create_task(events.event_worker())
        try:
            await bot.start()
            yield OldDriver(bot)
        finally:
            events.shutdown = True
            await worker


class OldDriver(Driver):
    def __init__(self, bot: OldBot) -> None:
        self._bot = bot
        self._events = bot.events

    async def open(self, symbol: str, quantity: str) -> str:
        return type(await self._bot.open(symbol, Decimal(quantity))).__name__

    async def close(self, symbol: str) -> str:
        return str(await self._bot.close(symbol))

    async def sync(self) -> str:
        await self._bot.sync()
        return "Synced"

    async def record(self, kind: str, *, symbol: str = "", position: str = "") -> None:
        # The type says int, and nothing holds it to that.
        about: int | None = position or None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        await self._events.log_event(kind, {"signal": "momentum"}, position_id=about, symbol=symbol or None)

    async def watch(self) -> str:
        return await self.settle()

    async def settle(self) -> str:
        while self._events.tried < self._events.queued:  # noqa: ASYNC110 - the bot signals nothing
            await asyncio.sleep(0.02)
        return "Drained"
