"""
An event tells what was committed: not before, not twice, not something else.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from poslife import OrderStatus, Side, VenueOrderId
from poslife.errors import DuplicatePosition
from poslife.events import OrderRejected
from poslife.memory import MemoryStore
from tests.tracker.scenes import KEY, UnreliableStore, answer, bought, tracking


async def test_nothing_is_told_of_what_was_not_committed() -> None:
    """
    A claim that is refused leaves no event; one that is committed tells of itself once, by its transition
    (incident 54).
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        async with (first := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))):
            refused = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
            with pytest.raises(DuplicatePosition):
                async with refused:
                    pytest.fail("the key is taken")
            await first.submit(answer())
            store.lose_replies = 1
            await first.acknowledged(VenueOrderId("v"), bought("1", order="v"))
        opened = [
            event async for event in tracker.history(first.ref) if event.header.type == "position.opened"
        ]

        assert 1 == len(opened)
        assert [] == [event async for event in tracker.history(refused.ref)]


async def test_no_audit_call_can_be_forgotten() -> None:
    """
    The host records nothing itself, and every step of the life is told all the same (incident 55).
    """
    async with tracking(MemoryStore()) as tracker:
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))):
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId("v"), bought("1", order="v"))
        told = [event.header.type async for event in tracker.history(opening.ref)]

        assert [
            "position.claimed",
            "order.prepared",
            "order.submitting",
            "fill.applied",
            "order.ended",
            "position.opened",
        ] == told


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
