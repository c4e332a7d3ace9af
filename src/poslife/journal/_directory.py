"""
The contents of one process's directory: its segments, its cursor, and directories moved into it.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from poslife.errors import JournalUnavailable
from poslife.journal._cursor import Cursor, CursorFile
from poslife.journal._disk import Disk
from poslife.journal._segments import HEADER_BYTES, SegmentName, find_tail, newer_format

__all__ = ["ADOPTED", "CURSOR", "LOCK", "Contents", "Segment", "finish_adoptions", "load", "remove"]

LOCK = "lock"
CURSOR = "cursor"
# A dead sibling's directory, moved here whole; its name is the number that its first frame gets.
ADOPTED = re.compile(r"([0-9]{20})\.adopted")


@dataclass(slots=True, eq=False)
class Segment:
    """
    A segment file.

    Attributes:
        path: The file.
        name: Its name, parsed.
        extent: How many of its bytes count, and the number of its last frame; one value, so that a reader
            sees both of one moment while another thread appends.
        synced: How many of its bytes are known to be on the disk.
        sync_failure: Why that will never be known: the disk failed once, and may not report it twice.
    """

    path: Path
    name: SegmentName
    extent: tuple[int, int]
    synced: int = 0
    sync_failure: JournalUnavailable | None = None

    @property
    def last(self) -> int:
        """
        Number of its last frame; the one before `SegmentName.first` while it has none.
        """
        return self.extent[1]

    @property
    def size(self) -> int:
        """
        Bytes that count.
        """
        return self.extent[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """
    The contents of a directory.

    Attributes:
        cursor: Its cursor; one that follows from its segments if the file cannot be read.
        segments: Its segments, by number.
        torn_tails: Half-written frames that were cut off.
        cursor_lost: True if there is a cursor file that cannot be read.
        last: The number of the newest frame there was.
    """

    cursor: Cursor
    segments: list[Segment]
    torn_tails: int
    cursor_lost: bool
    last: int


def load(path: Path, disk: Disk) -> Contents:
    """
    Return the contents of a directory whose lock is held, and cut off a torn tail.

    Raises:
        JournalUnavailable: A segment has the format of a newer release.
        OSError: The disk refused.
    """
    file = CursorFile(path / CURSOR, disk)
    kept = file.read()
    names = _segment_names(path)
    cursor = kept or Cursor(forgotten=names[0].first - 1 if names else 0)
    segments: list[Segment] = []
    torn_tails, last = 0, cursor.forgotten
    following: int | None = None
    for name in reversed(names):
        segment, torn = _loaded(path / str(name), name, None if following is None else following - 1, disk)
        torn_tails += torn
        last = max(last, segment.last)
        if following is None and segment.last < name.first:
            # Its process died at its first frame. The file must not be confused with the next of this number.
            disk.unlink(segment.path)
            continue
        segments.append(segment)
        following = name.first
    return Contents(
        cursor=cursor,
        segments=segments[::-1],
        torn_tails=torn_tails,
        cursor_lost=kept is None and file.path.exists() and file.path.stat().st_size > 0,
        last=last,
    )


def _loaded(path: Path, name: SegmentName, last: int | None, disk: Disk) -> tuple[Segment, bool]:
    """
    Return a segment and if its tail was torn; without *last* it is the newest, and is read for its end.
    """
    descriptor = disk.open(path, os.O_RDWR if last is None else os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        newer = newer_format(disk.read_at(descriptor, HEADER_BYTES, 0))
        if newer is not None:
            raise JournalUnavailable(
                f"{path} has format {newer}, which a newer release of poslife wrote; run that release until "
                "its events are stored, or move the directory away"
            )
        if last is not None:
            return Segment(path=path, name=name, extent=(size, last)), False
        tail = find_tail(disk.read_at(descriptor, size, 0), name.salt)
        if tail.torn:
            disk.truncate(descriptor, tail.end)
            size = tail.end
        extent = size, max(name.first + tail.count - name.skip, name.first) - 1
        return Segment(path=path, name=name, extent=extent), tail.torn
    finally:
        os.close(descriptor)


def finish_adoptions(path: Path, disk: Disk) -> None:
    """
    Make the segments of adopted directories this one's own.

    A segment's new name follows from names alone, so this may be broken off anywhere and begun again.
    """
    for adopted in sorted(each for each in path.iterdir() if ADOPTED.fullmatch(each.name)):
        base = int(adopted.name.partition(".")[0])
        cursor = CursorFile(adopted / CURSOR, disk).read() or Cursor()
        names = _segment_names(adopted)
        for position, name in enumerate(names):
            following = names[position + 1 : position + 2]
            if following and following[0].first <= cursor.forgotten + 1:
                disk.unlink(adopted / str(name))
                continue
            skip = max(0, cursor.forgotten + 1 - name.first)
            first = base + name.first + skip - cursor.forgotten - 1
            disk.rename(
                adopted / str(name),
                path / str(SegmentName(first=first, skip=name.skip + skip, salt=name.salt)),
            )
        disk.sync_directory(path)
        disk.sync_directory(adopted)
        remove(adopted, disk)
        disk.sync_directory(path)


def remove(path: Path, disk: Disk) -> None:
    """
    Remove a directory of which nothing is needed any more; the lock goes last.
    """
    names = [*map(str, _segment_names(path)), CURSOR, LOCK]
    for name in names:
        # An earlier attempt may have removed it.
        with suppress(FileNotFoundError):
            disk.unlink(path / name)
    try:
        disk.remove_directory(path)
    except OSError as error:
        # A file of another program's stays, and with it the directory.
        if error.errno != errno.ENOTEMPTY:
            raise


def _segment_names(path: Path) -> list[SegmentName]:
    found = (SegmentName.parse(each.name) for each in path.iterdir())
    return sorted((name for name in found if name is not None), key=lambda name: (name.first, name.salt))
