"""
What happens to both bots' events: a row that the database refuses, an outage, a SIGKILL under load.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from examples.demo.books import EVENTS_OF, carry_out, count_stored
from examples.demo.faults import LONGEST_TYPE, adding_by_hand, removing_by_hand
from examples.demo.messages import Burst, Did, Load, Settle, Watch
from examples.demo.scenes import DOGE, Scene, Step, name_of
from examples.demo.stage import Stage

__all__ = ["STORMS"]

REFUSED = "trailing_stop.recalculated"
SCORED, MOVED, SPREAD, TICK, MARKED = (
    "signal.scored",
    "stop.moved",
    "spread.seen",
    "price.tick",
    "position.marked",
)
IN_A_BURST, IN_THE_OUTAGE, UNDER_LOAD, WITH_TURNS = 40, 60, 5000, 4000


async def step(stage: Stage, asked: str, did: Did, *kinds: str) -> Step:
    """
    A step that was just taken, and how many events of some types the database has now.
    """
    return Step(
        asked=asked, did=did, where="rows", found=str(await count_stored(stage.place, stage.kind, *kinds))
    )


async def poison(stage: Stage) -> list[Step]:
    """
    The database refuses one event of a burst; a position that is named ``"pending"`` is in another.
    """
    await stage.ask(Settle())
    async with a_constraint_by_hand(stage):
        await stage.ask(Burst(kind=SCORED, count=IN_A_BURST, odd_kind=REFUSED))
        refused = await stage.ask(Settle())
    refusing = await step(stage, f"record {IN_A_BURST}", refused, SCORED, REFUSED)
    await stage.ask(Burst(kind=MOVED, count=IN_A_BURST, pending=True))
    return [refusing, await step(stage, 'one is "pending"', await stage.ask(Settle()), MOVED)]


@contextlib.asynccontextmanager
async def a_constraint_by_hand(stage: Stage) -> AsyncGenerator[None]:
    """
    On the bot's own table of events, and while this lasts.
    """
    place, (table, column) = stage.place, EVENTS_OF[stage.kind]
    await carry_out(place, adding_by_hand(table, column, postgres=place.is_postgres))
    try:
        yield
    finally:
        await carry_out(place, removing_by_hand(table, postgres=place.is_postgres))


async def outage(stage: Stage) -> list[Step]:
    """
    The database is away for longer than either bot waits, while events are recorded.
    """
    async with stage.place.outages.away():
        recorded = await stage.ask(Burst(kind=SPREAD, count=IN_THE_OUTAGE))
        noticed = await stage.ask(Watch())
    return [
        Step(asked=f"record {IN_THE_OUTAGE}", did=recorded),
        Step(asked="still away", did=noticed),
        await step(stage, "it is back", await stage.ask(Settle()), SPREAD),
    ]


async def killed_under_load(stage: Stage) -> list[Step]:
    """
    SIGKILL while the bot records as fast as it goes, and a restart.
    """
    before = stage.recorded
    # Not just when everything happens to be stored: that would be too easy for poslife. What is recorded
    # while nothing else gets a turn is stored by nobody, however long it is until the signal arrives.
    stage.begin(Load(kind=TICK, position_kind=MARKED, symbol=DOGE, with_turns=WITH_TURNS))
    await stage.until(lambda: stage.recorded >= before + UNDER_LOAD)
    killed, recorded = await stage.kill(), stage.recorded - before
    stored = await count_stored(stage.place, stage.kind, TICK, MARKED)
    where = "in the journal alone" if stage.kind == "poslife" else "in its queue"
    died = Did(
        outcome="Killed",
        told=f"{name_of(killed.status)} after {recorded} events; {recorded - stored} of them {where}",
    )
    await stage.start()
    return [
        Step(asked="under load", did=died, where="rows", found=str(stored)),
        await step(stage, "restart", await stage.ask(Settle()), TICK, MARKED),
    ]


STORMS = (
    Scene(
        title="Poison: the database refuses one event in the middle of a burst",
        seen="incident 45: one refused row, and the 49 good ones beside it are lost",
        play=poison,
        expected=("Stored", "Stored"),
        remark=(
            "Before the first burst somebody adds a constraint by hand: no type of an event has over "
            f"{LONGEST_TYPE} letters. {REFUSED} has. In the second burst, one event is about a position "
            "'pending': that is a mistake of the bot's, which poslife stores and marks as an ERROR."
        ),
    ),
    Scene(
        title="An outage: the database is away while events are recorded",
        seen="incident 48: an error of a moment, and the batch was emptied",
        play=outage,
        expected=("Recorded", "Waiting", "Stored"),
        remark="{outage} Nothing is raised in the bot, and nobody waits.",
    ),
    Scene(
        title="SIGKILL under load: events as fast as the bot can record them",
        seen="incident 47: 5000 events in the queue, 100 stored, and the process ends",
        play=killed_under_load,
        expected=("Killed", "Stored"),
        remark="What record() has returned for is in the journal, a file. The next life stores it, once.",
    ),
)
"""
In the order they are played, after the trades.
"""
