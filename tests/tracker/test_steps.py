"""
The steps as plain calls.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from poslife import (
    OrderStatus,
    Side,
)
from poslife.errors import IllegalTransition, StaleVersion
from poslife.events import OrderRejected
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    KEY,
    answer,
    bought,
    tracking,
    working,
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
            str((event.evidence or {})["reason"])
            async for event in tracker.history(opening.ref)
            if isinstance(event.body, OrderRejected)
        ]

        assert OrderStatus.REJECTED is position.orders[0].status
        assert reasons[0].startswith("no \\x00\\ud800xxx")
        assert len(reasons[0]) < 2100


async def test_a_ref_is_claimed_for_one_position() -> None:
    """
    Claiming it for another side, or once it is held, is no repetition of the claim.
    """
    async with tracking(MemoryStore()) as tracker:
        claim = tracker.steps.claim
        first = await claim(KEY, side=Side.LONG, quantity=Decimal(1))
        with pytest.raises(StaleVersion):
            await claim(KEY, side=Side.SHORT, quantity=Decimal(1), ref=first.ref)
        await tracker.steps.submitting(first.ref)
        await tracker.apply_fills(bought("1"))
        with pytest.raises(IllegalTransition, match="claimed"):
            await claim(KEY, side=Side.LONG, quantity=Decimal(1), ref=first.ref)


async def test_an_expired_order_is_said_to_be() -> None:
    """
    It has ended, and frees the key.
    """
    async with tracking(MemoryStore()) as tracker:
        _, ref = await working(tracker)
        position = await tracker.steps.expired(ref)

        assert OrderStatus.EXPIRED is position.orders[0].status
        assert await tracker.find_live(KEY) is None
