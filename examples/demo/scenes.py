"""
What happens to both bots' trades, scene by scene: the same faults at the same moments.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from examples.demo.messages import Close, Did, Open, Protect, Sync
from examples.demo.stage import Stage
from poslife.testing.bybit import LostResponse, PartialFill, Refusal, SlowAnswer

__all__ = ["DOGE", "TRADES", "Scene", "Step", "name_of"]

BTC, DBR, ETH = "BTC/USDT:USDT", "DBR/USDT:USDT", "ETH/USDT:USDT"
SOL, XRP, DOGE = "SOL/USDT:USDT", "XRP/USDT:USDT", "DOGE/USDT:USDT"

LONGER_THAN_THE_CLIENT_WAITS = 1.4
LONGER_THAN_THE_DEMO = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What a bot was told, and what it made of it.

    Attributes:
        asked: What it was told.
        did: What it says.
        where: Where one can see what truly came of it, or nothing.
        found: What is there afterwards.
    """

    asked: str
    did: Did
    where: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """
    A scene.

    Attributes:
        title: What happens, in a line.
        seen: The like of it, as it happened to a real bot.
        play: Does it to the bot of a stage.
        expected: What the bot over poslife must make of each step.
        remark: What a reader should know.
    """

    title: str
    seen: str = ""
    play: Callable[[Stage], Awaitable[list[Step]]]
    expected: tuple[str, ...]
    remark: str = ""


def step(stage: Stage, asked: str, did: Did, symbol: str) -> Step:
    """
    A step that was just taken.
    """
    held = stage.venue.position(symbol).signed_size
    return Step(asked=asked, did=did, where="exchange:", found=f"{held.normalize():f}" if held else "none")


async def buy(stage: Stage, symbol: str, quantity: str) -> Step:
    """
    The strategy wants to hold something.
    """
    did = await stage.ask(Open(symbol=symbol, quantity=Decimal(quantity)))
    return step(stage, f"buy {quantity} {symbol.partition('/')[0]}", did, symbol)


async def sell(stage: Stage, symbol: str) -> Step:
    """
    The strategy wants to hold it no longer.
    """
    return step(stage, f"close {symbol.partition('/')[0]}", await stage.ask(Close(symbol=symbol)), symbol)


async def synchronise(stage: Stage, symbol: str) -> Step:
    """
    The periodic sync runs.
    """
    return step(stage, "periodic sync", await stage.ask(Sync()), symbol)


async def ordinary_trade(stage: Stage) -> list[Step]:
    """
    Opened, protected, closed.
    """
    bought = await buy(stage, BTC, "0.02")
    protected = await stage.ask(Protect(symbol=BTC, price=Decimal(61200)))
    return [bought, step(stage, "protect it", protected, BTC), await sell(stage, BTC)]


async def seed_incident(stage: Stage) -> list[Step]:
    """
    Registered, rejected, synchronised.
    """
    stage.venue.inject(Refusal(), symbol=DBR)
    return [await buy(stage, DBR, "1000"), await synchronise(stage, DBR)]


async def lost_answer(stage: Stage) -> list[Step]:
    """
    The order is filled, its answer does not arrive, and the strategy asks again.
    """
    stage.venue.inject(SlowAnswer(seconds=LONGER_THAN_THE_CLIENT_WAITS), symbol=ETH)
    return [await buy(stage, ETH, "0.5"), await buy(stage, ETH, "0.5"), await synchronise(stage, ETH)]


async def lost_request(stage: Stage) -> list[Step]:
    """
    The order never comes to exist, and that looks the same.
    """
    stage.venue.inject(SlowAnswer(seconds=LONGER_THAN_THE_CLIENT_WAITS, applied_first=False), symbol=SOL)
    stage.venue.inject(LostResponse(applied=False), symbol=SOL)
    return [await buy(stage, SOL, "5"), await synchronise(stage, SOL), await buy(stage, SOL, "5")]


async def partial_fill(stage: Stage) -> list[Step]:
    """
    A part, then the rest, then out.
    """
    stage.venue.inject(PartialFill(ratio=Decimal("0.4")), symbol=XRP)
    bought = await buy(stage, XRP, "1000")
    for order in stage.venue.orders:
        if order.symbol == "XRPUSDT" and order.status.is_open:
            stage.venue.fill(order.order_id)
    return [bought, await synchronise(stage, XRP), await sell(stage, XRP)]


async def killed(stage: Stage) -> list[Step]:
    """
    SIGKILL after the exchange has filled the order, and before the bot knows.
    """
    stage.venue.inject(SlowAnswer(seconds=LONGER_THAN_THE_DEMO), symbol=DOGE)
    stage.begin(Open(symbol=DOGE, quantity=Decimal(2000)))
    await stage.until(lambda: any(fill.symbol == "DOGEUSDT" for fill in stage.venue.fills))
    did = Did(outcome="Killed", told=f"the process ended with {name_of((await stage.kill()).status)}")
    return [
        step(stage, "buy 2000 DOGE", did, DOGE),
        step(stage, "restart", await stage.start(), DOGE),
    ]


def name_of(status: int) -> str:
    """
    What ended a process.
    """
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


TRADES = (
    Scene(
        title="An ordinary trade: opened, protected, closed",
        play=ordinary_trade,
        expected=("Opened", "Protected", "Closed"),
    ),
    Scene(
        title="DBRUSDT: the order is refused, then the periodic sync runs over it",
        seen="incident 22, what poslife was written for: it came once or twice an hour",
        play=seed_incident,
        expected=("Rejected", "Synced"),
    ),
    Scene(
        title="A time-out, and the order was filled",
        seen="incident 15: GIGAUSDT, rolled back though real, found later as a phantom",
        play=lost_answer,
        expected=("InDoubt", "KeyInDoubt", "Synced"),
        remark="To a bot, this time-out and the next look alike. Only the exchange can tell: it is asked.",
    ),
    Scene(
        title="A time-out, and the order never existed",
        seen="incident 24: a rollback left its placeholder, and the symbol stayed blocked",
        play=lost_request,
        expected=("InDoubt", "Synced", "Opened"),
        remark="Absent is what can arrive no more: proven after {quiet:g} s here, {default:g} s by default.",
    ),
    Scene(
        title="A partial fill: some of it, then the rest, then closed",
        seen="incident 40: AGI, 4160 in the books and 3160 at the exchange",
        play=partial_fill,
        expected=("Opened", "Synced", "Closed"),
    ),
    Scene(
        title="SIGKILL between the order and its confirmation, then a restart",
        seen="incident 8: a crash between two writes, and a recovery that saw nothing",
        play=killed,
        expected=("Killed", "Started"),
        remark="Each step is committed with its events; what the bot itself records is in a journal at once.",
    ),
)
"""
In the order they are played.
"""
