"""
Letting go of frames: the cursor first, then the files; and what happens where either fails.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import FileJournal
from poslife.journal._disk import Disk
from tests.journal.disks import Faults, all_of, die, frames_of, segments_of


def filled(root: Path, faults: Faults) -> FileJournal:
    journal = FileJournal(root, segment_bytes=4096, _disk=faults.disk)
    for frame in frames_of(100):
        journal.append(frame)
    return journal


def test_the_cursor_is_durable_before_a_file_goes(tmp_path: Path) -> None:
    """The cursor is flushed, then files go, then their names; where none goes, nothing waits for the disk."""
    faults = Faults()
    journal = filled(tmp_path, faults)
    del faults.steps[:]
    journal.forget(10)
    assert ["write_at"] == faults.steps
    del faults.steps[:]
    journal.forget(80)

    assert ["write_at", "flush", "unlink", "unlink", "open", "flush_directory"] == faults.steps
    assert 1 == len(segments_of(tmp_path))
    journal.close()


@pytest.mark.parametrize("call", ["write_at", "flush", "unlink", "flush_directory"])
def test_it_may_be_tried_again(tmp_path: Path, call: str) -> None:
    """Where a step fails it is told, nothing is lost, and the next attempt does what is left."""
    faults = Faults()
    journal = filled(tmp_path, faults)
    with faults.failing(call, errno.EIO):
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="forgetting events"):
                journal.forget(80)
            if call == "flush_directory":
                break
    assert frames_of(20, start=81) == all_of(journal).contents
    journal.forget(80)
    assert 1 == len(segments_of(tmp_path))
    die(journal)
    again = FileJournal(tmp_path)
    assert 81 == again.open().first
    assert frames_of(20, start=81) == all_of(again).contents
    again.close()


def test_nothing_is_removed_before_the_cursor_is_durable(tmp_path: Path) -> None:
    """Where the cursor cannot be flushed, every file is still there."""
    faults = Faults()
    journal = filled(tmp_path, faults)
    before = segments_of(tmp_path)
    with faults.failing("flush", errno.EIO), pytest.raises(JournalUnavailable):
        journal.forget(80)

    assert before == segments_of(tmp_path)
    die(journal)


def test_a_mark_that_cannot_be_kept_is_kept_in_memory(tmp_path: Path) -> None:
    """A mark waits for nothing and raises for no disk; the next write of the cursor keeps it."""
    faults = Faults()
    journal = filled(tmp_path, faults)
    with faults.failing("write_at", errno.EIO):
        journal.mark("store", 50)
    assert {"store": 50} == journal.marks()
    journal.forget(1)
    die(journal)
    again = FileJournal(tmp_path)

    assert {"store": 50} == again.marks()
    again.close()


def test_half_a_cursor_is_told(tmp_path: Path) -> None:
    """A cursor that was written by half is no cursor, and the one before stands."""
    halves = False

    def write_at(descriptor: int, data: bytes, at: int) -> int:
        return os.pwrite(descriptor, data[: len(data) // 2] if halves else data, at)

    journal = FileJournal(tmp_path, segment_bytes=4096, _disk=Disk(write_at=write_at))
    for frame in frames_of(100):
        journal.append(frame)
    journal.forget(40)
    halves = True
    with pytest.raises(JournalUnavailable, match="only 26 of 52 bytes were written"):
        journal.forget(80)
    die(journal)
    again = FileJournal(tmp_path)

    assert frames_of(60, start=41) == all_of(again).contents
    again.close()


def test_more_lanes_than_a_cursor_holds(tmp_path: Path) -> None:
    """Hundreds of lanes with long names are told as what they are."""
    journal = FileJournal(tmp_path)
    journal.append(b"x")
    for number in range(400):
        journal.mark(f"{number:0200d}", 1)
    with pytest.raises(JournalUnavailable, match="the names of the lanes take too much room"):
        journal.forget(1)
    die(journal)


def test_room_on_a_full_disk_comes_from_letting_go(tmp_path: Path) -> None:
    """With all its frames stored, a journal on a full disk gives back the file it was writing to, too."""
    faults = Faults()
    journal = FileJournal(tmp_path, _disk=faults.disk)
    for frame in frames_of(10):
        journal.append(frame)
    with faults.full(), pytest.raises(JournalUnavailable, match="free some space"):
        journal.append(b"no room")
    journal.forget(10)

    assert (0, 0) == (journal.status().bytes_kept, len(segments_of(tmp_path)))
    assert 11 == journal.append(b"room")
    journal.close()


def test_a_flush_of_what_was_let_go_of_meanwhile(tmp_path: Path) -> None:
    """A segment that is removed while a sync is on its way to it is no failure of the sync."""
    faults = Faults()
    journal = filled(tmp_path, faults)

    def before(call: str) -> None:
        if call == "flush_directory":
            faults.before = None
            journal.forget(80)

    faults.before = before
    journal.sync()

    assert journal.status().synced_at is not None
    journal.close()


def test_an_emptied_directory_that_cannot_be_removed(tmp_path: Path) -> None:
    """It is told, and the next attempt goes on from there."""
    journals = [FileJournal(tmp_path) for _ in range(2)]
    for journal in journals:
        journal.append(b"x")
    for journal in journals:
        die(journal)
    faults = Faults()
    journal = FileJournal(tmp_path, _disk=faults.disk)
    with (
        faults.failing("remove_directory", errno.EACCES),
        pytest.raises(JournalUnavailable, match="give this user the right"),
    ):
        journal.open()

    assert [b"x", b"x"] == all_of(journal).contents
    journal.close()


def test_a_file_that_can_neither_be_emptied_nor_removed(tmp_path: Path) -> None:
    """What a disk in ruins leaves of a first frame is told apart from the file that comes after it."""
    faults = Faults()
    journal = FileJournal(tmp_path, segment_bytes=4096, _disk=faults.disk)
    journal.open()
    faults.fail |= {"truncate": errno.EIO, "unlink": errno.EIO}
    for _ in range(3):
        with faults.full(20), pytest.raises(JournalUnavailable):
            journal.append(b"x" * 100)
    for frame in frames_of(50):
        journal.append(frame)
    assert 5 == len(segments_of(tmp_path))
    assert frames_of(50) == all_of(journal).contents
    die(journal)
    again = FileJournal(tmp_path)
    assert frames_of(50) == all_of(again).contents
    again.forget(50)
    assert [] == segments_of(tmp_path)
    again.close()


def test_closing_where_the_disk_says_no(tmp_path: Path) -> None:
    """It is told, and let go of all the same; the next process finds what was accepted."""
    for call in ("flush", "write_at"):
        root = tmp_path / call
        faults = Faults()
        journal = FileJournal(root, _disk=faults.disk)
        journal.append(b"accepted")
        with faults.failing(call, errno.EIO), pytest.raises(JournalUnavailable, match="the disk is failing"):
            journal.close()
        journal.close()
        again = FileJournal(root)
        assert [b"accepted"] == all_of(again).contents
        again.close()


class Busy:
    """
    A journal that five threads use at once, until all of `COUNT` frames are read.
    """

    COUNT = 6000

    def __init__(self, root: Path) -> None:
        self.journal = FileJournal(root, segment_bytes=4096)
        self.read: list[tuple[int, bytes]] = []
        self.failed: list[BaseException] = []

    def append(self) -> None:
        for frame in frames_of(self.COUNT):
            self.journal.append(frame)

    def follow(self) -> None:
        while not self.done():
            page = self.journal.read(len(self.read), most_bytes=3000)
            assert page.gaps == ()
            self.read += page.frames

    def let_go(self) -> None:
        while not self.done():
            self.journal.forget(len(self.read))

    def mark(self) -> None:
        while not self.done():
            self.journal.mark("store", len(self.read))

    def sync(self) -> None:
        while not self.done():
            self.journal.sync()

    def done(self) -> bool:
        return bool(self.failed) or len(self.read) >= self.COUNT

    def watch(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - told by the test, and ends the others
            self.failed.append(error)


def test_all_at_once(tmp_path: Path) -> None:
    """Appending, reading, marking, letting go and syncing in five threads: each frame is read once, whole."""
    busy = Busy(tmp_path)
    acts = busy.append, busy.follow, busy.let_go, busy.mark, busy.sync
    threads = [threading.Thread(target=busy.watch, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == busy.failed
    assert list(enumerate(frames_of(busy.COUNT), 1)) == busy.read
    assert 0 == busy.journal.status().gaps
    busy.journal.close()
