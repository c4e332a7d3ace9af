"""
A block that is cancelled, timed out or closed: its key is free exactly when nothing is live.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from decimal import Decimal

import pytest

from poslife import (
    Abandoned,
    BatchingSink,
    InDoubt,
    OrderStatus,
    PersistedPosition,
    PositionTracker,
    Side,
    VenueOrderId,
    causing,
)
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    QUICK,
    Refused,
    UnreliableStore,
    answer,
    block_tasks,
    bought,
    causes,
    eventually,
    open_long,
    status_of,
    tracking,
)


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_cancellation_in_submit_is_in_doubt(times: int) -> None:
    """
    Cancelled while the request is under way, once or again and again: in doubt, committed, and still
    cancelled.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        opening = open_long(tracker)
        under_way = asyncio.Event()

        async def request() -> str:
            under_way.set()
            await asyncio.Event().wait()
            return "never"

        async def trade() -> None:
            async with opening:
                await opening.submit(request())

        trading = asyncio.create_task(trade())
        await under_way.wait()
        store.pause = asyncio.Event()
        for _ in range(times):
            trading.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        assert not trading.done()

        store.pause.set()
        with pytest.raises(asyncio.CancelledError):
            await trading
        assert isinstance(opening.outcome, InDoubt)
        assert OrderStatus.IN_DOUBT is await status_of(tracker, opening)


async def test_cancelled_while_preparing_frees_the_key() -> None:
    """
    A claim that was under way when the host was cancelled is committed and then abandoned, never left behind.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        opening = open_long(tracker)
        store.pause = asyncio.Event()
        entering = asyncio.create_task(opening.__aenter__())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        store.pause.set()
        await eventually(lambda: len(store.commits) == 2)

        assert OrderStatus.ABANDONED is await status_of(tracker, opening)
        assert await tracker.find_live(KEY) is None


async def test_cancelled_while_submitting_is_committed_sends_nothing() -> None:
    """
    The request is not made when the host is cancelled before SUBMITTING is committed; the order is abandoned.
    """
    store = UnreliableStore()
    sent: list[str] = []

    async def request() -> None:
        sent.append("sent")

    async with tracking(store) as tracker:
        opening = open_long(tracker)
        entered = asyncio.Event()

        async def trade() -> None:
            async with opening:
                store.pause = asyncio.Event()
                entered.set()
                await opening.submit(request())

        trading = asyncio.create_task(trade())
        await entered.wait()
        await asyncio.sleep(0)
        trading.cancel()
        await asyncio.sleep(0)
        assert store.pause is not None
        store.pause.set()
        with pytest.raises(asyncio.CancelledError):
            await trading

        assert [] == sent
        assert isinstance(opening.outcome, Abandoned)
        assert OrderStatus.ABANDONED is await status_of(tracker, opening)


async def test_closing_the_coroutine_settles_in_the_background() -> None:
    """
    GeneratorExit leaves no time to wait; the order is settled all the same.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        opening = open_long(tracker)
        sent = asyncio.Event()

        async def trade() -> None:
            async with opening:
                await opening.submit(answer())
                sent.set()
                await asyncio.Event().wait()

        coroutine = trade()
        trading = asyncio.ensure_future(coroutine)
        await eventually(sent.is_set)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        coroutine.close()
        trading.cancel()
        with pytest.raises((asyncio.CancelledError, RuntimeError)):
            await trading
        await eventually(lambda: len(store.commits) == 3)

        assert OrderStatus.IN_DOUBT is await status_of(tracker, opening)


async def test_async_generator_closed_around_a_block() -> None:
    """
    A block inside an async generator that is closed early leaves its order in doubt, not forgotten.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        opening = open_long(tracker)

        async def stream() -> AsyncGenerator[str]:
            async with opening:
                yield await opening.submit(answer())

        generator = stream()
        await anext(generator)
        await generator.aclose()
        await eventually(lambda: len(store.commits) == 3)

        assert OrderStatus.IN_DOUBT is await status_of(tracker, opening)


async def test_a_generator_closed_while_its_block_is_being_entered_gives_the_key_back() -> None:
    """
    What was prepared is abandoned in the background, and the key is free.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        store.pause = asyncio.Event()

        async def trade() -> None:
            async with tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED):
                pytest.fail("it was never entered")

        trading = trade()
        trading.send(None)
        trading.close()
        store.pause.set()
        await eventually(lambda: len(store.commits) == 2)

        assert await tracker.find_live(KEY) is None


