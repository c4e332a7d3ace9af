"""
Parent and child of a fork have a directory each.
"""

from __future__ import annotations

import fcntl
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from poslife.journal import FileJournal, MemoryJournal
from tests.journal.disks import all_of, frames_of, segments_of

# Python 3.12 warns of forks beside threads; in a test run there are some, and the child runs none of them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def in_child(act: Callable[[], None]) -> int:
    """
    How a forked child ends that does this: 0 when all is well.
    """
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException:  # noqa: BLE001 - a child of pytest's must not go on as pytest
            traceback.print_exc(file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """A child's frames are never written to its parent's file; its numbers are its own."""
    journal = FileJournal(tmp_path)
    for frame in frames_of(10):
        journal.append(frame)
    theirs = journal.status().directory

    def act() -> None:
        assert 0 == journal.status().last
        assert 1 == journal.append(b"child's")
        assert theirs != journal.status().directory
        assert [(1, b"child's")] == all_of(journal).frames
        journal.sync()

    assert 0 == in_child(act)
    assert 11 == journal.append(b"parent's")
    assert [*frames_of(10), b"parent's"] == all_of(journal).contents
    journal.close()
    # What the child left, the next process finds.
    again = FileJournal(tmp_path)
    assert [*frames_of(10), b"parent's", b"child's"] == all_of(again).contents
    again.close()


def test_a_child_does_not_hold_its_parents_lock(tmp_path: Path) -> None:
    """A child that never uses its journal keeps nobody from adopting its dead parent's directory."""
    journal = FileJournal(tmp_path)
    journal.append(b"parent's")
    asking, answer = os.pipe()
    running, runs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        os.write(runs, b".")
        os.read(asking, 1)
        os._exit(0)
    os.close(asking)
    try:
        os.read(running, 1)
        journal.close()
        # As `close` lets go of the lock for every holder, look at the descriptors, too.
        lock = next(tmp_path.glob("*/lock"))
        held = [os.path.realpath(each) for each in Path(f"/proc/{child}/fd").glob("*")] if _has_proc() else []

        assert str(lock) not in held
        assert not [each for each in held if each.endswith(".segment")]
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(answer)
        os.close(running)
        os.close(runs)
        os.waitpid(child, 0)


def _has_proc() -> bool:
    return Path("/proc/self/fd").exists()


def test_a_child_of_a_closed_one_is_closed(tmp_path: Path) -> None:
    """Closed is closed, in a child, too."""
    journal = FileJournal(tmp_path)
    journal.append(b"parent's")
    journal.close()

    def act() -> None:
        with pytest.raises(Exception, match="it was closed"):
            journal.append(b"child's")

    assert 0 == in_child(act)
    assert 1 == len(segments_of(tmp_path))


def test_a_fork_while_another_thread_appends(tmp_path: Path) -> None:
    """A child forked in the middle of an append waits for no lock that nobody in it will let go of."""
    ended: list[int] = []
    forking = True

    def write(descriptor: int, data: bytes) -> int:
        nonlocal forking
        if forking:
            forking = False
            ended.append(in_child(act))
        return os.write(descriptor, data)

    from poslife.journal._disk import Disk

    journal = FileJournal(tmp_path, _disk=Disk(write=write))

    def act() -> None:
        assert 1 == journal.append(b"child's")

    assert 1 == journal.append(b"parent's")
    assert [0] == ended
    assert [b"parent's"] == all_of(journal).contents
    journal.close()


def test_a_child_of_a_journal_in_memory() -> None:
    """What waits in its parent's memory is its parent's to store."""
    journal = MemoryJournal()
    journal.append(b"parent's")

    def act() -> None:
        assert () == journal.read(0).frames
        assert 1 == journal.append(b"child's")

    assert 0 == in_child(act)
    assert 1 == journal.status().last
