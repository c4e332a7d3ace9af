"""
Killed before or after any commit or request, the next life reaches the truth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from poslife import PersistedPosition, PositionRef, Side, StoredFill, TradeId
from poslife.ccxt import CcxtSource
from poslife.postgres import PostgresStore
from poslife.sqlite import SqliteStore
from poslife.testing import bybit
from poslife.testing.bybit import PartialFill, SimulatedBybit, bybit_client
from poslife.testing.faults import ChildProgram, kill_at, run_to_end
from tests.killing.bot import KEY, SYMBOL, tracker_over

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
STEPS = 34
"""
How many checkpoints a whole trade has; `test_nothing_is_left_out` holds the number.
"""

RECOVERY_STEPS = 12
"""
And its recovery; `test_no_step_of_the_recovery_is_left_out` holds the number.
"""


def bot_at(place: str, venue: SimulatedBybit, *only: str) -> ChildProgram:
    return ChildProgram.module("tests.killing.bot", place, venue.url, *only, folder=PROJECT)


async def test_nothing_is_left_out(tmp_path: Path) -> None:
    """
    The whole trade has as many steps as are killed at below, and ends flat.
    """
    async with SimulatedBybit() as venue:
        venue.inject(PartialFill(ratio=Decimal("0.4")))
        report = await run_to_end(bot_at(str(tmp_path / "bot.db"), venue))
        position = venue.position("BTCUSDT")

        assert STEPS == len(report.checkpoints), report.checkpoints
        assert Decimal(0) == position.size


@pytest.mark.parametrize("step", range(STEPS))
async def test_killed_on_sqlite(step: int, tmp_path: Path) -> None:
    """
    On SQLite (incidents 8, 15).
    """
    path = str(tmp_path / "bot.db")
    await killed_and_recovered(path, step)


@pytest.mark.parametrize("step", range(STEPS))
async def test_killed_on_postgres(step: int, postgres_dsn: str) -> None:
    """
    On PostgreSQL (incidents 8, 15).
    """
    await killed_and_recovered(postgres_dsn, step)


AFTER_THE_ORDER = 6
"""
The venue has taken and partly filled the order, and the bot has not heard of it.
"""


@pytest.mark.parametrize("step", range(RECOVERY_STEPS))
async def test_killed_again_while_it_recovers(step: int, tmp_path: Path) -> None:
    """
    A second crash, at any commit or request of the recovery itself: the third life reaches the truth.
    """
    place = str(tmp_path / "bot.db")
    async with SimulatedBybit() as venue:
        venue.inject(PartialFill(ratio=Decimal("0.4")))
        await kill_at(bot_at(place, venue), AFTER_THE_ORDER)
        assert venue.fills
        report = await kill_at(bot_at(place, venue, "recover"), step)
        assert report.was_killed
        await recovered(place, venue)


async def test_no_step_of_the_recovery_is_left_out(tmp_path: Path) -> None:
    """
    It has as many steps as are killed at above.
    """
    place = str(tmp_path / "bot.db")
    async with SimulatedBybit() as venue:
        venue.inject(PartialFill(ratio=Decimal("0.4")))
        await kill_at(bot_at(place, venue), AFTER_THE_ORDER)
        report = await run_to_end(bot_at(place, venue, "recover"))

        assert RECOVERY_STEPS == len(report.checkpoints), report.checkpoints


def store_at(place: str) -> SqliteStore | PostgresStore:
    return PostgresStore(place) if "://" in place else SqliteStore(place)


async def killed_and_recovered(place: str, step: int) -> None:
    async with SimulatedBybit() as venue:
        venue.inject(PartialFill(ratio=Decimal("0.4")))
        report = await kill_at(bot_at(place, venue), step)
        assert report.was_killed
        await recovered(place, venue)


async def recovered(place: str, venue: SimulatedBybit) -> None:
    client = bybit_client(venue.url)
    try:
        await client.load_markets()
        source = CcxtSource(client, account=KEY.account)
        store = store_at(place)
        async with tracker_over(store) as tracker:
            recovery = await tracker.recover(source)
            held = await tracker.find_live(KEY)
            before = held
            await tracker.recover(source)

            assert () == recovery.still_in_doubt
            assert [] == [position async for position in tracker.in_doubt()]
            assert before == await tracker.find_live(KEY)
            at_venue = venue.position("BTCUSDT")
            believed = held.signed_quantity if isinstance(held, PersistedPosition) else Decimal(0)
            assert at_venue.side is not bybit.Side.SELL  # it never sells more than it holds
            assert at_venue.size == believed
            await every_fill_is_stored_once(store, venue)
            await the_story_has_no_gap(store, {position.ref for position in recovery.taken_over})
            if held is None:
                claimed = await tracker.steps.claim(KEY, side=Side.SHORT, quantity=Decimal(1))
                await tracker.steps.abandoned(claimed.ref, reason="it was only to be possible")
    finally:
        await client.close()


async def every_fill_is_stored_once(store: SqliteStore | PostgresStore, venue: SimulatedBybit) -> None:
    for fill in venue.fills:
        stored = await store.find_fill(KEY.venue, KEY.account, SYMBOL, TradeId(str(fill.execution_id)))

        assert isinstance(stored, StoredFill), fill
        assert stored.ref is not None
        assert fill.quantity == stored.fill.quantity
    assert () == (await store.list_unclaimed()).items


async def the_story_has_no_gap(store: SqliteStore | PostgresStore, refs: Iterable[PositionRef]) -> None:
    for ref in refs:
        events = [event for event in (await store.list_history(ref)).items if event.version is not None]
        numbers = Counter((event.version, event.index) for event in events)
        versions = sorted({version for version, _ in numbers if version is not None})

        assert 1 == max(numbers.values())
        assert list(range(1, len(versions) + 1)) == versions
