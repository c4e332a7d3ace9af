"""
Reading segments in order, from where the last reading ended.
"""

from __future__ import annotations

import os

from poslife.journal._directory import Segment
from poslife.journal._disk import Disk
from poslife.journal._segments import HEADER_BYTES, find_frame, frame_bytes_at, take_frames
from poslife.protocols import JournalGap

__all__ = ["Reader"]

_LEAST_READ = 1 << 16


class Reader:
    """
    Reads one segment at a time, and keeps its place in it. Not for two threads at once.
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
        The frames of *segment* after the number *after*, what is missing among them, and how far this tells.

        Args:
            segment: The segment; it holds a number after *after*.
            extent: As far as it may be read: more may be in the writing.
            after: The number.
            most_bytes: How much to read at once.

        Raises:
            OSError: The disk says no.
        """
        size, last = extent
        try:
            descriptor = self._turn_to(segment, after)
        except FileNotFoundError:
            return [], [_gap(after, last + 1, f"{segment.path.name} is gone")], last
        frames: list[tuple[int, bytes]] = []
        gaps: list[JournalGap] = []
        while not frames and after < last:
            number = self._number(segment)
            contents = self._take(descriptor, segment, size, most_bytes)
            if contents:
                skipped = max(0, after + 1 - number)
                # What lies behind the last number was written, and never accepted.
                frames = list(enumerate(contents[skipped : last + 1 - number], number + skipped))
                after = min(last, max(after, number + len(contents) - 1))
                continue
            damaged_at = self._at
            found = self._find(descriptor, segment, size)
            good = last + 1 if found is None else self._number(segment)
            if good > after + 1:
                gaps.append(_gap(after, good, f"{segment.path.name} is damaged at byte {damaged_at}"))
                after = good - 1
            if found is None:
                after = last
        return frames, gaps, after

    def close(self) -> None:
        """
        Let go of the file.
        """
        descriptor, self._descriptor = self._descriptor, None
        self._segment = None
        if descriptor is not None:
            os.close(descriptor)

    def _turn_to(self, segment: Segment, after: int) -> int:
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
        The number of the frame at the place.
        """
        return segment.name.first + self._index - segment.name.skip

    def _take(self, descriptor: int, segment: Segment, size: int, most_bytes: int) -> list[bytes]:
        """
        The good frames from the place on; none only where what is there is damaged, or nothing.
        """
        wanted = max(0, min(size - self._at, max(most_bytes, _LEAST_READ)))
        data = self._disk.read_at(descriptor, wanted, self._at)
        contents, end = take_frames(data, 0, self._index, segment.name.salt)
        whole = frame_bytes_at(data, 0)
        if not contents and whole is not None and len(data) < whole <= size - self._at:
            data = self._disk.read_at(descriptor, whole, self._at)
            contents, end = take_frames(data, 0, self._index, segment.name.salt)
        self._at += end
        self._index += len(contents)
        return contents

    def _find(self, descriptor: int, segment: Segment, size: int) -> int | None:
        """
        Go on to the next good frame; ``None`` where there is none.
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
