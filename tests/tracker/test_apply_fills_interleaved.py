"""
Many tasks at one key: whatever the interleaving, no fill is lost or booked twice.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from decimal import Decimal

import pytest
from typing_extensions import override

from poslife import (
    ClosedPosition,
    Fill,
    OrderSide,
    OrderStatus,
    PersistedPosition,
    PositionStatus,
    PositionTracker,
    Side,
    Timings,
    VenueOrderId,
)
from poslife._domain.changes import Change, Committed
from poslife.errors import (
    IllegalTransition,
    PoslifeError,
    StaleVersion,
    StorageUnavailable,
)
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    HUNDRED,
    KEY,
    fill,
    tracking,
)


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
