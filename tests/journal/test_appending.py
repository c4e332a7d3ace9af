"""
Appending: whole frames or nothing, whatever the disk does.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import FileJournal
from poslife.journal._disk import Disk
from tests.journal.disks import Faults, all_of, die, frames_of, segments_of


def test_one_write_for_a_frame_and_no_waiting_for_the_disk(tmp_path: Path) -> None:
    """
    An append is one call; the one that begins a segment opens the file first, and waits for nothing.
    """
    faults = Faults()
    journal = FileJournal(tmp_path, segment_bytes=4096, _disk=faults.disk)
    journal.open()
    del faults.steps[:]
    steps: list[list[str]] = []
    for frame in frames_of(50):
        journal.append(frame)
        steps.append(faults.steps[:])
        del faults.steps[:]

    assert [["open", "write"], ["write"], ["write"]] == steps[:3]
    assert {("open", "write"), ("write",)} == {tuple(each) for each in steps}
    die(journal)


def test_segments_roll(tmp_path: Path) -> None:
    """
    A segment that is as large as it may be is followed by another; a larger frame has one of its own.
    """
    journal = FileJournal(tmp_path, segment_bytes=4096)
    frames = [*frames_of(100), b"x" * 10_000, *frames_of(3, start=101)]
    for frame in frames:
        journal.append(frame)
    sizes = [path.stat().st_size for path in segments_of(tmp_path)]

    assert 5 == len(sizes)
    assert [10_032] == [size for size in sizes if size > 4096 + 16]
    assert frames == all_of(journal).contents
    assert sum(sizes) == journal.status().bytes_kept
    journal.close()


def test_a_short_write_is_completed(tmp_path: Path) -> None:
    """
    What one write did not take the next does; the frame is whole.
    """
    journal = FileJournal(
        tmp_path, _disk=Disk(write=lambda to, data: os.write(to, data[: len(data) // 3 + 1]))
    )
    for frame in frames_of(20):
        journal.append(frame)

    assert frames_of(20) == all_of(journal).contents
    die(journal)
    again = FileJournal(tmp_path)
    assert frames_of(20) == all_of(again).contents
    assert 0 == again.status().torn_tails
    again.close()


@pytest.mark.parametrize(
    "number, advice",
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "mount the file system for writing"),
        (errno.EIO, "the disk is failing"),
    ],
    ids=["disk full", "quota", "file too large", "read-only", "broken"],
)
@pytest.mark.parametrize("call", ["write", "open"], ids=["in a segment", "at a new segment"])
def test_a_disk_that_says_no(tmp_path: Path, number: int, advice: str, call: str) -> None:
    """
    The error says why and what to do; nothing of the frame is kept; later ones have the next numbers.
    """
    faults = Faults()
    journal = FileJournal(tmp_path, segment_bytes=4096, _disk=faults.disk)
    frames = frames_of(39) if call == "write" else [*frames_of(35), b"x" * 4000]
    for frame in frames:
        journal.append(frame)
    with faults.failing(call, number):
        for _ in range(3):
            with pytest.raises(JournalUnavailable, match=advice) as raised:
                journal.append(b"y" * 300)

            assert os.strerror(number) in raised.value.reason
            assert str(tmp_path) in raised.value.reason
            assert raised.value.reason == journal.status().failure
    assert journal.append(b"later") == len(frames) + 1
    assert journal.status().failure is None
    assert [*frames, b"later"] == all_of(journal).contents
    die(journal)
    again = FileJournal(tmp_path)
    found = all_of(again)
    assert ([*frames, b"later"], []) == (found.contents, found.gaps)
    again.close()


@pytest.mark.parametrize("room", [0, 1, 15, 16, 17, 40, 200])
@pytest.mark.parametrize("before", [0, 1, 36], ids=["at the first", "in a segment", "at its end"])
@pytest.mark.parametrize("undoing", ["undone", "cannot be undone"])
def test_a_disk_that_fills_up_within_a_frame(tmp_path: Path, room: int, before: int, undoing: str) -> None:
    """
    Half a frame is taken back, or where even that fails followed by no other one in its file.
    """
    faults = Faults()
    journal = FileJournal(tmp_path, segment_bytes=4096, _disk=faults.disk)
    frames = frames_of(before)
    for frame in frames:
        journal.append(frame)
    journal.open()
    with faults.full(room):
        if undoing != "undone":
            faults.fail["truncate"] = errno.EIO
        with pytest.raises(JournalUnavailable, match="free some space"):
            journal.append(b"z" * 300)
        assert frames == all_of(journal).contents
    faults.fail.clear()
    for frame in frames_of(5, start=before + 1):
        journal.append(frame)

    assert frames_of(before + 5) == all_of(journal).contents
    die(journal)
    again = FileJournal(tmp_path)
    assert [(number, frame) for number, frame in enumerate(frames_of(before + 5), 1)] == all_of(again).frames
    assert 0 == again.status().torn_tails
    again.close()


@pytest.mark.parametrize("written", [0, 20, 10_000], ids=["before", "within", "after"])
def test_an_append_that_is_interrupted(tmp_path: Path, written: int) -> None:
    """
    A signal's exception out of a write leaves no frame whose number another one gets, too.
    """
    interrupting = False

    def write(descriptor: int, data: bytes) -> int:
        if not interrupting:
            return os.write(descriptor, data)
        os.write(descriptor, data[:written])
        raise KeyboardInterrupt

    journal = FileJournal(tmp_path, _disk=Disk(write=write))
    journal.append(b"first")
    interrupting = True
    with pytest.raises(KeyboardInterrupt):
        journal.append(b"never returned")
    interrupting = False
    assert 2 == journal.append(b"second")

    assert [b"first", b"second"] == all_of(journal).contents
    die(journal)
    again = FileJournal(tmp_path)
    assert [b"first", b"second"] == all_of(again).contents
    again.close()


def test_it_grows_no_larger_than_most_bytes(tmp_path: Path) -> None:
    """
    Over its cap it refuses, saying what it holds; there is room again when frames were let go of.
    """
    journal = FileJournal(tmp_path, most_bytes=20_000)
    accepted = 0
    with pytest.raises(JournalUnavailable, match=r"holds 19,\d+ bytes and may hold 20,000.*most_bytes"):
        for frame in frames_of(1000):
            accepted = journal.append(frame)
    assert all_of(journal).contents == frames_of(accepted)
    for _ in range(10):
        journal.forget(journal.status().last)
        for frame in frames_of(100):
            journal.append(frame)

    assert journal.status().bytes_kept <= 20_000
    assert journal.status().last == accepted + 1000
    assert frames_of(100) == all_of(journal, journal.status().last - 100).contents
    journal.close()


def test_a_file_that_can_neither_be_emptied_nor_removed(tmp_path: Path) -> None:
    """
    What a failing disk leaves of a first frame is not confused with the file that comes after it.
    """
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
