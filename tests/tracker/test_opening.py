"""
An opening block ends in one of five outcomes, whatever happens to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from decimal import Decimal

import pytest

from poslife import (
    Abandoned,
    BatchingSink,
    InDoubt,
    Opened,
    Opening,
    OrderSide,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    PositionStatus,
    PositionTracker,
    Rejected,
    Side,
    Symbol,
    VenueOrderId,
    Working,
)
from poslife.errors import (
    BlockMisused,
    DuplicatePosition,
    InvalidValue,
    KeyInDoubt,
    NotRecovered,
    StorageUnavailable,
    SubmitWindowPassed,
    TrackerNotStarted,
)
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from tests.tracker.scenes import (
    KEY,
    QUICK,
    Refused,
    UnreliableStore,
    answer,
    bought,
    eventually,
    fail,
    fill,
    tracking,
)

OTHER_KEY = replace(KEY, symbol=Symbol("BTC/USDT:USDT"))


def open_long(tracker: PositionTracker, quantity: str = "100") -> Opening:
    return tracker.opening(KEY, side=Side.LONG, quantity=Decimal(quantity))


async def status_of(tracker: PositionTracker, opening: Opening, ordinal: int = 0) -> OrderStatus:
    return (await tracker.get(opening.ref)).orders[ordinal].status


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


async def test_refusal_out_of_submit_is_rejected_and_frees_the_key() -> None:
    """
    A definitive refusal rejects, goes on its way unchanged, and leaves nothing that blocks the symbol
    (incident 24).
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        refusal = Refused("insufficient balance")
        with pytest.raises(Refused) as raised:
            async with opening:
                await opening.submit(fail(refusal))

        assert raised.value is refusal
        assert isinstance(opening.outcome, Rejected)
        assert "insufficient balance" in opening.outcome.reason
        assert PositionStatus.ENDED is opening.outcome.position.status
        assert await tracker.find_live(KEY) is None
        async with open_long(tracker) as again:
            await again.submit(answer())
            await again.acknowledged(None)


@pytest.mark.parametrize(
    "error", [TimeoutError("no answer"), RuntimeError("bare"), KeyboardInterrupt()], ids=repr
)
async def test_any_other_exception_out_of_submit_is_in_doubt(error: BaseException) -> None:
    """
    A time-out is not a rejection: the key takes no new entry until it is known what became of the order.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        with pytest.raises(type(error)):
            async with opening:
                await opening.submit(fail(error))

        assert isinstance(opening.outcome, InDoubt)
        with pytest.raises(KeyInDoubt):
            async with open_long(tracker):
                pytest.fail("the key is in doubt")


async def test_leaving_before_submit_abandons() -> None:
    """
    Whatever makes the host leave before it submits, the key is free again.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        with pytest.raises(ZeroDivisionError):
            async with opening:
                raise ZeroDivisionError

        assert isinstance(opening.outcome, Abandoned)
        assert await tracker.find_live(KEY) is None


async def test_leaving_after_submit_without_a_word_is_in_doubt() -> None:
    """
    However good the reason for leaving: what the host did not say is not known.
    """
    async with tracking(MemoryStore()) as tracker:
        async with open_long(tracker) as opening:
            await opening.submit(answer())

        assert isinstance(opening.outcome, InDoubt)
        other = tracker.opening(OTHER_KEY, side=Side.LONG, quantity=Decimal(1))
        with pytest.raises(Refused):
            async with other:
                await other.submit(answer())
                raise Refused("raised by the host itself, not by submit")
        assert isinstance(other.outcome, InDoubt)


async def test_rejected_by_word_is_rejected() -> None:
    """
    A venue that answers with a rejection, and raises nothing, is told by `rejected`.
    """
    async with tracking(MemoryStore()) as tracker:
        async with open_long(tracker) as opening:
            await opening.submit(answer())
            await opening.rejected("the venue says no")

        assert isinstance(opening.outcome, Rejected)
        assert "the venue says no" == opening.outcome.reason


async def test_rejected_after_the_acknowledgement() -> None:
    """
    Some venues reject after they have acknowledged; that ends the order all the same.
    """
    async with tracking(MemoryStore()) as tracker:
        async with open_long(tracker) as opening:
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId("v1"))
        position = await tracker.steps.rejected(opening.ref, reason="post-only would take")

        assert PositionStatus.ENDED is position.status


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


