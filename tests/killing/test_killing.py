"""
Killed before or after any commit or request, or at any await, the next life reaches the truth.

A life of the bot is lived again and again, each time killed one step later, until it gets to its end.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from poslife import Closed, Opened, PersistedPosition, PositionRef, PositionTracker, Recovery, Timings
from poslife.ccxt import CcxtSource
from poslife.testing.bybit import Endpoint, SimulatedBybit, SlowAnswer, bybit_client
from poslife.testing.faults import ChildReport
from tests.killing.bot import LIVES, QUICK, STOP, Bot, key_of, store_at, tracker_over
from tests.killing.forking import WarmProcess
from tests.killing.truth import Dump, check, dump, refs_at_venue

pytestmark = pytest.mark.slow

Meanwhile = Callable[[SimulatedBybit], object]
Place = Callable[[int], str]
KilledAt = Callable[[Sequence[str]], bool]
SHARES = 2
"""
So that two workers share a life's deaths.
"""


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmProcess]:
    """
    What forks the bots.
    """
    process = WarmProcess()
    yield process
    process.close()


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


# --------------------------------------------------------------------------------------------------- one kill


def step(number: int) -> KilledAt:
    """
    At this checkpoint, from 0.
    """
    return lambda passed: len(passed) == number + 1


def write(number: int) -> KilledAt:
    """
    At this checkpoint, from 0, of those that are not before or after a request.
    """
    return lambda passed: (
        " request " not in passed[-1] and sum(" request " not in one for one in passed) == number + 1
    )


def at(name: str, time: int = 1) -> KilledAt:
    """
    At the checkpoint of this name, when it is passed for the *time*th time.
    """
    return lambda passed: passed[-1].startswith(name) and sum(one.startswith(name) for one in passed) == time


@contextmanager
def told(*reports: ChildReport) -> Generator[None]:
    """
    Say with a failure where the bot was killed.
    """
    try:
        yield
    except BaseException as error:
        for report in reports:
            error.add_note(f"killed at step {len(report.checkpoints) - 1}: {report.checkpoints[-1:]}")
            error.add_note(report.output)
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """
    A commit that a bot was told has happened.
    """

    types: str
    ref: PositionRef
    version: int


def commits_of(reports: Sequence[ChildReport]) -> list[Committed]:
    """
    The commits the bots were told have happened.
    """
    commits: list[Committed] = []
    for name in itertools.chain.from_iterable(report.checkpoints for report in reports):
        if name.startswith("after commit"):
            types, ref, version = name.split()[2:]
            commits.append(Committed(types=types, ref=PositionRef(UUID(ref)), version=int(version)))
    return commits


class World:
    """
    A store and a venue: what is left when a bot is killed.
    """

    def __init__(
        self,
        warm: WarmProcess,
        place: str,
        venue: SimulatedBybit,
        account: str,
        timings: Timings = QUICK,
    ) -> None:
        self.warm = warm
        self.timings = timings
        self.store = store_at(place)
        self.place = place
        self.venue = venue
        self.key = key_of(account)
        self.reports: list[ChildReport] = []

    async def live(
        self,
        life: str,
        killed_at: KilledAt = lambda _: False,
        *,
        killed_after: Awaitable[object] | None = None,
        at_every_await: bool = False,
    ) -> ChildReport:
        """
        One life of the bot; the arguments are `WarmProcess.live`'s.
        """
        report = await self.warm.live(
            self.place,
            self.venue.url,
            self.key.account,
            life,
            killed_at=killed_at,
            killed_after=killed_after,
            at_every_await=at_every_await,
        )
        assert report.was_killed or report.exit_status == 0, report.output
        self.reports.append(report)
        return report

    async def dump(self, recovery: Recovery | None = None) -> Dump:
        """
        All that is stored.
        """
        refs = refs_at_venue(self.venue)
        if recovery is not None:
            refs |= {position.ref for position in (*recovery.taken_over, *recovery.settled)}
        refs |= {commit.ref for commit in commits_of(self.reports)}
        return await dump(self.store, refs)

    async def check(self) -> None:
        """
        Recover, recover again, in another life too, and go on trading; the truth holds all the time.
        """
        with told(*self.reports):
            client = bybit_client(self.venue.url)
            try:
                await client.load_markets()
                source = CcxtSource(client, account=self.key.account)
                found = await self._recovered(source)
                async with tracker_over(self.store, self.timings) as tracker:
                    await self._recovered_again(tracker, source, found)
                    for injection in self.venue.injections:
                        self.venue.withdraw(injection)
                    bot = Bot(key=self.key, tracker=tracker, client=client, source=source, venue=self.venue)
                    await self._goes_on(bot, set(found))
            finally:
                await client.close()

    async def _recovered(self, source: CcxtSource) -> Dump:
        async with tracker_over(self.store, self.timings) as tracker:
            recovery = await tracker.recover(source)
            assert () == recovery.still_in_doubt
            assert () == recovery.living_runs
            found = await self.dump(recovery)
            await check(self.store, self.venue, self.key, found)
            self._nothing_is_forgotten(found)
            again = await tracker.recover(source)
            assert () == again.taken_over
            assert () == again.settled
            assert () == again.still_in_doubt
            assert found == await dump(self.store, found)
        return found

    def _nothing_is_forgotten(self, found: Dump) -> None:
        for commit in commits_of(self.reports):
            position, history, _ = found[commit.ref]
            types = [event.header.type for event in history if event.version == commit.version]
            assert commit.types == "+".join(types)
            if "position.protected" in commit.types and isinstance(position, PersistedPosition):
                assert STOP == position.protection

    async def _recovered_again(self, tracker: PositionTracker, source: CcxtSource, before: Dump) -> None:
        recovery = await tracker.recover(source)
        assert () == recovery.settled
        assert () == recovery.still_in_doubt
        works = {order.order_link_id for order in self.venue.orders if order.status.is_open}
        taken = {o.client_order_id for p in recovery.taken_over for o in p.orders if not o.status.ended}
        assert works == taken  # whoever is alive answers for what works
        found = await dump(self.store, before)
        for ref, (_, history, fills) in before.items():
            _, history_now, fills_now = found[ref]
            assert fills == fills_now
            assert all(
                event.header.type == "order.taken_over" for event in history_now if event not in history
            )
        await check(self.store, self.venue, self.key, found)

    async def _goes_on(self, bot: Bot, refs: set[PositionRef]) -> None:
        """
        What works is canceled; what is held is closed; what is free is opened and closed.
        """
        live = await bot.tracker.find_live(self.key)
        if live is not None:
            for order in live.orders:
                if not order.status.ended:
                    assert order.venue_order_id is not None
                    self.venue.cancel(order.venue_order_id)
                    await bot.tracker.steps.canceled(live.ref, order.ordinal)
            live = await bot.tracker.find_live(self.key)
        if live is None:
            opening = bot.opening()
            async with opening:
                sent = await bot.send(opening, "buy")
                await opening.acknowledged(sent, *await bot.fills(opening.client_order_id))
            assert isinstance(opening.outcome, Opened)
            live = opening.outcome.position
        assert isinstance(live, PersistedPosition)
        closing = await bot.close(live)
        assert isinstance(closing.outcome, Closed)
        assert Decimal(0) == self.venue.position("BTCUSDT").size
        await check(self.store, self.venue, self.key, await dump(self.store, refs | {live.ref}))


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
async def test_killed_at_each_step_on_sqlite(
    warm: WarmProcess, tmp_path: Path, life: str, share: int
) -> None:
    """
    On SQLite (incidents 8, 15).
    """
    assert await dies_at_each_step(warm, file_in(tmp_path), life, share) >= 4


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("life", LIVES)
async def test_killed_at_each_step_on_postgres(
    warm: WarmProcess, postgres_dsn: str, life: str, share: int
) -> None:
    """
    On PostgreSQL (incidents 8, 15).
    """
    assert await dies_at_each_step(warm, lambda _: postgres_dsn, life, share) >= 4


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
    """
    assert await dies_while_it_recovers(warm, file_in(tmp_path), death, step) >= 6


@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
async def test_killed_while_it_recovers_on_postgres(
    warm: WarmProcess, postgres_dsn: str, death: Death
) -> None:
    """
    A second crash, before or after any write of the recovery: as on SQLite.
    """
    assert await dies_while_it_recovers(warm, lambda _: postgres_dsn, death, write) >= 6


# ------------------------------------------------------------------------------------------- at other moments


async def test_a_request_that_arrives_after_the_death(warm: WarmProcess, tmp_path: Path) -> None:
    """
    The bot dies with its request on the way, which the venue takes a while later: it is waited for.
    """
    async with SimulatedBybit() as venue:
        venue.inject(SlowAnswer(seconds=0.1, applied_first=False))
        # Long enough for a busy machine to hand the request over.
        timings = replace(QUICK, http_timeout=1.0)
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
    assert await dies_at_any_await(warm, lambda _: postgres_dsn, share) >= MOMENTS - 1
