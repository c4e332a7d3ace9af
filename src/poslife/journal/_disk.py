"""
The calls by which a journal reaches the disk, and advice for each error.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from poslife.errors import JournalUnavailable

if sys.platform != "win32":  # pragma: no branch - the suite runs on POSIX
    import fcntl

__all__ = ["Disk", "as_unavailable"]


def _flush(descriptor: int) -> None:
    if sys.platform == "darwin":  # pragma: no cover - on macOS alone
        # There, fsync stops at the drive's own cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif sys.platform == "win32":  # pragma: no cover - on Windows alone
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)


def _take_lock(descriptor: int) -> None:
    if sys.platform != "win32":  # pragma: no branch - as above
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _drop_lock(descriptor: int) -> None:
    if sys.platform != "win32":  # pragma: no branch - as above
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)


def _read_at(descriptor: int, size: int, at: int) -> bytes:
    """
    Read *size* bytes; fewer only at the end of the file.
    """
    data = os.pread(descriptor, size, at)
    while len(data) < size and (more := os.pread(descriptor, size - len(data), at + len(data))):
        data += more
    return data


def _write_at(descriptor: int, data: bytes, at: int) -> int:
    return os.pwrite(descriptor, data, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """
    The system calls of a journal, one field for each that may fail or that a process may die before.

    Tests replace one to fill a disk, or to stop at each step.
    """

    open: Callable[[Path, int], int] = _open
    write: Callable[[int, bytes], int] = os.write
    write_at: Callable[[int, bytes, int], int] = _write_at
    read_at: Callable[[int, int, int], bytes] = _read_at
    truncate: Callable[[int, int], None] = os.ftruncate
    flush: Callable[[int], None] = _flush
    flush_directory: Callable[[int], None] = os.fsync
    unlink: Callable[[Path], None] = os.unlink
    rename: Callable[[Path, Path], None] = os.rename
    make_directory: Callable[[Path], None] = os.mkdir
    remove_directory: Callable[[Path], None] = os.rmdir
    take_lock: Callable[[int], None] = _take_lock
    drop_lock: Callable[[int], None] = _drop_lock

    def sync_directory(self, path: Path) -> None:
        """
        Sync the names in a directory to the disk.
        """
        descriptor = self.open(path, os.O_RDONLY)
        try:
            self.flush_directory(descriptor)
        finally:
            os.close(descriptor)


_ADVICE = {
    errno.ENOSPC: "free some space, or put the journal on a larger disk",
    errno.EDQUOT: "raise the user's disk quota, or free some space",
    errno.EFBIG: "raise the process's limit on file sizes (ulimit -f), or use smaller segments",
    errno.EROFS: "mount the file system for writing, or put the journal elsewhere",
    errno.EACCES: "give this user the right to write there, or put the journal elsewhere",
    errno.EPERM: "give this user the right to write there, or put the journal elsewhere",
    errno.EIO: "the disk is failing: put the journal on another one",
    errno.EMFILE: "raise the process's limit on open files (ulimit -n)",
    errno.ENFILE: "the machine has too many files open",
    errno.ENOENT: "it was removed while in use: leave the directory to poslife",
    errno.ENOTDIR: "choose a path that is, or can become, a directory",
    errno.ESTALE: "put the journal on a local disk",
}


def as_unavailable(error: OSError, action: str, path: Path) -> JournalUnavailable:
    """
    Return the error for a host: what failed, where, why, and what to do.
    """
    advice = _ADVICE.get(error.errno or 0)
    reason = f"{action} {path}: {error.strerror or error}"
    return JournalUnavailable(f"{reason}; {advice}" if advice else reason)
