"""
One file of lines: repaired when it is opened, and never left half written.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from poslife.journal._disk import Disk
from poslife.jsonl._lines import Line, is_json, parse_id

__all__ = ["LineFile", "ids_in"]

logger = logging.getLogger("poslife.jsonl")


class LineFile:
    """
    A file that lines are appended to. Used by one thread.

    Args:
        path: The file.
        disk: Access to the disk.

    Attributes:
        ids: The ids of its events.
        size: Its size in bytes.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.ids: set[bytes] = set()
        self.size = 0
        self._disk = disk
        self._descriptor: int | None = None
        self._identity: tuple[int, int] | None = None

    @property
    def was_moved(self) -> bool:
        """
        True if the open file was moved or removed, as by a program that rotates logs.
        """
        if self._descriptor is None:
            return False
        try:
            found = os.stat(self.path)  # noqa: PTH116 - before every batch, so the fastest way
        except FileNotFoundError:
            return True
        return (found.st_dev, found.st_ino) != self._identity

    def open(self) -> None:
        """
        Open it, cut off a half-written line, and read the ids of its events. An open file stays as it is.

        Raises:
            OSError: The disk refused.
        """
        if self._descriptor is not None:
            return
        descriptor = self._disk.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            found = os.fstat(descriptor)
            self._require_regular(found.st_mode)
            ids, size = self._repair(descriptor)
            # What an earlier process wrote counts as stored from now on, and may not be on the disk yet.
            self._disk.flush(descriptor)
            self._disk.sync_directory(self.path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._identity = descriptor, (found.st_dev, found.st_ino)
        self.ids, self.size = ids, size

    def _require_regular(self, mode: int) -> None:
        if not stat.S_ISREG(mode):
            raise OSError(errno.ENXIO, "not a regular file", str(self.path))

    def _repair(self, descriptor: int) -> tuple[set[bytes], int]:
        """
        Complete or cut off the last line; return the ids of the events and the size.
        """
        ids: set[bytes] = set()
        whole, torn = 0, b""
        with open(os.dup(descriptor), "rb") as lines:  # noqa: PTH123 - it is open already
            for line in lines:
                if not line.endswith(b"\n"):
                    torn = line
                    break
                whole += len(line)
                if (event := parse_id(line)) is not None:
                    ids.add(event)
        if torn and (event := parse_id(torn)) is not None and is_json(torn):
            # Only its newline is missing: an editor removed it, or a crash came just before.
            ids.add(event)
            whole += len(torn) + self._disk.write(descriptor, b"\n")
        elif torn:
            logger.warning(
                "%s: its last line, %d bytes, was half written and is cut off", self.path, len(torn)
            )
            self._disk.truncate(descriptor, whole)
        return ids, whole

    def append(self, lines: list[Line]) -> None:
        """
        Append all of *lines*, on the disk when this returns, or none.

        Raises:
            OSError: The disk refused.
        """
        assert self._descriptor is not None  # opened before
        data = b"".join(line for _, line in lines)
        left = data
        try:
            while left:
                left = left[self._disk.write(self._descriptor, left) :]
            self._disk.flush(self._descriptor)
        except BaseException:
            # If that fails, too, the next opening repairs the file.
            with suppress(OSError):
                self._disk.truncate(self._descriptor, self.size)
            self.close()
            raise
        self.size += len(data)
        self.ids.update(event for event, _ in lines)

    def close(self) -> None:
        """
        Close it. Closing a closed file does nothing.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def ids_in(path: Path) -> set[bytes]:
    """
    Return the ids of the events in a full file.

    Raises:
        OSError: The disk refused.
    """
    with path.open("rb") as lines:
        return {event for event in map(parse_id, lines) if event is not None}
