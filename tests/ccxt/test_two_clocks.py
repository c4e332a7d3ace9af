"""
A host's clock that is not the venue's: fills are found, whichever is ahead.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

import poslife
from poslife import Account, PersistedPosition, PositionKey, Side, Symbol, Timings, Venue, VenueOrderId
from poslife.ccxt import CcxtSource
from poslife.testing.bybit import LostResponse, SimulatedBybit, bybit_client
from poslife.venues import FillQuery

KEY = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=Symbol("BTC/USDT:USDT"))
TIMINGS = Timings(
    submit_window=0.3, http_timeout=0.3, receive_window=5, lookup_interval=0.1, fills_within=0.5
)


@pytest.mark.parametrize("ahead", [-3600, -60, -10, -1, 0.8, 10, 60, 3500])
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "lost"])
async def test_the_fill_is_found(ahead: float, *, lost: bool) -> None:
    """
    The fill is found by its order's name since the order was prepared, and by a recovery.
    """
    async with SimulatedBybit(now=lambda: datetime.now(UTC) - timedelta(seconds=ahead)) as venue:
        client = bybit_client(venue.url)
        # As `load_time_difference` of ccxt sets it.
        client.options["timeDifference"] = int(ahead * 1000)
        try:
            await client.load_markets()
            source = CcxtSource(client, account=KEY.account)
            async with poslife.connect("memory://", timings=TIMINGS) as tracker:
                await tracker.recover(source)
                if lost:
                    venue.inject(LostResponse(applied=True))
                opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal("0.1"))
                with suppress(ccxt.BaseError):
                    async with opening:
                        params = {"clientOrderId": opening.client_order_id}
                        order = await opening.submit(
                            client.create_order(KEY.symbol, "market", "buy", 0.1, params=params)
                        )
                        await opening.acknowledged(VenueOrderId(str(order["id"])))
                if lost:
                    await tracker.recover(source)
                else:
                    query = FillQuery(
                        venue=KEY.venue,
                        account=KEY.account,
                        symbol=KEY.symbol,
                        since=opening.order.prepared_at,
                        client_order_id=opening.client_order_id,
                    )
                    await tracker.apply_fills(await source.fills(query))
                held = await tracker.get(opening.ref)

                assert isinstance(held, PersistedPosition)
                assert Decimal("0.1") == held.quantity
        finally:
            await client.close()


@pytest.mark.parametrize(
    "name, seconds", [("binance", 10), ("binanceusdm", 10), ("binancecoinm", 10), ("bybit", 5), ("bingx", 5)]
)
async def test_the_receive_windows_of_ccxt(name: str, seconds: int) -> None:
    """
    ccxt's receive windows are those that the page about doubt names.
    """
    client = getattr(ccxt, name)()

    assert seconds * 1000 == client.options["recvWindow"]
    await client.close()
