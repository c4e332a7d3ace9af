"""
The steps as plain calls.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from poslife import (
    OrderStatus,
    Side,
    VenueOrderId,
    connect,
)
from poslife.errors import IllegalTransition, InvalidValue, StaleVersion
from poslife.events import OrderAmended, OrderRejected
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


async def test_fills_of_an_amended_order_follow_its_new_quantity(url: str) -> None:
    """
    What it had before is in the event; the order is filled when its fills amount to the new quantity.
    """
    async with connect(url) as tracker:
        await tracker.recover()
        steps = tracker.steps
        ref = (await steps.claim(KEY, side=Side.LONG, quantity=Decimal("1.5"), price=Decimal(10))).ref
        await steps.submitting(ref)
        await steps.acknowledged(ref, venue_order_id=VenueOrderId("v9"))
        await steps.amended(ref, quantity=Decimal("2.25"), price=Decimal(11))
        again = await steps.amended(ref, quantity=Decimal("2.25"))
        await steps.apply_fills(bought("1.5", order="v9", trade_id="t1"))
        part = await tracker.get(ref)
        await steps.apply_fills(bought("0.75", order="v9", trade_id="t2"))
        whole = await tracker.get(ref)

        assert (Decimal("2.25"), Decimal(11)) == (again.orders[0].quantity, again.orders[0].price)
        assert [OrderStatus.WORKING, OrderStatus.FILLED] == [part.orders[0].status, whole.orders[0].status]
        assert [
            OrderAmended(
                quantity_before=Decimal("1.5"),
                quantity=Decimal("2.25"),
                price_before=Decimal(10),
                price=Decimal(11),
            )
        ] == [event.body async for event in tracker.history(ref) if isinstance(event.body, OrderAmended)]


async def test_an_order_amended_to_what_is_filled_is_filled() -> None:
    """
    No further fill can come, so it does not stay working; what has ended cannot be amended.
    """
    async with tracking(MemoryStore()) as tracker:
        _, ref = await working(tracker)
        (order,) = (await tracker.get(ref)).orders
        await tracker.steps.apply_fills(bought("0.5"), order=(ref, 0))
        position = await tracker.steps.amended(ref, quantity=Decimal("0.5"))

        assert order.quantity > Decimal("0.5")
        assert OrderStatus.FILLED is position.orders[0].status
        with pytest.raises(IllegalTransition):
            await tracker.steps.amended(ref, quantity=Decimal(3))
        with pytest.raises(InvalidValue, match="quantity: "):
            await tracker.steps.amended(ref, quantity=Decimal(0))


async def test_a_prepared_order_cannot_be_amended() -> None:
    """
    The venue does not have it.
    """
    async with tracking(MemoryStore()) as tracker:
        position = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1))

        with pytest.raises(IllegalTransition):
            await tracker.steps.amended(position.ref, quantity=Decimal(2))


async def test_an_expired_order_is_said_to_be() -> None:
    """
    It has ended, and frees the key.
    """
    async with tracking(MemoryStore()) as tracker:
        _, ref = await working(tracker)
        position = await tracker.steps.expired(ref)

        assert OrderStatus.EXPIRED is position.orders[0].status
        assert await tracker.find_live(KEY) is None
