"""
Which directory a process writes to: one of its own, with all that dead processes left moved into it.

Whoever holds the lock of a directory may do with it as it likes; a directory whose lock cannot be had belongs
to a live process and is left alone. A new directory gets its name when it is locked already, so there is
never one that is visible and not yet somebody's.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from poslife.errors import JournalUnavailable
from poslife.journal._cursor import Cursor, CursorFile
from poslife.journal._directory import CURSOR, LOCK, Contents, empty, load, settle
from poslife.journal._disk import Disk

__all__ = ["Claimed", "claim"]

_OWN = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}-[0-9]+-[0-9a-f]{8}")
_BEGUN = ".new-"
_NOT_SUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class Claimed:
    """
    A directory that is this process's own, and what is in it.

    Attributes:
        path: The directory.
        lock: The descriptor that holds its lock.
        contents: What is in it.
    """

    def __init__(self, path: Path, lock: int, contents: Contents) -> None:
        self.path = path
        self.lock = lock
        self.contents = contents
        self._last = contents.last
        self._torn_tails = contents.torn_tails
        self._grown = False

    def adopt(self, path: Path, disk: Disk) -> None:
        """
        Move what a dead sibling's directory holds behind what is here already.

        By one rename, which makes it this one's, and then by steps that `settle` can begin again.
        """
        settle(path, disk)
        theirs = load(path, disk)
        self._torn_tails += theirs.torn_tails
        count = theirs.last - theirs.cursor.forgotten
        if count > 0:
            # Numbers are told from the cursor once it has moved, so it has to be there, and readable.
            file = CursorFile(path / CURSOR, disk)
            file.read()
            try:
                file.write(Cursor(forgotten=theirs.cursor.forgotten), durably=True)
            finally:
                file.close()
            disk.rename(path, self.path / f"{self._last + 1:020d}.adopted")
            disk.sync_directory(path.parent)
            settle(self.path, disk)
            self._last += count
            self._grown = True
        else:
            empty(path, disk)

    def reload(self, disk: Disk) -> None:
        """
        Look again, where something was moved here.
        """
        if self._grown:
            contents = load(self.path, disk)
            self._torn_tails += contents.torn_tails
            self.contents = replace(contents, torn_tails=self._torn_tails)
        else:
            self.contents = replace(self.contents, torn_tails=self._torn_tails)


def claim(root: Path, disk: Disk) -> Claimed:
    """
    Take over the oldest directory without a live process, or make one; move what the others hold into it.

    Raises:
        JournalUnavailable: What is there must not be touched, or locks do not work.
        OSError: The disk says no.
    """
    if sys.platform == "win32":  # pragma: no cover - on Windows alone
        raise JournalUnavailable("there is no journal on Windows yet; run the bot on a POSIX system")
    _prepare(root, disk)
    own: Claimed | None = None
    try:
        for path in _orphans(root):
            lock = _lock(path, disk)
            if lock is None:
                continue
            if path.name.startswith(_BEGUN):
                with _held(lock):
                    _tidy(path, disk)
            elif own is None:
                own = _take_over(path, lock, disk)
            else:
                with _held(lock):
                    own.adopt(path, disk)
        if own is None:
            path, lock = _make(root, disk)
            own = _take_over(path, lock, disk)
        own.reload(disk)
    except BaseException:
        if own is not None:
            os.close(own.lock)
        raise
    return own


def _take_over(path: Path, lock: int, disk: Disk) -> Claimed:
    try:
        settle(path, disk)
        return Claimed(path, lock, load(path, disk))
    except BaseException:
        os.close(lock)
        raise


def _prepare(root: Path, disk: Disk) -> None:
    """
    See to it that the root is there, and that nobody else can look into it or write to it.
    """
    missing = [each for each in (root, *root.parents) if not each.exists()]
    for path in reversed(missing):
        try:
            disk.make_directory(path)
        except FileExistsError:
            continue  # another process was quicker
        # Whatever the umask took away or left.
        path.chmod(0o700)
    found = root.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "it is a file", str(root))
    if found.st_uid != os.geteuid() and os.geteuid() != 0:
        raise JournalUnavailable(
            f"{root} belongs to another user ({found.st_uid}); choose a directory of your own"
        )
    if found.st_mode & 0o077:
        foreign = sorted(each.name for each in root.iterdir() if not _is_ours(each.name))
        if foreign:
            raise JournalUnavailable(
                f"{root} is open to other users and holds what is not the journal's ({foreign[0]}); "
                "choose a directory of its own, or close this one: chmod 700"
            )
        root.chmod(0o700)


def _is_ours(name: str) -> bool:
    return _OWN.fullmatch(name.removeprefix(_BEGUN)) is not None


def _orphans(root: Path) -> Iterator[Path]:
    """
    Candidates: directories of journals, the oldest first.
    """
    for path in sorted(root.iterdir(), key=lambda path: path.name.removeprefix(_BEGUN)):
        if _is_ours(path.name):
            yield path


def _lock(path: Path, disk: Disk) -> int | None:
    """
    The lock of a directory; ``None`` where another process holds it, or the directory is gone.
    """
    file = path / LOCK
    try:
        descriptor = disk.open(file, os.O_RDWR | os.O_CREAT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        disk.take_lock(descriptor)
        # Somebody may have moved or removed it between the two calls.
        current = file.stat()
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        if error.errno in _NOT_SUPPORTED:
            raise JournalUnavailable(
                f"{file} cannot be locked ({error.strerror}), so two processes might write to one journal; "
                "put the journal on a local disk of a POSIX system"
            ) from error
        raise
    if not os.path.samestat(current, os.fstat(descriptor)):
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def _held(lock: int) -> Generator[None]:
    try:
        yield
    finally:
        os.close(lock)


def _make(root: Path, disk: Disk) -> tuple[Path, int]:
    """
    A directory of this process's own, locked before it has its name.
    """
    while True:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        name = f"{now}-{os.getpid()}-{secrets.token_hex(4)}"
        begun, final = root / f"{_BEGUN}{name}", root / name
        disk.make_directory(begun)
        begun.chmod(0o700)
        lock = _lock(begun, disk)
        if lock is None:
            continue  # another process has just tidied it away
        try:
            disk.rename(begun, final)
            disk.sync_directory(root)
        except BaseException:
            os.close(lock)
            raise
        return final, lock


def _tidy(path: Path, disk: Disk) -> None:
    """
    Remove a directory whose process died before it had its name: nothing was ever written to it.
    """
    # Where that fails, it is in nobody's way.
    with suppress(OSError):
        empty(path, disk)
