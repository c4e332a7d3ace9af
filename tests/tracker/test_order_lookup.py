"""
An order is absent when the venue's orders, trades and holdings prove it; one flaw, and it is not.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from typing_extensions import override

from poslife import (
    OrderPurpose,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    PositionRef,
    PositionTracker,
    Side,
    Symbol,
    VenueOrderId,
)
from poslife._domain.events import OrderAbandoned
from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
    VenuePosition,
)
from poslife.errors import (
    VenueUnavailable,
)
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from poslife.venues import Trigger
from tests.tracker.crashed import TIMINGS, Bot, crashed, order_seen, while_time_passes
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    ToldVenue,
    bought,
    fail,
    opened,
    tracking,
)


async def test_an_order_that_never_existed_is_proven_absent(clock: ManualClock) -> None:
    """
    Not seen twice after it could no longer arrive, no foreign trade, nothing held: abandoned, with the proof
    stored.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bot = Bot(store, clock)
    tracker = await bot.start()
    venue = ToldVenue(clock)
    recovery = await while_time_passes(clock, tracker.recover(venue))
    events = [event async for event in tracker.history(ref)]
    proof = events[-2]

    assert [ref] == [position.ref for position in recovery.settled]
    assert venue.lookups >= TIMINGS.lookups
    assert await tracker.find_live(KEY) is None
    assert isinstance(proof.body, OrderAbandoned)
    assert str((proof.evidence or {})["reason"]).startswith("proven absent")
    await bot.stop()


async def test_absence_waits_until_the_request_can_no_longer_arrive(clock: ManualClock) -> None:
    """
    Within this run's own window a look-up that finds nothing proves nothing.
    """
    store = MemoryStore(clock=clock)
    bot = Bot(store, clock)
    tracker = await bot.start()
    await tracker.recover()
    position = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(100))
    await tracker.steps.submitting(position.ref)
    await tracker.steps.doubted(position.ref, reason="no answer")
    recovering = asyncio.create_task(tracker.recover(ToldVenue(clock)))
    await clock.elapse(TIMINGS.quiet - 1)
    assert not recovering.done()
    assert OrderStatus.IN_DOUBT is (await tracker.get(position.ref)).orders[0].status
    await while_time_passes(clock, recovering)

    assert OrderStatus.ABANDONED is (await tracker.get(position.ref)).orders[0].status
    await bot.stop()


@pytest.mark.parametrize(
    "flaw",
    ["foreign trade", "position there", "trades incomplete", "lookup not conclusive"],
)
async def test_absence_with_a_flaw_is_not_proven(clock: ManualClock, flaw: str) -> None:
    """
    One hint that the order may exist after all, and only an operator decides.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bot = Bot(store, clock)
    tracker = await bot.start()
    venue = ToldVenue(clock)
    if flaw == "foreign trade":
        venue.executed = [bought("1", order="unknown")]
    elif flaw == "position there":
        venue.held = VenuePosition(key=KEY, side=Side.LONG, quantity=Decimal(100))
    elif flaw == "trades incomplete":
        venue.shows_everything = False
    else:
        venue.conclusive = False
    recovery = await while_time_passes(clock, tracker.recover(venue))

    assert [ref] == [doubt.position.ref for doubt in recovery.still_in_doubt]
    assert 1 == len(recovery.still_in_doubt[0].reasons)
    await bot.stop()


class VenueWithConditionalOrders(ToldVenue):
    """
    A venue that does not promise to show its conditional orders, and keeps what it was asked.
    """

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.asked: list[bool | None] = []

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        self.asked.append(query.conditional)
        answer = await super().find_order(query)
        if isinstance(answer, OrderNotSeen) and query.conditional is not False:
            return replace(answer, conclusive_since=None, reason="it may be a conditional order")
        return answer


async def doubted_stop_entry(tracker: PositionTracker) -> PositionRef:
    opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED, trigger=Trigger(price=Decimal(70000)))
    with pytest.raises(TimeoutError):
        async with opening:
            await opening.submit(fail(TimeoutError()))
    return opening.ref


async def test_a_stop_entry_that_is_not_seen_is_not_abandoned(clock: ManualClock) -> None:
    """
    It may wait among the conditional orders: only a decision with a reason frees its key.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        ref = await doubted_stop_entry(tracker)
        venue = VenueWithConditionalOrders(clock)
        recovery = await while_time_passes(clock, tracker.recover(venue))

        assert {True} == set(venue.asked)
        assert [(ref, ("it may be a conditional order",))] == [
            (doubt.position.ref, doubt.reasons) for doubt in recovery.still_in_doubt
        ]

        await tracker.steps.abandoned(ref, reason="looked at the venue's page: there is none")

        assert await tracker.find_live(KEY) is None
        assert {"reason": "looked at the venue's page: there is none"} in [
            event.evidence async for event in tracker.history(ref)
        ]


