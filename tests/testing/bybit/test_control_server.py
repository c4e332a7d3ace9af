"""
The control endpoint's responses.
"""

from __future__ import annotations

import aiohttp
import pytest

from poslife.testing.bybit import SimulatedBybit
from tests.testing.bybit.simulated import START, frozen


@pytest.mark.parametrize(
    "path, status, text",
    [
        ("now", 200, '"2026-03-01T12:00:00Z"'),
        ("orders", 200, "[]"),
        ("order?identifier=none", 404, "the venue has no order 'none'"),
        ("position?symbol=NONE&position_index=0", 404, "does not list"),
        ("position?symbol=DBRUSDT&position_index=x", 400, "invalid literal"),
        ("wait?endpoint=order/cancel&count=2&timeout=0.01", 408, "2 requests to order/cancel"),
    ],
)
async def test_a_query(path: str, status: int, text: str) -> None:
    """
    An unknown name is a 404, an invalid value a 400, a wait that is over a 408; the text says why.
    """
    async with SimulatedBybit(now=frozen) as venue, aiohttp.ClientSession() as session:
        assert START == venue.now()
        async with session.get(f"{venue.url}/_control/{path}") as response:
            assert status == response.status
            assert text in await response.text()


@pytest.mark.parametrize(
    "body, status, text",
    [
        ('{"type": "Advance", "seconds": 1.5}', 200, "2026-03-01T12:00:01.5"),
        ('{"type": "Advance", "seconds": -1}', 400, "expected at least 0"),
        ('{"type": "Explode"}', 400, "Explode"),
        ('{"type": "Cancel", "identifier": "none"}', 404, "too late to cancel"),
        ("{", 400, ""),
    ],
)
async def test_a_command(body: str, status: int, text: str) -> None:
    """
    A command is executed, or refused with the status of the handle's exception.
    """
    async with (
        SimulatedBybit(now=frozen) as venue,
        aiohttp.ClientSession() as session,
        session.post(f"{venue.url}/_control/command", data=body) as response,
    ):
        assert status == response.status
        assert text in await response.text()
