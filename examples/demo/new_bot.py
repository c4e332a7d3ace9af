"""
The bot over poslife, as something that carries out commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import assert_never

from examples.demo.bot import Bot, Synced
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
from examples.demo.wiring import Wired, counts_of, wire
from examples.demo.words import Ended, Pen
from poslife import (
    Abandoned,
    Account,
    Closed,
    ClosingOutcome,
    InDoubt,
    Opened,
    OpeningOutcome,
    OrderStatus,
    PersistedPosition,
    Recovery,
    Rejected,
    SinkStats,
    Symbol,
    Working,
)
from poslife.ccxt import CcxtSource
from poslife.errors import DuplicatePosition, KeyInDoubt
from poslife.testing.bybit import BybitClient

__all__ = ["Carry", "poslife_bot"]

PATIENCE = 15.0
AT_ONCE = 20

Carry = Callable[[Command], Awaitable[Did]]


@contextlib.asynccontextmanager
async def poslife_bot(  # noqa: C901 - a case for each command
    place: str, folder: Path, pen: Pen, exchange: BybitClient, account: Account
) -> AsyncGenerator[tuple[Did, Carry]]:
    """
    The bot over poslife, from its start to its end: what it says when it is ready, and its hands.
    """
    wired = wire(place, folder, pen)
    tell = _EventTeller(wired)
    async with wired.tracker as tracker:
        bot = Bot(tracker, exchange, CcxtSource(exchange, account=account))

        async def carry_out(command: Command) -> Did:
            match command:
                case Open():
                    return await _open(bot, command)
                case Protect():
                    order = await bot.protect(await bot.held(Symbol(command.symbol)), command.price)
                    return Did(
                        outcome="Protected",
                        told=f"take profit at the exchange: sell {order.quantity:f} at {command.price:f}",
                    )
                case Close():
                    return _came_of(await bot.close(await bot.held(Symbol(command.symbol))))
                case Sync():
                    return Did(outcome="Synced", told=_synced(await bot.sync()))
                case Burst():
                    return tell.burst(command)
                case Watch():
                    return await tell.watch()
                case Settle():
                    return await tell.settle()
                case Load():
                    return await tell.load(command, await bot.held(Symbol(command.symbol)))
                case Stop():
                    return Did(outcome="Stopped", told="")
                case _:
                    assert_never(command)

        told = _recovered(await bot.start())
        yield Did(outcome="Started", told=told), carry_out
    await wired.lines.aclose()
    pen.say(Ended(counts=counts_of(wired.sink.stats())))


class _EventTeller:
    """
    The commands that are about events alone.
    """

    def __init__(self, wired: Wired) -> None:
        self._wired = wired
        self._before: SinkStats | None = None

    def burst(self, command: Burst) -> Did:
        """
        Record many events, without waiting once.
        """
        self._before = self._wired.sink.stats()
        record, began = self._wired.tracker.record, time.perf_counter()
        for number in range(command.count):
            facts = {"number": number, "signal": "momentum"}
            if number != command.count // 2:
                record(command.kind, None, facts)
            elif command.pending:
                # What mypy and pyright refuse, and the old way does.
                record(command.kind, "pending", facts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            else:
                record(command.odd_kind or command.kind, None, facts)
        took = (time.perf_counter() - began) * 1000
        return Did(outcome="Recorded", told=f"{command.count} events in {took:.1f} ms, nothing raised")

    async def watch(self) -> Did:
        """
        Wait until the sink has noticed.
        """
        async with asyncio.timeout(PATIENCE):
            while (health := self._wired.sink.health()).ok:  # noqa: ASYNC110 - health is looked at, as by a host
                await asyncio.sleep(0.02)
        store = health.writers[0]
        where = "in the journal" if not health.only_in_memory else "in memory"
        return Did(
            outcome=store.state.value.capitalize(),
            told=f"{store.backlog} events wait {where}: {store.reason}",
        )

    async def settle(self) -> Did:
        """
        Wait until everything is stored, or kept as a dead letter.
        """
        await self._wired.tracker.flush(PATIENCE)
        stats, before = self._wired.sink.stats(), self._before
        if before is None:
            told = f"{stats.recovered} events recovered from the journal; none waits"
        else:
            told = f"{stats.committed - before.committed} events stored"
            if letters := stats.dead_lettered - before.dead_lettered:
                page = await self._wired.store.list_dead_letters()
                reasons = dict.fromkeys(item.letter.reason for item in page.items)
                told += f", {letters} dead letter: {'; '.join(reasons)}"
        return Did(outcome="Stored", told=told)

    async def load(self, command: Load, position: PersistedPosition) -> Did:
        """
        Record events until killed, or nobody is left to do that.
        """
        record, number, parent = self._wired.tracker.record, 0, os.getppid()
        while os.getppid() == parent:
            for _ in range(AT_ONCE):
                number += 1
                about = position if number % 4 == 0 else None
                record(command.position_kind if about else command.kind, about, {"number": number})
            if number < command.with_turns:
                await asyncio.sleep(0)
        return Did(outcome="Recorded", told=f"{number} events")


async def _open(bot: Bot, command: Open) -> Did:
    try:
        return _came_of(await bot.open(Symbol(command.symbol), command.quantity))
    except DuplicatePosition as error:
        waits = ", and its order may exist" if isinstance(error, KeyInDoubt) else ""
        return Did(outcome=type(error).__name__, told=f"no order is sent: a position holds the key{waits}")


def _came_of(outcome: OpeningOutcome | ClosingOutcome) -> Did:
    match outcome:
        case Opened(position=position):
            works = any(order.status is OrderStatus.WORKING for order in position.orders)
            told = f"{_held(position)}{', the rest of the order still works' if works else ''}"
        case Closed(position=position):
            told = f"position {position.id}: in at {position.entry_price:f}, out at {position.exit_price:f}"
        case Working():
            told = "the exchange has taken the order"
        case Rejected() | InDoubt() | Abandoned():
            told = outcome.reason
        case _:
            assert_never(outcome)
    return Did(outcome=type(outcome).__name__, told=told)


def _synced(synced: Synced) -> str:
    found = [_held(position) for position in synced.filled if isinstance(position, PersistedPosition)]
    return "; ".join(found) or _recovered(synced.recovery)


def _recovered(recovery: Recovery) -> str:
    told: list[str] = []
    for position in recovery.settled:
        if isinstance(position, PersistedPosition):
            told.append(f"its order is found at the exchange: {_held(position)}")
        else:
            told.append(f"its order is proven absent, and {position.orders[-1].status.value}")
    told += [
        f"{doubt.position.key.symbol} stays in doubt: {doubt.reasons[0]}" for doubt in recovery.still_in_doubt
    ]
    return "; ".join(told) or "nothing is in doubt"


def _held(position: PersistedPosition) -> str:
    return (
        f"position {position.id} holds {position.quantity:f} of {position.requested_quantity:f} "
        f"at {position.entry_price:f}"
    )