async def test_the_fills_of_a_triggered_order_are_asked_for_by_its_new_id(clock: ManualClock) -> None:
    """
    The order was acknowledged under the id of the conditional one; its fills name the order made of it.
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="working")
    bot = Bot(store, clock)
    tracker = await bot.start()
    order = (await tracker.get(ref)).orders[0]
    venue = VenueWithConditionalOrders(clock)
    venue.executed = [bought("100", order="made1")]
    venue.orders[order.client_order_id] = replace(
        order_seen(clock, filled="100", status=OrderStatus.FILLED), venue_order_id=VenueOrderId("made1")
    )
    await while_time_passes(clock, tracker.recover(venue))
    held = await tracker.get(ref)

    assert isinstance(held, PersistedPosition)
    assert (HUNDRED, OrderStatus.FILLED) == (held.quantity, held.orders[0].status)
    await bot.stop()


async def test_a_fill_without_an_order_proves_no_absence(clock: ManualClock) -> None:
    """
    It may be of the very order that is looked for: stored is not the same as explained.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with opening:
                await opening.submit(fail(TimeoutError()))
        filled = bought("100", order="v9")
        await tracker.apply_fills(filled)
        venue = ToldVenue(clock)
        venue.executed.append(filled)
        venue.held = VenuePosition(key=KEY, side=Side.LONG, quantity=HUNDRED)
        recovery = await while_time_passes(clock, tracker.recover(venue))

        assert [0] == [doubt.order.ordinal for doubt in recovery.still_in_doubt]
        after = await tracker.get(opening.ref)

        assert OrderStatus.IN_DOUBT is after.orders[0].status