async def test_a_generator_closed_inside_its_block_leaves_the_order_in_doubt() -> None:
    """
    The order is settled in the background: it was sent, and its fate is not known.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:

        async def trade() -> AsyncGenerator[str]:
            async with tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED) as opening:
                yield await opening.submit(answer())

        trading = trade()

        assert "ack" == await anext(trading)
        await trading.aclose()
        await eventually(lambda: len(store.commits) == 3)
        await eventually(lambda: not block_tasks())

        assert 1 == len([position async for position in tracker.in_doubt()])


async def test_a_block_that_is_closed_amid_something_else_keeps_its_own_cause() -> None:
    """
    A coroutine may be closed by whoever holds it last: what that is about has not caused this.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        first, second = (tracker.record("signal.seen", None, {}) for _ in range(2))
        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))

        async def trading() -> AsyncGenerator[None]:
            with causing(first):
                async with opening:
                    await opening.submit(answer())
                    yield

        under_way = trading()
        await anext(under_way)
        with causing(second):
            # In a task of its own, as an event loop closes what nobody has.
            await asyncio.create_task(_close(under_way))
            await eventually(lambda: len(store.commits) == 3)
        await tracker.flush()
        told = [event.header async for event in tracker.history(opening.ref)]

    assert {"order.in_doubt", "opening.failed"} <= {header.type for header in told}
    assert {(first, first)} == causes(told)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
async def test_the_process_is_told_to_stop_inside_a_block(stop: type[BaseException]) -> None:
    """
    `KeyboardInterrupt` and `SystemExit` leave the order in doubt, and go on.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(stop):
            async with opening:
                await opening.submit(answer())
                raise stop
        assert isinstance(opening.outcome, InDoubt)


async def test_a_timeout_around_a_block_is_a_timeout() -> None:
    """
    The cancellations are counted as asyncio wants them: the task is not cancelled afterwards.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), opening:
                await opening.submit(asyncio.sleep(5, "late"))
        task = asyncio.current_task()

        assert task is not None
        assert 0 == task.cancelling()
        assert isinstance(opening.outcome, InDoubt)


async def test_a_timeout_that_strikes_while_the_block_is_left_is_a_timeout() -> None:
    """
    The order is settled all the same, and the task is not cancelled afterwards.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                async with opening:
                    await opening.submit(answer())
                    store.pause = asyncio.Event()
                    asyncio.get_running_loop().call_later(0.1, store.pause.set)
        task = asyncio.current_task()

        assert task is not None
        assert 0 == task.cancelling()
        assert isinstance(opening.outcome, InDoubt)


async def test_a_sibling_of_a_task_group_fails() -> None:
    """
    The cancelled block's order is in doubt, and the group fails with the sibling's error.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)

        async def trade() -> None:
            async with opening:
                await opening.submit(asyncio.sleep(5, "late"))

        async def sibling() -> None:
            await asyncio.sleep(0.01)
            raise Refused

        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(trade(), name="trades")
                group.create_task(sibling(), name="fails")
        assert isinstance(opening.outcome, InDoubt)


async def test_the_acknowledgement_is_cancelled_and_comes_through_all_the_same() -> None:
    """
    An acknowledgement under way is committed, however often its caller is cancelled.
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)

        async def trade() -> None:
            async with opening:
                await opening.submit(answer())
                store.pause = asyncio.Event()
                await opening.acknowledged(VenueOrderId("v1"), bought("100", order="v1"))

        trading = asyncio.create_task(trade())
        await eventually(lambda: store.pause is not None)
        await asyncio.sleep(0.01)
        for _ in range(3):
            trading.cancel()
            await asyncio.sleep(0)

        assert store.pause is not None
        store.pause.set()
        with pytest.raises(asyncio.CancelledError):
            await trading
        held = await tracker.get(opening.ref)
        assert isinstance(held, PersistedPosition)
        assert OrderStatus.FILLED is held.orders[0].status


async def _close(generator: AsyncGenerator[None]) -> None:
    await generator.aclose()


@pytest.mark.parametrize("entered", [False, True], ids=["being entered", "entered"])
def test_a_coroutine_closed_after_its_event_loop_leaves_its_order_to_recovery(*, entered: bool) -> None:
    """
    Nothing can be committed without a loop: closing raises nothing, and the order is as committed last.
    """
    store = UnreliableStore()

    async def trade(tracker: PositionTracker) -> None:
        async with open_long(tracker):
            await asyncio.Event().wait()

    async def start() -> Coroutine[object, object, None]:
        tracker = PositionTracker(repository=store, sink=BatchingSink(store), timings=QUICK)
        async with tracker:
            await tracker.recover()
            trading = trade(tracker)
            trading.send(None)  # as far as it gets without the claim
            await eventually(lambda: bool(store.commits))
            if entered:
                await asyncio.sleep(0)
                trading.send(None)  # into the block
        return trading

    trading = asyncio.run(start())
    trading.close()

    assert OrderStatus.PREPARED is store.commits[0].transitions[0].orders[0].status
    assert 1 == len(store.commits)
