"""
The scenes: the same faults at the same moments, for both bots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from examples.demo.database import Database
from examples.demo.stage import Stage
from poslife.testing.bybit import Fault, LostResponse, PartialFill, Refusal, SlowAnswer

BTC, DBR, ETH = "BTC/USDT:USDT", "DBR/USDT:USDT", "ETH/USDT:USDT"
SOL, XRP, DOGE = "SOL/USDT:USDT", "XRP/USDT:USDT", "DOGE/USDT:USDT"
UNDER_LOAD, WITH_TURNS = 5000, 4000
LONGER_THAN_THE_CLIENT_WAITS = 1.4
LONGER_THAN_THE_DEMO = 60.0


@dataclass(slots=True, kw_only=True)
class Play:
    """
    A scene while it is played, with both bots.

    Attributes:
        surprises: Outcomes of the bot over poslife that are not what they must be, a sentence each.
        emitted: By bot, which of its events are of this scene.
    """

    scene: Scene
    database: Database
    new: Stage
    old: Stage
    surprises: list[str] = field(default_factory=list[str])
    emitted: dict[str, slice] = field(default_factory=dict[str, slice])

    def inject(self, fault: Fault, symbol: str) -> None:
        """
        Have both venues behave badly once.
        """
        for stage in (self.new, self.old):
            stage.venue.inject(fault, symbol=symbol)

    async def ask(self, expected: str, command: str, *arguments: str | int) -> None:
        """
        Ask both bots; the one over poslife must come to the *expected* outcome.
        """
        await self.both(expected, lambda stage: stage.ask(command, *arguments))

    async def both(self, expected: str, act: Callable[[Stage], Awaitable[str]]) -> None:
        outcome, _ = await asyncio.gather(act(self.new), act(self.old))
        if outcome != expected:
            self.surprises.append(f"{self.scene.title}: {outcome} instead of {expected}")


class Scene(NamedTuple):
    title: str
    symbol: str
    play: Callable[[Play], Awaitable[None]]


# In the order they are played.
SCENES: list[Scene] = []


def scene(title: str, symbol: str = "") -> Callable[[Callable[[Play], Awaitable[None]]], None]:
    return lambda play: SCENES.append(Scene(title, symbol, play))


@scene("an ordinary trade, opened and closed", BTC)
async def ordinary_trade(play: Play) -> None:
    await play.ask("Opened", "open", BTC, "0.02")
    await play.ask("Closed", "close", BTC)


@scene("the order is refused, then the periodic sync runs", DBR)
async def refused_order(play: Play) -> None:
    # Incident 22, which poslife was written for: it came once or twice an hour.
    play.inject(Refusal(), DBR)
    await play.ask("Rejected", "open", DBR, "1000")
    await play.ask("Synced", "sync")


@scene("a time-out, and the order was filled", ETH)
async def lost_answer(play: Play) -> None:
    # Incident 15: GIGAUSDT, rolled back though real, found later as a phantom.
    play.inject(SlowAnswer(seconds=LONGER_THAN_THE_CLIENT_WAITS), ETH)
    await play.ask("InDoubt", "open", ETH, "0.5")
    await play.ask("KeyInDoubt", "open", ETH, "0.5")
    await play.ask("Synced", "sync")


@scene("a time-out, and the order never existed", SOL)
async def lost_request(play: Play) -> None:
    # Incident 24: a rollback left its placeholder, and the symbol stayed blocked.
    play.inject(SlowAnswer(seconds=LONGER_THAN_THE_CLIENT_WAITS, applied_first=False), SOL)
    play.inject(LostResponse(applied=False), SOL)
    await play.ask("InDoubt", "open", SOL, "5")
    # The order is proven absent when it can arrive no more: in seconds here, as `TIMINGS` are short.
    await play.ask("Synced", "sync")
    await play.ask("Opened", "open", SOL, "5")


@scene("a partial fill, then the rest, then closed", XRP)
async def partial_fill(play: Play) -> None:
    # Incident 40: AGI, 4160 in the books and 3160 at the exchange.
    play.inject(PartialFill(ratio=Decimal("0.4")), XRP)
    await play.ask("Opened", "open", XRP, "1000")
    for stage in (play.new, play.old):
        for order in stage.venue.orders:
            if order.symbol == "XRPUSDT" and order.status.is_open:
                stage.venue.fill(order.order_id)
    await play.ask("Synced", "sync")
    await play.ask("Closed", "close", XRP)


@scene("SIGKILL between order and confirmation, restart", DOGE)
async def killed_between_two_writes(play: Play) -> None:
    # Incident 8: a crash between two writes, and a recovery that saw nothing.
    async def kill(stage: Stage) -> str:
        stage.begin("open", DOGE, "2000")
        await stage.until(lambda: any(fill.symbol == "DOGEUSDT" for fill in stage.venue.fills))
        await stage.kill()
        return "Killed"

    play.inject(SlowAnswer(seconds=LONGER_THAN_THE_DEMO), DOGE)
    await play.both("Killed", kill)
    await play.both("Started", lambda stage: stage.start())


@scene("two bursts of events, a bad event in each")
async def poison(play: Play) -> None:
    # Incident 45: one refused row, and the 49 good ones beside it are lost.
    async with play.database.constrained():
        await play.ask("Recorded", "burst", "signal.scored", 40, "trailing_stop.recalculated", "")
        await play.ask("Stored", "settle")
    # No position has this name: a mistake of the bots, which poslife stores and marks as an error.
    await play.ask("Recorded", "burst", "stop.moved", 40, "", "pending")
    await play.ask("Stored", "settle")


@scene("the database is away while events are recorded")
async def outage(play: Play) -> None:
    # Incident 48: an error of a moment, and the batch was emptied.
    async with play.database.away():
        await play.ask("Recorded", "burst", "spread.seen", 60, "", "")
        await play.ask("WAITING", "watch")
    await play.ask("Stored", "settle")


@scene("SIGKILL while events are recorded, restart")
async def killed_under_load(play: Play) -> None:
    # Incident 47: 5000 events in the queue, 100 stored, and the process ends.
    async def kill(stage: Stage) -> str:
        before = stage.recorded
        stage.begin("load", "price.tick", "position.marked", DOGE, WITH_TURNS)
        await stage.until(lambda: stage.recorded >= before + UNDER_LOAD)
        await stage.kill()
        return "Killed"

    await play.both("Killed", kill)
    await play.both("Started", lambda stage: stage.start())
    await play.ask("Stored", "settle")
