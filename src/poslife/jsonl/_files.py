"""
The file that is written, those that are full, and the one beside for dead letters; by one process at a time.
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
from poslife.jsonl._lines import BEGINNING, Line, letters_in, lines_of, made_at, replayed_line
from poslife.protocols import BuriedLetter

__all__ = ["Files"]

_PROBE: Final = bytes(4096)
# The time of a file is told by a coarser clock than that of an id.
_COARSE: Final = 1.0


class Files:
    """
    All that a writer has on the disk. Used by one thread.

    Args:
        path: The file that is written.
        most_bytes: How large it may become.
        keep: How many full files are kept; ``None`` for all.
        disk: How the disk is reached.
    """

    def __init__(self, path: Path, *, most_bytes: int, keep: int | None, disk: Disk) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._keep = keep
        self._disk = disk
        self._lock = path.with_name(f"{path.name}.lock")
        self._locked: int | None = None
        self._current = LineFile(path, disk)
        self._dead = LineFile(path.with_name(f"{path.stem}.dead{path.suffix}"), disk)
        self._earlier: set[bytes] | None = None
        self._unread: list[tuple[float, Path]] = []
        self._read: set[bytes] = set()
        self._number = re.compile(rf"{re.escape(path.stem)}-([1-9][0-9]*){re.escape(path.suffix)}")

    def append(self, lines: list[Line]) -> None:
        """
        Add what is not there yet: all of it, on the disk, or nothing.

        Raises:
            OSError: The disk says no.
            StorageNotReady: The file is another process's.
        """
        self._open()
        self._look_back([event for event, _ in lines])
        fresh: dict[bytes, Line] = {}
        for line in lines:
            if not self._has(line[0]):
                fresh.setdefault(line[0], line)
        if not fresh:
            return
        added = sum(len(line) for _, line in fresh.values())
        if self._current.size and self._current.size + added > self._most_bytes:
            self._roll()
        self._current.append(list(fresh.values()))

    def bury(self, line: Line) -> None:
        """
        Keep a dead letter, unless its event is stored, or it is kept.

        Raises:
            OSError: The disk says no.
            StorageNotReady: The file is another process's.
        """
        self._open()
        self._open_dead()
        self._look_back([line[0]])
        if not self._has(line[0]) and line[0] not in self._dead.ids:
            self._dead.append([line])

    def letters(self) -> dict[bytes, BuriedLetter]:
        """
        The dead letters that were not replayed, by the ids of their events.

        Raises:
            OSError: The disk says no.
            StorageNotReady: The file is another process's.
        """
        self._open()
        self._open_dead()
        with self._dead.path.open("rb") as lines:
            return letters_in(lines)

    def replay(self, event: EventId, now: datetime) -> None:
        """
        Add the event of a dead letter, and then what says so: a crash in between has it added once, too.

        Raises:
            OSError: The disk says no.
            StorageNotReady: The file is another process's.
            DeadLetterNotFound: There is none with this id.
            StorageRejected: The event is refused again.
        """
        buried = self.letters().get(event.bytes)
        if buried is None:
            raise DeadLetterNotFound(event)
        self.append(lines_of((buried.letter.record,)))
        self._dead.append([replayed_line(event.bytes, now)])

    def probe(self) -> None:
        """
        Write a page beside the file, and take it away.

        Raises:
            OSError: The disk says no.
            StorageNotReady: The file is another process's.
        """
        self._open()
        assert self._locked is not None  # it was taken just now
        size = os.fstat(self._locked).st_size
        try:
            self._disk.write_at(self._locked, _PROBE, size)
            self._disk.flush(self._locked)
        finally:
            with suppress(OSError):
                self._disk.truncate(self._locked, size)

    def close(self) -> None:
        """
        Let go of everything, the lock included, whichever child has a share in it.
        """
        if self._locked is not None:
            self._disk.drop_lock(self._locked)
        self.abandon()

    def abandon(self) -> None:
        """
        Close what is open here; the lock stays with the process that has taken it.
        """
        self._current.close()
        self._dead.close()
        descriptor, self._locked = self._locked, None
        if descriptor is not None:
            os.close(descriptor)

    def _has(self, event: bytes) -> bool:
        return (
            event in self._current.ids
            or (self._earlier is not None and event in self._earlier)
            or event in self._read
        )

    def _look_back(self, events: Sequence[bytes]) -> None:
        """
        Learn the events of every full file that one of *events* may be in: written to after it was made.

        After a power failure a journal may go back further than a file reaches.
        """
        made = min(map(made_at, events), default=math.inf)
        while self._unread and self._unread[-1][0] + _COARSE >= made:
            self._read |= ids_in(self._unread[-1][1])
            self._unread.pop()

    def _open_dead(self) -> None:
        if self._dead.was_moved:
            self._dead.close()
        self._dead.open()

    def _open(self) -> None:
        if self._locked is None:
            self._locked = self._take_lock()
        if self._current.was_moved:
            # By a program that rotates logs: its events are known still, and a new file is begun.
            self._earlier = self._current.ids
            self._current.close()
        if self._earlier is None:
            full = [path for _, path in self._full()]
            self._unread = [(path.stat().st_mtime, path) for path in full[:-1]]
            self._earlier = ids_in(full[-1]) if full else set()
        self._current.open()

    def _take_lock(self) -> int:
        while True:
            descriptor = self._disk.open(self._lock, os.O_RDWR | os.O_CREAT)
            try:
                self._disk.take_lock(descriptor)
                if self._is_still_there(descriptor):
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
            # Somebody has removed it meanwhile, and a lock on what nobody finds is none.
            os.close(descriptor)

    def _is_still_there(self, descriptor: int) -> bool:
        ours = os.fstat(descriptor)
        with suppress(FileNotFoundError):
            there = self._lock.stat()
            return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
        return False

    def _roll(self) -> None:
        """
        Make the full file an earlier one, and begin another.
        """
        full = self._full()
        number = full[-1][0] + 1 if full else 1
        moved = self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}")
        self._disk.rename(self.path, moved)
        self._earlier = self._current.ids
        self._current.close()
        self._current.open()
        if self._keep is not None:
            for _, old in [*full, (number, moved)][: -self._keep]:
                self._remove(old)

    def _remove(self, path: Path) -> None:
        with path.open("rb") as file:
            # Somebody may have given a file of his own such a name.
            ours = file.read(len(BEGINNING)) == BEGINNING
        if ours:
            self._unread = [each for each in self._unread if each[1] != path]
            self._disk.unlink(path)

    def _full(self) -> list[tuple[int, Path]]:
        """
        The full files by number, the oldest first.
        """
        found = ((self._number.fullmatch(each.name), each) for each in self.path.parent.iterdir())
        return sorted((int(match[1]), each) for match, each in found if match is not None)
