"""
The file that is written, the full ones, and the one for dead letters; held by one process at a time.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from poslife._domain.identifiers import EventId
from poslife.errors import DeadLetterNotFound, StorageNotReady
from poslife.journal._disk import Disk
from poslife.jsonl._file import LineFile, ids_in
from poslife.jsonl._lines import (
    LINE_PREFIX,
    Line,
    created_at,
    encode_lines,
    parse_dead_letters,
    replayed_line,
)
from poslife.protocols import BuriedLetter

__all__ = ["Files"]

_PROBE: Final = bytes(4096)
# Seconds: a file's time comes from a coarser clock than an id's.
_CLOCK_TOLERANCE: Final = 1.0


class Files:
    """
    The files of a writer. Used by one thread.

    Args:
        path: The file that is written.
        most_bytes: How large it may become.
        keep: How many full files are kept; ``None`` for all.
        disk: Access to the disk.
    """

    def __init__(self, path: Path, *, most_bytes: int, keep: int | None, disk: Disk) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._keep = keep
        self._disk = disk
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._lock: int | None = None
        self._current = LineFile(path, disk)
        self._dead = LineFile(path.with_name(f"{path.stem}.dead{path.suffix}"), disk)
        self._previous_ids: set[bytes] | None = None
        self._unread: list[tuple[float, Path]] = []
        self._older_ids: set[bytes] = set()
        self._number = re.compile(rf"{re.escape(path.stem)}-([1-9][0-9]*){re.escape(path.suffix)}")

    def append(self, lines: list[Line]) -> None:
        """
        Append the lines whose events are not stored yet: all of them, on the disk, or none.

        Raises:
            OSError: The disk refused.
            StorageNotReady: Another process holds the file.
        """
        self._open()
        self._read_back([event for event, _ in lines])
        fresh: dict[bytes, Line] = {}
        for line in lines:
            if not self._is_stored(line[0]):
                fresh.setdefault(line[0], line)
        if not fresh:
            return
        added = sum(len(line) for _, line in fresh.values())
        if self._current.size and self._current.size + added > self._most_bytes:
            self._roll()
        self._current.append(list(fresh.values()))

    def bury(self, line: Line) -> None:
        """
        Append a dead letter, unless it or its event is stored.

        Raises:
            OSError: The disk refused.
            StorageNotReady: Another process holds the file.
        """
        self._open()
        self._open_dead()
        self._read_back([line[0]])
        if not self._is_stored(line[0]) and line[0] not in self._dead.ids:
            self._dead.append([line])

    def dead_letters(self) -> dict[bytes, BuriedLetter]:
        """
        Return the dead letters that were not replayed, by the ids of their events.

        Raises:
            OSError: The disk refused.
            StorageNotReady: Another process holds the file.
        """
        self._open()
        self._open_dead()
        with self._dead.path.open("rb") as lines:
            return parse_dead_letters(lines)

    def replay(self, event: EventId, now: datetime) -> None:
        """
        Append the event of a dead letter, and then a line that marks it replayed.

        After a crash between the two the letter is replayed again, and the event is there once.

        Raises:
            OSError: The disk refused.
            StorageNotReady: Another process holds the file.
            DeadLetterNotFound: There is none with this id.
            StorageRejected: The event is refused again.
        """
        buried = self.dead_letters().get(event.bytes)
        if buried is None:
            raise DeadLetterNotFound(event)
        self.append(encode_lines((buried.letter.record,)))
        self._dead.append([replayed_line(event.bytes, now)])

    def probe(self) -> None:
        """
        Write a page to the lock's file, and cut it off again.

        Raises:
            OSError: The disk refused.
            StorageNotReady: Another process holds the file.
        """
        self._open()
        assert self._lock is not None  # taken by `_open`
        size = os.fstat(self._lock).st_size
        try:
            self._disk.write_at(self._lock, _PROBE, size)
            self._disk.flush(self._lock)
        finally:
            with suppress(OSError):
                self._disk.truncate(self._lock, size)

    def close(self) -> None:
        """
        Close the files, and drop the lock for every child that inherited it.
        """
        if self._lock is not None:
            self._disk.drop_lock(self._lock)
        self.close_files()

    def close_files(self) -> None:
        """
        Close the files of this process; the lock stays with the parent that took it.
        """
        self._current.close()
        self._dead.close()
        descriptor, self._lock = self._lock, None
        if descriptor is not None:
            os.close(descriptor)

    def _is_stored(self, event: bytes) -> bool:
        return (
            event in self._current.ids
            or (self._previous_ids is not None and event in self._previous_ids)
            or event in self._older_ids
        )

    def _read_back(self, events: Sequence[bytes]) -> None:
        """
        Read the ids of every full file that was written to after the oldest of *events* was made.

        After a power failure a journal may go back further than the previous file.
        """
        oldest = min(map(created_at, events), default=math.inf)
        while self._unread and self._unread[-1][0] + _CLOCK_TOLERANCE >= oldest:
            self._older_ids |= ids_in(self._unread[-1][1])
            self._unread.pop()

    def _open_dead(self) -> None:
        if self._dead.was_moved:
            self._dead.close()
        self._dead.open()

    def _open(self) -> None:
        if self._lock is None:
            self._lock = self._take_lock()
        if self._current.was_moved:
            # By a program that rotates logs: its ids are kept, and a new file is begun.
            self._previous_ids = self._current.ids
            self._current.close()
        if self._previous_ids is None:
            full = [path for _, path in self._full_files()]
            self._unread = [(path.stat().st_mtime, path) for path in full[:-1]]
            self._previous_ids = ids_in(full[-1]) if full else set()
        self._current.open()

    def _take_lock(self) -> int:
        while True:
            descriptor = self._disk.open(self._lock_path, os.O_RDWR | os.O_CREAT)
            try:
                self._disk.take_lock(descriptor)
                if self._is_lock_file(descriptor):
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
                    return descriptor
            except BlockingIOError as error:
                holder = self._disk.read_at(descriptor, 32, 0).split(b"\n")[0].decode("ascii", "replace")
                os.close(descriptor)
                raise StorageNotReady(
                    f"{self.path} is written by another process ({holder}): give each a file of its own"
                ) from error
            except BaseException:
                os.close(descriptor)
                raise
            # The lock's file was removed meanwhile: the next process would lock another one.
            os.close(descriptor)

    def _is_lock_file(self, descriptor: int) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(self._lock_path.stat(), os.fstat(descriptor))
        return False

    def _roll(self) -> None:
        """
        Rename the full file to the next number, begin another, and remove the oldest beyond *keep*.
        """
        full = self._full_files()
        number = full[-1][0] + 1 if full else 1
        moved = self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}")
        self._disk.rename(self.path, moved)
        self._previous_ids = self._current.ids
        self._current.close()
        self._current.open()
        if self._keep is not None:
            for _, old in [*full, (number, moved)][: -self._keep]:
                self._remove(old)

    def _remove(self, path: Path) -> None:
        with path.open("rb") as file:
            # A file of another program may have such a name.
            is_own = file.read(len(LINE_PREFIX)) == LINE_PREFIX
        if is_own:
            self._unread = [each for each in self._unread if each[1] != path]
            self._disk.unlink(path)

    def _full_files(self) -> list[tuple[int, Path]]:
        """
        Return the full files by number, the oldest first.
        """
        found = ((self._number.fullmatch(each.name), each) for each in self.path.parent.iterdir())
        return sorted((int(match[1]), each) for match, each in found if match is not None)
