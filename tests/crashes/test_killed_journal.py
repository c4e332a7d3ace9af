"""
Real processes, really killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from poslife.journal import FileJournal
from poslife.testing.faults import ChildProgram, kill_at, run_to_end
from tests.journal.disks import all_of, frames_of

LIFE = Path(__file__).parent / "journal_life.py"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("reports", [1, 2, 10, 100, 1000, 5000, 20_000])
def test_what_was_accepted_survives_sigkill(tmp_path: Path, reports: int) -> None:
    """
    incidents 47 and 48: what `append` returned is found after SIGKILL under load, each frame whole.
    """
    child = subprocess.Popen([sys.executable, LIFE, "run", tmp_path / "journal"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    reported = [child.stdout.readline() for _ in range(reports)]
    child.send_signal(signal.SIGKILL)
    reported += [line for line in child.stdout if line.endswith(b"\n")]
    child.stdout.close()
    assert -signal.SIGKILL == child.wait(30)
    journal = FileJournal(tmp_path / "journal")
    found = all_of(journal)
    numbers = dict(found.frames)

    assert [] == found.gaps
    assert list(range(1, len(numbers) + 1)) == list(numbers)
    for line in reported:
        number, name, count = line.split()
        content = b"%s %s " % (name, count) + b"." * (int(count) % 700)
        assert content == numbers[int(number)]
    assert len(reported) <= len(numbers)
    journal.close()


async def test_killed_at_each_step(tmp_path: Path) -> None:
    """
    Killed before any call to the system: what was accepted and not to be let go of is there, and no more.
    """
    whole = await run_to_end(ChildProgram.script(LIFE, "step", str(tmp_path / "whole")))
    # Every step of the first segments, of letting go and of closing.
    for index in range(len(whole.checkpoints)):
        root = tmp_path / str(index)
        report = await kill_at(ChildProgram.script(LIFE, "step", str(root)), index)
        accepted = max([0, *(int(name[9:]) for name in report.checkpoints if name.startswith("accepted"))])
        asked = max([0, *(int(name[7:]) for name in report.checkpoints if name.startswith("forget"))])
        journal = FileJournal(root)
        status = journal.open()
        found = all_of(journal)

        assert report.was_killed
        assert [] == found.gaps
        assert status.first - 1 <= asked
        assert frames_of(status.last, size=900)[status.first - 1 :] == found.contents
        # A write that was done when the kill came may not have been reported yet.
        assert status.last in (accepted, accepted + 1)
        journal.close()
    assert len(whole.checkpoints) > 40


def test_a_limit_on_file_sizes(tmp_path: Path) -> None:
    """
    The kernel's own refusal, half-written frame included: an error, and no obstacle once there is room.
    """
    root = tmp_path / "journal"
    done = subprocess.run(
        [sys.executable, LIFE, "limit", root], capture_output=True, text=True, check=False, timeout=60
    )
    error, *more, accepted = done.stdout.splitlines()

    assert -signal.SIGKILL == done.returncode
    assert re.search(r"File too large; raise the process's limit on file sizes", error)
    assert [] == more
    journal = FileJournal(root)
    found = all_of(journal)
    wanted = [(number, b"%09d" % number * 50) for number in range(1, int(accepted) + 1)]
    assert 400 < len(wanted) < 450
    assert (wanted, []) == (found.frames, found.gaps)
    assert 0 == journal.status().torn_tails
    journal.close()


def test_a_child_that_outlives_its_parent_blocks_no_adoption(tmp_path: Path) -> None:
    """
    SIGKILL for a parent whose forked child lives on, unused: its directory is adopted all the same.
    """
    program = """
import os, sys
from poslife.journal import FileJournal
journal = FileJournal(sys.argv[1])
journal.append(b"parent's")
running, runs = os.pipe()
child = os.fork()
if child == 0:
    os.write(runs, b".")
    os.read(0, 1)
    os._exit(0)
os.read(running, 1)
print(child, flush=True)
os.kill(os.getpid(), 9)
"""
    waiting, letting_go = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "journal"], stdin=waiting, stdout=subprocess.PIPE
    )
    os.close(waiting)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert -signal.SIGKILL == parent.wait(30)
    try:
        os.kill(child, 0)
        journal = FileJournal(tmp_path / "journal")

        assert [b"parent's"] == all_of(journal).contents
        journal.close()
    finally:
        os.close(letting_go)
        parent.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
