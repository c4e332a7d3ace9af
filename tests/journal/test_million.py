"""
A million frames.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LIFE = """
import resource, sys
from pathlib import Path
from poslife.journal import FileJournal

def most() -> int:
    # In kilobytes. The system's other answer is, on Linux, never less than what pytest has taken.
    if (status := Path("/proc/self/status")).exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def read(journal: FileJournal, after: int) -> int:
    while (page := journal.read(after)).frames:
        assert page.gaps == ()
        assert [number for number, _ in page.frames] == list(range(after + 1, page.last + 1))
        assert page.frames[-1][1] == b"%0460d" % page.last
        after = page.last
    return after

journal = FileJournal(sys.argv[1])
for number in range(1, 100_001):
    journal.append(b"%0460d" % number)
assert read(journal, 0) == 100_000
journal.close()
journal.open()
before = most()
for number in range(100_001, 1_000_001):
    journal.append(b"%0460d" % number)
journal.close()
recovered = journal.open().recovered
assert read(journal, 0) == recovered == 1_000_000
grown = most() - before
journal.forget(1_000_000)
kept = journal.status().bytes_kept
journal.close()
print(grown, kept)
"""


@pytest.mark.slow
def test_a_million_frames_take_no_memory(tmp_path: Path) -> None:
    """
    A million frames, appended, recovered and read back, take as much memory as a hundred thousand.
    """
    done = subprocess.run(
        [sys.executable, "-c", LIFE, tmp_path / "journal"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kilobytes, kept = map(int, done.stdout.split())

    assert kilobytes < 8_000
    assert kept == 0
