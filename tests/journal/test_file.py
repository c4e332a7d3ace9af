"""
A journal in files: opened at its first use, closed, forked, and used by several threads.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from poslife.errors import InvalidValue, JournalUnavailable
from poslife.journal import FileJournal
from poslife.journal._disk import Disk
from tests.journal.disks import Faults, all_of, frames_of, in_child, left_by, segments_of


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    """
    A journal that is never used leaves no trace.
    """
    journal = FileJournal(tmp_path / "journal")
    status = journal.status()
    journal.close()

    assert (1, 0, 0) == (status.first, status.last, status.segments)
    assert [] == list(tmp_path.iterdir())


def test_sizes_that_cannot_work_are_refused(tmp_path: Path) -> None:
    """
    Segments and caps too small, and frames too large, for anything are refused at the door.
    """
    with pytest.raises(InvalidValue, match="segment_bytes"):
        FileJournal(tmp_path, segment_bytes=100)
    with pytest.raises(InvalidValue, match="most_bytes"):
        FileJournal(tmp_path, most_bytes=100)
    journal = FileJournal(tmp_path)
    with pytest.raises(InvalidValue, match="lane"):
        journal.mark("", 1)
    with pytest.raises(JournalUnavailable, match="may take 268,435,456"):
        journal.append(bytes((1 << 28) + 1))
    journal.close()


def test_numbers_go_on(tmp_path: Path) -> None:
    """
    Frames and numbers survive any number of processes; each writes to segments of its own.
    """
    for start in range(1, 41, 10):
        left_by(tmp_path, frames_of(10, start=start))
    journal = FileJournal(tmp_path)
    status = journal.open()

    assert (1, 40, 40, 4) == (status.first, status.last, status.recovered, status.segments)
    assert list(enumerate(frames_of(40), 1)) == all_of(journal).frames
    assert 1 == len(list(tmp_path.iterdir()))
    journal.close()


@pytest.mark.parametrize("call", ["open", "make_directory", "rename", "write_at", "flush"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EMFILE], ids=os.strerror)
def test_opening_where_the_disk_says_no(tmp_path: Path, call: str, number: int) -> None:
    """
    It is an error, leaves no lock behind, and the journal opens at the next use when the disk does.
    """
    faults = Faults()
    journal = FileJournal(tmp_path / "a" / "b", _disk=faults.disk)
    with faults.failing(call, number):
        for use in (journal.open, lambda: journal.append(b"x"), lambda: journal.read(0), journal.sync):
            with pytest.raises(JournalUnavailable, match=os.strerror(number)):
                use()

    assert 1 == journal.append(b"now")
    assert [b"now"] == all_of(journal).contents
    journal.close()
    assert 1 == len([each for each in (tmp_path / "a" / "b").iterdir() if not each.name.startswith(".new-")])


@pytest.mark.parametrize("call", ["open", "make_directory", "rename", "write_at", "flush"])
def test_an_opening_that_fails_leaves_nothing_open(tmp_path: Path, call: str) -> None:
    """
    A bot that starts on a full disk tries again each second: no attempt may cost it a file descriptor.
    """
    faults = Faults()
    journal = FileJournal(tmp_path / "journal", _disk=faults.disk)
    before = len(list(Path("/dev/fd").iterdir()))
    with faults.failing(call, errno.ENOSPC):
        for _ in range(5):
            with pytest.raises(JournalUnavailable, match="No space left"):
                journal.open()

    assert before == len(list(Path("/dev/fd").iterdir()))
    journal.close()


@pytest.mark.parametrize("place", ["file/below", "file"])
def test_a_place_that_cannot_be_a_directory(tmp_path: Path, place: str) -> None:
    """
    A path that is a file, or below one, is an error that says what to do.
    """
    (tmp_path / "file").write_text("a file")
    journal = FileJournal(tmp_path / place)

    with pytest.raises(JournalUnavailable, match="choose a path that is, or can become, a directory"):
        journal.append(b"x")
    assert "a file" == (tmp_path / "file").read_text()


def test_closing_where_the_disk_says_no(tmp_path: Path) -> None:
    """
    It is an error, and closed all the same; the next process finds what was accepted.
    """
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


@pytest.mark.parametrize("use", ["forget", "mark", "sync", "read"])
def test_closed_by_another_thread(tmp_path: Path, use: str) -> None:
    """
    Who was about to use it when it was closed hears of it, and touches nothing that is another's now.
    """
    journal = FileJournal(tmp_path)
    journal.append(b"one")
    opened = journal._use()
    uses: dict[str, Callable[[], object]] = {
        "forget": lambda: journal.forget(1),
        "mark": lambda: journal.mark("store", 1),
        "sync": journal.sync,
        "read": lambda: journal.read(0),
    }
    journal._use = lambda: opened  # type: ignore[method-assign]  # what it had in hand before
    journal.close()
    # Not synced since, so that there is something to do.
    opened.synced = 0
    descriptors = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(JournalUnavailable, match="it was closed"):
        uses[use]()

    assert descriptors == len(list(Path("/dev/fd").iterdir()))


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
        except BaseException as error:  # noqa: BLE001 - the test reports it, and it ends the others
            self.failed.append(error)


def test_all_at_once(tmp_path: Path) -> None:
    """
    Appending, reading, marking, letting go and syncing in five threads: each frame is read once, whole.
    """
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


# Python 3.12 warns of forks beside threads; in a test run there are some, and the child runs none of them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def test_a_child_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """
    A child's frames are never written to its parent's file; its numbers are its own.
    """
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
    """
    A child that never uses its journal keeps no process from adopting its dead parent's directory.
    """
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
    """
    Closed is closed, in a child, too.
    """
    journal = FileJournal(tmp_path)
    journal.append(b"parent's")
    journal.close()

    def act() -> None:
        with pytest.raises(Exception, match="it was closed"):
            journal.append(b"child's")

    assert 0 == in_child(act)
    assert 1 == len(segments_of(tmp_path))


def test_a_fork_while_another_thread_appends(tmp_path: Path) -> None:
    """
    A child forked in the middle of an append waits for no lock that no thread of its own holds.
    """
    ended: list[int] = []
    forking = True

    def write(descriptor: int, data: bytes) -> int:
        nonlocal forking
        if forking:
            forking = False
            ended.append(in_child(act))
        return os.write(descriptor, data)

    journal = FileJournal(tmp_path, _disk=Disk(write=write))

    def act() -> None:
        assert 1 == journal.append(b"child's")

    assert 1 == journal.append(b"parent's")
    assert [0] == ended
    assert [b"parent's"] == all_of(journal).contents
    journal.close()
