"""
Both handles of a venue.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from poslife.testing.bybit import LateFill, Side, VenueHandle
from tests.testing.bybit.process import venue_process
from tests.testing.bybit.simulated import DBR, simulated

pytestmark = pytest.mark.slow


def trade_and_report(venue: VenueHandle) -> tuple[object, ...]:
    fill = venue.trade(DBR, Side.BUY, Decimal(1000))
    injection = venue.inject(LateFill(after=2), times=None, symbol=DBR)
    return (
        venue.url.partition(":")[0],
        venue.order(fill.order_id) == venue.orders[0],
        [one == fill for one in venue.fills],
        venue.position(DBR).signed_size,
        injection,
        list(venue.injections),
        list(venue.requests),
    )


async def test_both_handles_do_the_same() -> None:
    """
    The handle in the venue's own process and the one in another are interchangeable.
    """
    async with simulated() as (here, _):
        with venue_process() as (elsewhere, _):
            reports = [trade_and_report(handle) for handle in (here, elsewhere)]

    assert reports[0] == reports[1]
    assert Decimal(1000) == reports[0][3]
