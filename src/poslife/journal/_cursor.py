"""
The cursor: up to which frame a journal is forgotten, and its lanes' marks. A file of two slots, in turn.
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

_SLOT_BYTES = 1 << 16
_HEAD = struct.Struct("<8sII")
_SIGNATURE = b"poslifeC"


class _Slot(msgspec.Struct, frozen=True):
    """
    The content of a slot; the greater turn is the newer.
    """

    turn: int
    forgotten: int
    marks: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """
    The content of the file.

    Attributes:
        forgotten: Frames up to this number are needed no more.
        marks: The mark of each lane.
    """

    forgotten: int = 0
    marks: Mapping[str, int] = field(default_factory=dict[str, int])


class CursorFile:
    """
    The file of the cursor.

    The last durable slot is not overwritten before a newer one is durable: a power failure in the middle of a
    write leaves the older one. A file with no readable slot counts as none.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self._disk = disk
        self._turn = 0
        self._durable = 1
        self._descriptor: int | None = None

    def read(self) -> Cursor | None:
        """
        Return the newer of the readable slots; ``None`` if there is none.

        Raises:
            OSError: The disk refused.
        """
        try:
            descriptor = self._disk.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            data = self._disk.read_at(descriptor, 2 * _SLOT_BYTES, 0)
            # From here on the slot that is read counts as durable.
            self._disk.flush(descriptor)
        finally:
            os.close(descriptor)
        found = [
            (slot, index)
            for index in (0, 1)
            if (slot := _decode(data[index * _SLOT_BYTES : (index + 1) * _SLOT_BYTES])) is not None
        ]
        if not found:
            return None
        slot, self._durable = max(found, key=lambda each: each[0].turn)
        self._turn = slot.turn
        return Cursor(forgotten=slot.forgotten, marks=slot.marks)

    def write(self, cursor: Cursor, *, durably: bool) -> None:
        """
        Write *cursor*. From the return on it survives SIGKILL; if *durably*, a power failure, too.

        Raises:
            OSError: The disk refused. The last durable cursor is still there.
        """
        if self._descriptor is None:
            self._descriptor = self._disk.open(self.path, os.O_RDWR | os.O_CREAT)
        slot = _Slot(turn=self._turn + 1, forgotten=cursor.forgotten, marks=dict(cursor.marks))
        content = msgspec.json.encode(slot)
        data = _HEAD.pack(_SIGNATURE, zlib.crc32(content), len(content)) + content
        if len(data) > _SLOT_BYTES:
            raise OSError(None, "the names of the lanes take too much room")
        index = 1 - self._durable
        written = self._disk.write_at(self._descriptor, data, index * _SLOT_BYTES)
        if written != len(data):
            raise OSError(None, f"only {written} of {len(data)} bytes were written")
        self._turn = slot.turn
        if durably:
            self._disk.flush(self._descriptor)
            self._durable = index

    def close(self) -> None:
        """
        Close the file.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _decode(data: bytes) -> _Slot | None:
    if len(data) < _HEAD.size:
        return None
    signature, checksum, length = _HEAD.unpack_from(data)
    content = data[_HEAD.size : _HEAD.size + length]
    if signature != _SIGNATURE or zlib.crc32(content) != checksum:
        return None
    try:
        return msgspec.json.decode(content, type=_Slot)
    except msgspec.MsgspecError:
        return None
