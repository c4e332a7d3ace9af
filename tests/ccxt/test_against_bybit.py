"""
The tracker and the real ccxt client against every fault of the simulated Bybit.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

import poslife
import poslife.errors
from poslife import (
    Account,
    InDoubt,
    Opened,
    Opening,
    OrderStatus,
    PersistedPosition,
    PositionKey,
    PositionStatus,
    PositionTracker,
    Rejected,
    Side,
    Symbol,
    Timings,
    Venue,
    VenueOrderId,
    Working,
)
from poslife.ccxt import CcxtSource
from poslife.testing.bybit import (
    BybitClient,
    EmptyPositions,
    Endpoint,
    Fault,
    LateFill,
    LateRejection,
    LateVisibility,
    LostResponse,
    PartialFill,
    Refusal,
    ServerError,
    SimulatedBybit,
    SlowAnswer,
    bybit_client,
)
from poslife.venues import FillQuery

SYMBOL = Symbol("BTC/USDT:USDT")
KEY = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=SYMBOL)
TIMINGS = Timings(
    submit_window=0.1, http_timeout=0.1, receive_window=0.05, lookup_interval=0.02, fills_within=1
)


@dataclass
class Scene:
    """
    A tracker, a client, and the venue behind them.
    """

    venue: SimulatedBybit
    client: BybitClient
    source: CcxtSource
    tracker: PositionTracker

    async def open(self, fault: Fault | None = None) -> Opening:
        if fault is not None:
            self.venue.inject(fault)
        opening = self.tracker.opening(KEY, side=Side.LONG, quantity=Decimal("0.1"))
        try:
            async with opening:
                params = {"clientOrderId": opening.client_order_id}
                order = await opening.submit(
                    self.client.create_order(SYMBOL, "market", "buy", 0.1, params=params)
                )
                await opening.acknowledged(VenueOrderId(str(order["id"])))
                page = await self.source.fills(
                    FillQuery(
                        venue=KEY.venue,
                        account=KEY.account,
                        symbol=SYMBOL,
                        client_order_id=opening.client_order_id,
                    )
                )
                await opening.acknowledged(VenueOrderId(str(order["id"])), *page.fills)
        except ccxt.BaseError:
            pass
        return opening

    async def held(self, opening: Opening) -> Decimal:
        position = await self.tracker.get(opening.ref)
        return position.quantity if isinstance(position, PersistedPosition) else Decimal(0)

    def truth(self) -> Decimal:
        return self.venue.position("BTCUSDT").size


@asynccontextmanager
async def scene() -> AsyncGenerator[Scene]:
    async with SimulatedBybit() as venue:
        client = bybit_client(venue.url)
        try:
            await client.load_markets()
            source = CcxtSource(client, account=KEY.account)
            async with poslife.connect("memory://", timings=TIMINGS) as tracker:
                await tracker.recover(source)
                yield Scene(venue=venue, client=client, source=source, tracker=tracker)
        finally:
            await client.close()


async def test_filled() -> None:
    """
    The acknowledgement has no fills, as on the real venue; they are fetched.
    """
    async with scene() as at:
        opening = await at.open()

        assert isinstance(opening.outcome, Opened)
        assert at.truth() == await at.held(opening)


async def test_refused() -> None:
    """
    The refusal ends the position at once, and frees the key.
    """
    async with scene() as at:
        opening = await at.open(Refusal(code=110007, message="ab not enough for new order"))

        assert isinstance(opening.outcome, Rejected)
        assert await at.tracker.find_live(KEY) is None


async def test_rejected_after_the_acknowledgement() -> None:
    """
    The order works after its acknowledgement, and ends with the rejection.
    """
    async with scene() as at:
        opening = await at.open(LateRejection())
        assert isinstance(opening.outcome, Working)
        position = await at.tracker.steps.rejected(opening.ref, reason="the stream says so")

        assert PositionStatus.ENDED is position.status


async def test_the_response_was_lost_and_the_order_filled() -> None:
    """
    In doubt, then found with its fills (feature 40).
    """
    async with scene() as at:
        opening = await at.open(LostResponse(applied=True))
        assert isinstance(opening.outcome, InDoubt)
        await at.tracker.recover(at.source)

        assert Decimal("0.1") == await at.held(opening) == at.truth()


async def test_the_response_was_lost_and_the_order_never_placed() -> None:
    """
    In doubt, then proven absent.
    """
    async with scene() as at:
        opening = await at.open(LostResponse(applied=False))
        assert isinstance(opening.outcome, InDoubt)
        recovery = await at.tracker.recover(at.source)

        assert () == recovery.still_in_doubt
        assert OrderStatus.ABANDONED is (await at.tracker.get(opening.ref)).orders[0].status
        assert Decimal(0) == at.truth()


async def test_a_server_error_is_no_refusal() -> None:
    """
    HTTP 500 leaves the order in doubt.
    """
    async with scene() as at:
        opening = await at.open(ServerError(applied=True))
        assert isinstance(opening.outcome, InDoubt)
        await at.tracker.recover(at.source)

        assert at.truth() == await at.held(opening)


@pytest.mark.slow
async def test_a_slow_answer_is_no_refusal() -> None:
    """
    The client's own time-out leaves the order in doubt.
    """
    async with scene() as at:
        at.client.timeout = 200
        opening = await at.open(SlowAnswer(seconds=0.5, applied_first=True))
        assert isinstance(opening.outcome, InDoubt)
        at.client.timeout = 10_000
        await at.tracker.recover(at.source)

        assert at.truth() == await at.held(opening)


async def test_an_empty_list_of_positions_proves_nothing() -> None:
    """
    A filled order is found although the list of positions is empty (incidents 2, 3).
    """
    async with scene() as at:
        opening = await at.open(LostResponse(applied=True))
        at.venue.inject(EmptyPositions(), times=None)
        await at.tracker.recover(at.source)

        assert Decimal("0.1") == await at.held(opening)


async def test_a_venue_that_cannot_be_asked_is_no_empty_venue() -> None:
    """
    Every look-up fails: recover raises, and the order stays in doubt (feature 42).
    """
    async with scene() as at:
        opening = await at.open(LostResponse(applied=True))
        fault = at.venue.inject(ServerError(endpoint=Endpoint.OPEN_ORDERS), times=None)
        with pytest.raises(poslife.errors.VenueUnavailable):
            await at.tracker.recover(at.source)
        assert OrderStatus.IN_DOUBT is (await at.tracker.get(opening.ref)).orders[0].status
        at.venue.withdraw(fault)
        await at.tracker.recover(at.source)

        assert at.truth() == await at.held(opening)


async def test_partly_filled_then_the_rest() -> None:
    """
    Persisted with the first fill, while the rest works.
    """
    async with scene() as at:
        opening = await at.open(PartialFill(ratio=Decimal("0.3")))
        assert isinstance(opening.outcome, Opened)
        assert Decimal("0.03") == await at.held(opening)
        at.venue.fill(str(opening.client_order_id))
        page = await at.source.fills(
            FillQuery(
                venue=KEY.venue,
                account=KEY.account,
                symbol=SYMBOL,
                venue_order_id=opening.order.venue_order_id,
            )
        )
        await at.tracker.apply_fills(*page.fills)

        assert Decimal("0.1") == await at.held(opening) == at.truth()


async def test_filled_late() -> None:
    """
    Acknowledged and working; the fill comes by itself, much later.
    """
    async with scene() as at:
        opening = await at.open(LateFill(after=None))
        assert isinstance(opening.outcome, Working)
        at.venue.fill(str(opening.client_order_id))
        page = await at.source.fills(FillQuery(venue=KEY.venue, account=KEY.account, symbol=SYMBOL))
        await at.tracker.apply_fills(*page.fills)

        assert Decimal("0.1") == await at.held(opening) == at.truth()


async def test_visible_four_seconds_late() -> None:
    """
    In the meantime the order works, and is not taken for absent.
    """
    async with scene() as at:
        opening = await at.open(LateVisibility(seconds=4))
        assert isinstance(opening.outcome, Working)
        at.venue.advance(5)
        page = await at.source.fills(FillQuery(venue=KEY.venue, account=KEY.account, symbol=SYMBOL))
        await at.tracker.apply_fills(*page.fills)

        assert Decimal("0.1") == await at.held(opening) == at.truth()


async def test_a_funding_payment_is_no_fill() -> None:
    """
    The venue returns it as a trade, with an amount and a side; it changes no position.
    """
    async with scene() as at:
        opening = await at.open()
        at.venue.settle_funding("BTCUSDT", Decimal("0.0001"))
        page = await at.source.fills(FillQuery(venue=KEY.venue, account=KEY.account, symbol=SYMBOL))
        await at.tracker.apply_fills(*page.fills)

        assert 1 == len(page.fills)
        assert Decimal("0.1") == await at.held(opening)
