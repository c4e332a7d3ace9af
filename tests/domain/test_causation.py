"""
Correlation, causation and actor of recorded events.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any
from uuid import UUID

import msgspec
import pytest

from poslife import BatchingSink, EventId, PositionTracker, Severity, SinkHealth, acting_as, causing
from poslife._domain.causation import current_context
from poslife._trail.host_events import host_event
from poslife.errors import PoslifeMisuseWarning, StorageUnavailable
from poslife.events import Actor, EventHeader, HostBody, HostEvent, LifeEvent, PositionEnded, RecordedEvent
from poslife.memory import MemoryStore
from tests.sink.fakes import FakeStore, later
from tests.tracker.scenes import tracking
from tests.values import AT, RUN, new_event_id

FIRST, SECOND, THIRD = (new_event_id() for _ in range(3))
BELONGS_TO = UUID(int=0xB)


def told(**fields: Any) -> EventHeader:
    """
    The header of an event that is recorded in the current context.
    """
    return host_event(
        "bot.told",
        None,
        {},
        severity=Severity.INFO,
        error=None,
        run=RUN,
        now=lambda: AT,
        new_event_id=lambda _: new_event_id(),
    ).header


def header(**fields: Any) -> EventHeader:
    return EventHeader(id=FIRST, type="signal", occurred_at=AT, run=RUN, **fields)


def test_nothing_causes_an_event_unless_it_is_said() -> None:
    """
    Outside of any block an event has no cause and no correlation, and the strategy acts.
    """
    assert (None, None, Actor.STRATEGY) == (told().causation, told().correlation, told().actor)


def test_the_innermost_event_is_the_cause_and_the_outermost_what_it_belongs_to() -> None:
    """
    An event's cause is the innermost block's event, its correlation the outermost one's (incident 55).

    Also feature 86.
    """
    with causing(FIRST):
        entry = told()
        with causing(SECOND):
            stop = told()
            with causing(THIRD):
                last = told()
        after = told()

    assert [(FIRST, FIRST), (SECOND, FIRST), (THIRD, FIRST), (FIRST, FIRST)] == [
        (one.causation, one.correlation) for one in (entry, stop, last, after)
    ]
    assert None is told().causation


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(HostEvent(header=header(correlation=BELONGS_TO), payload={}), id="host event"),
        pytest.param(
            RecordedEvent(header=header(correlation=BELONGS_TO), body=HostBody(payload={}), recorded_at=AT),
            id="recorded event",
        ),
        pytest.param(
            LifeEvent(header=header(correlation=BELONGS_TO), version=1, index=0, body=PositionEnded()),
            id="life event",
        ),
    ],
)
def test_an_event_brings_what_it_belongs_to(event: HostEvent | RecordedEvent | LifeEvent) -> None:
    """
    An event with a correlation passes it on, so a chain continues in another task or after a restart.
    """
    with causing(event):
        assert (FIRST, BELONGS_TO) == (told().causation, told().correlation)
    with causing(SECOND), causing(event):
        assert (FIRST, SECOND) == (told().causation, told().correlation)


def test_it_ends_with_the_block_also_when_that_raises() -> None:
    """
    The context ends with its block, also if that raises.
    """
    with pytest.raises(RuntimeError, match="mine"), causing(FIRST), acting_as(Actor.OPERATOR):
        raise RuntimeError("mine")

    assert (None, Actor.STRATEGY) == (told().causation, told().actor)


def test_who_acts_is_told() -> None:
    """
    The actor of the innermost block is recorded, whatever the cause is.
    """
    with causing(FIRST), acting_as(Actor.OPERATOR):
        assert (FIRST, Actor.OPERATOR) == (told().causation, told().actor)
        with acting_as(Actor.STRATEGY):
            assert Actor.STRATEGY is told().actor


async def test_tasks_and_threads_inherit_it() -> None:
    """
    Tasks started in a block, and `asyncio.to_thread`, inherit its context, also after the block has ended.
    """
    go_on = asyncio.Event()

    async def later() -> EventHeader:
        await go_on.wait()
        return told()

    with causing(FIRST):
        task = asyncio.create_task(later())
        in_thread = await asyncio.to_thread(told)
        async with asyncio.TaskGroup() as group:
            inner = group.create_task(asyncio.sleep(0, told()))
    beside = asyncio.create_task(later())
    go_on.set()

    assert [FIRST, FIRST, FIRST, None] == [
        one.causation for one in (await task, in_thread, inner.result(), await beside)
    ]


def test_a_thread_of_ones_own_takes_a_copy_of_the_context() -> None:
    """
    A thread inherits the context through `contextvars.copy_context`, and not without.
    """
    found: list[EventId | None] = []
    with causing(FIRST):
        context = contextvars.copy_context()
        threads = [
            threading.Thread(target=lambda: found.append(told().causation)),
            threading.Thread(target=lambda: context.run(lambda: found.append(told().causation))),
        ]
        for thread in threads:
            thread.start()
            thread.join()

    assert [None, FIRST] == found


async def test_two_tasks_do_not_meet() -> None:
    """
    Concurrent tasks each have their own cause.
    """

    async def tell(event: EventId) -> EventId | None:
        with causing(event):
            await asyncio.sleep(0)
            return told().causation

    assert [FIRST, SECOND] == list(await asyncio.gather(tell(FIRST), tell(SECOND)))


@pytest.mark.parametrize("wrong", ["pending", None, 7, object(), {"id": FIRST}, header()])
def test_what_is_no_event_breaks_nothing_and_is_told(wrong: Any) -> None:
    """
    An invalid cause raises nothing: events within the block report it, with severity ERROR and a warning.
    """
    with causing(FIRST), causing(wrong), pytest.warns(PoslifeMisuseWarning, match="within"):
        event = host_event(
            "stop_loss.placed",
            None,
            {"price": 1},
            severity=Severity.INFO,
            error=None,
            run=RUN,
            now=lambda: AT,
            new_event_id=lambda _: new_event_id(),
        )

    assert (Severity.ERROR, FIRST) == (event.header.severity, event.header.causation)
    assert {"price": 1, "misuse": {"within": (wrong,)}} == event.payload
    assert () == current_context().invalid


def test_what_is_no_actor_breaks_nothing() -> None:
    """
    An invalid actor raises nothing: it is reported, and the actor stays as it was.
    """
    operator: Any = "operator"
    with acting_as(operator), pytest.warns(PoslifeMisuseWarning, match="within"):
        assert Actor.STRATEGY is told().actor


async def test_what_an_alarm_records_has_no_cause_but_itself() -> None:
    """
    The sink's tasks do not inherit the context of the event that started them.
    """
    store = FakeStore()
    store.away = StorageUnavailable("connection refused")
    alarms: list[SinkHealth] = []

    def alarm(health: SinkHealth) -> None:
        if not alarms:
            alarms.append(health)
            tracker.record("bot.alarmed", None, {})

    sink = BatchingSink(store, linger=0.0, alarm=alarm)
    tracker = PositionTracker(repository=store, sink=sink)
    with causing(FIRST):
        tracker.record("signal.seen", None, {})
    await later(lambda: bool(alarms))
    store.away = None
    await sink.aclose(20)
    seen, alarmed = (event.header for event in store.recorded_events())

    assert (FIRST, None) == (seen.causation, alarmed.causation)


async def test_it_is_stored_and_read_back() -> None:
    """
    Cause, correlation and actor of a recorded event are stored.
    """
    store = MemoryStore()
    async with tracking(store) as tracker:
        signal = tracker.record("signal", None, {})
        with causing(signal), acting_as(Actor.OPERATOR):
            tracker.record("entry.decided", None, {})
        await tracker.flush()
    (found,) = [event.header for event in store.recorded_events() if event.header.type == "entry.decided"]

    assert (signal, signal, Actor.OPERATOR) == (found.causation, found.correlation, found.actor)
    assert found == msgspec.structs.replace(found)
