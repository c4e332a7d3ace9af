"""
The directory of one process: its own, with all that dead processes left moved into it.

The holder of a directory's lock owns it; a directory whose lock is taken belongs to a live process and is
left alone. A new directory gets its name after its lock is taken, so none is ever visible without an owner.
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
from poslife.journal._directory import CURSOR, LOCK, Contents, finish_adoptions, load, remove
from poslife.journal._disk import Disk

__all__ = ["Claimed", "claim"]

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}-[0-9]+-[0-9a-f]{8}")
_UNNAMED = ".new-"
_NOT_SUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class Claimed:
    """
    A directory that this process owns, and its contents.

    Attributes:
        path: The directory.
        lock: The descriptor that holds its lock.
        contents: Its contents.
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
        Move the contents of a dead sibling's directory behind this one's.

        One rename makes it this one's; `finish_adoptions` does the rest, and can begin it again.
        """
        finish_adoptions(path, disk)
        sibling = load(path, disk)
        self._torn_tails += sibling.torn_tails
        count = sibling.last - sibling.cursor.forgotten
        if count > 0:
            # Once it has moved, its numbers follow from its cursor, which therefore has to be readable.
            file = CursorFile(path / CURSOR, disk)
            file.read()
            try:
                file.write(Cursor(forgotten=sibling.cursor.forgotten), durably=True)
            finally:
                file.close()
            disk.rename(path, self.path / f"{self._last + 1:020d}.adopted")
            disk.sync_directory(path.parent)
            finish_adoptions(self.path, disk)
            self._last += count
            self._grown = True
        else:
            remove(path, disk)

    def reload(self, disk: Disk) -> None:
        """
        Load the contents again if something was moved here.
        """
        if self._grown:
            contents = load(self.path, disk)
            self._torn_tails += contents.torn_tails
            self.contents = replace(contents, torn_tails=self._torn_tails)
        else:
            self.contents = replace(self.contents, torn_tails=self._torn_tails)


def claim(root: Path, disk: Disk) -> Claimed:
    """
    Take over the oldest directory without a live process, or make one; adopt the others without one.

    Raises:
        JournalUnavailable: What is there must not be touched, or locks do not work.
        OSError: The disk refused.
    """
    if sys.platform == "win32":  # pragma: no cover - on Windows alone
        raise JournalUnavailable("there is no journal on Windows yet; run the bot on a POSIX system")
    _prepare_root(root, disk)
    own: Claimed | None = None
    try:
        for path in _directories(root):
            lock = _try_lock(path, disk)
            if lock is None:
                continue
            if path.name.startswith(_UNNAMED):
                with _released(lock):
                    _remove_begun(path, disk)
            elif own is None:
                own = _take_over(path, lock, disk)
            else:
                with _released(lock):
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
        finish_adoptions(path, disk)
        return Claimed(path, lock, load(path, disk))
    except BaseException:
        os.close(lock)
        raise


def _prepare_root(root: Path, disk: Disk) -> None:
    """
    Make the root if it is missing, and require that only this user can read and write it.
    """
    missing = [each for each in (root, *root.parents) if not each.exists()]
    for path in reversed(missing):
        try:
            disk.make_directory(path)
        except FileExistsError:
            continue  # another process made it
        # The umask may have removed permissions.
        path.chmod(0o700)
    found = root.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "the root is a file", str(root))
    if found.st_uid != os.geteuid() and os.geteuid() != 0:
        raise JournalUnavailable(
            f"{root} belongs to another user ({found.st_uid}); choose a directory of your own"
        )
    if found.st_mode & 0o077:
        foreign = sorted(each.name for each in root.iterdir() if not _is_journal_name(each.name))
        if foreign:
            raise JournalUnavailable(
                f"{root} is open to other users and holds what is not the journal's ({foreign[0]}); "
                "choose a directory of its own, or close this one: chmod 700"
            )
        root.chmod(0o700)


def _is_journal_name(name: str) -> bool:
    return _NAME.fullmatch(name.removeprefix(_UNNAMED)) is not None


def _directories(root: Path) -> Iterator[Path]:
    """
    Return the directories of journals, the oldest first.
    """
    for path in sorted(root.iterdir(), key=lambda path: path.name.removeprefix(_UNNAMED)):
        if _is_journal_name(path.name):
            yield path


def _try_lock(path: Path, disk: Disk) -> int | None:
    """
    Return the lock of a directory; ``None`` if another process holds it, or the directory is gone.
    """
    file = path / LOCK
    try:
        descriptor = disk.open(file, os.O_RDWR | os.O_CREAT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        disk.take_lock(descriptor)
        # It may have been moved or removed between the two calls.
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
def _released(lock: int) -> Generator[None]:
    try:
        yield
    finally:
        os.close(lock)


def _make(root: Path, disk: Disk) -> tuple[Path, int]:
    """
    Make a directory, locked before it has its name.
    """
    while True:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        name = f"{now}-{os.getpid()}-{secrets.token_hex(4)}"
        begun, final = root / f"{_UNNAMED}{name}", root / name
        disk.make_directory(begun)
        begun.chmod(0o700)
        lock = _try_lock(begun, disk)
        if lock is None:
            continue  # another process has just removed it
        try:
            disk.rename(begun, final)
            disk.sync_directory(root)
        except BaseException:
            os.close(lock)
            raise
        return final, lock


def _remove_begun(path: Path, disk: Disk) -> None:
    """
    Remove a directory whose process died before it had its name: nothing was ever written to it.
    """
    # One that cannot be removed does no harm.
    with suppress(OSError):
        remove(path, disk)
