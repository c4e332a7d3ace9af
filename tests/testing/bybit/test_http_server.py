"""
The venue's HTTP server: signatures and bodies.
"""

from __future__ import annotations

import aiohttp
import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import SimulatedBybit, bybit_client
from tests.testing.bybit.simulated import DBR, frozen


@pytest.mark.parametrize(
    "api_key,secret",
    [pytest.param("other", "simulated", id="key"), pytest.param("simulated", "other", id="secret")],
)
async def test_a_wrong_signature_is_refused(api_key: str, secret: str) -> None:
    """
    Neither an unknown key nor a wrong secret is accepted.
    """
    async with (
        SimulatedBybit(now=frozen) as venue,
        bybit_client(venue.url, apiKey=api_key, secret=secret) as client,
    ):
        with pytest.raises(ccxt.AuthenticationError):
            await client.create_order(DBR, "market", "buy", 1000)

        assert () == venue.orders


@pytest.mark.parametrize("body", ["", "[]", "{"], ids=["empty", "list", "broken"])
async def test_a_body_that_is_no_object(body: str) -> None:
    """
    It is logged as a request without parameters, and refused.
    """
    async with SimulatedBybit(now=frozen) as venue, aiohttp.ClientSession() as session:
        async with session.post(f"{venue.url}/v5/order/create", data=body) as response:
            answered = await response.json()

        assert 10003 == answered["retCode"]
        assert {} == venue.requests[0].parameters
