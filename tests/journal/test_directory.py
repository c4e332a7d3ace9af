"""
The contents of a directory, whatever has happened to it since its process died.
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
from tests.journal.disks import Faults, all_of, damage, die, frames_of, left_by, segments_of

FRAME = 116


@pytest.mark.parametrize("cut", [1, 50, 99, 100, 101, 115, 116 + 5, 116 * 10 + 1, 116 * 10 + 15])
def test_a_torn_tail_is_cut_off_and_counted(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A frame that was being written when the process died goes; the one after it gets its number.
    """
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
    """
    Zeros at the end, as a power failure leaves them, are a torn tail.
    """
    left_by(tmp_path, frames_of(5))
    with segments_of(tmp_path)[0].open("ab") as file:
        file.write(bytes(5000))
    journal = FileJournal(tmp_path)

    assert 1 == journal.open().torn_tails
    assert frames_of(5) == all_of(journal).contents
    assert 6 == journal.append(b"next")
    journal.close()


def test_a_damaged_last_frame_was_accepted(tmp_path: Path) -> None:
    """
    A whole frame that cannot be read is a gap, not a torn tail; its number is not given again.
    """
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


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """
    A segment of a newer release is not guessed at, and not touched.
    """
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


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """
    What is not the journal's stays where it is, and stops nothing.
    """
    for start in (1, 11):
        left_by(tmp_path, frames_of(10, start=start))
    own = next(tmp_path.iterdir())
    (own / "notes.txt").write_text("mine")
    (tmp_path / "README").write_text("mine, too")
    journal = FileJournal(tmp_path)

    assert frames_of(20) == all_of(journal).contents
    journal.close()
    assert "mine" == (own / "notes.txt").read_text()


def test_an_emptied_directory_that_cannot_be_removed(tmp_path: Path) -> None:
    """
    It is an error, and the next attempt goes on from there.
    """
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
