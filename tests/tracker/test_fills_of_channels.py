"""
Fills as ccxt's handlers give them, booked on every store: the leg decides, whatever channel says it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from poslife import (
    Leg,
    PersistedPosition,
    PositionKey,
    PositionTracker,
    Side,
    Venue,
    VenueOrderId,
    connect,
)
from poslife.ccxt import fills_from
from tests.ccxt import streams
from tests.ccxt.offline import SYMBOLS
from tests.ccxt.queries import MAIN
from tests.ccxt.streams import heard, streaming
from tests.tracker.scenes import answer

if TYPE_CHECKING:
    from pathlib import Path

    from poslife.venues import FillPage

LEGS = {Leg.LONG: Side.LONG, Leg.SHORT: Side.SHORT}


def key_of(venue: str, leg: Leg = Leg.NET) -> PositionKey:
    return PositionKey(venue=Venue(venue), account=MAIN, symbol=SYMBOLS[venue], leg=leg)


async def shown(venue: str, message: dict[str, Any]) -> FillPage:
    """
    The fills of a private message.
    """
    made = streaming(venue)
    try:
        return fills_from(heard(made, message), venue=Venue(venue), account=MAIN)
    finally:
        await made.close()


async def open_both(tracker: PositionTracker, venue: str) -> None:
    """
    Open the long and the short leg, with 2.5 contracts each.
    """
    for leg, side in LEGS.items():
        key = key_of(venue, leg)
        async with (opening := tracker.opening(key, side=side, quantity=Decimal("2.5"))):
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId(f"entry {leg.value}"))
        row = streams.bybit_row(execId=leg.value, execQty="2.5", orderId=f"entry {leg.value}", orderLinkId="")
        (fill,) = await shown("bybit", streams.bybit(row))
        await tracker.apply_fills(
            replace(fill, venue=key.venue, side=side.entered_by, leg=leg, closed=None, symbol=key.symbol)
        )


async def held(tracker: PositionTracker, venue: str) -> dict[Leg, Decimal | None]:
    found = {leg: await tracker.find_live(key_of(venue, leg)) for leg in (*LEGS, Leg.NET)}
    return {leg: one.quantity if isinstance(one, PersistedPosition) else None for leg, one in found.items()}


async def test_a_fill_of_binances_stream_before_the_answer(url: str, tmp_path: Path) -> None:
    """
    It names our order and its leg by the stream's short names, and opens the position.
    """
    key = key_of("binanceusdm", Leg.LONG)
    async with connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        async with (opening := tracker.opening(key, side=Side.LONG, quantity=Decimal(2))):
            page = await shown("binanceusdm", streams.binance(c=opening.client_order_id))
            await opening.submit(answer())
            await tracker.apply_fills(page)
            await opening.acknowledged(VenueOrderId("77"))
        again = await tracker.apply_fills(page)
        unclaimed = [one async for one in tracker.unclaimed()]

        assert {Leg.LONG: Decimal(2), Leg.SHORT: None, Leg.NET: None} == await held(tracker, "binanceusdm")
        assert (1, []) == (again.repeated, unclaimed)


@pytest.mark.parametrize(
    "venue, message, left",
    [
        (
            "binanceusdm",
            streams.binance(c="web_abc", S="BUY", t=30, i=30, l="1", ps="SHORT"),
            {Leg.LONG: "2.5", Leg.SHORT: "1.5"},
        ),
        (
            "okx",
            streams.okx(clOrdId="", side="sell", tradeId="30", ordId="30", fillSz="1", posSide="long"),
            {Leg.LONG: "1.5", Leg.SHORT: "2.5"},
        ),
        (
            "bitget",
            streams.bitget(
                clientOid="", side="buy", tradeId="30", orderId="30", baseVolume="1", tradeSide="close"
            ),
            {Leg.LONG: "1.5", Leg.SHORT: "2.5"},
        ),
        (
            "bybit",
            streams.bybit(
                {
                    **streams.bybit_row(execId="30", orderId="30", orderLinkId="", execQty="1"),
                    "closedSize": "1",
                }
            ),
            {Leg.LONG: "2.5", Leg.SHORT: "1.5"},
        ),
        (
            "bybit",
            streams.bybit(streams.bybit_row(execId="30", orderId="30", orderLinkId="", execQty="1")),
            {Leg.LONG: "3.5", Leg.SHORT: "2.5"},
        ),
    ],
    ids=["binance", "okx", "bitget", "bybit closes", "bybit opens"],
)
async def test_a_foreign_fill_in_hedge_mode(
    venue: str, message: dict[str, Any], left: dict[Leg, str], url: str, tmp_path: Path
) -> None:
    """
    An order made by hand reduces or increases the leg that the message names, or that its effect tells.
    """
    async with connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        await open_both(tracker, venue)
        await tracker.apply_fills(await shown(venue, message))
        unclaimed = [one.unclaimed_because async for one in tracker.unclaimed()]

        assert {leg: Decimal(quantity) for leg, quantity in left.items()} | {Leg.NET: None} == await held(
            tracker, venue
        )
        assert [] == unclaimed


async def test_a_foreign_sale_is_adopted_as_the_leg_that_it_names(url: str, tmp_path: Path) -> None:
    """
    In a hedge account it is the short leg, never a net short.
    """
    async with connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        message = streams.binance(c="web_1", S="SELL", t=40, i=40, l="1", ps="SHORT")
        await tracker.apply_fills(await shown("binanceusdm", message))

        assert {Leg.LONG: None, Leg.SHORT: Decimal(1), Leg.NET: None} == await held(tracker, "binanceusdm")


@pytest.mark.parametrize("closed, adopted", [("1.5", None), ("0", Decimal("1.5"))], ids=["closes", "opens"])
async def test_a_foreign_sale_of_what_is_not_held(
    closed: str, adopted: Decimal | None, url: str, tmp_path: Path
) -> None:
    """
    A sale by hand that closed a position of which nothing is held is unclaimed, never adopted as a short.
    """
    row = streams.bybit_row(execId="50", orderId="50", orderLinkId="", execQty="1.5", closedSize=closed)
    async with connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        await tracker.apply_fills(await shown("bybit", streams.bybit({**row, "side": "Sell"})))
        unclaimed = [one async for one in tracker.unclaimed()]

        assert {Leg.LONG: None, Leg.SHORT: None, Leg.NET: adopted} == await held(tracker, "bybit")
        assert ([] if adopted else [Decimal("1.5")]) == [one.fill.closed for one in unclaimed]


async def test_both_sides_of_a_match_are_booked_on_every_store(url: str, tmp_path: Path) -> None:
    """
    Two orders of one account met: one trade id, two fills, each booked once.
    """
    async with connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        await open_both(tracker, "binanceusdm")
        pages = [
            await shown("binanceusdm", streams.binance(c="", i=order, S=side, t=60, l="0.5", ps=leg))
            for order, side, leg in (("61", "BUY", "LONG"), ("62", "SELL", "SHORT"))
        ]
        first = [await tracker.apply_fills(page) for page in pages]
        again = await tracker.apply_fills(*pages)

        assert ([0, 0], 2) == ([applied.repeated for applied in first], again.repeated)
        assert {Leg.LONG: Decimal(3), Leg.SHORT: Decimal(3), Leg.NET: None} == await held(
            tracker, "binanceusdm"
        )
