"""
The cursor: two slots, of which one can always be read.
"""

from __future__ import annotations

import logging
import os
import struct
import zlib
from pathlib import Path

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import FileJournal
from poslife.journal._cursor import Cursor, CursorFile
from poslife.journal._disk import Disk
from tests.journal.disks import all_of, damage, die, frames_of, left_by, segments_of


def read_back(path: Path) -> Cursor | None:
    return CursorFile(path, Disk()).read()


def test_the_newest_cursor_is_read_back(tmp_path: Path) -> None:
    """
    However often it is written, durably or not.
    """
    path = tmp_path / "cursor"
    file = CursorFile(path, Disk())
    assert file.read() is None
    for number in range(1, 8):
        cursor = Cursor(forgotten=number, marks={"store": number * 10})
        file.write(cursor, durably=number % 3 == 0)

        assert cursor == read_back(path)
    file.close()


def test_a_slot_that_is_durable_outlives_every_write_that_is_not(tmp_path: Path) -> None:
    """
    A power failure may take whatever was not flushed: the durable slot is still there.
    """
    path = tmp_path / "cursor"
    file = CursorFile(path, Disk())
    file.write(Cursor(forgotten=5), durably=True)
    durable = path.read_bytes()
    for number in range(6, 20):
        file.write(Cursor(forgotten=number), durably=False)
    file.close()
    content = path.read_bytes()
    kept = [at for at in (0, 1 << 16) if durable[at : at + 64].strip(b"\x00")]

    assert 1 == len(kept)
    assert durable[kept[0] : kept[0] + 64] == content[kept[0] : kept[0] + 64].rstrip(b"\x00")


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
    """
    What was let go of, and is still in a file, counts as waiting again: nothing is lost.
    """
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
    """
    What was made durable is never written over: of the two places one can be read.
    """
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


def test_half_a_cursor_is_an_error(tmp_path: Path) -> None:
    """
    A cursor that was written by half is no cursor, and the one before stands.
    """
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
    """
    Hundreds of lanes with long names do not fit, and the error says so.
    """
    journal = FileJournal(tmp_path)
    journal.append(b"x")
    for number in range(400):
        journal.mark(f"{number:0200d}", 1)
    with pytest.raises(JournalUnavailable, match="the names of the lanes take too much room"):
        journal.forget(1)
    die(journal)
