"""
A simulated Bybit and the real client on it, in virtual time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

from poslife.testing.bybit import BybitClient, SimulatedBybit, bybit_client

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
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
