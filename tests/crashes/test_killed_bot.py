"""
Killed before or after any commit or request, or at any await, the next life reaches the truth.

A life of the bot is lived again and again, each time killed one step later, until it gets to its end.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from poslife.testing.bybit import Endpoint, SimulatedBybit, SlowAnswer
from tests.crashes.bot import LIVES, QUICK
from tests.crashes.forking import WarmProcess
from tests.crashes.world import KilledAt, World, at, step, write, write_or_answer
from tests.postgres_roles import as_bot

pytestmark = pytest.mark.slow

Meanwhile = Callable[[SimulatedBybit], object]
Place = Callable[[int], str]
SHARES = 2
"""
So that two workers share a life's deaths.
"""


def file_in(folder: Path) -> Place:
    """
    A file for each death.
    """
    return lambda number: str(folder / f"{number}.db")


# ------------------------------------------------------------------------------------- what is done meanwhile


def nothing(_: SimulatedBybit) -> None:
    """
    The venue waits for the next life.
    """


def fill(venue: SimulatedBybit) -> None:
    """
    What works is filled while nobody is there.
    """
    for order in venue.orders:
        if order.status.is_open:
            venue.fill(order.order_id)


def cancel(venue: SimulatedBybit) -> None:
    """
    What works is canceled while nobody is there.
    """
    for order in venue.orders:
        if order.status.is_open:
            venue.cancel(order.order_id)


# ----------------------------------------------------------------------------------------------- at each step


async def dies_at_each_step(
    warm: WarmProcess, place: Place, life: str, share: int, meanwhile: Meanwhile = nothing
) -> int:
    kills = 0
    for number in itertools.count(share, SHARES):
        async with SimulatedBybit() as venue:
            for fault in LIVES[life].faults:
                venue.inject(fault)
            world = World(warm, place(number), venue, f"{life}-{number}")
            report = await world.live(life, step(number))
            works = any(order.status.is_open for order in venue.orders)
            if meanwhile is nothing or works:
                meanwhile(venue)
                await world.check()
                kills += 1
            if not report.was_killed:
                return kills - 1
    raise AssertionError("a count that ends")


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("life", LIVES)
async def test_killed_on_sqlite(warm: WarmProcess, tmp_path: Path, life: str, share: int) -> None:
    """
    On SQLite (incidents 8, 15).
    """
    assert await dies_at_each_step(warm, file_in(tmp_path), life, share) >= 4


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("life", LIVES)
async def test_killed_on_postgres(warm: WarmProcess, postgres_dsn: str, life: str, share: int) -> None:
    """
    On PostgreSQL (incidents 8, 15).
    """
    assert await dies_at_each_step(warm, lambda _: as_bot(postgres_dsn), life, share) >= 4


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("meanwhile", [fill, cancel], ids=["filled", "canceled"])
@pytest.mark.parametrize("life", ["whole", "two exits"])
async def test_what_worked_has_ended_meanwhile(
    warm: WarmProcess, tmp_path: Path, life: str, meanwhile: Meanwhile, share: int
) -> None:
    """
    An entry or an exit was left working, and ends while nobody is there.
    """
    assert await dies_at_each_step(warm, file_in(tmp_path), life, share, meanwhile) >= 1


# ---------------------------------------------------------------------------- while it recovers, at each step


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """
    A first death that leaves something to recover.
    """

    life: str
    at: str
    time: int = 1
    meanwhile: Meanwhile = nothing


DEATHS = {
    "prepared": Death(life="whole", at="after commit position.claimed"),
    "never sent": Death(life="whole", at="before request order/create"),
    "sent": Death(life="whole", at="after request order/create"),
    "sent, and the rest filled meanwhile": Death(
        life="whole", at="after request order/create", meanwhile=fill
    ),
    "held in part, and the rest filled meanwhile": Death(
        life="whole", at="after commit fill.applied", meanwhile=fill
    ),
    "two of five fills heard of": Death(life="one by one", at="after commit fill.applied", time=2),
    "closed at the venue": Death(life="whole", at="after request order/create", time=2),
    "closed in part at the venue, and the rest canceled meanwhile": Death(
        life="two exits", at="after request order/create", time=2, meanwhile=cancel
    ),
    "an exit prepared": Death(life="whole", at="after commit order.prepared+position.closing"),
    "an exit never sent": Death(life="whole", at="before request order/create", time=2),
    "rejected": Death(life="rejected later", at="after commit order.acknowledged"),
    "in doubt": Death(life="unanswered and lost", at="after commit order.in_doubt"),
}


async def dies_while_it_recovers(
    warm: WarmProcess, place: Place, death: Death, killed_at: Callable[[int], KilledAt]
) -> int:
    for number in itertools.count():
        async with SimulatedBybit() as venue:
            for fault in LIVES[death.life].faults:
                venue.inject(fault)
            world = World(warm, place(number), venue, f"{death.life}-{number}")
            first = await world.live(death.life, at(death.at, death.time))
            assert first.was_killed
            death.meanwhile(venue)
            second = await world.live("recovery", killed_at(number))
            await world.check()
            if not second.was_killed:
                return number
    raise AssertionError("a count that ends")


@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
async def test_killed_while_it_recovers_on_sqlite(warm: WarmProcess, tmp_path: Path, death: Death) -> None:
    """
    A second crash, at any step of the recovery itself: the third life reaches the truth.

    It only asks the venue, so a death before a question is the same as after the step before.
    """
    assert await dies_while_it_recovers(warm, file_in(tmp_path), death, write_or_answer) >= 6


@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
async def test_killed_while_it_recovers_on_postgres(
    warm: WarmProcess, postgres_dsn: str, death: Death
) -> None:
    """
    A second crash, before or after any write of the recovery: as on SQLite.
    """
    assert await dies_while_it_recovers(warm, lambda _: as_bot(postgres_dsn), death, write) >= 6


# ------------------------------------------------------------------------------------------- at other moments


async def test_a_request_that_arrives_after_the_death(warm: WarmProcess, tmp_path: Path) -> None:
    """
    The bot dies with its request on the way, which the venue takes a while later: it is waited for.
    """
    async with SimulatedBybit() as venue:
        venue.inject(SlowAnswer(seconds=0.1, applied_first=False))
        # Long enough for a busy machine to hand the request over.
        timings = replace(QUICK, http_timeout=2.0)
        world = World(warm, str(tmp_path / "bot.db"), venue, "main", timings)
        report = await world.live("whole", killed_after=venue.wait_for_requests(Endpoint.CREATE_ORDER))
        assert report.was_killed
        assert () == tuple(venue.orders)
        await world.check()
        assert venue.orders


MOMENTS = 8


async def dies_at_any_await(warm: WarmProcess, place: Place, share: int) -> int:
    """
    The awaits of one life are counted, and it is killed at some of them, spread over all of it.
    """
    kills = 0
    async with SimulatedBybit() as venue:
        world = World(warm, place(0), venue, f"whole-{share}")
        awaits = len((await world.live("two exits", at_every_await=True)).checkpoints)
    for moment in range(share, MOMENTS * SHARES, SHARES):
        number = awaits * (2 * moment + 1) // (2 * MOMENTS * SHARES)
        async with SimulatedBybit() as venue:
            world = World(warm, place(1 + moment), venue, f"whole-{1 + moment}")
            report = await world.live("two exits", step(number), at_every_await=True)
            await world.check()
            kills += report.was_killed
    return kills


@pytest.mark.parametrize("share", range(SHARES))
async def test_killed_at_any_await_on_sqlite(warm: WarmProcess, tmp_path: Path, share: int) -> None:
    """
    Also while another thread commits, or an answer is half read.
    """
    assert await dies_at_any_await(warm, file_in(tmp_path), share) >= MOMENTS - 1


@pytest.mark.parametrize("share", range(SHARES))
async def test_killed_at_any_await_on_postgres(warm: WarmProcess, postgres_dsn: str, share: int) -> None:
    """
    Also while the server commits, or an answer is half read.
    """
    assert await dies_at_any_await(warm, lambda _: as_bot(postgres_dsn), share) >= MOMENTS - 1