async def test_the_window_passes_before_the_request() -> None:
    """
    A request that could only be made too late is not made, and the order is abandoned.
    """
    clock = ManualClock()
    store = UnreliableStore(clock=clock)
    sent: list[str] = []

    async def request() -> None:
        sent.append("sent")

    async with tracking(store, clock=clock) as tracker:
        opening = open_long(tracker)

        async def trade() -> None:
            async with opening:
                store.pause = asyncio.Event()
                await opening.submit(request())

        trading = asyncio.create_task(trade())
        await eventually(lambda: store.pause is not None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        clock.advance(5.5)
        assert store.pause is not None
        store.pause.set()
        with pytest.raises(SubmitWindowPassed):
            await trading

        assert [] == sent
        assert isinstance(opening.outcome, Abandoned)


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


async def test_an_exception_of_the_host_is_recorded_with_its_traceback() -> None:
    """
    The host's exceptions are part of the position's story.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        with pytest.raises(ZeroDivisionError):
            async with opening:
                _ = 1 // 0
        await tracker.flush(1)
        told = [
            event async for event in tracker.history(opening.ref) if event.header.type == "opening.failed"
        ]

        assert 1 == len(told)
        assert "ZeroDivisionError" in str(told[0].body)
        assert "test_opening.py" in str(told[0].body)


async def test_a_started_task_is_refused() -> None:
    """
    A task may have sent already; only a coroutine that was not started can be held back.
    """
    async with tracking(MemoryStore()) as tracker, open_long(tracker) as opening:
        task = asyncio.create_task(answer())
        with pytest.raises(InvalidValue, match="not started"):
            await opening.submit(task)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await task


async def test_one_block_submits_once() -> None:
    """
    A second submit in one block would be a second order under the same id.
    """
    async with tracking(MemoryStore()) as tracker, open_long(tracker) as opening:
        await opening.submit(answer())
        with pytest.raises(BlockMisused):
            await opening.submit(answer())
        await opening.acknowledged(None)


async def test_steps_out_of_order_are_refused() -> None:
    """
    Acknowledging what was not sent, or asking for the outcome inside, is a mistake and said so.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        with pytest.raises(BlockMisused):
            _ = opening.client_order_id
        async with opening:
            with pytest.raises(BlockMisused):
                await opening.acknowledged(None)
            with pytest.raises(BlockMisused):
                _ = opening.outcome
        with pytest.raises(BlockMisused):
            async with opening:
                pytest.fail("entered twice")


async def test_opening_before_recover_is_refused() -> None:
    """
    What ended runs left must be settled before anything new is opened.
    """
    async with tracking(MemoryStore(), recovered=False) as tracker:
        with pytest.raises(NotRecovered):
            async with open_long(tracker):
                pytest.fail("not recovered")


async def test_a_tracker_that_is_not_started_records_and_does_nothing_else() -> None:
    """
    `record` works at any time; everything else says that the tracker is not started.
    """
    tracker = PositionTracker(repository=(store := MemoryStore()), sink=BatchingSink(store))
    tracker.record("before.start", None, {"x": 1})
    with pytest.raises(TrackerNotStarted):
        open_long(tracker)
    async with tracker:
        await tracker.flush(1)

        assert "before.start" in [event.header.type for event in store.recorded_events()]


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


async def test_evidence_wins_over_a_refusal() -> None:
    """
    The client raised a refusal, and a stream has shown the fill: the position is open.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)

        async def refused_and_filled() -> None:
            await tracker.apply_fills(
                fill(OrderSide.BUY, "100", "1", order="v", client_order_id=str(opening.client_order_id))
            )
            raise Refused("so it says")

        with pytest.raises(Refused):
            async with opening:
                await opening.submit(refused_and_filled())

        assert isinstance(opening.outcome, Opened)


async def test_claiming_again_under_the_same_ref_is_safe() -> None:
    """
    A plain call of unknown fate is repeated under its ref, and gives the same position.
    """
    async with tracking(MemoryStore()) as tracker:
        first = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1))
        again = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1), ref=first.ref)

        assert first == again


async def test_a_fill_of_another_symbol_is_refused_before_anything_is_written() -> None:
    """
    A fill handed to the wrong order is the host's mistake, and is said so.
    """
    async with tracking(MemoryStore()) as tracker, open_long(tracker) as opening:
        await opening.submit(answer())
        with pytest.raises(InvalidValue, match="a fill of"):
            await opening.acknowledged(None, replace(bought("1"), symbol=Symbol("BTCUSDT")))
        held = await opening.acknowledged(None)

        assert isinstance(held, PendingPosition)
