"""
A plan is committed once, whatever the store and the others do; its events name their cause and their actor.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from poslife import (
    EventId,
    Opened,
    OrderStatus,
    PersistedPosition,
    Position,
    PositionTracker,
    Severity,
    Side,
    Symbol,
    Timings,
    VenueOrderId,
    acting_as,
    causing,
    connect,
)
from poslife._domain import order_steps
from poslife._domain.client_order_ids import CLIENT_ORDER_IDS
from poslife._domain.plans import Plan
from poslife._runtime.ids import new_ref
from poslife._tracker.committing import Committer
from poslife._tracker.manifest import Manifest
from poslife._tracker.run_life import RunLife
from poslife.errors import DuplicatePosition, IllegalTransition, PoslifeMisuseWarning, StorageUnavailable
from poslife.events import Actor, EventHeader
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from tests.tracker.scenes import (
    KEY,
    UnreliableStore,
    answer,
    bought,
    causes,
    fail,
    life_of,
    sold,
    tracking,
)
from tests.values import claimed

ENTRY = ["position.claimed", "order.prepared", "order.submitting", "position.opened", "order.filled"]


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


async def test_nothing_is_told_of_what_was_not_committed() -> None:
    """
    A claim that is refused leaves no event; one that is committed tells of itself once, by its transition
    (incident 54).
    """
    store = UnreliableStore()
    async with tracking(store) as tracker:
        async with (first := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))):
            refused = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))
            with pytest.raises(DuplicatePosition):
                async with refused:
                    pytest.fail("the key is taken")
            await first.submit(answer())
            store.lose_replies = 1
            await first.acknowledged(VenueOrderId("v"), bought("1", order="v"))
        opened = [
            event async for event in tracker.history(first.ref) if event.header.type == "position.opened"
        ]

        assert 1 == len(opened)
        assert [] == [event async for event in tracker.history(refused.ref)]


async def test_no_audit_call_can_be_forgotten() -> None:
    """
    The host records nothing itself, and every step of the life is told all the same (incident 55).
    """
    async with tracking(MemoryStore()) as tracker:
        async with (opening := tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1))):
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId("v"), bought("1", order="v"))
        told = [event.header.type async for event in tracker.history(opening.ref)]

        assert [
            "position.claimed",
            "order.prepared",
            "order.submitting",
            "fill.applied",
            "order.ended",
            "position.opened",
        ] == told


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

    assert [causes(told) for _, told in found] == [{(signal, signal)} for signal, _ in found]


# ---------------------------------------------------------------------------------------------- committer


def committer_over(store: MemoryStore, clock: ManualClock) -> Committer:
    timings = Timings(commit=1)

    def record(*_: object, **__: object) -> None:
        pytest.fail("the run is not renewed here")

    manifest = Manifest(host_version=None, configuration=None, timings=timings, client_order_ids={})
    life = RunLife(store, clock=clock, lease=timings.lease, manifest=manifest, record=record)
    return Committer(store, clock=clock, life=life, formats=CLIENT_ORDER_IDS, timings=timings)


@pytest.fixture
async def begun(clock: ManualClock) -> tuple[UnreliableStore, Committer, Position]:
    store = UnreliableStore(clock=clock)
    committer = committer_over(store, clock)
    await committer.life.start()
    ref = new_ref(clock)
    plan = claimed(
        ref=ref,
        run=committer.life.id,
        client_order_id=committer.client_order_id(ref, 0, KEY.venue),
        at=clock.now(),
    )
    (position,) = (await committer.put(plan)).positions
    return store, committer, position


async def test_a_known_position_is_not_read(begun: tuple[UnreliableStore, Committer, Position]) -> None:
    """
    A step is planned from the position as it was last seen; where that is out of date, from the stored one.
    """
    store, committer, known = begun
    planned: list[int] = []

    def step(position: Position, at: datetime) -> Plan:
        planned.append(position.version)
        return order_steps.submitting(position, 0, at=at)

    after = await committer.take(known.ref, step, known=known)

    assert (2, [1]) == (after.version, planned)
    with pytest.raises(IllegalTransition):
        await committer.take(known.ref, step, known=known)
    assert [1, 1, 2] == planned
    assert 3 == len(store.commits)


async def test_a_step_that_has_to_read_more_is_awaited(
    begun: tuple[UnreliableStore, Committer, Position],
) -> None:
    """
    A step may give its plan at once, or when it has read more; an empty plan commits nothing.
    """
    store, committer, known = begun

    async def step(position: Position, _: datetime) -> Plan:
        await committer.read(position.ref)
        return order_steps.abandoned(position, 0, reason="never sent")

    after = await committer.take(known.ref, step)

    assert OrderStatus.ABANDONED is after.orders[0].status
    assert after == await committer.take(known.ref, step)
    assert 2 == len(store.commits)


async def test_a_plan_is_repeated_as_one_change(
    begun: tuple[UnreliableStore, Committer, Position], clock: ManualClock
) -> None:
    """
    Where the reply is lost the same change is committed again, under its id.
    """
    store, committer, known = begun
    store.lose_replies = 2
    stepping = asyncio.ensure_future(
        committer.take(known.ref, lambda position, at: order_steps.submitting(position, 0, at=at))
    )
    while not stepping.done():
        await clock.elapse(0.1)

    assert 2 == (await stepping).version
    assert 1 == len({change.id for change in store.commits[1:]})
    assert 3 == len(store.commits[1:])


async def test_a_store_that_does_not_answer_is_given_up_in_time(
    begun: tuple[UnreliableStore, Committer, Position], clock: ManualClock
) -> None:
    """
    A call is repeated as long as the committer's patience lasts, and not at all once it was told to stop.
    """
    store, committer, known = begun
    store.down = True
    started = clock.monotonic()

    def step(position: Position, at: datetime) -> Plan:
        return order_steps.submitting(position, 0, at=at)

    for patient, seconds in ((committer, 1), (committer.with_patience(3), 3)):
        started = clock.monotonic()
        stepping = asyncio.ensure_future(patient.take(known.ref, step))
        while not stepping.done():
            await clock.elapse(0.1)
        with pytest.raises(StorageUnavailable, match="switched the store off"):
            await stepping
        assert seconds <= clock.monotonic() - started < seconds + 1
    committer.stop_retrying()
    with pytest.raises(StorageUnavailable):
        await committer.take(known.ref, step)
    assert "switched the store off" in str(committer.unavailable())
