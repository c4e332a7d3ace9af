"""
A position whose order's answer is lost: ``python -m examples.first_position``.

It needs the extra ``ccxt``, and no exchange: a simulated Bybit runs in this process.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt

import poslife
from poslife import Account, PositionKey, Side, Symbol, Venue, VenueOrderId
from poslife.ccxt import CcxtSource
from poslife.testing.bybit import BybitClient, LostResponse, SimulatedBybit, bybit_client

SYMBOL = Symbol("DBR/USDT:USDT")
KEY = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=SYMBOL)


async def main() -> None:
    async with SimulatedBybit() as venue, bybit_client(venue.url) as exchange:
        await exchange.load_markets()
        venue.inject(LostResponse(applied=True))
        async with poslife.connect("memory://") as tracker:  # a bot takes sqlite:///bot.db or postgresql://
            await trade(tracker, exchange)


async def trade(tracker: poslife.PositionTracker, exchange: BybitClient) -> None:
    source = CcxtSource(exchange, account=KEY.account)
    await tracker.recover(source)  # settles the orders of an earlier run; there is none here

    opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1000))
    try:
        async with opening:  # the intention is committed, and the key is ours
            order = await opening.submit(  # committed as submitting, and only then sent
                exchange.create_order(
                    SYMBOL, "market", "buy", 1000, params={"clientOrderId": opening.client_order_id}
                )
            )
            await opening.acknowledged(VenueOrderId(order["id"]))
    except ccxt.NetworkError as error:
        print("the bot's own handling:", type(error).__name__)
    print("after the order:", type(opening.outcome).__name__)

    await tracker.recover(source)  # asks the exchange
    print("after recover:", type(await tracker.get(opening.ref)).__name__)
    await tracker.flush()
    async for event in tracker.history(opening.ref):
        print(" ", event.header.type)


if __name__ == "__main__":
    asyncio.run(main())
