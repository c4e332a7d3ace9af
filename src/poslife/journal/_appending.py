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
from poslife.journal._segments import MOST_FRAME_BYTES, Name, frame, header

__all__ = ["Appender"]


class Appender:
    """
    Writes to one segment at a time, each process to segments of its own. Not for two threads at once.

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
        # Set while the file may hold more than is told of it.
        self._unsettled = False

    @property
    def last(self) -> int:
        """
        The number of the newest frame.
        """
        active = self._active
        return self._last if active is None else active.last

    @property
    def bytes_kept(self) -> int:
        """
        What all segments take.
        """
        active = self._active
        return self._sealed_bytes + (0 if active is None else active.size)

    def append(self, content: bytes) -> int:
        """
        Write one frame, and return its number.

        Raises:
            JournalUnavailable: The journal is as large as it may be.
            OSError: The disk says no; the file is as it was.
        """
        segment = self._active
        if segment is None or segment.extent[0] + len(content) > self._segment_bytes:
            segment = self._begin(len(content))
        if self._unsettled:
            segment = self._undo(segment) or self._begin(len(content))
        size, last = segment.extent
        number = last + 1
        data = frame(content, number - self._first, self._salt)
        if not size:
            data = header() + data
        if self._most_bytes is not None:
            self._see_to_room(len(data), self._most_bytes)
        self._unsettled = True
        try:
            written = self._write(self._descriptor, data)
            while written < len(data):
                written += self._write(self._descriptor, data[written:])
        except OSError:
            self._undo(segment)
            raise
        segment.extent = size + written, number
        self._unsettled = False
        return number

    def seal(self) -> None:
        """
        Write no more to the segment that was written to; the next frame begins another.
        """
        active, descriptor = self._active, self._descriptor
        if active is not None:
            self._last = active.last
            self._sealed_bytes += active.size
            self._active, self._descriptor, self._unsettled = None, -1, False
            os.close(descriptor)

    def is_active(self, segment: Segment) -> bool:
        """
        Whether frames are still written to it.
        """
        return segment is self._active

    def drop(self, segment: Segment) -> None:
        """
        Tell no more of a segment that was removed.
        """
        self.segments.remove(segment)
        self._sealed_bytes -= segment.size

    def _begin(self, size: int) -> Segment:
        """
        The segment for the next frame, of this size: a new one, unless the newest is still empty.
        """
        if size > MOST_FRAME_BYTES:
            raise JournalUnavailable(
                f"an event of {size:,} bytes is larger than any it takes ({MOST_FRAME_BYTES:,})"
            )
        if self._active is not None and not self._active.size:
            return self._active
        name = Name(first=self.last + 1, skip=0, salt=self._new_salt(self.last + 1))
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
            # It could not even be emptied, so it is told apart by its salt.
            return newest.salt + 1 + secrets.randbits(8)
        return secrets.randbits(31)

    def _undo(self, segment: Segment) -> Segment | None:
        """
        Have the file as it was before a write that did not come to its end.

        Where that fails, write no more to it: what follows its last good frame is passed over in reading.
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
        self._unsettled = False
        return segment

    def _see_to_room(self, size: int, most_bytes: int) -> None:
        if self.bytes_kept + size > most_bytes:
            raise JournalUnavailable(
                f"{self._path} holds {self.bytes_kept:,} bytes and may hold {most_bytes:,}; there is room "
                "again when the store has taken what waits there, or with a larger most_bytes"
            )

    def close(self) -> None:
        """
        Let go of the file.
        """
        with suppress(OSError):
            self.seal()
