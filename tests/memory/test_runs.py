"""
Runs and their leases in memory.
"""

from __future__ import annotations

import pytest

from poslife._domain.identifiers import RunId, event_id_at
from poslife.errors import RunLost
from poslife.memory._runs import Runs
from poslife.protocols import NewRun
from poslife.testing.clock import ManualClock
from tests.values import AT, OTHER_RUN, RUN


def new_run(run: RunId, lease: float = 10) -> NewRun:
    return NewRun(id=run, machine="machine", pid=1, process_started="boot", lease=lease)


def test_a_run_ends_when_its_lease_runs_out_by_the_stores_clock() -> None:
    """
    A lease of ten seconds holds for less than ten seconds on the store's clock, and does not come back.
    """
    clock = ManualClock()
    runs = Runs(clock)
    runs.start(new_run(RUN))
    clock.advance(9.999)

    assert not runs.has_ended(RUN)

    clock.advance(0.001)

    assert runs.has_ended(RUN)
    with pytest.raises(RunLost):
        runs.renew(RUN, 10)
    with pytest.raises(RunLost):
        runs.start(new_run(RUN))


def test_an_unknown_run_has_ended() -> None:
    """
    A run that was never started counts as ended, and ending it leaves no trace.
    """
    runs = Runs(ManualClock())
    runs.end(RUN)

    assert runs.has_ended(RUN)
    assert [] == list(runs.listed())


def test_the_list_leaves_out_what_was_ended_by_hand() -> None:
    """
    The list has the runs that nobody ended, the lost among them as ended.
    """
    clock = ManualClock()
    runs = Runs(clock)
    lost, by_hand, alive = RUN, OTHER_RUN, RunId(event_id_at(AT, 3))
    for run, lease in ((lost, 1), (by_hand, 60), (alive, 60)):
        runs.start(new_run(run, lease))
    clock.advance(2)
    runs.end(by_hand)

    assert {lost: True, alive: False} == {run: known.ended for run, known in runs.listed()}
