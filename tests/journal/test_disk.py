"""
The calls by which a journal reaches the disk, and what an error of theirs tells a host.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from poslife.journal._disk import Disk, as_unavailable


@pytest.mark.parametrize(
    "number, advice",
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "give this user the right to write there"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOENT, "leave the directory to poslife"),
        (errno.ESTALE, "local disk"),
    ],
    ids=["disk full", "no right", "too many files", "removed", "network disk"],
)
def test_an_error_says_what_failed_where_why_and_what_to_do(number: int, advice: str) -> None:
    """
    In that order.
    """
    reason = as_unavailable(OSError(number, os.strerror(number)), "writing to", Path("/var/bot")).reason

    assert reason.startswith(f"writing to /var/bot: {os.strerror(number)}; ")
    assert advice in reason


def test_an_unknown_error_comes_without_advice() -> None:
    """
    Whatever it says, with or without a number.
    """
    assert "syncing /x: out of order" == as_unavailable(OSError("out of order"), "syncing", Path("/x")).reason
    strange = as_unavailable(OSError(errno.ELIBBAD, "odd"), "syncing", Path("/x"))
    assert "syncing /x: odd" == strange.reason


def test_files_are_for_this_user_alone_and_for_no_program_it_starts(tmp_path: Path) -> None:
    """
    Whatever the umask, and without a descriptor that a child inherits.
    """
    before = os.umask(0)
    try:
        descriptor = Disk().open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    finally:
        os.umask(before)
    try:
        assert 0o600 == (tmp_path / "file").stat().st_mode & 0o777
        assert not os.get_inheritable(descriptor)
    finally:
        os.close(descriptor)


def test_a_read_gives_all_up_to_the_end_of_the_file(tmp_path: Path) -> None:
    """
    Fewer bytes are only ever the file's end.
    """
    disk = Disk()
    (tmp_path / "file").write_bytes(b"0123456789")
    descriptor = disk.open(tmp_path / "file", os.O_RDWR)
    try:
        assert b"3456" == disk.read_at(descriptor, 4, 3)
        assert b"89" == disk.read_at(descriptor, 100, 8)
        assert b"" == disk.read_at(descriptor, 100, 10)
        assert 2 == disk.write_at(descriptor, b"xy", 0)
        assert b"xy23" == disk.read_at(descriptor, 4, 0)
    finally:
        os.close(descriptor)


def test_a_lock_is_one_holders_until_it_is_dropped(tmp_path: Path) -> None:
    """
    Another opening of the same file cannot have it meanwhile.
    """
    disk = Disk()
    one, other = (disk.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    try:
        disk.take_lock(one)
        with pytest.raises(BlockingIOError):
            disk.take_lock(other)
        disk.drop_lock(one)
        disk.take_lock(other)
    finally:
        os.close(one)
        os.close(other)
