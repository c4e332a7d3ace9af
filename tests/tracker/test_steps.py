"""
The steps as plain calls.
"""

from __future__ import annotations

from decimal import Decimal

from poslife import (
    OrderStatus,
    Side,
)
from poslife.events import OrderRejected
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    KEY,
    answer,
    tracking,
)


async def test_claiming_again_under_the_same_ref_is_safe() -> None:
    """
    A plain call of unknown fate is repeated under its ref, and gives the same position.
    """
    async with tracking(MemoryStore()) as tracker:
        first = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1))
        again = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1), ref=first.ref)

        assert first == again


async def test_a_long_reason_is_cut_where_it_is_made_and_breaks_no_write() -> None:
    """
    A venue's message of any length and content ends an order; no column is too short for it (incident 18).
    """
    async with tracking(MemoryStore()) as tracker:
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))):
            await opening.submit(answer())
            await opening.rejected("no \x00\ud800" + "x" * 100_000)
        position = await tracker.get(opening.ref)
        reasons = [
            event.body.reason
            async for event in tracker.history(opening.ref)
            if isinstance(event.body, OrderRejected)
        ]

        assert OrderStatus.REJECTED is position.orders[0].status
        assert reasons[0].startswith("no \\x00\\ud800xxx")
        assert len(reasons[0]) < 2100
