from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from poslife._runtime.process import is_certainly_dead, this_run
from poslife.protocols import Run
from tests.values import AT, RUN, later

SCRIPT = """
import sys, uuid
from poslife._runtime.process import this_run
run = this_run(uuid.UUID(int=1), 30.0)
print(run.machine, run.pid, run.process_started, sep="\\n", flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="there nothing can be told: the lease decides"
)


@contextmanager
def another_bot() -> Generator[tuple[subprocess.Popen[str], Run]]:
    """
    A child process and the run it says it is; it waits until its input ends.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        try:
            assert child.stdout is not None
            machine, pid, started = (child.stdout.readline().strip() for _ in range(3))
            assert str(child.pid) == pid
            yield child, run_of(machine, child.pid, started)
        finally:
            child.kill()


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


@pytest.mark.slow
def test_a_killed_process_is_dead_at_once() -> None:
    """
    Alive while it runs; dead from the kill on, as a zombie that nobody has waited for, and when it is gone.
    """
    with another_bot() as (child, run):
        assert not is_certainly_dead(run)

        child.kill()
        # Waits for the end, and leaves the zombie to be seen.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        if sys.platform == "linux":
            assert is_certainly_dead(run)

        child.wait()
        assert is_certainly_dead(run)


@pytest.mark.slow
def test_a_process_id_given_to_somebody_else_is_no_sign_of_life() -> None:
    """
    The same number with another start is another process.
    """
    with another_bot() as (_, run):
        if run.process_started:
            assert is_certainly_dead(replace(run, process_started="1"))
        assert not is_certainly_dead(replace(run, process_started=""))


def test_a_process_of_another_machine_cannot_be_seen() -> None:
    """
    Whether it is dead cannot be told from here, so it is not said: the lease decides.
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
