"""
A killed process is recognised as dead.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from poslife._runtime.process import is_certainly_dead
from poslife.protocols import Run
from tests.runtime.test_process import run_of

SCRIPT = """
import sys, uuid
from poslife._runtime.process import this_run
run = this_run(uuid.UUID(int=1), 30.0)
print(run.machine, run.pid, run.process_started, sep="\\n", flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there it cannot be known: the lease decides")


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


@pytest.mark.slow
def test_a_killed_process_is_dead_at_once() -> None:
    """
    Alive while it runs; dead from the kill on, as a zombie, and when it is gone.
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
def test_a_process_id_that_was_reused_is_no_sign_of_life() -> None:
    """
    The same number with another start is another process.
    """
    with another_bot() as (_, run):
        if run.process_started:
            assert is_certainly_dead(replace(run, process_started="1"))
        assert not is_certainly_dead(replace(run, process_started=""))