async def test_the_acknowledgement_overtakes_the_proof_of_absence(clock: ManualClock) -> None:
    """
    The look-ups did not see it; the host's own client did, at last.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with opening:
                await opening.submit(fail(TimeoutError()))

        class Overtaken(ToldVenue):
            @override
            async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
                await tracker.steps.acknowledged(opening.ref, venue_order_id=VenueOrderId("v1"))
                return await super().snapshot(scope)

        recovery = await while_time_passes(clock, tracker.recover(Overtaken(clock)))

        assert not recovery.still_in_doubt
        assert OrderStatus.WORKING is (await tracker.get(opening.ref)).orders[0].status


async def test_a_venue_that_cannot_be_asked_proves_nothing(clock: ManualClock) -> None:
    """
    A network error is not counted as not found: recover raises, the order stays in doubt (feature 42).
    """
    store = MemoryStore(clock=clock)
    ref = await crashed(store, clock, at="submitting")
    bot = Bot(store, clock)
    tracker = await bot.start()
    venue = ToldVenue(clock)
    venue.unreachable = True
    with pytest.raises(VenueUnavailable):
        await tracker.recover(venue)

    assert OrderStatus.IN_DOUBT is (await tracker.get(ref)).orders[0].status
    other = replace(KEY, symbol=Symbol("BTC/USDT:USDT"))
    assert isinstance(await tracker.steps.claim(other, side=Side.LONG, quantity=Decimal(1)), PendingPosition)
    venue.unreachable = False
    await while_time_passes(clock, tracker.recover(venue))
    assert OrderStatus.ABANDONED is (await tracker.get(ref)).orders[0].status
    await bot.stop()


async def test_every_page_of_trades_is_read(clock: ManualClock) -> None:
    """
    A foreign trade on the last page counts like one on the first.
    """

    class Paging(ToldVenue):
        @override
        async def fills(self, query: FillQuery, /) -> FillPage:
            whole = await super().fills(query)
            at = 0 if query.cursor is None else int(query.cursor)
            more = str(at + 1) if at + 1 < len(whole.fills) else None
            return replace(whole, fills=whole.fills[at : at + 1], next_cursor=more)

    store = MemoryStore(clock=clock)
    await crashed(store, clock, at="submitting")
    async with tracking(store, clock=clock, recovered=False) as tracker:
        venue = Paging(clock)
        venue.executed += [bought("1", order="theirs"), bought("2", order="theirs"), bought("3", order="x")]
        recovery = await while_time_passes(clock, tracker.recover(venue))

        assert ["3 trades since then belong to no order that is known"] == [
            reason for doubt in recovery.still_in_doubt for reason in doubt.reasons
        ]


async def test_trades_of_known_orders_disprove_nothing(clock: ManualClock) -> None:
    """
    A trade that is stored with its order, or names one, is not the order's that is looked for.
    """
    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        held = await opened(tracker)
        opening = await tracker.steps.prepare(held.ref, purpose=OrderPurpose.INCREASE, quantity=HUNDRED)
        await tracker.steps.submitting(held.ref, opening.ordinal)
        await tracker.steps.doubted(held.ref, opening.ordinal, reason="no answer")
        venue = ToldVenue(clock)
        venue.executed += [stored.fill async for stored in tracker.fills(held.ref)]
        venue.executed.append(bought("1", order="entry"))
        venue.held = VenuePosition(key=KEY, side=Side.LONG, quantity=HUNDRED)
        recovery = await while_time_passes(clock, tracker.recover(venue))

        assert [held.ref] == [position.ref for position in recovery.settled]
        assert OrderStatus.ABANDONED is (await tracker.get(held.ref)).orders[opening.ordinal].status


async def test_the_orders_own_trade_ends_its_doubt(clock: ManualClock) -> None:
    """
    A trade of the very order is booked, in whichever list the venue shows it; it is no known trade of others.
    """

    class WithoutFilter(ToldVenue):
        """
        A venue whose trades cannot be asked for by our name, though the list of all trades has it.
        """

        @override
        async def fills(self, query: FillQuery, /) -> FillPage:
            page = await super().fills(query)
            by_order = query.client_order_id is not None or query.venue_order_id is not None
            return replace(page, fills=(), complete=False) if by_order else page

    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with opening:
                await opening.submit(fail(TimeoutError()))
        venue = WithoutFilter(clock)
        venue.executed.append(replace(bought("100", order="v9"), client_order_id=opening.client_order_id))
        recovery = await while_time_passes(clock, tracker.recover(venue))
        after = await tracker.get(opening.ref)

        assert not recovery.still_in_doubt
        assert isinstance(after, PersistedPosition)
        assert HUNDRED == after.quantity
        assert OrderStatus.FILLED is after.orders[0].status


@pytest.mark.parametrize("ahead", [-3600, -60, -10, -1, 1, 10, 60, 3600])
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
async def test_the_hosts_clock_hides_no_trade(clock: ManualClock, ahead: float, *, named: bool) -> None:
    """
    A fill that is older than its order, by the host's clock, still keeps the order from being absent.
    """

    class Dated(ToldVenue):
        """
        A venue that keeps to the times it is asked for, by its own clock.
        """

        @override
        async def fills(self, query: FillQuery, /) -> FillPage:
            page = await super().fills(query)
            asked = tuple(fill for fill in page.fills if query.since is None or fill.at >= query.since)
            return replace(page, fills=asked)

    store = MemoryStore(clock=clock)
    async with tracking(store, clock=clock) as tracker:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        with pytest.raises(TimeoutError):
            async with opening:
                await opening.submit(fail(TimeoutError()))
        venue = Dated(clock)
        executed_at = opening.order.prepared_at - timedelta(seconds=ahead)
        fill = replace(bought("100", order="v9"), at=executed_at)
        venue.executed.append(replace(fill, client_order_id=opening.client_order_id) if named else fill)
        await while_time_passes(clock, tracker.recover(venue))
        order = (await tracker.get(opening.ref)).orders[0]

        assert (OrderStatus.FILLED if named else OrderStatus.IN_DOUBT) is order.status
