"""
A fill finds its owner: by its order, else by what is held, else it opens or is unclaimed.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from poslife import (
    Abandoned,
    Account,
    ClosedPosition,
    Leg,
    MarginMode,
    OrderSide,
    Origin,
    PersistedPosition,
    PositionKey,
    Severity,
    Side,
    Symbol,
    Venue,
    VenueOrderId,
    connect,
)
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    UnreliableStore,
    answer,
    bought,
    fail,
    fill,
    opened,
    sold,
    tracking,
    working,
)


async def test_a_late_fill_while_another_position_holds_the_key() -> None:
    """
    It goes to the key's live holder, with its own order id kept.
    """
    async with tracking(MemoryStore()) as tracker:
        _, ref = await working(tracker)
        await tracker.steps.canceled(ref)
        async with (second := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(50))):
            await second.submit(answer())
            await second.acknowledged(VenueOrderId("second"), bought("50", order="second"))
        applied = await tracker.apply_fills(bought("5", order="entry"))
        stored = [one async for one in tracker.fills(second.ref)]

        assert second.ref == applied.positions[0].ref
        assert [Decimal(50), Decimal(5)] == [one.fill.quantity for one in stored]
        assert "entry" == stored[1].fill.venue_order_id
        assert stored[1].ordinal is None


async def test_an_abandoned_order_fills_after_the_key_was_taken() -> None:
    """
    The late fill goes to the one who holds the key now, with its own order id kept.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        async with opening:
            pass
        assert isinstance(opening.outcome, Abandoned)
        held = await opened(tracker)
        late = fill(OrderSide.BUY, "5", "1", client_order_id=opening.client_order_id, order="late")
        applied = await tracker.apply_fills(late)

        assert [held.ref] == [position.ref for position in applied.positions]
        after = await tracker.get(held.ref)
        assert isinstance(after, PersistedPosition)
        assert 105 == after.quantity


async def test_a_fill_that_names_another_order_of_ours_is_that_ones() -> None:
    """
    A host hands over every trade of the symbol with its acknowledgement.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        held = await opened(tracker)
        closing = tracker.closing(held)
        with pytest.raises(TimeoutError):
            async with closing:
                await closing.submit(fail(TimeoutError()))
        again = tracker.closing(held)
        async with again:
            await again.submit(answer())
            await again.acknowledged(
                VenueOrderId("x2"),
                fill(OrderSide.SELL, "30", "1", client_order_id=closing.client_order_id, order="x1"),
                fill(OrderSide.SELL, "70", "1", client_order_id=again.client_order_id, order="x2"),
            )
        after = await tracker.get(held.ref)
        assert isinstance(after, ClosedPosition)
        assert [100, 30, 70] == [order.filled for order in after.orders]


async def test_a_fill_nobody_ordered_opens_an_adopted_position() -> None:
    """
    A fill of an order that is not ours opens a position, marked as adopted and unconfirmed (incidents 15,
    58).
    """
    async with tracking(MemoryStore()) as tracker:
        applied = await tracker.apply_fills(bought("7", order="by-hand"), bought("3", order="by-hand"))
        position = applied.positions[0]

        assert isinstance(position, PersistedPosition)
        assert Origin.ADOPTED is position.origin
        assert Decimal(10) == position.quantity
        assert () == position.orders


async def test_a_fill_through_zero_is_unclaimed() -> None:
    """
    What a position cannot take is stored with the reason, with severity ERROR, and never lost.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        held = await opened(tracker)
        applied = await tracker.apply_fills(sold("150", order="by-hand"))
        unclaimed = [one async for one in tracker.unclaimed()]

        assert list(applied.unclaimed) == unclaimed
        assert "through zero" in str(unclaimed[0].unclaimed_because)
        assert Severity.ERROR is store.commits[-1].events[0].header.severity
        assert held == await tracker.get(held.ref)


async def test_a_late_fill_of_an_exit_is_unclaimed() -> None:
    """
    A reduce-only order cannot open a position.
    """
    async with tracking(MemoryStore()) as tracker:
        held = await opened(tracker)
        async with (closing := tracker.closing(held)):
            await closing.submit(answer())
            await closing.acknowledged(VenueOrderId("exit"), sold("100", order="exit"))
        applied = await tracker.apply_fills(sold("1", order="exit"))

        assert 1 == len(applied.unclaimed)
        assert await tracker.find_live(KEY) is None


