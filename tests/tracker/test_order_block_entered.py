"""
Whatever is thrown into the entering of a block leaves nothing prepared behind.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from typing_extensions import override

from poslife import Closing, Opening, PersistedPosition, PositionTracker
from poslife._domain.changes import Change, Committed
from poslife.memory import MemoryStore
from tests.tracker.scenes import KEY, block_tasks, eventually, open_long, opened, tracking

TURNS = 5


class SlowStore(MemoryStore):
    """
    A store whose commits take some turns of the event loop, before and after they happen.
    """

    slow = False

    @override
    async def commit(self, change: Change, /) -> Committed:
        for _ in range(TURNS * self.slow):
            await asyncio.sleep(0)
        committed = await super().commit(change)
        for _ in range(TURNS * self.slow):
            await asyncio.sleep(0)
        return committed


def _open(tracker: PositionTracker, _: PersistedPosition | None) -> Opening:
    return open_long(tracker)


def _close(tracker: PositionTracker, held: PersistedPosition | None) -> Closing:
    assert held is not None
    return tracker.closing(held)


@pytest.mark.parametrize("turns", range(1, 3 * TURNS))
@pytest.mark.parametrize(
    "thrown",
    [
        asyncio.CancelledError(),
        GeneratorExit(),
        KeyboardInterrupt(),
        TimeoutError(),
        SystemExit(),
        ValueError(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("block_of", [_open, _close], ids=["opening", "closing"])
async def test_nothing_prepared_is_left_behind(
    block_of: Callable[[PositionTracker, PersistedPosition | None], Opening | Closing],
    thrown: BaseException,
    turns: int,
) -> None:
    """
    After any exception, at any turn of the event loop, no order of the block holds its key or its closing.
    """
    store = SlowStore()
    async with tracking(store) as tracker:
        held = await opened(tracker) if block_of is _close else None
        store.slow = True
        block = block_of(tracker, held)
        entering = block.__aenter__()
        waited_for: asyncio.Future[object] = entering.send(None)
        for _ in range(turns):
            await asyncio.sleep(0)
        if waited_for.done():
            entering.close()  # as a task does that ends after the answer came and before it was taken
        else:
            with pytest.raises(type(thrown)):
                entering.throw(thrown)
        store.slow = False
        await eventually(lambda: not block_tasks())

        if held is None:
            assert await tracker.find_live(KEY) is None
        else:
            position = await tracker.get(held.ref)
            assert all(order.status.ended for order in position.orders)
