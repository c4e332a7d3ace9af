"""
A process may die before any step it takes: what was accepted is found, once and in order.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

from poslife.journal import FileJournal
from tests.journal.disks import Faults, Stopped, all_of, die, frames_of


def work(journal: FileJournal, accepted: list[bytes], asked: list[int]) -> None:
    """
    A life: frames appended over several segments, let go of in steps, marked, synced, closed.
    """
    for frame in frames_of(60):
        journal.append(frame)
        accepted.append(frame)
        if len(accepted) % 20 == 0:
            journal.mark("store", len(accepted) - 5)
            asked.append(len(accepted) - 5)
            journal.forget(len(accepted) - 5)
        if len(accepted) == 45:
            journal.sync()
    asked.append(60)
    journal.forget(60)
    journal.close()


def test_it_dies_at_each_step_of_its_life(tmp_path: Path) -> None:
    """
    Wherever it dies, what was accepted and not to be let go of is there; frames are let go of in order.
    """
    step = -1
    for step in itertools.count():
        root = tmp_path / str(step)
        faults = Faults(stop_at=step)
        journal = FileJournal(root, segment_bytes=4096, _disk=faults.disk)
        accepted: list[bytes] = []
        asked: list[int] = [0]
        try:
            work(journal, accepted, asked)
        except Stopped:
            die(journal)
        else:
            break
        again = FileJournal(root)
        status = again.open()
        found = all_of(again)

        assert [] == found.gaps
        assert 0 == status.torn_tails
        assert status.first - 1 <= asked[-1]
        assert accepted[status.first - 1 :] == found.contents
        assert len(accepted) + 1 == again.append(b"next")
        again.close()
        assert 1 == len(list(root.iterdir()))
        shutil.rmtree(root)
    assert step > 60


def leave_siblings(root: Path) -> list[list[bytes]]:
    """
    Four dead directories, made side by side as by four processes; and what waits in each.
    """
    lives: list[tuple[int, int, int]] = [(70, 10, 4096), (50, 45, 4096), (5, 5, 4096), (90, 0, 4096)]
    journals = [FileJournal(root, segment_bytes=size) for _, _, size in lives]
    waiting: list[list[bytes]] = []
    for number, (journal, (count, forgotten, _)) in enumerate(zip(journals, lives, strict=True)):
        frames = frames_of(count, start=number * 1000)
        for frame in frames:
            journal.append(frame)
        journal.mark("store", forgotten)
        journal.forget(forgotten)
        waiting.append(frames[forgotten:])
    for journal in journals:
        die(journal)
    # One of them with half a frame at its end.
    newest = max(root.glob("*/*.segment"), key=lambda path: path.stat().st_mtime_ns)
    with newest.open("ab") as file:
        file.write(newest.read_bytes()[16:70])
    return waiting


def died(root: Path, step: int, act: Callable[[FileJournal], object]) -> bool:
    """
    Whether a process that dies before this step of what it does came to it.
    """
    journal = FileJournal(root, segment_bytes=4096, _disk=Faults(stop_at=step).disk)
    try:
        act(journal)
    except Stopped:
        return True
    finally:
        die(journal)
    return False


def test_it_dies_at_each_step_of_an_adoption(tmp_path: Path) -> None:
    """
    Each of the dead siblings' frames is there once, in its order, whichever process dies while it moves them.
    """
    step = -1
    for step in itertools.count():
        root = tmp_path / str(step)
        waiting = leave_siblings(root)
        stopped = died(root, step, FileJournal.open)
        again = FileJournal(root, segment_bytes=4096)
        status = again.open()
        found = all_of(again)

        assert [frame for frames in waiting for frame in frames] == found.contents
        assert [] == found.gaps
        assert sum(map(len, waiting)) == status.recovered
        assert status.torn_tails <= 1
        assert 1 == len(list(root.iterdir()))
        again.forget(status.last)
        again.close()
        shutil.rmtree(root)
        if not stopped:
            break
    assert step > 40


def test_it_dies_at_each_step_and_so_does_the_next(tmp_path: Path) -> None:
    """
    An adoption that is broken off is gone on with, and may be broken off again, at every second step.
    """
    for first, second in itertools.product(range(3, 60, 7), range(0, 60, 5)):
        root = tmp_path / f"{first} {second}"
        waiting = leave_siblings(root)
        died(root, first, FileJournal.open)
        died(root, second, lambda journal: journal.append(b"in between"))
        again = FileJournal(root, segment_bytes=4096)
        found = all_of(again)
        kept = [frame for frame in found.contents if frame != b"in between"]

        assert [frame for frames in waiting for frame in frames] == kept
        assert [] == found.gaps
        again.close()
        shutil.rmtree(root)