async def test_hedge_mode_legs_do_not_meet() -> None:
    """
    Two legs of one symbol are two positions; a fill that does not say its leg is unclaimed.
    """
    async with tracking(MemoryStore()) as tracker:
        for leg, side in ((Leg.LONG, Side.LONG), (Leg.SHORT, Side.SHORT)):
            async with (opening := tracker.opening(replace(KEY, leg=leg), side=side, quantity=Decimal(10))):
                await opening.submit(answer())
                await opening.acknowledged(VenueOrderId(leg.value))
        await tracker.apply_fills(bought("10", order="long"), sold("10", order="short"))
        unsaid = await tracker.apply_fills(bought("1", order="by-hand"))
        said = await tracker.apply_fills(replace(bought("4", order="by-hand"), leg=Leg.SHORT))

        assert 1 == len(unsaid.unclaimed)
        assert Leg.SHORT is said.positions[0].key.leg
        assert 2 == len([position async for position in tracker.live()])


async def test_a_fill_says_nothing_of_margin_modes() -> None:
    """
    It goes to the one that holds the symbol; where two do, it is kept until somebody says whose it is.
    """
    store = MemoryStore()
    isolated, cross = (
        PositionKey(venue=KEY.venue, account=KEY.account, symbol=KEY.symbol, margin_mode=mode)
        for mode in (MarginMode.ISOLATED, MarginMode.CROSS)
    )
    async with tracking(store) as tracker:
        opening = tracker.opening(isolated, side=Side.LONG, quantity=HUNDRED)
        async with opening:
            await opening.submit(answer())
            await tracker.apply_fills(bought("40"))
        assert isinstance(await tracker.get(opening.ref), PersistedPosition)
        async with tracker.opening(cross, side=Side.LONG, quantity=HUNDRED) as other:
            await other.submit(answer())
        applied = await tracker.apply_fills(bought("60"))

        assert [stored.unclaimed_because for stored in applied.unclaimed] == [
            "the symbol is held in several margin modes; the venue does not say which"
        ]


async def test_one_symbol_on_two_venues_is_two_positions() -> None:
    """
    The key is venue, account and symbol: no venue overwrites another's position (incident 38).
    """
    async with tracking(MemoryStore()) as tracker:
        await opened(tracker)
        elsewhere = replace(bought("3"), venue=Venue("binance"))
        applied = await tracker.apply_fills(elsewhere)

        assert Venue("binance") == applied.positions[0].key.venue
        assert 2 == len([position async for position in tracker.live()])
        assert Symbol("DBR/USDT:USDT") == applied.positions[0].key.symbol


@pytest.mark.parametrize(
    "account, symbol",
    [(KEY.account, Symbol("BTC/USDT:USDT")), (Account("hedge"), KEY.symbol)],
    ids=["symbol", "account"],
)
async def test_a_fill_that_names_our_order_elsewhere_makes_no_second_position(
    url: str, account: Account, symbol: Symbol
) -> None:
    """
    It is unclaimed, and its reason has the key of the order that it names.
    """
    async with connect(url) as tracker:
        await tracker.recover()
        position = await tracker.steps.claim(KEY, side=Side.LONG, quantity=HUNDRED)
        await tracker.steps.submitting(position.ref)
        name = position.orders[0].client_order_id
        elsewhere = [
            replace(
                fill(OrderSide.BUY, quantity, "1", client_order_id=name, order="entry"),
                account=account,
                symbol=symbol,
            )
            for quantity in ("0.4", "0.6")
        ]
        applied = await tracker.apply_fills(*elsewhere)
        again = await tracker.apply_fills(*elsewhere)
        live = [one.ref async for one in tracker.live()]

    reasons = [one.unclaimed_because or "" for one in applied.unclaimed]
    assert elsewhere == [one.fill for one in applied.unclaimed]
    assert all(str(KEY) in reason for reason in reasons)
    assert () == applied.positions
    assert 2 == again.repeated
    assert [position.ref] == live
