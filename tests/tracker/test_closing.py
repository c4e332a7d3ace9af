"""
A closing: one owner, one exit, and the position open again when it comes to nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import pytest

from poslife import (
    Abandoned,
    Closed,
    ClosedPosition,
    CloseReason,
    InDoubt,
    OrderPurpose,
    OrderStatus,
    PersistedPosition,
    PositionStatus,
    Protection,
    Rejected,
    Side,
    VenueOrderId,
    Working,
)
from poslife.errors import (
    AlreadyClosed,
    AlreadyClosing,
    BlockMisused,
    InvalidValue,
)
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    KEY,
    Refused,
    answer,
    fail,
    opened,
    sold,
    tracking,
)


async def test_a_full_close() -> None:
    """
    When its fills reach zero the position is closed, with reason, exit price and time, and its key is free
    (incident 56).
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        closing = tracker.closing(held, reason=CloseReason.TAKE_PROFIT)
        async with closing:
            assert Decimal(100) == closing.quantity
            await closing.submit(answer())
            closed = await closing.acknowledged(VenueOrderId("exit"), sold("100", "3", order="exit"))

        assert isinstance(closed, ClosedPosition)
        assert Closed(position=closed) == closing.outcome
        assert isinstance(closing.outcome, Closed)
        assert CloseReason.TAKE_PROFIT is closing.outcome.position.reason
        assert Decimal(3) == closing.outcome.position.exit_price
        assert await tracker.find_live(KEY) is None


async def test_closing_twice_is_already_closed_with_the_stored_exit() -> None:
    """
    A second close meets the first one's exit, and changes nothing of it (incident 28).
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        async with (first := tracker.closing(held)):
            await first.submit(answer())
            closed = await first.acknowledged(VenueOrderId("exit"), sold("100", "3", order="exit"))
        with pytest.raises(AlreadyClosed) as refusal:
            async with tracker.closing(held):
                pytest.fail("it is closed")

        assert closed == refusal.value.closed
        assert closed == await tracker.get(held.ref)


async def test_one_exit_at_a_time() -> None:
    """
    While one exit owns the position nobody else sells it a second time (incident 12).
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        async with (first := tracker.closing(held)):
            with pytest.raises(AlreadyClosing):
                async with tracker.closing(held):
                    pytest.fail("another exit owns it")
            assert PositionStatus.CLOSING is (await tracker.get(held.ref)).status
            await first.submit(answer())
            await first.acknowledged(VenueOrderId("exit"))

        assert isinstance(first.outcome, Working)


@pytest.mark.parametrize("way", ["refused", "abandoned", "in doubt"])
async def test_an_exit_that_comes_to_nothing_leaves_the_position_open(way: str) -> None:
    """
    Refused, abandoned or in doubt: the position is open, and the next exit is not blocked.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        closing = tracker.closing(held)
        with pytest.raises((Refused, TimeoutError, ZeroDivisionError)):
            async with closing:
                if way == "abandoned":
                    raise ZeroDivisionError
                await closing.submit(fail(Refused("no") if way == "refused" else TimeoutError()))

        expected = {"refused": Rejected, "abandoned": Abandoned, "in doubt": InDoubt}[way]
        assert isinstance(closing.outcome, expected)
        assert PositionStatus.OPEN is closing.outcome.position.status
        async with (again := tracker.closing(held)):
            await again.submit(answer())
            await again.acknowledged(VenueOrderId("exit"), sold("100", order="exit"))
        assert isinstance(again.outcome, Closed)


async def test_an_exit_partly_filled_then_canceled_goes_back_to_open() -> None:
    """
    What an exit has filled is gone, the rest is open again.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        async with (closing := tracker.closing(held)):
            await closing.submit(answer())
            await closing.acknowledged(VenueOrderId("exit"), sold("30", order="exit"))
        position = await tracker.steps.canceled(held.ref, closing.order.ordinal)

        assert isinstance(position, PersistedPosition)
        assert PositionStatus.OPEN is position.status
        assert Decimal(70) == position.quantity


async def test_closed_by_the_venues_stop() -> None:
    """
    A stop at the venue closes the position without us, and its reason is known by its order (incidents 12,
    34).
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        stop = Protection(stop_price=Decimal("0.5"), stop_order_id=VenueOrderId("stop"))
        protected = await tracker.steps.protected(held.ref, stop)
        assert isinstance(protected, PersistedPosition)
        assert stop == protected.protection
        applied = await tracker.apply_fills(sold("100", "0.49", order="stop"))

        closed = applied.positions[0]
        assert isinstance(closed, ClosedPosition)
        assert CloseReason.STOP_LOSS is closed.reason


async def test_the_stop_closes_the_position_before_the_exit_is_sent() -> None:
    """
    No exit is sent for a position that is known to be closed: in one-way mode it could open another.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        held = await opened(tracker)
        closing = tracker.closing(held)
        asked = answer()
        with pytest.raises(AlreadyClosed):
            async with closing:
                await tracker.apply_fills(sold("100", "0.9", order="stop"))
                await closing.submit(asked)
        assert isinstance(closing.outcome, Closed)
        after = await tracker.get(held.ref)

        assert OrderStatus.ABANDONED is after.orders[-1].status
        with pytest.raises(RuntimeError):
            await asked  # it was closed unstarted


async def test_an_order_in_doubt_does_not_block_the_exit() -> None:
    """
    A reduce-only exit is never refused because of an order in doubt; an increase is.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        order = await tracker.steps.prepare(held.ref, purpose=OrderPurpose.INCREASE, quantity=Decimal(10))
        await tracker.steps.submitting(held.ref, order.ordinal)
        await tracker.steps.doubted(held.ref, order.ordinal, reason="no answer")
        async with (closing := tracker.closing(held)):
            await closing.submit(answer())
            await closing.acknowledged(VenueOrderId("exit"), sold("100", order="exit"))

        assert isinstance(closing.outcome, Closed)


async def test_a_pending_position_cannot_be_closed() -> None:
    """
    A type error for checkers, and at run time an error that explains.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
        async with opening:
            with pytest.raises(InvalidValue, match="pending"):
                tracker.closing(opening.position)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_closing_knows_its_position_and_not_yet_its_outcome() -> None:
    """
    It has the position's ref from the beginning; its outcome is known once the block is left.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        async with tracker.closing(held) as closing:
            assert (held.ref, held.quantity) == (closing.ref, closing.quantity)
            with pytest.raises(BlockMisused, match="once the block is left"):
                _ = closing.outcome


async def test_a_closed_position_cannot_be_closed() -> None:
    """
    A host that does not type-check hears of it before anything is prepared, with the stored exit.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        await tracker.apply_fills(sold("100"))
        closed = await tracker.get(held.ref)

        with pytest.raises(AlreadyClosed) as refused:
            tracker.closing(cast("PersistedPosition", closed))
        assert closed == refused.value.closed
