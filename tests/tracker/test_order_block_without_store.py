"""
A block whose store does not answer: nothing is sent without an intention, and the host's exception wins.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from poslife import (
    Abandoned,
    InDoubt,
    OrderStatus,
    PersistedPosition,
    PositionTracker,
    Side,
    Timings,
    VenueOrderId,
)
from poslife.errors import (
    BlockMisused,
    StorageUnavailable,
)
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    QUICK,
    UnreliableStore,
    answer,
    bought,
    open_long,
    status_of,
    tracking,
)


async def test_store_that_is_away_before_the_claim() -> None:
    """
    Without a committed intention nothing is opened, and the host hears of it.
    """
    store = UnreliableStore()
    async with tracking(store, timings=replace(QUICK, commit=0.01)) as tracker:
        store.down = True
        with pytest.raises(StorageUnavailable):
            async with open_long(tracker):
                pytest.fail("nothing was committed")
        store.down = False

        assert await tracker.find_live(KEY) is None


async def test_store_that_goes_away_before_submit_sends_nothing() -> None:
    """
    Where SUBMITTING cannot be committed the request is not made; the order is abandoned once the store is
    back.
    """
    store = UnreliableStore()
    sent: list[str] = []

    async def request() -> None:
        sent.append("sent")

    async with tracking(store, timings=replace(QUICK, commit=0.01)) as tracker:
        opening = open_long(tracker)
        with pytest.raises(StorageUnavailable):
            async with opening:
                store.down = True
                await opening.submit(request())
        store.down = False

        assert [] == sent
        assert isinstance(opening.outcome, Abandoned)
    assert OrderStatus.ABANDONED is (await store.get(opening.ref)).orders[0].status


async def test_nothing_is_sent_from_a_block_that_was_left() -> None:
    """
    Not even where the store was away, so that the order is still prepared.
    """
    store = UnreliableStore()
    async with tracking(store, timings=Timings(commit=0.02, shutdown=1)) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(StorageUnavailable):
            async with opening:
                store.down = True
        store.down = False
        with pytest.raises(BlockMisused):
            await opening.submit(answer())
        assert isinstance(opening.outcome, Abandoned)


async def test_store_that_goes_away_after_the_request() -> None:
    """
    The host's own exception wins over the store's, the outcome is in doubt, and it is committed once the
    store is back.
    """
    store = UnreliableStore()

    async def request() -> str:
        store.down = True
        raise TimeoutError("no answer")

    async with tracking(store, timings=replace(QUICK, commit=0.01)) as tracker:
        opening = open_long(tracker)
        with pytest.raises(TimeoutError, match="no answer"):
            async with opening:
                await opening.submit(request())

        assert isinstance(opening.outcome, InDoubt)
        assert OrderStatus.SUBMITTING is await status_of(tracker, opening)
        store.down = False
    assert OrderStatus.IN_DOUBT is (await store.get(opening.ref)).orders[0].status


async def test_store_that_goes_away_without_an_exception_of_the_host() -> None:
    """
    Where the host has raised nothing, leaving the block raises that the order is not settled.
    """
    store = UnreliableStore()
    async with tracking(store, timings=replace(QUICK, commit=0.01)) as tracker:
        opening = open_long(tracker)
        with pytest.raises(StorageUnavailable):
            async with opening:
                await opening.submit(answer())
                store.down = True

        assert isinstance(opening.outcome, InDoubt)
        store.down = False


async def test_every_reply_lost_once() -> None:
    """
    Each commit's reply is lost in turn, and every step is taken exactly once.
    """
    for lost in range(4):
        store = UnreliableStore()
        async with tracking(store) as tracker:
            opening = open_long(tracker)
            store.lose_replies = 1 if lost == 0 else 0
            async with opening:
                store.lose_replies = 1 if lost == 1 else 0
                await opening.submit(answer())
                store.lose_replies = 1 if lost == 2 else 0
                held = await opening.acknowledged(VenueOrderId("v1"), bought("100", order="v1"))

            assert isinstance(held, PersistedPosition)
            assert 3 == held.version
            types = [event.header.type async for event in tracker.history(opening.ref)]
            assert len(types) == len(set(types))


async def test_a_claim_of_unknown_fate_is_abandoned_once_the_store_is_back() -> None:
    """
    The claim was committed and its reply lost for longer than the host waits: the key is not held for ever.
    """
    store = UnreliableStore()
    async with tracking(store, timings=replace(QUICK, commit=0.05)) as tracker:
        opening = open_long(tracker)
        store.lose_replies = 1_000_000
        with pytest.raises(StorageUnavailable, match="lost the reply"):
            async with opening:
                pytest.fail("the store did not answer")
        store.lose_replies = 0
    assert OrderStatus.ABANDONED is (await store.get(opening.ref)).orders[0].status


async def test_a_block_outlives_its_tracker() -> None:
    """
    It says that nothing could be stored, and leaves no task behind that tries for ever.
    """
    store = UnreliableStore()
    inside, go_on = asyncio.Event(), asyncio.Event()
    before = asyncio.all_tasks()

    async def trade(tracker: PositionTracker) -> None:
        async with tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED) as opening:
            await opening.submit(answer())
            inside.set()
            await go_on.wait()

    async with tracking(store, timings=Timings(commit=0.05, shutdown=0.1)) as tracker:
        trading = asyncio.create_task(trade(tracker))
        await inside.wait()
    store.down = True  # as a closed database is
    go_on.set()
    with pytest.raises(StorageUnavailable):
        await trading
    await asyncio.sleep(0.05)

    assert before == asyncio.all_tasks()
