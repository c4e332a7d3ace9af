"""
A bot that trades once, with a checkpoint before and after each commit and each request: to be killed there.

Usage: ``python -m tests.killing.bot STORE VENUE [recover]``, the store as a file or a DSN.
With ``recover`` it only starts again, and its recovery has the checkpoints.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from typing_extensions import override

from poslife import (
    Account,
    BatchingSink,
    PersistedPosition,
    PositionKey,
    PositionTracker,
    Protection,
    Side,
    Symbol,
    Timings,
    Venue,
    VenueOrderId,
)
from poslife.ccxt import CcxtSource, classify
from poslife.postgres import PostgresStore
from poslife.sqlite import SqliteStore
from poslife.storage import Change, Committed
from poslife.testing.bybit import VenueControl, bybit_client
from poslife.testing.faults import checkpoint
from poslife.venues import FillQuery
from tests import loopback_only

SYMBOL = Symbol("BTC/USDT:USDT")
KEY = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=SYMBOL)
QUANTITY = Decimal("0.1")
TIMINGS = Timings(
    submit_window=0.3, http_timeout=0.4, receive_window=0.2, lookup_interval=0.05, fills_within=2
)

_numbers = itertools.count(1)


class CheckedSqliteStore(SqliteStore):
    """
    Stops before and after each commit.
    """

    @override
    async def commit(self, change: Change, /) -> Committed:
        number = next(_numbers)
        checkpoint(f"before commit {number}")
        committed = await super().commit(change)
        checkpoint(f"after commit {number}")
        return committed


class CheckedPostgresStore(PostgresStore):
    """
    Stops before and after each commit.
    """

    @override
    async def commit(self, change: Change, /) -> Committed:
        number = next(_numbers)
        checkpoint(f"before commit {number}")
        committed = await super().commit(change)
        checkpoint(f"after commit {number}")
        return committed


def tracker_over(store: SqliteStore | PostgresStore) -> PositionTracker:
    """
    A tracker with short timings, so that absence is proven within a second.
    """
    return PositionTracker(repository=store, sink=BatchingSink(store), classify=classify, timings=TIMINGS)


def check_requests(client: Any) -> None:
    """
    Stop before and after each request of *client*.
    """
    ask: Callable[..., Awaitable[object]] = client.fetch

    async def fetch(*arguments: object, **options: object) -> object:
        number = next(_numbers)
        checkpoint(f"before request {number}")
        answer = await ask(*arguments, **options)
        checkpoint(f"after request {number}")
        return answer

    client.fetch = fetch


async def trade(tracker: PositionTracker, client: Any, source: CcxtSource, control: VenueControl) -> None:
    """
    Open, partly filled at first; be protected; have the rest; close.
    """

    async def fills(client_order_id: Any) -> Any:
        page = await source.fills(
            FillQuery(venue=KEY.venue, account=KEY.account, symbol=SYMBOL, client_order_id=client_order_id)
        )
        return page.fills

    opening = tracker.opening(KEY, side=Side.LONG, quantity=QUANTITY)
    async with opening:
        params = {"clientOrderId": opening.client_order_id}
        order = await opening.submit(client.create_order(SYMBOL, "market", "buy", 0.1, params=params))
        await opening.acknowledged(VenueOrderId(order["id"]))
        await opening.acknowledged(VenueOrderId(order["id"]), *await fills(opening.client_order_id))
    stop = Protection(stop_price=Decimal(50000))
    await tracker.steps.protected(opening.ref, stop)
    control.fill(str(order["id"]))
    await tracker.apply_fills(*await fills(opening.client_order_id))
    whole = await tracker.get(opening.ref)
    assert isinstance(whole, PersistedPosition)
    closing = tracker.closing(whole)
    async with closing:
        reducing = {"clientOrderId": closing.client_order_id, "reduceOnly": True}
        order = await closing.submit(client.create_order(SYMBOL, "market", "sell", 0.1, params=reducing))
        await closing.acknowledged(VenueOrderId(order["id"]), *await fills(closing.client_order_id))


async def main(place: str, venue: str, only: str = "") -> None:
    """
    Start, recover, trade; or start and recover only.
    """
    store = CheckedPostgresStore(place) if "://" in place else CheckedSqliteStore(place)
    client = bybit_client(venue)
    try:
        await client.load_markets()
        source = CcxtSource(client, account=KEY.account)
        async with tracker_over(store) as tracker:
            if only == "recover":
                check_requests(client)
                await tracker.recover(source)
                return
            await tracker.recover(source)
            check_requests(client)
            await trade(tracker, client, source, VenueControl(venue))
    finally:
        await client.close()


if __name__ == "__main__":
    loopback_only.install()
    asyncio.run(main(*sys.argv[1:]))
