"""
An open journal: forgetting, marking and syncing, and what happens where the disk refuses.
"""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import FileJournal
from tests.journal.disks import Faults, all_of, die, frames_of, segments_of


def filled(root: Path, faults: Faults) -> FileJournal:
    journal = FileJournal(root, segment_bytes=4096, _disk=faults.disk)
    for frame in frames_of(100):
        journal.append(frame)
    return journal


def test_the_cursor_is_durable_before_a_file_goes(tmp_path: Path) -> None:
    """
    The cursor is flushed, then files go, then their names; where none goes, nothing waits for the disk.
    """
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
    """
    A step that fails is an error, nothing is lost, and the next attempt does what is left.
    """
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
    """
    Where the cursor cannot be flushed, every file is still there.
    """
    faults = Faults()
    journal = filled(tmp_path, faults)
    before = segments_of(tmp_path)
    with faults.failing("flush", errno.EIO), pytest.raises(JournalUnavailable):
        journal.forget(80)

    assert before == segments_of(tmp_path)
    die(journal)


def test_room_on_a_full_disk_comes_from_letting_go(tmp_path: Path) -> None:
    """
    With all its frames stored, a journal on a full disk gives back the file it was writing to, too.
    """
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


def test_a_mark_that_cannot_be_kept_is_kept_in_memory(tmp_path: Path) -> None:
    """
    A mark waits for nothing and raises for no disk; the next write of the cursor keeps it.
    """
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


def test_appending_goes_on_while_the_disk_is_waited_for(tmp_path: Path) -> None:
    """
    A thread that waits in `sync` delays no append; what came meanwhile is the next sync's.
    """
    begun, done = threading.Event(), threading.Event()
    faults = Faults()

    def before(call: str) -> None:
        if call == "flush" and threading.current_thread() is syncing:
            begun.set()
            assert done.wait(10)

    journal = FileJournal(tmp_path, _disk=faults.disk)
    journal.append(b"before")
    syncing = threading.Thread(target=journal.sync)
    faults.before = before
    syncing.start()
    assert begun.wait(10)
    for number in range(2, 100):
        assert number == journal.append(b"meanwhile")
    assert 99 == len(all_of(journal).frames)
    assert journal.status().synced_at is None
    done.set()
    syncing.join()

    assert journal.status().synced_at is not None
    journal.close()


def test_one_flush_serves_all_who_wait(tmp_path: Path) -> None:
    """
    A thread that waited while another one's flush covered its frames does not flush again.
    """
    faults = Faults()
    journal = FileJournal(tmp_path, _disk=faults.disk)
    journal.append(b"once")
    journal.sync()
    del faults.steps[:]
    journal.sync()
    journal.sync()

    assert [] == faults.steps
    journal.append(b"more")
    journal.sync()
    assert 1 == faults.steps.count("flush")
    journal.close()


def test_all_segments_and_their_names_are_synced(tmp_path: Path) -> None:
    """
    `sync` flushes each segment that grew since, and the directory that holds their names.
    """
    faults = Faults()
    journal = FileJournal(tmp_path, segment_bytes=4096, _disk=faults.disk)
    for frame in frames_of(100):
        journal.append(frame)
    del faults.steps[:]
    journal.sync()

    assert 3 == faults.steps.count("flush")
    assert 1 == faults.steps.count("flush_directory")
    die(journal)


@pytest.mark.parametrize("call", ["flush", "flush_directory"])
def test_a_sync_that_fails_is_an_error(tmp_path: Path, call: str) -> None:
    """
    Whatever part of it fails, `sync` has not synced.
    """
    faults = Faults()
    journal = FileJournal(tmp_path, segment_bytes=4096, _disk=faults.disk)
    for frame in frames_of(100):
        journal.append(frame)
    with faults.failing(call, errno.EIO), pytest.raises(JournalUnavailable, match="syncing"):
        journal.sync()

    assert journal.status().synced_at is None
    assert frames_of(100) == all_of(journal).contents
    die(journal)


def test_a_flush_that_failed_is_never_called_done(tmp_path: Path) -> None:
    """
    The kernel tells of a lost page once; the journal does, until the frames concerned are stored elsewhere.
    """
    faults = Faults()
    journal = FileJournal(tmp_path, _disk=faults.disk)
    journal.append(b"doubtful")
    with faults.failing("flush", errno.EIO), pytest.raises(JournalUnavailable, match="the disk is failing"):
        journal.sync()
    journal.append(b"fine")
    with pytest.raises(JournalUnavailable, match="the disk is failing"):
        journal.sync()
    assert [b"doubtful", b"fine"] == all_of(journal).contents
    journal.forget(1)
    journal.sync()

    assert journal.status().synced_at is not None
    journal.close()


def test_removed_files_are_an_error_and_a_gap(tmp_path: Path) -> None:
    """
    A segment that is gone is an error of `sync` and a gap of `read`; appending goes on in a new one.
    """
    journal = FileJournal(tmp_path)
    journal.append(b"lost")
    segments_of(tmp_path)[0].unlink()
    with pytest.raises(JournalUnavailable, match="removed while in use"):
        journal.sync()
    journal.append(b"kept")
    found = all_of(journal)

    assert [(2, b"kept")] == found.frames
    assert [(0, 2)] == [(gap.after, gap.before) for gap in found.gaps]
    journal.forget(2)
    journal.close()


def test_a_flush_of_what_was_let_go_of_meanwhile(tmp_path: Path) -> None:
    """
    A segment that is removed while a sync is on its way to it is no failure of the sync.
    """
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
