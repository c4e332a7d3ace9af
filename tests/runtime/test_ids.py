"""
UUIDv7s: they increase within a process, whatever its clock does.
"""

from __future__ import annotations

import copy
import os
import pickle
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from poslife import EventId
from poslife._domain.checks import require_position_ref
from poslife._domain.identifiers import event_id_at
from poslife._runtime.ids import EventIds, new_ref, new_run_id, next_after
from poslife.testing.clock import ManualClock


class SteppingClock(ManualClock):
    """
    Goes as far as the test says with each reading; back, too.
    """

    def __init__(self, steps: list[timedelta]) -> None:
        super().__init__()
        self._steps = steps
        self._at = datetime(2026, 1, 1, tzinfo=UTC)

    @override
    def now(self) -> datetime:
        self._at += self._steps.pop(0) if self._steps else timedelta()
        return self._at


@given(st.lists(st.timedeltas(timedelta(days=-1), timedelta(days=1)), max_size=40))
def test_event_ids_increase_whatever_the_clock_does(steps: list[timedelta]) -> None:
    """
    Standing still, going back or jumping ahead: each id is greater than the one before, and a UUIDv7.
    """
    ids = EventIds(SteppingClock(steps))
    made = [ids.new() for _ in range(40)]

    assert sorted(set(made)) == made
    for one in made:
        assert (7, "specified in RFC 4122") == (one.version, one.variant)


def test_event_ids_of_threads_are_all_different() -> None:
    """
    A thousand from each of four threads, while the clock stands still, are four thousand.
    """
    ids = EventIds(ManualClock())
    made: list[EventId] = []

    def make() -> None:
        mine = [ids.new() for _ in range(1000)]
        assert sorted(mine) == mine
        made.extend(mine)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4000 == len(set(made))


@given(st.integers(0, (1 << 74) - 2))
def test_the_id_after_another_is_the_next_uuid7(entropy: int) -> None:
    """
    One more in the random bits, carried over the fixed ones, up to the last of the millisecond.
    """
    at = datetime(2026, 1, 1, tzinfo=UTC)

    assert event_id_at(at, entropy + 1).int == next_after(event_id_at(at, entropy).int)


def test_the_id_after_the_last_of_a_millisecond_is_the_first_of_the_next() -> None:
    """
    The carry goes on into the time.
    """
    at = datetime(2026, 1, 1, tzinfo=UTC)

    last, first = event_id_at(at, (1 << 74) - 1), event_id_at(at + timedelta(milliseconds=1), 0)
    assert first.int == next_after(last.int)
    carried = event_id_at(at, (5 << 62) | ((1 << 62) - 1))
    assert event_id_at(at, 6 << 62).int == next_after(carried.int)


def test_new_names_are_new() -> None:
    """
    Refs and runs of one instant differ, and a ref is one.
    """
    clock = ManualClock()
    refs = {new_ref(clock) for _ in range(1000)}

    assert 1000 == len(refs)
    for ref in refs:
        require_position_ref("ref", ref)
    assert 1000 == len({new_run_id(clock) for _ in range(1000)})


def test_an_id_is_a_uuid_like_any_other() -> None:
    """
    Made the short way, it is what `UUID` makes of the same number: equal, copied, pickled, printed.
    """
    made = EventIds(ManualClock()).new()
    same = UUID(int=made.int)

    assert (same, hash(same), repr(same)) == (made, hash(made), repr(made))
    assert same.is_safe is made.is_safe
    assert made == copy.deepcopy(made) == pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes


def test_an_id_is_of_the_time_it_is_given() -> None:
    """
    To the millisecond, at the ends of time, too.
    """
    for at in (
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ):
        made = EventIds(ManualClock()).new(at)
        assert event_id_at(at, 0).int >> 80 == made.int >> 80
    assert 7 == EventIds(ManualClock()).new(datetime.min.replace(tzinfo=UTC)).version


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forking is POSIX's")
def test_a_child_of_a_fork_makes_ids_of_its_own() -> None:
    """
    In the same millisecond parent and child count on from the same id, and never give the same one.
    """
    ids = EventIds(ManualClock())
    before = ids.new()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - in the child
        try:
            os.write(writing, b"".join(ids.new().bytes for _ in range(100)))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        made = file.read()
    theirs = [UUID(bytes=made[place : place + 16]) for place in range(0, len(made), 16)]
    os.waitpid(child, 0)
    ours = [ids.new() for _ in range(100)]

    assert 100 == len(theirs)
    assert not set(ours) & set(theirs)
    assert all(one > before and one.version == 7 for one in (*ours, *theirs))
