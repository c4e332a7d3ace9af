"""
Up to where a journal was let go of, and its lanes' marks: a file with two places, written in turn.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from poslife.journal._disk import Disk

__all__ = ["Cursor", "CursorFile"]

_PLACE_BYTES = 1 << 16
_HEAD = struct.Struct("<8sII")
_SIGNATURE = b"poslifeC"


class _Kept(msgspec.Struct, frozen=True):
    turn: int
    forgotten: int
    marks: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """
    What the file says.

    Attributes:
        forgotten: Frames up to this number are needed no more.
        marks: The mark of each lane.
    """

    forgotten: int = 0
    marks: Mapping[str, int] = field(default_factory=dict[str, int])


class CursorFile:
    """
    The file.

    What was made durable stays where it is until something newer is: a power failure in the middle of a write
    leaves the older one. A file in which neither place can be read counts as none.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self._disk = disk
        self._turn = 0
        self._durable = 1
        self._descriptor: int | None = None

    def read(self) -> Cursor | None:
        """
        The newer of the places that can be read; ``None`` where none can.
        """
        try:
            descriptor = self._disk.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            data = self._disk.read_at(descriptor, 2 * _PLACE_BYTES, 0)
            # From here on the place that is read counts as durable; make it so.
            self._disk.flush(descriptor)
        finally:
            os.close(descriptor)
        found = [
            (kept, place)
            for place in (0, 1)
            if (kept := _decode(data[place * _PLACE_BYTES : (place + 1) * _PLACE_BYTES])) is not None
        ]
        if not found:
            return None
        kept, self._durable = max(found, key=lambda each: each[0].turn)
        self._turn = kept.turn
        return Cursor(forgotten=kept.forgotten, marks=kept.marks)

    def write(self, cursor: Cursor, *, durably: bool) -> None:
        """
        Keep *cursor*. From the return on it survives SIGKILL; *durably*: a power failure, too.

        Raises:
            OSError: The disk says no. What was kept durably still is.
        """
        if self._descriptor is None:
            self._descriptor = self._disk.open(self.path, os.O_RDWR | os.O_CREAT)
        kept = _Kept(turn=self._turn + 1, forgotten=cursor.forgotten, marks=dict(cursor.marks))
        content = msgspec.json.encode(kept)
        data = _HEAD.pack(_SIGNATURE, zlib.crc32(content), len(content)) + content
        if len(data) > _PLACE_BYTES:
            raise OSError(None, "the names of the lanes take too much room")
        place = 1 - self._durable
        written = self._disk.write_at(self._descriptor, data, place * _PLACE_BYTES)
        if written != len(data):
            raise OSError(None, "half of it was written")
        self._turn = kept.turn
        if durably:
            self._disk.flush(self._descriptor)
            self._durable = place

    def close(self) -> None:
        """
        Let go of the file.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _decode(place: bytes) -> _Kept | None:
    if len(place) < _HEAD.size:
        return None
    signature, checksum, length = _HEAD.unpack_from(place)
    content = place[_HEAD.size : _HEAD.size + length]
    if signature != _SIGNATURE or zlib.crc32(content) != checksum:
        return None
    try:
        return msgspec.json.decode(content, type=_Kept)
    except msgspec.MsgspecError:
        return None
