"""
Appending frames to the newest segment of a directory.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from poslife.errors import JournalUnavailable
from poslife.journal._directory import Segment
from poslife.journal._disk import Disk
from poslife.journal._segments import MOST_FRAME_BYTES, SegmentName, encode_frame, encode_header

__all__ = ["Appender"]


class Appender:
    """
    Writes to one segment at a time, each process to segments of its own. Not thread-safe by itself.

    Attributes:
        segments: All segments of the directory, the newest last.
    """

    def __init__(
        self,
        path: Path,
        segments: list[Segment],
        last: int,
        *,
        disk: Disk,
        segment_bytes: int,
        most_bytes: int | None,
    ) -> None:
        self.segments = segments
        self._path = path
        self._disk = disk
        self._write = disk.write
        self._segment_bytes = segment_bytes
        self._most_bytes = most_bytes
        self._sealed_bytes = sum(segment.size for segment in segments)
        self._last = last
        self._active: Segment | None = None
        self._descriptor = -1
        self._first = self._salt = 0
        # True while the file may hold bytes beyond the segment's extent.
        self._is_dirty = False

    @property
    def last(self) -> int:
        """
        Number of the newest frame.
        """
        active = self._active
        return self._last if active is None else active.last

    @property
    def bytes_kept(self) -> int:
        """
        Bytes of all segments.
        """
        active = self._active
        return self._sealed_bytes + (0 if active is None else active.size)

    def append(self, content: bytes) -> int:
        """
        Write one frame, and return its number.

        Raises:
            JournalUnavailable: The journal is as large as it may be.
            OSError: The disk refused; the file is as it was.
        """
        segment = self._active
        if segment is None or segment.extent[0] + len(content) > self._segment_bytes:
            segment = self._begin_segment(len(content))
        if self._is_dirty:
            segment = self._truncate(segment) or self._begin_segment(len(content))
        size, last = segment.extent
        number = last + 1
        data = encode_frame(content, number - self._first, self._salt)
        if not size:
            data = encode_header() + data
        if self._most_bytes is not None:
            self._require_room(len(data), self._most_bytes)
        self._is_dirty = True
        try:
            written = self._write(self._descriptor, data)
            while written < len(data):
                written += self._write(self._descriptor, data[written:])
        except OSError:
            self._truncate(segment)
            raise
        segment.extent = size + written, number
        self._is_dirty = False
        return number

    def seal(self) -> None:
        """
        Close the active segment; the next frame begins another.
        """
        active, descriptor = self._active, self._descriptor
        if active is not None:
            self._last = active.last
            self._sealed_bytes += active.size
            self._active, self._descriptor, self._is_dirty = None, -1, False
            os.close(descriptor)

    def is_active(self, segment: Segment) -> bool:
        """
        Tell if frames are still written to it.
        """
        return segment is self._active

    def drop(self, segment: Segment) -> None:
        """
        Drop a segment whose file was removed.
        """
        self.segments.remove(segment)
        self._sealed_bytes -= segment.size

    def _begin_segment(self, size: int) -> Segment:
        """
        Return the segment for the next frame, of this size: a new one, unless the newest is still empty.
        """
        if size > MOST_FRAME_BYTES:
            raise JournalUnavailable(f"an event takes {size:,} bytes, and may take {MOST_FRAME_BYTES:,}")
        if self._active is not None and not self._active.size:
            return self._active
        name = SegmentName(first=self.last + 1, skip=0, salt=self._new_salt(self.last + 1))
        path = self._path / str(name)
        descriptor = self._disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        self.seal()
        self._active = Segment(path=path, name=name, extent=(0, name.first - 1))
        self._descriptor, self._first, self._salt = descriptor, name.first, name.salt
        self.segments.append(self._active)
        return self._active

    def _new_salt(self, first: int) -> int:
        newest = self.segments[-1].name if self.segments else None
        if newest is not None and newest.first == first:
            # The other could not be emptied, so a greater salt marks the later one.
            return newest.salt + 1 + secrets.randbits(8)
        return secrets.randbits(31)

    def _truncate(self, segment: Segment) -> Segment | None:
        """
        Cut off a write that failed half-way; ``None`` if that fails, too.

        Then nothing more is written to the file: what follows its last good frame is skipped in reading.
        """
        try:
            self._disk.truncate(self._descriptor, segment.size)
        except OSError:
            self.seal()
            if segment.last < segment.name.first:
                with suppress(OSError):
                    self._disk.unlink(segment.path)
                    self.drop(segment)
            return None
        self._is_dirty = False
        return segment

    def _require_room(self, size: int, most_bytes: int) -> None:
        if self.bytes_kept + size > most_bytes:
            raise JournalUnavailable(
                f"{self._path} holds {self.bytes_kept:,} bytes and may hold {most_bytes:,}; there is room "
                "again when the store has taken what waits there, or with a larger most_bytes"
            )

    def close(self) -> None:
        """
        Close the file.
        """
        with suppress(OSError):
            self.seal()
