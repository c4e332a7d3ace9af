"""
What an earlier process left is found, whatever has happened to it since.
"""

from __future__ import annotations

import errno
import logging
import os
import struct
import zlib
from pathlib import Path

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import FileJournal
from poslife.journal._segments import HEADER_BYTES, encode_header
from tests.journal.disks import Faults, all_of, die, frames_of, left_by, segments_of

FRAME = 116


def damage(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_numbers_go_on(tmp_path: Path) -> None:
    """Frames and numbers survive any number of processes; each writes to segments of its own."""
    for start in range(1, 41, 10):
        left_by(tmp_path, frames_of(10, start=start))
    journal = FileJournal(tmp_path)
    status = journal.open()

    assert (1, 40, 40, 4) == (status.first, status.last, status.recovered, status.segments)
    assert list(enumerate(frames_of(40), 1)) == all_of(journal).frames
    assert 1 == len(list(tmp_path.iterdir()))
    journal.close()


@pytest.mark.parametrize("cut", [1, 50, 99, 100, 101, 115, 116 + 5, 116 * 10 + 1, 116 * 10 + 15])
def test_a_torn_tail_is_cut_off_and_counted(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A frame that was being written when the process died goes; the one after it gets its number."""
    left_by(tmp_path, frames_of(10))
    segment = segments_of(tmp_path)[0]
    os.truncate(segment, segment.stat().st_size - cut)
    whole = max(0, (10 * FRAME - cut) // FRAME)
    with caplog.at_level(logging.WARNING, "poslife.journal"):
        journal = FileJournal(tmp_path)
        status = journal.open()

    assert (1, whole, whole) == (status.torn_tails, status.last, status.recovered)
    assert whole + 1 == journal.append(b"next")
    assert [*frames_of(whole), b"next"] == all_of(journal).contents
    assert [] == all_of(journal).gaps
    assert "half-written" in caplog.text
    die(journal)
    again = FileJournal(tmp_path)
    assert 0 == again.open().torn_tails
    assert [*frames_of(whole), b"next"] == all_of(again).contents
    again.close()


def test_a_file_that_grew_without_its_content(tmp_path: Path) -> None:
    """Zeros at the end, as a power failure leaves them, are a torn tail."""
    left_by(tmp_path, frames_of(5))
    with segments_of(tmp_path)[0].open("ab") as file:
        file.write(bytes(5000))
    journal = FileJournal(tmp_path)

    assert 1 == journal.open().torn_tails
    assert frames_of(5) == all_of(journal).contents
    assert 6 == journal.append(b"next")
    journal.close()


@pytest.mark.parametrize(
    "first, last, data",
    [
        pytest.param(4, 4, (FRAME * 3 + 60, b"\x00\x01"), id="a content"),
        pytest.param(4, 4, (FRAME * 3, b"\x00"), id="a magic"),
        pytest.param(4, 4, (FRAME * 3 + 4, b"\x00\x00\x00\x00"), id="a checksum"),
        pytest.param(4, 4, (FRAME * 3 + 10, b"\xff"), id="a length, far too large"),
        pytest.param(4, 4, (FRAME * 3 + 8, b"\x01"), id="a length, too small"),
        pytest.param(4, 4, (FRAME * 3 + 12, b"\x77"), id="an index"),
        pytest.param(4, 6, (FRAME * 3 + 50, bytes(FRAME * 2)), id="a zeroed range"),
        pytest.param(1, 3, (0, bytes(FRAME * 3)), id="the first frames"),
        pytest.param(1, 1, (-HEADER_BYTES, bytes(HEADER_BYTES + 10)), id="the header and a frame"),
        pytest.param(20, 20, (FRAME * 19 + 60, b"\x00\x01"), id="the last content of a segment"),
    ],
)
@pytest.mark.parametrize("most_bytes", [1, 1 << 20], ids=["frame by frame", "at once"])
def test_damage_in_the_middle_is_a_gap(
    tmp_path: Path, first: int, last: int, data: tuple[int, bytes], most_bytes: int
) -> None:
    """Frames that were accepted and cannot be read are told by number, and reading goes on behind them."""
    left_by(tmp_path, frames_of(20), segment_bytes=16 << 20)
    left_by(tmp_path, frames_of(20, start=21), segment_bytes=16 << 20)
    damage(segments_of(tmp_path)[0], HEADER_BYTES + data[0], data[1])
    journal = FileJournal(tmp_path)
    status = journal.open()

    assert (40, 40, 0) == (status.last, status.recovered, status.torn_tails)
    wanted = [(n, f) for n, f in enumerate(frames_of(40), 1) if not first <= n <= last]
    for _ in range(2):
        found = all_of(journal, most_bytes=most_bytes)
        assert wanted == found.frames
        assert [(first - 1, last + 1)] == [(gap.after, gap.before) for gap in found.gaps]
        assert segments_of(tmp_path)[0].name in found.gaps[0].reason
    assert 1 == journal.status().gaps
    assert 41 == journal.append(b"next")
    journal.forget(last)
    assert [] == all_of(journal).gaps
    journal.close()


def test_a_damaged_last_frame_was_accepted(tmp_path: Path) -> None:
    """A whole frame that cannot be read is a gap, not a torn tail; its number is not given again."""
    left_by(tmp_path, frames_of(5))
    damage(segments_of(tmp_path)[0], HEADER_BYTES + FRAME * 4 + 60, b"\x00")
    for last in (5, 6):
        journal = FileJournal(tmp_path)
        status = journal.open()

        assert (last, 0) == (status.last, status.torn_tails)
        assert last + 1 == journal.append(b"next")
        found = all_of(journal)
        assert [(4, 6)] == [(gap.after, gap.before) for gap in found.gaps]
        assert [*range(1, 5), *range(6, last + 2)] == [number for number, _ in found.frames]
        die(journal)


@pytest.mark.parametrize("missing", [0, 1, 2], ids=["the first", "one between", "the last but one"])
def test_a_missing_segment_is_a_gap(tmp_path: Path, missing: int) -> None:
    """The numbers of what is gone follow from those around it."""
    for start in (1, 11, 21, 31):
        left_by(tmp_path, frames_of(10, start=start))
    segments_of(tmp_path)[missing].unlink()
    journal = FileJournal(tmp_path)
    found = all_of(journal)

    assert [(missing * 10, missing * 10 + 11)] == [(gap.after, gap.before) for gap in found.gaps]
    assert 30 == len(found.frames)
    journal.close()


def test_an_event_that_holds_a_segment_is_not_taken_for_frames(tmp_path: Path) -> None:
    """Bytes of another segment, kept as a frame that is damaged, are not read as frames of this one."""
    left_by(tmp_path / "one", frames_of(10))
    inner = segments_of(tmp_path / "one")[0].read_bytes()
    left_by(tmp_path / "two", [b"before", inner, b"after"])
    damage(segments_of(tmp_path / "two")[0], HEADER_BYTES + 22 + 20, b"\x00")
    journal = FileJournal(tmp_path / "two")
    found = all_of(journal)

    assert [(1, b"before"), (3, b"after")] == found.frames
    assert [(1, 3)] == [(gap.after, gap.before) for gap in found.gaps]
    journal.close()


@pytest.mark.parametrize(
    "ruin",
    [
        b"",
        b"\x00" * 200_000,
        b"poslifeC nonsense" * 9000,
        struct.pack("<8sII", b"poslifeC", zlib.crc32(b"{}"), 2) + b"{}",
    ],
    ids=["empty", "zeros", "nonsense", "of another kind"],
)
def test_an_unreadable_cursor_means_from_the_oldest(
    tmp_path: Path, ruin: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """What was let go of, and is still in a file, counts as waiting again: nothing is lost."""
    left_by(tmp_path, frames_of(100), forgotten=60)
    next(tmp_path.glob("*/cursor")).write_bytes(ruin)
    kept = int(segments_of(tmp_path)[0].name[:20])
    with caplog.at_level(logging.WARNING, "poslife.journal"):
        journal = FileJournal(tmp_path)
        status = journal.open()

    assert 1 < kept <= 61
    assert (kept, 100, 101 - kept) == (status.first, status.last, status.recovered)
    assert frames_of(101 - kept, start=kept) == all_of(journal).contents
    assert {} == journal.marks()
    assert 101 == journal.append(b"next")
    assert ("the cursor cannot be read" in caplog.text) is bool(ruin)
    journal.close()


def test_half_a_cursor_leaves_the_one_before(tmp_path: Path) -> None:
    """What was made durable is never written over: of the two places one can be read."""
    journal = FileJournal(tmp_path, segment_bytes=4096)
    for frame in frames_of(100):
        journal.append(frame)
    journal.forget(70)
    journal.mark("store", 80)
    die(journal)
    cursor = next(tmp_path.glob("*/cursor"))
    content = cursor.read_bytes()
    places = [content.find(b'"turn"', at) for at in (0, 1 << 16)]
    newer = max(places, key=lambda at: int(content[at + 7 :].split(b",")[0]))
    damage(cursor, newer, b"torn")
    again = FileJournal(tmp_path)

    assert 71 == again.open().first
    assert {} == again.marks()
    again.close()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """A segment of a newer release is not guessed at, and not touched."""
    left_by(tmp_path, frames_of(3))
    segment = segments_of(tmp_path)[0]
    beginning = struct.pack("<8sI", encode_header()[:8], 2)
    damage(segment, 0, beginning + struct.pack("<I", zlib.crc32(beginning)))
    content = segment.read_bytes()
    for _ in range(2):
        journal = FileJournal(tmp_path)
        with pytest.raises(
            JournalUnavailable, match=r"format 2, which a newer release of poslife wrote; run"
        ):
            journal.append(b"mine")
        assert journal.status().failure is not None
        journal.close()

    assert content == segment.read_bytes()


@pytest.mark.parametrize("call", ["open", "make_directory", "rename", "write_at", "flush"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EMFILE], ids=os.strerror)
def test_opening_where_the_disk_says_no(tmp_path: Path, call: str, number: int) -> None:
    """It is told, leaves no lock behind, and opens at the next use when the disk does."""
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
    """A path that is a file, or below one, is told with what to do."""
    (tmp_path / "file").write_text("a file")
    journal = FileJournal(tmp_path / place)

    with pytest.raises(JournalUnavailable, match="choose a path that is, or can become, a directory"):
        journal.append(b"x")
    assert "a file" == (tmp_path / "file").read_text()


def test_reading_where_the_disk_says_no(tmp_path: Path) -> None:
    """A failing read is told as such and loses no place: when the disk is well, reading goes on."""
    left_by(tmp_path, frames_of(10))
    faults = Faults()
    journal = FileJournal(tmp_path, _disk=faults.disk)
    journal.open()
    with faults.failing("read_at", errno.EIO), pytest.raises(JournalUnavailable, match="the disk is failing"):
        journal.read(0)

    assert frames_of(10) == all_of(journal).contents
    journal.close()


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """What is not the journal's stays where it is, and stops nothing."""
    for start in (1, 11):
        left_by(tmp_path, frames_of(10, start=start))
    own = next(tmp_path.iterdir())
    (own / "notes.txt").write_text("mine")
    (tmp_path / "README").write_text("mine, too")
    journal = FileJournal(tmp_path)

    assert frames_of(20) == all_of(journal).contents
    journal.close()
    assert "mine" == (own / "notes.txt").read_text()
