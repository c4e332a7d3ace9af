"""
A block whose order was sent past `submit`: the order may exist, and is never given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from poslife import (
    Closed,
    InDoubt,
    Opened,
    OrderStatus,
    PositionTracker,
    VenueOrderId,
    Working,
    connect,
)
from poslife.errors import InvalidValue, KeyInDoubt
from poslife.events import Severity
from tests.tracker.scenes import (
    QUICK,
    Refused,
    answer,
    bought,
    fail,
    open_long,
    opened,
    refuses,
    sold,
    status_of,
)


@asynccontextmanager
async def tracking_at(url: str, folder: Path) -> AsyncGenerator[PositionTracker]:
    """
    A started tracker over the store at *url*.
    """
    async with connect(url, journal=folder / "events", timings=QUICK, classify=refuses) as tracker:
        await tracker.recover()
        yield tracker


async def test_sent_without_submit_and_acknowledged(url: str, tmp_path: Path) -> None:
    """
    The acknowledgement is evidence: the order works under its name, and the misuse is an ERROR event.
    """
    async with tracking_at(url, tmp_path) as tracker:
        async with open_long(tracker) as opening:
            await answer()
            await opening.acknowledged(VenueOrderId("v1"))

        assert isinstance(opening.outcome, Working)
        assert VenueOrderId("v1") == (await tracker.get(opening.ref)).orders[0].venue_order_id
        await tracker.flush(5)
        events = [event.header async for event in tracker.history(opening.ref)]
        misuse = [header for header in events if header.type == "opening.misused"]
        assert [Severity.ERROR] == [header.severity for header in misuse]


async def test_sent_without_submit_and_acknowledged_with_fills(url: str, tmp_path: Path) -> None:
    """
    Its fills are booked, and the position is open; an exit that was sent so closes it.
    """
    async with tracking_at(url, tmp_path) as tracker:
        async with open_long(tracker, "10") as opening:
            await opening.acknowledged(VenueOrderId("v1"), bought("10", order="v1"))

        assert isinstance(opening.outcome, Opened)
        async with tracker.closing(opening.outcome.position) as closing:
            await closing.acknowledged(VenueOrderId("v2"), sold("10", order="v2"))
        assert isinstance(closing.outcome, Closed)


@pytest.mark.parametrize("kind", ["answer", "task"])
async def test_submit_of_an_answer_is_in_doubt(url: str, tmp_path: Path, kind: str) -> None:
    """
    `submit(await create_order(…))` and `submit(create_task(…))` are refused, and the order is in doubt.
    """
    async with tracking_at(url, tmp_path) as tracker:
        opening = open_long(tracker)
        given = await answer() if kind == "answer" else asyncio.create_task(answer())
        with pytest.raises(InvalidValue, match="without `await`"):
            async with opening:
                await opening.submit(given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        assert isinstance(opening.outcome, InDoubt)
        assert OrderStatus.IN_DOUBT is await status_of(tracker, opening)
        with pytest.raises(KeyInDoubt):
            async with open_long(tracker):
                pytest.fail("the key is in doubt")


async def test_an_answer_is_acknowledged_after_it_was_refused(url: str, tmp_path: Path) -> None:
    """
    A host that catches the refusal can still give the venue's name of the order.
    """
    async with tracking_at(url, tmp_path) as tracker:
        async with open_long(tracker) as opening:
            with pytest.raises(InvalidValue):
                await opening.submit(await answer())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            await opening.acknowledged(VenueOrderId("v1"))

        assert isinstance(opening.outcome, Working)


async def test_a_retry_past_submit_after_a_refusal_is_in_doubt(url: str, tmp_path: Path) -> None:
    """
    The first request was refused, the second was sent past `submit`: what the venue holds is not known.
    """
    async with tracking_at(url, tmp_path) as tracker:
        async with open_long(tracker) as opening:
            with pytest.raises(Refused):
                await opening.submit(fail(Refused()))
            with pytest.raises(InvalidValue):
                await opening.submit(await answer())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        assert isinstance(opening.outcome, InDoubt)


async def test_an_exit_submitted_as_an_answer_is_in_doubt(url: str, tmp_path: Path) -> None:
    """
    The exit is in doubt, and the position stays held.
    """
    async with tracking_at(url, tmp_path) as tracker:
        closing = tracker.closing(await opened(tracker))
        with pytest.raises(InvalidValue):
            async with closing:
                await closing.submit(await answer())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        assert isinstance(closing.outcome, InDoubt)
