"""
The bot as it was, as something that carries out commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from typing import assert_never

from examples.demo.messages import (
    Burst,
    Close,
    Command,
    Did,
    Load,
    Open,
    Protect,
    Settle,
    Stop,
    Sync,
    Watch,
)
from examples.demo.new_bot import AT_ONCE, Carry
from examples.demo.old_way import OldBot, OldEventLogger, OldRepository
from examples.demo.old_way_stores import open_old_store
from examples.demo.words import Accepted, Emitted, Pen
from poslife.testing.bybit import BybitClient

__all__ = ["old_bot"]


@contextlib.asynccontextmanager
async def old_bot(  # noqa: C901 - a case for each command
    place: str, first: int, pen: Pen, exchange: BybitClient
) -> AsyncGenerator[tuple[Did, Carry]]:
    """
    The foil, from its start to its end: what it says when it is ready, and its hands.
    """
    async with open_old_store(place) as store:

        def witness(number: str, kind: str, position: object) -> None:
            pen.say(Emitted(event=number, kind=kind, about="" if position is None else str(position)))
            pen.say(Accepted(event=number))

        events = OldEventLogger(store, witness, first)
        bot = OldBot(exchange, OldRepository(store), events)
        worker = asyncio.create_task(events.event_worker())

        async def carry_out(command: Command) -> Did:
            match command:
                case Open(symbol=symbol):
                    opened = await bot.open(symbol, command.quantity)
                    held = bot.positions[symbol]
                    told = f"in memory: id={held.id!r}, quantity {held.quantity:f}"
                    return Did(outcome="None" if opened is None else "Position", told=told)
                case Protect(symbol=symbol):
                    return Did(
                        outcome=str(await bot.protect(symbol, command.price)),
                        told="take profit at the exchange",
                    )
                case Close(symbol=symbol):
                    return Did(
                        outcome=str(await bot.close(symbol)), told="gone from memory, its row is closed"
                    )
                case Sync():
                    phantoms = [f"{one.symbol.partition('/')[0]}, id={one.id!r}" for one in await bot.sync()]
                    told = f"closed as phantom: {'; '.join(phantoms)}" if phantoms else "nothing to do"
                    return Did(outcome="Synced", told=told)
                case Burst():
                    return await _burst(events, command)
                case Watch() | Settle():
                    await _drained(events)
                    return Did(outcome="Drained", told="its queue is empty, all seems well")
                case Load():
                    return await _load(events, command)
                case Stop():
                    return Did(outcome="Stopped", told="")
                case _:
                    assert_never(command)

        await bot.start()
        ready = Did(outcome="Started", told=f"it knows of {', '.join(bot.positions) or 'no position'}")
        try:
            yield ready, carry_out
        finally:
            events.shutdown = True
            await worker


async def _burst(events: OldEventLogger, command: Burst) -> Did:
    for number in range(command.count):
        odd = number == command.count // 2
        # The type says int, and nothing holds it to that.
        about: int | None = "pending" if odd and command.pending else None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        kind = command.odd_kind if odd and command.odd_kind else command.kind
        await events.log_event(kind, {"signal": "momentum"}, position_id=about)
    return Did(outcome="Queued", told=f"{command.count} events, in memory")


async def _drained(events: OldEventLogger) -> None:
    """
    Wait until it has tried to write everything.
    """
    while events.tried < events.queued:  # noqa: ASYNC110 - it has nothing to wait for
        await asyncio.sleep(0.02)


async def _load(events: OldEventLogger, command: Load) -> Did:
    number, parent = 0, os.getppid()
    while os.getppid() == parent:
        for _ in range(AT_ONCE):
            number += 1
            about = number % 4 == 0
            kind = command.position_kind if about else command.kind
            await events.log_event(kind, {}, symbol=command.symbol if about else None)
        if number < command.with_turns:
            await asyncio.sleep(0)
    return Did(outcome="Queued", told=f"{number} events, in memory")
