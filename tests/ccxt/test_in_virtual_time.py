"""
A bot's real timings, on one clock for the tracker, the source and the venue, in virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal

import ccxt.async_support as ccxt
from typing_extensions import override

import poslife
from poslife import (
    Account,
    ClosedPosition,
    Fill,
    InDoubt,
    Opening,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    PositionTracker,
    Side,
    Symbol,
)
from poslife.ccxt import CcxtSource, key_for
from poslife.testing.bybit import (
    BybitClient,
    Endpoint,
    ExecutionKind,
    LateVisibility,
    LostResponse,
    SimulatedBybit,
    bybit_client,
)
from poslife.testing.bybit import Side as BybitSide
from poslife.testing.clock import ManualClock
from poslife.venues import FillQuery

MAIN = Account("main")
SYMBOL = Symbol("DBR/USDT:USDT")


class WoundClock(ManualClock):
    """
    A clock that advances while the test's own task sleeps; poslife's background tasks wait for that.
    """

    @override
    async def sleep(self, seconds: float, /) -> None:
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith("poslife"):
            await super().sleep(seconds)
        else:
            await self.elapse(max(seconds, 0))
            await asyncio.sleep(0)


@dataclass
class Scene:
    clock: WoundClock
    venue: SimulatedBybit
    client: BybitClient
    source: CcxtSource
    tracker: PositionTracker

    async def open(self) -> Opening:
        key = key_for(self.client, SYMBOL, account=MAIN)
        opening = self.tracker.opening(key, side=Side.LONG, quantity=Decimal(1000))
        with suppress(ccxt.BaseError):
            async with opening:
                params = {"clientOrderId": opening.client_order_id}
                await opening.submit(self.client.create_order(SYMBOL, "market", "buy", 1000, params=params))
        return opening

    async def fills(self, opening: Opening) -> tuple[Fill, ...]:
        order = (await self.tracker.get(opening.ref)).orders[0]
        page = await self.source.fills(
            FillQuery(
                venue=self.source.venue,
                account=MAIN,
                symbol=SYMBOL,
                since=order.prepared_at,
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
            )
        )
        return page.fills


@asynccontextmanager
async def scene() -> AsyncGenerator[Scene]:
    clock = WoundClock()
    async with (
        SimulatedBybit(now=clock.now) as venue,
        bybit_client(venue.url) as client,
        poslife.connect("memory://", clock=clock) as tracker,
    ):
        await client.load_markets()
        source = CcxtSource(client, account=MAIN, clock=clock)
        await tracker.recover(source)
        yield Scene(clock=clock, venue=venue, client=client, source=source, tracker=tracker)


async def test_a_filled_order_that_is_shown_late_is_not_taken_for_absent() -> None:
    """
    The response is lost, and for four seconds the venue shows the order without its fill (incidents 2, 3).
    """
    async with scene() as at:
        at.venue.inject(LateVisibility(seconds=4))
        at.venue.inject(LostResponse(applied=True))
        opening = await at.open()
        assert isinstance(opening.outcome, InDoubt)
        recovery = await at.tracker.recover(at.source)
        seen = await at.tracker.get(opening.ref)
        await at.tracker.apply_fills(*await at.fills(opening))
        early = await at.tracker.get(opening.ref)
        at.clock.advance(5)
        await at.tracker.apply_fills(*await at.fills(opening))
        late = await at.tracker.get(opening.ref)

        assert () == recovery.still_in_doubt
        assert OrderStatus.WORKING is seen.orders[0].status
        assert isinstance(early, PendingPosition)
        assert isinstance(late, PersistedPosition)
        assert Decimal(1000) == late.quantity == at.venue.position(SYMBOL).size


async def test_an_order_that_never_existed_is_proven_absent_after_the_quiet_time() -> None:
    """
    Only when its request can no longer arrive, and after more than one look-up in both lists.
    """
    async with scene() as at:
        at.venue.inject(LostResponse(applied=False))
        opening = await at.open()
        began = at.clock.now()
        recovery = await at.tracker.recover(at.source)
        position = await at.tracker.get(opening.ref)
        looks = [request for request in at.venue.requests if request.endpoint is Endpoint.ORDER_HISTORY]

        assert () == recovery.still_in_doubt
        assert OrderStatus.ABANDONED is position.orders[0].status
        assert 20 <= (at.clock.now() - began).total_seconds() < 40
        assert len(looks) >= 2


async def test_a_trade_by_hand_meanwhile_keeps_the_order_in_doubt() -> None:
    """
    A later trade without a known order may be the order's, so absence is not proven.
    """
    async with scene() as at:
        at.venue.inject(LostResponse(applied=False))
        opening = await at.open()
        at.venue.trade(SYMBOL, BybitSide.BUY, Decimal(5))
        recovery = await at.tracker.recover(at.source)

        assert [opening.ref] == [doubt.position.ref for doubt in recovery.still_in_doubt]
        assert any("belong to no order" in reason for reason in recovery.still_in_doubt[0].reasons)


async def test_a_day_later_absence_is_not_proven() -> None:
    """
    The venue no longer returns orders canceled without a fill, so not finding it proves nothing.
    """
    async with scene() as at:
        at.venue.inject(LostResponse(applied=False))
        opening = await at.open()
        at.clock.advance(24 * 3600)
        recovery = await at.tracker.recover(at.source)

        assert [opening.ref] == [doubt.position.ref for doubt in recovery.still_in_doubt]
        assert "no longer promises" in recovery.still_in_doubt[0].reasons[0]


async def test_a_liquidation_closes_the_position_by_its_fill() -> None:
    """
    The fill has no client order id, and closes the position all the same.
    """
    async with scene() as at:
        opening = await at.open()
        recovery = await at.tracker.recover(at.source)
        assert () == recovery.still_in_doubt
        held = await at.tracker.get(opening.ref)
        assert isinstance(held, PersistedPosition)
        at.clock.advance(1)
        at.venue.trade(SYMBOL, BybitSide.SELL, Decimal(1000), kind=ExecutionKind.LIQUIDATION)
        page = await at.source.fills(
            FillQuery(venue=held.key.venue, account=MAIN, symbol=SYMBOL, since=held.opened_at)
        )
        await at.tracker.apply_fills(*page.fills)

        assert isinstance(await at.tracker.get(opening.ref), ClosedPosition)
        assert page.complete
