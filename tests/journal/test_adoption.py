"""
Whose directory is whose.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import FileJournal
from poslife.journal._disk import Disk
from tests.journal.disks import Faults, Stopped, all_of, die, frames_of, left_by, segments_of


@contextmanager
def umask(mask: int) -> Generator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_no_other_user_can_look_into_it(tmp_path: Path, mask: int) -> None:
    """
    Directories are for this user alone, and so are files, whatever the umask.
    """
    with umask(mask):
        journal = FileJournal(tmp_path / "state" / "journal")
        journal.append(b"secret")
        journal.close()
    made = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()}

    assert {0o700} == modes
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)


def test_a_directory_open_to_others_is_closed(tmp_path: Path) -> None:
    """
    A root that was made before, by hand, is closed to others when it holds nothing else.
    """
    root = tmp_path / "journal"
    root.mkdir()
    root.chmod(0o777)
    journal = FileJournal(root)
    journal.append(b"secret")
    journal.close()

    assert 0o700 == stat.S_IMODE(root.stat().st_mode)


def test_a_directory_others_use_is_refused(tmp_path: Path) -> None:
    """
    A root that is open to others and holds other things is not closed under anybody's feet.
    """
    tmp_path.chmod(0o755)
    (tmp_path / "other").write_text("")
    journal = FileJournal(tmp_path)
    with pytest.raises(JournalUnavailable, match=r"open to other users .* \(other\); .*chmod 700"):
        journal.append(b"secret")

    assert 0o755 == stat.S_IMODE(tmp_path.stat().st_mode)
    assert ["other"] == [each.name for each in tmp_path.iterdir()]


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who owns the root could put anything in it.
    """
    root = tmp_path / "journal"
    root.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: root.stat().st_uid + 1)
    with pytest.raises(JournalUnavailable, match="belongs to another user"):
        FileJournal(root).append(b"mine")


def test_a_live_sibling_is_left_alone(tmp_path: Path) -> None:
    """
    Two live journals of one root have a directory each, and neither sees the other's frames.
    """
    one, two = FileJournal(tmp_path), FileJournal(tmp_path)
    one.append(b"one")
    two.append(b"two")

    assert one.status().directory != two.status().directory
    assert ([b"one"], [b"two"]) == (all_of(one).contents, all_of(two).contents)
    assert 2 == one.append(b"one again")
    one.close()
    two.close()


def test_dead_siblings_are_adopted(tmp_path: Path) -> None:
    """
    What dead processes left becomes this one's before anything new, the oldest first; one lives on.
    """
    journals = [FileJournal(tmp_path, segment_bytes=4096) for _ in range(4)]
    for number, journal in enumerate(journals):
        for frame in frames_of(100, start=1000 * number):
            journal.append(frame)
        journal.forget(40 * (number + 1) - 35)
        journal.mark("store", 50)
    living = journals.pop(2)
    for journal in journals:
        die(journal)
    # Of the last one nothing waits any more.
    wanted = [*frames_of(95, start=5), *frames_of(55, start=1045)]
    again = FileJournal(tmp_path)
    status = again.open()

    assert wanted == all_of(again).contents
    assert (6, 150, 155) == (status.first, status.recovered, status.last)
    # The marks are of the directory that was taken over: other directories have other numbers.
    assert {"store": 50} == again.marks()
    assert 156 == again.append(b"new")
    assert 2 == len(list(tmp_path.iterdir()))
    assert frames_of(15, start=2085) == all_of(living).contents
    again.close()
    living.close()


def test_gaps_are_adopted_with_the_frames_around_them(tmp_path: Path) -> None:
    """
    What is missing in a sibling's directory is missing under its new number, too.
    """
    one, two = FileJournal(tmp_path), FileJournal(tmp_path, segment_bytes=4096)
    one.append(b"one")
    for frame in frames_of(100):
        two.append(frame)
    die(one)
    die(two)
    oldest, between, _ = [path for path in segments_of(tmp_path) if path.stat().st_size > 1000]
    count = int(between.name[:20]) - 1
    oldest.unlink()
    journal = FileJournal(tmp_path)
    found = all_of(journal)

    assert [(1, count + 2)] == [(gap.after, gap.before) for gap in found.gaps]
    assert [b"one", *frames_of(100 - count, start=count + 1)] == found.contents
    journal.close()


@pytest.mark.parametrize("round", range(10))
def test_processes_that_start_at_once(tmp_path: Path, round: int) -> None:
    """
    Of several that start at once each dead directory goes to one, whole.
    """
    lives = [frames_of(20, start=number * 100) for number in range(6)]
    dead = [FileJournal(tmp_path) for _ in lives]
    for journal, frames in zip(dead, lives, strict=True):
        for frame in frames:
            journal.append(frame)
    for journal in dead:
        die(journal)
    ready = threading.Barrier(4)
    living = [FileJournal(tmp_path) for _ in range(4)]

    def start(journal: FileJournal) -> None:
        ready.wait()
        journal.append(b"mine")

    threads = [threading.Thread(target=start, args=(journal,)) for journal in living]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = [all_of(journal).contents for journal in living]
    adopted = [frame for each in contents for frame in each[:-1]]

    assert all(each[-1] == b"mine" for each in contents)
    assert sorted(frame for frames in lives for frame in frames) == sorted(adopted)
    # Each life's frames lie side by side.
    assert all(frames == adopted[(at := adopted.index(frames[0])) : at + 20] for frames in lives)
    for journal in living:
        journal.close()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=os.strerror)
