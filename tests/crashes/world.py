"""
What is left when a bot is killed, and what the next life makes of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from poslife import Closed, Opened, PersistedPosition, PositionRef, PositionTracker, Recovery, Timings
from poslife.ccxt import CcxtSource
from poslife.testing.bybit import SimulatedBybit, bybit_client
from poslife.testing.faults import ChildReport
from tests.crashes.bot import QUICK, STOP, Bot, key_of, store_at, tracker_over
from tests.crashes.forking import WarmProcess
from tests.crashes.truth import Dump, check, dump, refs_at_venue

__all__ = ["KilledAt", "World", "at", "step", "write", "write_or_answer"]

KilledAt = Callable[[Sequence[str]], bool]
"""
Whether to kill the bot here, told what it has passed.
"""


def step(number: int) -> KilledAt:
    """
    At this checkpoint, from 0.
    """
    return lambda passed: len(passed) == number + 1


def write(number: int) -> KilledAt:
    """
    At this checkpoint, from 0, of those that are not before or after a request.
    """
    return _among(number, lambda name: " request " not in name)


def write_or_answer(number: int) -> KilledAt:
    """
    At this checkpoint, from 0, of those that are not before a request.
    """
    return _among(number, lambda name: not name.startswith("before request "))


def _among(number: int, counts: Callable[[str], bool]) -> KilledAt:
    return lambda passed: counts(passed[-1]) and sum(map(counts, passed)) == number + 1


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
                # This one trades, so it takes its time to send.
                async with tracker_over(self.store, Timings()) as tracker:
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
