"""
This process as a run, and runs whose process cannot be seen.
"""

from __future__ import annotations

import getpass
import os
import platform
import sys
from dataclasses import replace

import pytest

from poslife._runtime.process import is_certainly_dead, this_run, this_user
from poslife.protocols import Run
from tests.values import AT, RUN, later

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there it cannot be known: the lease decides")


def run_of(machine: str, pid: int, started: str) -> Run:
    return Run(
        id=RUN,
        machine=machine,
        pid=pid,
        process_started=started,
        started_at=AT,
        lease_until=later(30),
        ended=False,
    )


def own_run() -> Run:
    own = this_run(RUN, 30.0)
    return run_of(own.machine, own.pid, own.process_started)


def test_this_process_is_alive() -> None:
    """
    It says who it is, and is never taken for dead.
    """
    own = this_run(RUN, 30.0)

    assert (RUN, os.getpid(), 30.0) == (own.id, own.pid, own.lease)
    assert platform.node() in own.machine
    assert not is_certainly_dead(own_run())


def test_a_process_of_another_machine_cannot_be_seen() -> None:
    """
    It cannot be known from here if it is dead: the lease decides.
    """
    own = own_run()

    assert not is_certainly_dead(replace(own, machine="another", pid=2**31 - 1))
    assert is_certainly_dead(replace(own, pid=2**31 - 1))


@pytest.mark.skipif(sys.platform != "linux", reason="process name spaces are Linux's")
def test_a_container_is_another_machine() -> None:
    """
    The boot and the process name space are in a machine's name: containers cannot see each other's processes.
    """
    name = own_run().machine

    assert "pid:[" in name
    assert len(name) <= 255
    assert not is_certainly_dead(replace(own_run(), machine=name.replace("pid:[", "pid:[1"), pid=2**31 - 1))


def test_the_user_has_a_name_or_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    In a container a user may have no name.
    """
    named = this_user()
    monkeypatch.setattr(getpass, "getuser", _nameless)

    assert getpass.getuser is _nameless
    assert f"user {os.getuid()}" == this_user()
    assert named != this_user()


def _nameless() -> str:
    raise KeyError("uid not found")
