"""
A signal is linked to all that it sets off: life events name what caused them, and who acted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from poslife import (
    EventId,
    Opened,
    OrderSide,
    PersistedPosition,
    PositionRef,
    PositionTracker,
    Severity,
    Side,
    Symbol,
    VenueOrderId,
    acting_as,
    causing,
    connect,
)
from poslife._runtime.clock import SystemClock
from poslife.errors import PoslifeMisuseWarning
from poslife.events import Actor, EventHeader
from poslife.memory import MemoryStore
from tests.tracker.scenes import (
    KEY,
    QUICK,
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

ENTRY = ["position.claimed", "order.prepared", "order.submitting", "position.opened", "order.filled"]


async def life_of(tracker: PositionTracker, ref: PositionRef) -> list[EventHeader]:
    """
    The headers of a position's life events.
    """
    return [event.header async for event in tracker.history(ref) if event.version is not None]


def causes(headers: list[EventHeader]) -> set[tuple[EventId | None, object]]:
    """
    The causes and correlations among them.
    """
    return {(header.causation, header.correlation) for header in headers}


async def bought_on(tracker: PositionTracker, signal: EventId) -> PersistedPosition:
    """
    A position that a signal opened.
    """
    with causing(signal):
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(2))):
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId("v"), bought("2", order="v"))
    assert isinstance(opening.outcome, Opened)
    return opening.outcome.position


async def test_a_signal_is_linked_to_all_that_it_sets_off(url: str, tmp_path: Path) -> None:
    """
    From the claim to the last step within, and no further: what comes later has a cause of its own, or none
    (incident 55).
    """
    async with connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        signal = tracker.record("signal.seen", None, {})
        held = await bought_on(tracker, signal)
        entry = await life_of(tracker, held.ref)

        stop = tracker.record("stop.touched", held, {})
        with causing(signal), causing(stop):
            async with (closing := tracker.closing(held)):
                await closing.submit(answer())
                await closing.acknowledged(VenueOrderId("w"), sold("1", order="w"))
        exit_ = (await life_of(tracker, held.ref))[len(entry) :]

        applied = await tracker.apply_fills(sold("1", order="w"))
        rest = (await life_of(tracker, held.ref))[len(entry) + len(exit_) :]

    assert ENTRY[:3] == [header.type for header in entry][:3]
    assert {(signal, signal)} == causes(entry)
    assert {(stop, signal)} == causes(exit_)
    assert "position.closed" in [header.type for header in rest]
    assert {(None, None)} == causes(rest)
    assert {Actor.STRATEGY} == {header.actor for header in (*entry, *exit_, *rest)}
    assert 1 == len(applied.positions)


async def test_what_is_settled_when_a_block_is_left_has_the_cause(url: str, tmp_path: Path) -> None:
    """
    A task of the tracker's own settles it: the order in doubt is the signal's, too.
    """
    async with connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        signal = tracker.record("signal.seen", None, {})
        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
        with contextlib.suppress(TimeoutError), causing(signal):
            async with opening:
                await opening.submit(fail(TimeoutError()))
        told = await life_of(tracker, opening.ref)

    assert "order.in_doubt" == told[-1].type
    assert {(signal, signal)} == causes(told)


async def test_what_recovery_settles_has_no_cause_but_itself(url: str, tmp_path: Path) -> None:
    """
    It is called while a signal is dealt with, and settles whatever there is: that is not the signal's doing,
    nor the operator's.
    """
    venue = ToldVenue(SystemClock())
    async with connect(url, journal=tmp_path / "events", timings=QUICK) as tracker:
        await tracker.recover()
        first, second = (tracker.record("signal.seen", None, {}) for _ in range(2))
        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
        with contextlib.suppress(TimeoutError), causing(first):
            async with opening:
                await opening.submit(fail(TimeoutError()))
        doubted = await life_of(tracker, opening.ref)
        venue.executed = [fill(OrderSide.BUY, "1", "1", order="v", client_order_id=opening.client_order_id)]
        with causing(second), acting_as(Actor.OPERATOR):
            await tracker.recover(venue)
        settled = (await life_of(tracker, opening.ref))[len(doubted) :]

    assert "position.opened" in [header.type for header in settled]
    assert {(None, None, Actor.RECOVERY)} == {
        (header.causation, header.correlation, header.actor) for header in settled
    }


async def test_who_acts_is_told_of_steps_and_a_step_that_is_told_who_knows_better() -> None:
    """
    An operator's plain calls are the operator's, with no word at each; an actor that is given wins.
    """
    async with tracking(MemoryStore()) as tracker:
        with acting_as(Actor.OPERATOR):
            position = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1))
            await tracker.steps.submitting(position.ref)
            await tracker.steps.acknowledged(position.ref, actor=Actor.STRATEGY)
            await tracker.steps.apply_fills(bought("1"), order=(position.ref, 0), actor=Actor.RECONCILER)
        told = await life_of(tracker, position.ref)
    by_type = {header.type: header.actor for header in told}

    assert Actor.OPERATOR is by_type["position.claimed"]
    assert Actor.OPERATOR is by_type["order.submitting"]
    assert Actor.STRATEGY is by_type["order.acknowledged"]
    assert Actor.RECONCILER is by_type["position.opened"]


@pytest.mark.parametrize("wrong", ["pending", None, object(), {"id": 7}])
async def test_a_wrong_cause_breaks_no_trade(wrong: Any) -> None:
    """
    The position is opened as ever; its events have severity ERROR and what is known of their cause.
    """
    async with tracking(MemoryStore()) as tracker:
        signal = tracker.record("signal.seen", None, {})
        with pytest.warns(PoslifeMisuseWarning, match="causing"), causing(wrong):
            held = await bought_on(tracker, signal)
        told = await life_of(tracker, held.ref)

    assert {Severity.ERROR} == {header.severity for header in told}
    assert {(signal, signal)} == causes(told)


async def test_two_signals_at_once_do_not_meet() -> None:
    """
    Each position has its own cause, however their steps take turns.
    """

    async def on_signal(tracker: PositionTracker, symbol: Symbol) -> tuple[EventId, list[EventHeader]]:
        signal = tracker.record("signal.seen", None, {})
        opening = tracker.opening(replace(KEY, symbol=symbol), side=Side.LONG, quantity=Decimal(1))
        with causing(signal):
            async with opening:
                await opening.submit(answer())
                await opening.acknowledged(VenueOrderId(symbol))
        return signal, await life_of(tracker, opening.ref)

    async with tracking(MemoryStore()) as tracker:
        symbols = Symbol("A/USDT:USDT"), Symbol("B/USDT:USDT")
        found = await asyncio.gather(*(on_signal(tracker, symbol) for symbol in symbols))

    assert [{(signal, signal)} for signal, _ in found] == [causes(told) for _, told in found]


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


async def _close(generator: AsyncGenerator[None]) -> None:
    await generator.aclose()
