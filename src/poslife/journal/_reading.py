"""
Reading segments in order, each read from where the last one ended.
"""

from __future__ import annotations

import os

from poslife.journal._directory import Segment
from poslife.journal._disk import Disk
from poslife.journal._segments import HEADER_BYTES, find_frame, frame_bytes_at, parse_frames
from poslife.protocols import JournalGap

__all__ = ["Reader"]

_LEAST_READ = 1 << 16


class Reader:
    """
    Reads one segment at a time, and keeps its position in it. Not thread-safe by itself.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._descriptor: int | None = None
        self._segment: Segment | None = None
        self._at = HEADER_BYTES
        self._index = 0

    def read(
        self, segment: Segment, extent: tuple[int, int], after: int, most_bytes: int
    ) -> tuple[list[tuple[int, bytes]], list[JournalGap], int]:
        """
        Return the frames of *segment* after number *after*, the gaps among them, and the last number read.

        Args:
            segment: The segment; it holds a number after *after*.
            extent: How far it may be read: a frame beyond may be half written.
            after: The number.
            most_bytes: How much to read at once.

        Raises:
            OSError: The disk refused.
        """
        size, last = extent
        try:
            descriptor = self._seek(segment, after)
        except FileNotFoundError:
            return [], [_gap(after, last + 1, f"{segment.path.name} is gone")], last
        frames: list[tuple[int, bytes]] = []
        gaps: list[JournalGap] = []
        while not frames and after < last:
            number = self._number(segment)
            contents = self._read_frames(descriptor, segment, size, most_bytes)
            if contents:
                skipped = max(0, after + 1 - number)
                # A frame beyond the last number was written, and never accepted.
                frames = list(enumerate(contents[skipped : last + 1 - number], number + skipped))
                after = min(last, max(after, number + len(contents) - 1))
                continue
            damaged_at = self._at
            found = self._skip_damage(descriptor, segment, size)
            good = last + 1 if found is None else self._number(segment)
            if good > after + 1:
                gaps.append(_gap(after, good, f"{segment.path.name} is damaged at byte {damaged_at}"))
                after = good - 1
            if found is None:
                after = last
        return frames, gaps, after

    def close(self) -> None:
        """
        Close the file.
        """
        descriptor, self._descriptor = self._descriptor, None
        self._segment = None
        if descriptor is not None:
            os.close(descriptor)

    def _seek(self, segment: Segment, after: int) -> int:
        if self._descriptor is None or self._segment is not segment:
            self.close()
            self._descriptor = self._disk.open(segment.path, os.O_RDONLY)
            self._segment = segment
            self._at, self._index = HEADER_BYTES, 0
        elif self._number(segment) > after + 1:
            self._at, self._index = HEADER_BYTES, 0
        return self._descriptor

    def _number(self, segment: Segment) -> int:
        """
        Return the number of the frame at the position.
        """
        return segment.name.first + self._index - segment.name.skip

    def _read_frames(self, descriptor: int, segment: Segment, size: int, most_bytes: int) -> list[bytes]:
        """
        Return the good frames from the position on; none only if there is nothing, or damage.
        """
        wanted = max(0, min(size - self._at, max(most_bytes, _LEAST_READ)))
        data = self._disk.read_at(descriptor, wanted, self._at)
        contents, end = parse_frames(data, 0, self._index, segment.name.salt)
        whole = frame_bytes_at(data, 0)
        if not contents and whole is not None and len(data) < whole <= size - self._at:
            data = self._disk.read_at(descriptor, whole, self._at)
            contents, end = parse_frames(data, 0, self._index, segment.name.salt)
        self._at += end
        self._index += len(contents)
        return contents

    def _skip_damage(self, descriptor: int, segment: Segment, size: int) -> int | None:
        """
        Move to the next good frame and return its index; ``None`` if there is none.
        """
        rest = self._disk.read_at(descriptor, max(0, size - self._at), self._at)
        found = find_frame(rest, 0, self._index, segment.name.salt)
        if found is None:
            return None
        at, self._index = found
        self._at += at
        return self._index


def _gap(after: int, before: int, reason: str) -> JournalGap:
    return JournalGap(after=after, before=before, reason=reason)
