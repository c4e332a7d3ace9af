"""
A block submits one order, once, and its outcome follows from what the host saw.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import NoReturn

import pytest

from poslife import (
    Abandoned,
    InDoubt,
    Opened,
    OrderSide,
    OrderStatus,
    PersistedPosition,
    PositionStatus,
    Rejected,
    Side,
    VenueOrderId,
)
from poslife._tracker.order_block import doubt_everything
from poslife.errors import (
    BlockMisused,
    InvalidValue,
    KeyInDoubt,
    SubmitWindowPassed,
)
from poslife.memory import MemoryStore
from poslife.protocols import SubmitContext, SubmitVerdict
from poslife.testing.clock import ManualClock
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    OTHER_KEY,
    Refused,
    UnreliableStore,
    answer,
    eventually,
    fail,
    fill,
    open_long,
    tracking,
)


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


async def test_a_block_is_left_without_a_word_after_its_fills() -> None:
    """
    Its fills are evidence: the order works, and the position is held.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        async with opening:
            await opening.submit(answer())
            await tracker.apply_fills(
                fill(OrderSide.BUY, "30", "1", client_order_id=opening.client_order_id, order="v1")
            )
        held = await tracker.get(opening.ref)
        assert isinstance(held, PersistedPosition)
        assert OrderStatus.WORKING is held.orders[0].status


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


async def test_the_venue_refuses_what_the_stream_has_filled() -> None:
    """
    Presence is evidence; the classifier was wrong.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)

        async def filled_and_refused() -> NoReturn:
            await tracker.apply_fills(
                fill(OrderSide.BUY, "100", "1", client_order_id=opening.client_order_id)
            )
            raise Refused

        with pytest.raises(Refused):
            async with opening:
                await opening.submit(filled_and_refused())
        assert isinstance(await tracker.get(opening.ref), PersistedPosition)


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
        assert "test_order_block.py" in str(told[0].body)


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
    A refusal of what was not sent, or asking for the outcome inside, is a mistake and said so.
    """
    async with tracking(MemoryStore()) as tracker:
        opening = open_long(tracker)
        with pytest.raises(BlockMisused):
            _ = opening.client_order_id
        async with opening:
            with pytest.raises(BlockMisused):
                await opening.rejected("it was not sent")
            with pytest.raises(BlockMisused):
                _ = opening.outcome
        with pytest.raises(BlockMisused):
            async with opening:
                pytest.fail("entered twice")


async def test_a_classifier_that_fails_refuses_nothing() -> None:
    """
    The host hears of the venue's exception, and the order is in doubt.
    """

    def broken(_: BaseException, __: SubmitContext, /) -> SubmitVerdict:
        raise RuntimeError("a classifier's bug")

    async with tracking(MemoryStore(), classify=broken) as tracker:
        opening = open_long(tracker)
        with pytest.raises(Refused):
            async with opening:
                await opening.submit(fail(Refused()))

        assert isinstance(opening.outcome, InDoubt)


async def test_without_a_classifier_nothing_is_a_refusal() -> None:
    """
    Safe for any venue client: each of its exceptions leaves the order in doubt.
    """
    async with tracking(MemoryStore(), classify=doubt_everything) as tracker:
        opening = open_long(tracker)
        with pytest.raises(Refused):
            async with opening:
                await opening.submit(fail(Refused()))

        assert isinstance(opening.outcome, InDoubt)
