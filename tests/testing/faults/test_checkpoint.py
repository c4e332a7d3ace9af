"""
Checkpoints in the child's own process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from poslife.testing.faults import ChildProgram, checkpoint, run_to_end
from poslife.testing.faults._checkpoint import ABANDONED, ENVIRONMENT_NAME

CHILD = Path(__file__).parent / "child.py"


pytestmark = pytest.mark.slow


def program(*arguments: str) -> ChildProgram:
    return ChildProgram.script(CHILD, *arguments)


def test_an_abandoned_child_ends_by_itself(tmp_path: Path) -> None:
    """
    A child whose parent has ended does not wait for ever.
    """
    waits, go_ahead = os.pipe()
    reading, reports = os.pipe()
    pipes = f"{reports},{os.fstat(reports).st_ino},{waits},{os.fstat(waits).st_ino}"
    child = subprocess.Popen(
        [sys.executable, CHILD, "write", str(tmp_path / "kept")],
        pass_fds=(reports, waits),
        env={**os.environ, ENVIRONMENT_NAME: pipes},
    )
    os.close(waits)
    os.close(reports)
    os.close(go_ahead)
    status = child.wait(30)
    os.close(reading)

    assert status == ABANDONED
    assert not (tmp_path / "kept").exists()


async def test_a_name_is_one_line() -> None:
    """
    A name with a line break would be read as two checkpoints.
    """
    with pytest.raises(ChildProcessError, match="one line"):
        await run_to_end(program("two lines"))


def test_without_a_parent_a_checkpoint_does_nothing() -> None:
    """
    Production code with a checkpoint in it by mistake is not stopped.
    """
    checkpoint("nobody listens")


async def test_threads_report_one_after_the_other() -> None:
    """
    Checkpoints of several threads do not mix.
    """
    report = await run_to_end(program("threads"))

    assert {f"thread {n}" for n in range(8)} == set(report.checkpoints)


async def test_a_process_the_child_starts_is_not_stopped() -> None:
    """
    It inherits the environment but not the pipes, so its checkpoints do nothing.
    """
    report = await run_to_end(program("start another"))

    assert report.checkpoints == ("after another",)
