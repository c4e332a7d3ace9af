"""
Disks that fail, and processes that stop, at a chosen step.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from poslife.journal import FileJournal
from poslife.journal._disk import Disk
from poslife.protocols import Journal, JournalGap

__all__ = [
    "Faults",
    "Found",
    "Stopped",
    "all_of",
    "damage",
    "die",
    "frames_of",
    "in_child",
    "left_by",
    "segments_of",
]


class Stopped(BaseException):
    """
    The process has died here, as far as the journal can tell.
    """


@dataclass(slots=True)
class Faults:
    """
    What goes wrong on the `disk`: nothing at first.

    Attributes:
        stop_at: The number of the call before which the process dies.
        fail: Calls that raise, by name, and how.
        room: How many bytes writes may still take; then the disk is full.
        steps: The calls made so far, by name.
    """

    stop_at: int | None = None
    fail: dict[str, int] = field(default_factory=dict[str, int])
    room: int | None = None
    steps: list[str] = field(default_factory=list[str])
    before: Callable[[str], None] | None = None

    @property
    def disk(self) -> Disk:
        real = Disk()
        # Each is what it stands for, whatever its type.
        calls: dict[str, Any] = {
            each.name: self._watched(each.name, getattr(real, each.name)) for each in fields(real)
        }
        return Disk(**calls)

    @contextmanager
    def failing(self, call: str, number: int) -> Generator[None]:
        """
        While it is entered, this call raises.
        """
        self.fail[call] = number
        try:
            yield
        finally:
            del self.fail[call]

    @contextmanager
    def full(self, room: int = 0) -> Generator[None]:
        """
        While it is entered, writes find room for so many bytes.
        """
        self.room = room
        try:
            yield
        finally:
            self.room = None

    def _watched(self, name: str, call: object) -> object:
        real = cast("Callable[..., object]", call)

        def watched(*arguments: object) -> object:
            if self.stop_at is not None and len(self.steps) >= self.stop_at:
                raise Stopped(name)
            if self.before is not None:
                self.before(name)
            self.steps.append(name)
            if (number := self.fail.get(name)) is not None:
                raise OSError(number, os.strerror(number))
            if name == "write" and self.room is not None:
                data = cast("bytes", arguments[1])[: self.room]
                if not data:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self.room -= len(data)
                return real(arguments[0], data)
            return real(*arguments)

        return watched


def left_by(root: Path, frames: Sequence[bytes], *, forgotten: int = 0, segment_bytes: int = 4096) -> None:
    """
    Leave a directory below *root*, as a process does that appended these frames and died.
    """
    journal = FileJournal(root, segment_bytes=segment_bytes)
    for frame in frames:
        journal.append(frame)
    if forgotten:
        journal.forget(forgotten)
    die(journal)


def die(journal: FileJournal) -> None:
    """
    Let go of what a process holds, and do nothing else, as the kernel does when it dies.
    """
    journal._reset_after_fork()


def all_of(journal: Journal, after: int = 0, *, most_bytes: int = 1 << 20) -> Found:
    """
    All that a journal gives, page by page; each number comes once, in a frame or in a gap.
    """
    frames: list[tuple[int, bytes]] = []
    gaps: list[JournalGap] = []
    after = max(after, journal.open().first - 1)
    covered = after
    while True:
        page = journal.read(after, most_bytes=most_bytes)
        frames += page.frames
        gaps += page.gaps
        numbers = [number for number, _ in page.frames]
        for gap in page.gaps:
            assert gap.before is not None
            numbers += range(gap.after + 1, gap.before)
        assert sorted(numbers) == list(range(covered + 1, page.last + 1))
        if page.last == after:
            assert journal.status().last == max(after, journal.status().first - 1)
            return Found(frames=frames, gaps=gaps)
        after = covered = page.last


@dataclass(frozen=True, slots=True)
class Found:
    frames: list[tuple[int, bytes]]
    gaps: list[JournalGap]

    @property
    def contents(self) -> list[bytes]:
        return [content for _, content in self.frames]


def segments_of(root: Path) -> list[Path]:
    """
    The segment files below a journal's root, by number.
    """
    return sorted(root.glob("*/*.segment"), key=lambda path: path.name)


def frames_of(count: int, *, start: int = 1, size: int = 100) -> list[bytes]:
    """
    Frames with different contents.
    """
    return [(b"frame %d " % number).ljust(size, b".") for number in range(start, start + count)]


def damage(path: Path, at: int, data: bytes) -> None:
    """
    Overwrite a part of a file.
    """
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def in_child(act: Callable[[], None]) -> int:
    """
    How a forked child ends that does this: 0 when all is well.
    """
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException:  # noqa: BLE001 - a child of pytest's must not go on as pytest
            traceback.print_exc(file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
