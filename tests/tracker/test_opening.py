"""
An opening: what its outcome holds, and what it needs.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from poslife import (
    Opened,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    Side,
    VenueOrderId,
    Working,
)
from poslife.errors import (
    AlreadyClosed,
    BlockMisused,
    DuplicatePosition,
    NotRecovered,
)
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    answer,
    bought,
    open_long,
    sold,
    tracking,
)


async def test_acknowledged_with_fills_is_opened() -> None:
    """
    With its first fill the position is persisted, with an id and its average entry.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        async with opening:
            assert "ack" == await opening.submit(answer())
            held = await opening.acknowledged(VenueOrderId("v1"), bought("60", "1"), bought("40", "2"))

        assert isinstance(held, PersistedPosition)
        assert Opened(position=held) == opening.outcome
        assert Decimal("1.4") == held.entry_price
        assert Decimal(100) == held.quantity
        assert held == await tracker.get(opening.ref)


async def test_acknowledged_without_fills_is_working() -> None:
    """
    An acknowledgement is no fill: the position stays pending, and holds its key.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        async with opening:
            await opening.submit(answer())
            held = await opening.acknowledged(VenueOrderId("v1"))

        assert isinstance(held, PendingPosition)
        assert isinstance(opening.outcome, Working)
        assert held == await tracker.find_live(KEY)
        with pytest.raises(DuplicatePosition) as refusal:
            async with open_long(tracker):
                pytest.fail("the key is taken")
        assert held == refusal.value.existing


async def test_opening_before_recover_is_refused() -> None:
    """
    What ended runs left must be settled before anything new is opened.
    """
    async with tracking(MemoryStore(), recovered=False) as tracker:
        with pytest.raises(NotRecovered):
            async with open_long(tracker):
                pytest.fail("not recovered")


async def test_fills_by_the_stream_and_by_the_acknowledgement_make_one_order_full() -> None:
    """
    The stream names the venue's order before we know that it is ours.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        async with opening:
            await opening.submit(answer())
            early = bought("40", order="v1")
            await tracker.apply_fills(early)
            held = await opening.acknowledged(VenueOrderId("v1"), early, bought("60", order="v1"))
        assert isinstance(held, PersistedPosition)
        assert 100 == held.quantity
        assert 100 == held.orders[0].filled
        assert OrderStatus.FILLED is held.orders[0].status


async def test_an_opening_whose_position_is_closed_meanwhile_says_so() -> None:
    """
    Fills that open and close the position before the acknowledgement leave nothing to hold.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        async with opening:
            await opening.submit(answer())
            await tracker.apply_fills(bought("100", order="v1"), sold("100", order="stop"))
            with pytest.raises(AlreadyClosed):
                await opening.acknowledged(VenueOrderId("v1"))

        with pytest.raises(AlreadyClosed):
            _ = opening.outcome


async def test_an_outcome_is_known_once_the_block_is_left() -> None:
    """
    Before, the order may still become anything.
    """
    async with tracking(MemoryStore()) as tracker, open_long(tracker) as opening:
        with pytest.raises(BlockMisused, match="once the block is left"):
            _ = opening.outcome
