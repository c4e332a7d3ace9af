"""
What a second pair of eyes found: interruptions, stale knowledge, and two tasks at one position.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import NoReturn

import pytest
from typing_extensions import override

from poslife import (
    Abandoned,
    BatchingSink,
    Closed,
    ClosedPosition,
    InDoubt,
    MarginMode,
    OrderSide,
    PersistedPosition,
    PositionKey,
    PositionTracker,
    RunId,
    Side,
    Timings,
    VenueOrderId,
    Working,
)
from poslife._domain.changes import Change, Committed
from poslife._domain.fills import Fill
from poslife._domain.orders import OrderStatus
from poslife._domain.position_status import PositionStatus
from poslife._domain.venue_answers import OrderSeen, Snapshot, SnapshotScope, VenuePosition
from poslife._runtime.clock import SystemClock
from poslife.errors import (
    AlreadyClosed,
    BlockMisused,
    IllegalTransition,
    InvalidValue,
    PoslifeError,
    StaleVersion,
    StorageUnavailable,
)
from poslife.memory import MemoryStore
from poslife.protocols import OwnerCandidates, OwnerQuery, Run
from tests.tracker.scenes import (
    KEY,
    Refused,
    ToldVenue,
    UnreliableStore,
    answer,
    bought,
    eventually,
    fail,
    fill,
    sold,
    tracking,
)

HUNDRED = Decimal(100)


async def opened(tracker: PositionTracker, quantity: str = "100") -> PersistedPosition:
    """
    A position that is held.
    """
    opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(quantity))
    async with opening:
        await opening.submit(answer())
        held = await opening.acknowledged(VenueOrderId("entry"), bought(quantity, order="entry"))
    assert isinstance(held, PersistedPosition)
    return held


class TestInterruptions:
    """
    However a block is left, the key is free exactly when nothing is live.
    """

    async def test_a_generator_closed_while_its_block_is_being_entered_gives_the_key_back(self) -> None:
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

    async def test_a_generator_closed_inside_its_block_leaves_the_order_in_doubt(self) -> None:
        store = UnreliableStore()
        async with tracking(store) as tracker:

            async def trade() -> AsyncGenerator[str]:
                async with tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED) as opening:
                    yield await opening.submit(answer())

            trading = trade()
            assert await anext(trading) == "ack"
            await trading.aclose()
            await eventually(lambda: len(store.commits) == 3)
            assert len([position async for position in tracker.in_doubt()]) == 1

    async def test_what_goes_on_by_itself_tells_of_its_failure(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = UnreliableStore()

        class Broken(RuntimeError):
            pass

        async with tracking(store) as tracker:

            async def trade() -> AsyncGenerator[str]:
                async with tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED) as opening:
                    yield await opening.submit(answer())

            trading = trade()
            await anext(trading)

            async def broken(_: Change, /) -> NoReturn:
                raise Broken("an adapter's bug")

            working, store.commit = store.commit, broken  # type: ignore[method-assign]
            await trading.aclose()
            await asyncio.sleep(0.01)
            store.commit = working  # type: ignore[method-assign]
        assert "an adapter's bug" in caplog.text

    @pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
    async def test_the_process_is_told_to_stop_inside_a_block(self, stop: type[BaseException]) -> None:
        store = MemoryStore()
        async with tracking(store) as tracker:
            opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
            with pytest.raises(stop):
                async with opening:
                    await opening.submit(answer())
                    raise stop
            assert isinstance(opening.outcome, InDoubt)

    async def test_a_timeout_around_a_block_is_a_timeout(self) -> None:
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
            assert task.cancelling() == 0
            assert isinstance(opening.outcome, InDoubt)

    async def test_a_timeout_that_strikes_while_the_block_is_left_is_a_timeout(self) -> None:
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
            assert task.cancelling() == 0
            assert isinstance(opening.outcome, InDoubt)

    async def test_a_sibling_of_a_task_group_fails(self) -> None:
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

    async def test_the_acknowledgement_is_cancelled_and_comes_through_all_the_same(self) -> None:
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
            assert held.orders[0].status is OrderStatus.FILLED

    async def test_nothing_is_sent_from_a_block_that_was_left(self) -> None:
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


class TestStopping:
    """
    Leaving the tracker ends, whatever is still inside.
    """

    async def test_the_store_is_gone_for_good_and_the_tracker_ends_all_the_same(self) -> None:
        store = UnreliableStore()
        timings = Timings(commit=0.05, shutdown=0.2)
        loop = asyncio.get_running_loop()
        before = asyncio.all_tasks()
        async with tracking(store, timings=timings) as tracker:
            opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
            with pytest.raises(StorageUnavailable):
                async with opening:
                    await opening.submit(answer())
                    store.down = True
            assert isinstance(opening.outcome, InDoubt)
            leaving = loop.time()
        assert loop.time() - leaving < 2
        assert asyncio.all_tasks() == before

    async def test_a_block_outlives_its_tracker(self) -> None:
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
        assert asyncio.all_tasks() == before

    async def test_a_store_that_cannot_describe_itself_stops_the_start(self) -> None:
        class Mute(MemoryStore):
            closed = False

            @override
            async def describe(self) -> str:
                raise StorageUnavailable("gone")

            @override
            async def aclose(self) -> None:
                self.closed = True

        store = Mute()
        before = asyncio.all_tasks()
        tracker = PositionTracker(repository=store, sink=BatchingSink(store))
        with pytest.raises(StorageUnavailable):
            await tracker.__aenter__()
        assert store.closed
        assert asyncio.all_tasks() == before

    async def test_a_store_whose_run_cannot_be_ended_is_closed_all_the_same(self) -> None:
        class Odd(MemoryStore):
            closed = False

            @override
            async def end_run(self, run: RunId, /) -> None:
                raise RuntimeError("an adapter's bug")

            @override
            async def aclose(self) -> None:
                self.closed = True

        store = Odd()
        with pytest.raises(RuntimeError, match="an adapter's bug"):
            async with tracking(store):
                pass
        assert store.closed

    async def test_an_adapters_bug_does_not_end_the_renewal_of_the_lease(self) -> None:
        class Odd(MemoryStore):
            renewals = 0

            @override
            async def renew_run(self, run: RunId, lease: float, /) -> Run:
                self.renewals += 1
                if self.renewals == 2:
                    raise RuntimeError("an adapter's bug")
                return await super().renew_run(run, lease)

        store = Odd()
        async with tracking(store, timings=Timings(lease=0.03, shutdown=1)) as tracker:
            await asyncio.sleep(0.06)
            assert store.renewals > 2
            await tracker.flush(1)
            assert "run.renewal_failed" in {event.header.type for event in store.recorded_events()}

    async def test_two_recoveries_after_a_lost_lease_begin_one_run(self) -> None:
        class Slow(MemoryStore):
            @override
            async def renew_run(self, run: RunId, lease: float, /) -> Run:
                await asyncio.sleep(0)
                return await super().renew_run(run, lease)

        store = Slow()
        async with tracking(store) as tracker:
            first = tracker.run
            await store.end_run(first)
            await asyncio.gather(tracker.recover(), tracker.recover())
            runs = (await store.list_runs()).items
            assert [run.id for run in runs if not run.ended] == [tracker.run]
            await opened(tracker)


class TestStaleKnowledge:
    """
    Fills come while a block believes what it saw last.
    """

    async def test_the_stop_closes_the_position_before_the_exit_is_sent(self) -> None:
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
            assert after.orders[-1].status is OrderStatus.ABANDONED
            with pytest.raises(RuntimeError):
                await asked  # it was closed unstarted

    async def test_fills_by_the_stream_and_by_the_acknowledgement_make_one_order_full(self) -> None:
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
            assert held.quantity == 100
            assert held.orders[0].filled == 100
            assert held.orders[0].status is OrderStatus.FILLED

    async def test_the_venue_refuses_what_the_stream_has_filled(self) -> None:
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

    async def test_a_block_is_left_without_a_word_after_its_fills(self) -> None:
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
            assert held.orders[0].status is OrderStatus.WORKING


class TestFills:
    """
    Odd fills.
    """

    async def test_a_conflict_is_told_once_however_often_it_is_seen(self) -> None:
        store = UnreliableStore()
        async with tracking(store) as tracker:
            held = await opened(tracker)
            await tracker.apply_fills(bought("1", trade_id="t"))
            commits = len(store.commits)
            for _ in range(3):
                applied = await tracker.apply_fills(bought("2", trade_id="t"))
                assert applied.repeated == 1
            assert len(store.commits) == commits + 1
            after = await tracker.get(held.ref)
            assert isinstance(after, PersistedPosition)
            assert after.quantity == 101

    @pytest.mark.parametrize("ordinal", [-1, 1, True])
    async def test_a_fill_of_an_order_that_is_not_there(self, ordinal: int) -> None:
        store = UnreliableStore()
        async with tracking(store) as tracker:
            held = await opened(tracker)
            commits = len(store.commits)
            with pytest.raises(InvalidValue, match="ordinal"):
                await tracker.steps.apply_fills(bought("1"), order=(held.ref, ordinal))
            assert len(store.commits) == commits

    async def test_a_fill_says_nothing_of_margin_modes(self) -> None:
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

    async def test_an_abandoned_order_fills_after_the_key_was_taken(self) -> None:
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
            assert [position.ref for position in applied.positions] == [held.ref]
            after = await tracker.get(held.ref)
            assert isinstance(after, PersistedPosition)
            assert after.quantity == 105

    async def test_a_fill_that_names_another_order_of_ours_is_that_ones(self) -> None:
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
            assert [order.filled for order in after.orders] == [100, 30, 70]

    async def test_a_store_that_blinks_while_fills_are_looked_up_is_asked_again(self) -> None:
        class Blinking(MemoryStore):
            blinks = 0

            @override
            async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
                self.blinks += 1
                if self.blinks % 2:
                    raise StorageUnavailable("a blink")
                return await super().candidates_for(query)

        async with tracking(Blinking()) as tracker:
            applied = await tracker.apply_fills(bought("1"), bought("2"))
            assert [position.status for position in applied.positions] == [PositionStatus.OPEN]


class TestRecovery:
    """
    What the venue shows, and what it does not.
    """

    async def test_a_fill_without_an_order_proves_no_absence(self) -> None:
        """
        It may be of the very order that is looked for: stored is not the same as explained.
        """
        store, clock = MemoryStore(), SystemClock()
        timings = Timings(
            submit_window=0.01,
            http_timeout=0.01,
            receive_window=0.01,
            lookup_interval=0.01,
            fills_within=0.02,
        )
        async with tracking(store, timings=timings) as tracker:
            opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
            with pytest.raises(TimeoutError):
                async with opening:
                    await opening.submit(fail(TimeoutError()))
            filled = bought("100", order="v9")
            await tracker.apply_fills(filled)
            venue = ToldVenue(clock)
            venue.executed.append(filled)
            venue.held = VenuePosition(key=KEY, side=Side.LONG, quantity=HUNDRED)
            recovery = await tracker.recover(venue)
            assert [doubt.order.ordinal for doubt in recovery.still_in_doubt] == [0]
            after = await tracker.get(opening.ref)
            assert after.orders[0].status is OrderStatus.IN_DOUBT

    async def test_the_acknowledgement_overtakes_the_proof_of_absence(self) -> None:
        """
        The look-ups did not see it; the host's own client did, at last.
        """
        store, clock = MemoryStore(), SystemClock()
        timings = Timings(
            submit_window=0.01,
            http_timeout=0.01,
            receive_window=0.01,
            lookup_interval=0.01,
            fills_within=0.02,
        )
        async with tracking(store, timings=timings) as tracker:
            opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
            with pytest.raises(TimeoutError):
                async with opening:
                    await opening.submit(fail(TimeoutError()))

            class Overtaken(ToldVenue):
                @override
                async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
                    await tracker.steps.acknowledged(opening.ref, venue_order_id=VenueOrderId("v1"))
                    return await super().snapshot(scope)

            recovery = await tracker.recover(Overtaken(clock))
            assert not recovery.still_in_doubt
            assert (await tracker.get(opening.ref)).orders[0].status is OrderStatus.WORKING

    async def test_a_working_order_that_is_shown_no_more_has_its_fills_asked_for(self) -> None:
        """
        Venues forget orders sooner than trades.
        """
        store, clock = MemoryStore(), SystemClock()
        async with tracking(store) as tracker:
            opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
            async with opening:
                await opening.submit(answer())
                await opening.acknowledged(VenueOrderId("v1"))
            assert isinstance(opening.outcome, Working)
        venue = ToldVenue(clock)
        venue.executed.append(
            fill(OrderSide.BUY, "100", "1", client_order_id=opening.client_order_id, order="v1")
        )
        async with tracking(store, recovered=False) as tracker:
            await tracker.recover(venue)
            held = await tracker.get(opening.ref)
            assert isinstance(held, PersistedPosition)
            assert held.orders[0].status is OrderStatus.FILLED

    async def test_fills_that_the_venue_says_and_does_not_show_are_told(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        store, clock = MemoryStore(), SystemClock()
        async with tracking(store) as tracker:
            opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
            with pytest.raises(TimeoutError):
                async with opening:
                    await opening.submit(fail(TimeoutError()))
            venue = ToldVenue(clock)
            venue.orders[opening.client_order_id] = OrderSeen(
                venue_order_id=VenueOrderId("v1"),
                client_order_id=opening.client_order_id,
                status=OrderStatus.FILLED,
                side=OrderSide.BUY,
                quantity=HUNDRED,
                filled=HUNDRED,
                at=clock.now(),
            )
            with caplog.at_level(logging.WARNING, "poslife.tracker"):
                await tracker.recover(venue)
            assert "does not show fills for 100" in caplog.text


class Jittery(MemoryStore):
    """
    Lets others in before and after every commit, and loses replies.
    """

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.calm = False

    async def _jitter(self) -> None:
        for _ in range(self.chance.choice((0, 0, 1, 2, 5))):
            await asyncio.sleep(0)

    @override
    async def commit(self, change: Change, /) -> Committed:
        if self.calm:
            return await super().commit(change)
        await self._jitter()
        if self.chance.random() < 0.03:
            raise StorageUnavailable("before")
        committed = await super().commit(change)
        await self._jitter()
        if self.chance.random() < 0.03:
            raise StorageUnavailable("after")
        return committed


@pytest.mark.parametrize("seed", range(60))
async def test_whatever_the_interleaving_no_fill_is_lost_or_booked_twice(  # noqa: C901 - one story, many hands
    seed: int,
) -> None:
    """
    A stream, an acknowledgement, exits, cancellations and repetitions at one key.

    Afterwards: every fill is stored once; what is held is what was bought less what was sold; versions and
    events have no gaps; the key is held exactly by what is live.
    """
    chance = random.Random(seed)
    store = Jittery(chance)
    made: list[Fill] = []
    unexpected: list[BaseException] = []
    stream: asyncio.Queue[Fill | None] = asyncio.Queue()

    def executed(side: OrderSide, quantity: Decimal, order: str, client_order_id: str | None) -> list[Fill]:
        parts = [quantity * share / 10 for share in chance.choice(((10,), (4, 6), (1, 2, 7)))]
        fills = [
            fill(side, str(part), "1.5", order=order, client_order_id=chance.choice((client_order_id, None)))
            for part in parts
        ]
        made.extend(fills)
        for one in fills:
            for _ in range(chance.choice((1, 2))):
                stream.put_nowait(one)
        return fills

    async def listen(tracker: PositionTracker) -> None:
        while (one := await stream.get()) is not None:
            await tracker.apply_fills(one)

    async def request(venue_order: str, side: OrderSide, quantity: Decimal, name: str) -> list[Fill]:
        await asyncio.sleep(0)
        fills = executed(side, quantity, venue_order, name)
        await asyncio.sleep(0)
        if chance.random() < 0.2:
            raise TimeoutError
        return fills

    async def trade(tracker: PositionTracker, number: int) -> None:
        opening = tracker.opening(KEY, side=Side.LONG, quantity=HUNDRED)
        try:
            async with opening:
                order = f"entry-{number}"
                fills = await opening.submit(request(order, OrderSide.BUY, HUNDRED, opening.client_order_id))
                await opening.acknowledged(VenueOrderId(order), *chance.choice((fills, [])))
            held = await tracker.get(opening.ref)
            if isinstance(held, PersistedPosition):
                closing = tracker.closing(held)
                async with closing:
                    order = f"exit-{number}"
                    fills = await closing.submit(
                        request(order, OrderSide.SELL, closing.quantity, closing.client_order_id)
                    )
                    await closing.acknowledged(VenueOrderId(order), *chance.choice((fills, [])))
        except (PoslifeError, TimeoutError) as error:
            if isinstance(error, StaleVersion | IllegalTransition):
                unexpected.append(error)

    async with tracking(store, timings=Timings(commit=5, shutdown=5)) as tracker:
        listening = [asyncio.create_task(listen(tracker)) for _ in range(2)]
        for number in range(4):
            trading = [asyncio.create_task(trade(tracker, 10 * number + index)) for index in range(2)]
            if chance.random() < 0.4:
                for _ in range(chance.randrange(20)):
                    await asyncio.sleep(0)
                trading[0].cancel()
            await asyncio.gather(*trading, return_exceptions=True)
            for task in trading:
                if not task.cancelled():
                    assert task.exception() is None
        for _ in listening:
            stream.put_nowait(None)
        await asyncio.gather(*listening)
        store.calm = True
        applied = await tracker.apply_fills(*made)
        assert applied.repeated == len(made)
        assert not applied.positions

    assert not unexpected
    check(store, made)


def check(store: MemoryStore, made: list[Fill]) -> None:
    """
    What must hold whatever happened.
    """
    stored = list(store._fills.by_key.values())  # pyright: ignore[reportPrivateUsage]
    positions = store._positions.by_ref  # pyright: ignore[reportPrivateUsage]
    events = store._life_events.records  # pyright: ignore[reportPrivateUsage]
    assert Counter(one.fill.trade_id for one in stored) == Counter(one.trade_id for one in made)
    for ref, position in positions.items():
        mine = [one for one in stored if one.ref == ref]
        bought_here = sum((one.fill.quantity for one in mine if one.fill.side is OrderSide.BUY), Decimal(0))
        sold_here = sum((one.fill.quantity for one in mine if one.fill.side is OrderSide.SELL), Decimal(0))
        match position:
            case PersistedPosition():
                assert position.quantity == bought_here - sold_here
            case ClosedPosition():
                assert bought_here == sold_here == position.entered_quantity
            case _:
                assert not mine
        told = sorted((event.version or 0, event.index or 0) for event in events if event.header.ref == ref)
        assert sorted({version for version, _ in told}) == list(range(1, position.version + 1))
        for version in range(1, position.version + 1):
            indexes = [index for of, index in told if of == version]
            assert indexes == list(range(len(indexes)))
        for order in position.orders:
            if order.venue_order_id is not None:
                assert order.filled == sum(
                    (one.fill.quantity for one in mine if one.fill.venue_order_id == order.venue_order_id),
                    Decimal(0),
                )
            assert order.status not in (OrderStatus.PREPARED, OrderStatus.SUBMITTING)
    holders = [position for position in positions.values() if position.live]
    assert len(holders) <= 1
    held = store._positions.holders.get(KEY)  # pyright: ignore[reportPrivateUsage]
    assert held == (holders[0].ref if holders else None)
    unclaimed = [one for one in stored if one.ref is None]
    assert not any(position.status is PositionStatus.PENDING and unclaimed for position in holders)
