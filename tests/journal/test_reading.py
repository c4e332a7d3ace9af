"""
Reading segments: what can be read is read, and what cannot is a gap.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import FileJournal
from poslife.journal._segments import HEADER_BYTES
from tests.journal.disks import Faults, all_of, damage, frames_of, left_by, segments_of

FRAME = 116


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
    """
    Frames that were accepted and cannot be read are a gap, by number, and reading goes on behind them.
    """
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


@pytest.mark.parametrize("missing", [0, 1, 2], ids=["the first", "one between", "the last but one"])
def test_a_missing_segment_is_a_gap(tmp_path: Path, missing: int) -> None:
    """
    The numbers of what is gone follow from those around it.
    """
    for start in (1, 11, 21, 31):
        left_by(tmp_path, frames_of(10, start=start))
    segments_of(tmp_path)[missing].unlink()
    journal = FileJournal(tmp_path)
    found = all_of(journal)

    assert [(missing * 10, missing * 10 + 11)] == [(gap.after, gap.before) for gap in found.gaps]
    assert 30 == len(found.frames)
    journal.close()


def test_an_event_that_holds_a_segment_is_not_taken_for_frames(tmp_path: Path) -> None:
    """
    Bytes of another segment, kept as a frame that is damaged, are not read as frames of this one.
    """
    left_by(tmp_path / "one", frames_of(10))
    inner = segments_of(tmp_path / "one")[0].read_bytes()
    left_by(tmp_path / "two", [b"before", inner, b"after"])
    damage(segments_of(tmp_path / "two")[0], HEADER_BYTES + 22 + 20, b"\x00")
    journal = FileJournal(tmp_path / "two")
    found = all_of(journal)

    assert [(1, b"before"), (3, b"after")] == found.frames
    assert [(1, 3)] == [(gap.after, gap.before) for gap in found.gaps]
    journal.close()


def test_reading_where_the_disk_says_no(tmp_path: Path) -> None:
    """
    A failing read is an error and loses no place: when the disk is well, reading goes on.
    """
    left_by(tmp_path, frames_of(10))
    faults = Faults()
    journal = FileJournal(tmp_path, _disk=faults.disk)
    journal.open()
    with faults.failing("read_at", errno.EIO), pytest.raises(JournalUnavailable, match="the disk is failing"):
        journal.read(0)

    assert frames_of(10) == all_of(journal).contents
    journal.close()
