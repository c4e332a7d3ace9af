"""
A simulated Bybit and the real client on it, in virtual time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from poslife.testing.bybit import BybitClient, SimulatedBybit, bybit_client

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BTC = "BTC/USDT:USDT"
DBR = "DBR/USDT:USDT"


def frozen() -> datetime:
    return START


@asynccontextmanager
async def simulated(
    *,
    number: Callable[[str], object] = str,
    timeout: int = 10_000,
    hedged: bool = False,
    balance: Decimal = Decimal(100_000),
) -> AsyncGenerator[tuple[SimulatedBybit, BybitClient]]:
    async with (
        SimulatedBybit(now=frozen, seed=7, hedged=hedged, balance=balance) as venue,
        bybit_client(venue.url, number=number, timeout=timeout) as client,
    ):
        yield venue, client


async def buy(client: BybitClient, symbol: str = DBR, **params: object) -> dict[str, Any]:
    return await client.create_order(symbol, "market", "buy", 1000 if symbol == DBR else 1, params=params)


async def look_up(client: BybitClient, order_link_id: str = "a1") -> dict[str, Any]:
    return await client.fetch_order("", DBR, {"orderLinkId": order_link_id, "acknowledged": True})
