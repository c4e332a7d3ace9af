"""
One file of lines: mended when it is opened, and never left half written.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from poslife.journal._disk import Disk
from poslife.jsonl._lines import Line, id_of, is_json

__all__ = ["LineFile", "ids_in"]

logger = logging.getLogger("poslife.jsonl")


class LineFile:
    """
    A file that lines are added to. Used by one thread.

    Args:
        path: Where.
        disk: How the disk is reached.

    Attributes:
        ids: The events that are in it.
        size: How long it is.
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
        Whether somebody took the open file away, as a program that rotates logs does.
        """
        if self._descriptor is None:
            return False
        try:
            there = os.stat(self.path)  # noqa: PTH116 - before every batch, so the fastest way
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != self._identity

    def open(self) -> None:
        """
        Open it, cut off what a crash has left half, and learn its events. An open one stays as it is.

        Raises:
            OSError: The disk says no.
        """
        if self._descriptor is not None:
            return
        descriptor = self._disk.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            found = os.fstat(descriptor)
            self._require_plain(found.st_mode)
            ids, size = self._mended(descriptor)
            # What an earlier process wrote may not be on the disk yet, and is believed from now on.
            self._disk.flush(descriptor)
            self._disk.sync_directory(self.path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._identity = descriptor, (found.st_dev, found.st_ino)
        self.ids, self.size = ids, size

    def _require_plain(self, mode: int) -> None:
        if not stat.S_ISREG(mode):
            raise OSError(errno.ENXIO, "it is no plain file", str(self.path))

    def _mended(self, descriptor: int) -> tuple[set[bytes], int]:
        """
        The events in it and its size, when its last line is whole.
        """
        ids: set[bytes] = set()
        whole, torn = 0, b""
        with open(os.dup(descriptor), "rb") as lines:  # noqa: PTH123 - it is open already
            for line in lines:
                if not line.endswith(b"\n"):
                    torn = line
                    break
                whole += len(line)
                if (event := id_of(line)) is not None:
                    ids.add(event)
        if torn and (event := id_of(torn)) is not None and is_json(torn):
            # An editor has taken its end away, or a crash nothing else.
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
        Add all of *lines*, on the disk when this returns, or none.

        Raises:
            OSError: The disk says no.
        """
        assert self._descriptor is not None  # whoever adds has opened it
        data = b"".join(line for _, line in lines)
        left = data
        try:
            while left:
                left = left[self._disk.write(self._descriptor, left) :]
            self._disk.flush(self._descriptor)
        except BaseException:
            # Whatever came of it is looked at anew when it is opened again.
            with suppress(OSError):
                self._disk.truncate(self._descriptor, self.size)
            self.close()
            raise
        self.size += len(data)
        self.ids.update(event for event, _ in lines)

    def close(self) -> None:
        """
        Close it. Closing a closed one does nothing.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def ids_in(path: Path) -> set[bytes]:
    """
    The events in a file that is full.

    Raises:
        OSError: The disk says no.
    """
    with path.open("rb") as lines:
        return {event for event in map(id_of, lines) if event is not None}
