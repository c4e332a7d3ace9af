"""
A bot of another release, which a test starts with that release's source.

For each line that it reads it opens and abandons a position and records an event. It answers with the number
of its newest migration.
"""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal

import poslife
from poslife import Account, PositionKey, PositionTracker, Side, Symbol, Venue
from poslife._connect import store_at
from poslife.sqlite._migrations import MIGRATIONS

__all__ = ["live_once"]


async def live_once(tracker: PositionTracker, account: str) -> None:
    """
    Open and abandon a position, and record an event.
    """
    key = PositionKey(venue=Venue("bybit"), account=Account(account), symbol=Symbol("X/USDT:USDT"))
    async with tracker.opening(key, side=Side.LONG, quantity=Decimal(1)):
        pass
    tracker.record("bot.lived", None, {"account": account})
    await tracker.flush()


async def migrate(url: str) -> None:
    """
    Migrate the database, and no more.
    """
    store = store_at(url, None)
    await store.open()
    await store.aclose()


async def main(url: str) -> None:
    """
    Live as often as there are lines.
    """
    async with poslife.connect(url) as tracker:
        await tracker.recover()
        answer()
        while await asyncio.to_thread(sys.stdin.readline):
            await live_once(tracker, "newer")
            answer()


def answer() -> None:
    sys.stdout.write(f"{MIGRATIONS[-1].version}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(migrate(sys.argv[1]) if "--migrate" in sys.argv else main(sys.argv[1]))