def test_a_file_system_without_locks_is_refused(tmp_path: Path, number: int) -> None:
    """
    Where nothing keeps two processes apart, nothing is written.
    """
    faults = Faults()
    journal = FileJournal(tmp_path / "journal", _disk=faults.disk)
    with (
        faults.failing("take_lock", number),
        pytest.raises(JournalUnavailable, match=r"cannot be locked .* put the journal on a local disk"),
    ):
        journal.append(b"x")

    assert [] == segments_of(tmp_path / "journal")


def test_a_directory_that_was_begun_is_tidied_away(tmp_path: Path) -> None:
    """
    A process that died before its directory had a name leaves nothing for long.
    """
    left_by(tmp_path, frames_of(3))
    begun = tmp_path / ".new-20260101T000000.000000-1-0123abcd"
    begun.mkdir()
    journal = FileJournal(tmp_path)
    journal.open()

    assert not begun.exists()
    assert frames_of(3) == all_of(journal).contents
    journal.close()


def test_another_one_tidies_away_what_is_begun(tmp_path: Path) -> None:
    """
    Whose beginning is taken for a dead one's begins again.
    """
    taken: list[Path] = []

    def take_lock(descriptor: int) -> None:
        if not taken:
            taken.extend(tmp_path.glob(".new-*"))
            raise BlockingIOError(errno.EWOULDBLOCK, "another process removes it")
        Disk().take_lock(descriptor)

    journal = FileJournal(tmp_path, _disk=Disk(take_lock=take_lock))
    assert 1 == journal.append(b"x")
    assert taken
    journal.close()


def test_a_directory_that_moves_away_while_its_lock_is_taken(tmp_path: Path) -> None:
    """
    A lock counts only where the directory still is when it is had.
    """
    left_by(tmp_path, frames_of(3))
    here = next(tmp_path.iterdir())
    away = tmp_path.parent / f"{tmp_path.name} away"

    def take_lock(descriptor: int) -> None:
        if here.exists():
            here.rename(away)
        Disk().take_lock(descriptor)

    journal = FileJournal(tmp_path, _disk=Disk(take_lock=take_lock))

    assert 0 == journal.open().recovered
    assert journal.status().directory != here
    journal.close()


def test_a_lock_file_that_was_replaced_is_no_lock(tmp_path: Path) -> None:
    """
    The lock of a file that has another one in its place by now is no lock of the directory.
    """
    left_by(tmp_path, frames_of(3))
    lock = next(tmp_path.glob("*/lock"))
    replaced: list[Path] = []

    def take_lock(descriptor: int) -> None:
        if not replaced:
            replaced.append(lock.rename(tmp_path / "old lock"))
            lock.touch()
        Disk().take_lock(descriptor)

    journal = FileJournal(tmp_path, _disk=Disk(take_lock=take_lock))

    assert 0 == journal.open().recovered
    journal.close()


def test_locks_that_fail_otherwise(tmp_path: Path) -> None:
    """
    An error that says nothing of locks is reported as it is.
    """
    faults = Faults()
    journal = FileJournal(tmp_path / "journal", _disk=faults.disk)
    with (
        faults.failing("take_lock", errno.EIO),
        pytest.raises(JournalUnavailable, match="the disk is failing"),
    ):
        journal.open()


def test_two_processes_make_the_root_at_once(tmp_path: Path) -> None:
    """
    The second to make it takes what the first has made.
    """
    root = tmp_path / "state" / "journal"

    def make_directory(path: Path) -> None:
        if path in (root, root.parent):
            path.mkdir(mode=0o700)
        Disk().make_directory(path)

    journal = FileJournal(root, _disk=Disk(make_directory=make_directory))

    assert 1 == journal.append(b"x")
    journal.close()


def test_a_sibling_that_died_while_it_let_go(tmp_path: Path) -> None:
    """
    What its cursor lets go of is not brought back by its files that are still there.
    """
    own = FileJournal(tmp_path)
    own.append(b"own")
    faults = Faults()
    dying = FileJournal(tmp_path, segment_bytes=4096, _disk=faults.disk)
    for frame in frames_of(100):
        dying.append(frame)

    def stop(call: str) -> None:
        if call == "unlink":
            raise Stopped

    faults.before = stop
    with pytest.raises(Stopped):
        dying.forget(90)
    die(own)
    die(dying)
    assert 4 == len(segments_of(tmp_path))
    journal = FileJournal(tmp_path)

    assert [b"own", *frames_of(10, start=91)] == all_of(journal).contents
    assert 2 == journal.status().segments
    journal.close()


def test_opened_again_after_its_end(tmp_path: Path) -> None:
    """
    A closed journal may be opened again, and finds its own frames.
    """
    journal = FileJournal(tmp_path)
    journal.append(b"one")
    journal.close()
    with pytest.raises(JournalUnavailable, match="it was closed"):
        journal.append(b"two")

    assert 1 == journal.open().recovered
    assert 2 == journal.append(b"two")
    journal.close()
