"""
The format of a segment file: pure functions from bytes to bytes.

A segment is a header and frames. A frame is ``magic, checksum, length, index`` (4 bytes each, little-endian)
and its content; the checksum is the CRC-32 of what follows it, begun with the segment's salt, so that bytes
of another segment, kept as an event's payload, are never taken for a frame of this one. The index counts the
frames of the segment from 0. A frame's number follows from it and from the name of the file, so renaming a
segment renumbers it.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

__all__ = [
    "FORMAT",
    "HEADER_BYTES",
    "MOST_FRAME_BYTES",
    "SegmentName",
    "Tail",
    "encode_frame",
    "encode_header",
    "find_frame",
    "find_tail",
    "frame_bytes_at",
    "newer_format",
    "parse_frames",
]

FORMAT = 1
MOST_FRAME_BYTES = 1 << 28

# Neither UTF-8 nor msgpack begins like this, so a search for it seldom stops within an event.
_MAGIC = b"\xf5\xc1\xa7J"
_MAGIC_NUMBER = int.from_bytes(_MAGIC, "little")
_FRAME = struct.Struct("<IIII")
_HEAD = struct.Struct("<II")
_BEGINNING = struct.Struct("<8sI")
_SIGNATURE = b"poslifeJ"
_CHECKSUM = struct.Struct("<I")

HEADER_BYTES = _BEGINNING.size + _CHECKSUM.size
_FRAME_BYTES = _FRAME.size


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentName:
    """
    The name of a segment's file, parsed.

    Attributes:
        first: The number of the first frame that counts.
        skip: How many frames before it do not: they were forgotten.
        salt: The start of its checksums. It is in the name so that no damage to the file can hide it. Of two
            segments with one first number, the one with the greater salt was begun later; no frame of the
            other counts.
    """

    first: int
    skip: int
    salt: int

    def __str__(self) -> str:
        return f"{self.first:020d}-{self.skip:010d}-{self.salt:08x}.segment"

    @classmethod
    def parse(cls, name: str) -> SegmentName | None:
        """
        Parse a file's name; ``None`` if it is not a segment's.
        """
        match = re.fullmatch(r"([0-9]{20})-([0-9]{10})-([0-9a-f]{8})\.segment", name)
        return match and cls(first=int(match[1]), skip=int(match[2]), salt=int(match[3], 16))


def encode_header() -> bytes:
    """
    Return the header that a segment begins with.
    """
    beginning = _BEGINNING.pack(_SIGNATURE, FORMAT)
    return beginning + _CHECKSUM.pack(zlib.crc32(beginning))


def newer_format(beginning: bytes) -> int | None:
    """
    Return the format of a segment with this header if a newer release wrote it, else ``None``.

    A damaged header proves nothing, and stops nothing: each frame has its own checksum.
    """
    if len(beginning) < HEADER_BYTES:
        return None
    signature, version = _BEGINNING.unpack_from(beginning)
    (checksum,) = _CHECKSUM.unpack_from(beginning, _BEGINNING.size)
    if signature != _SIGNATURE or checksum != zlib.crc32(beginning[: _BEGINNING.size]):
        return None
    known: int = version
    return None if known <= FORMAT else known


def encode_frame(content: bytes, index: int, salt: int) -> bytes:
    """
    Return the bytes of a frame.
    """
    checked = _HEAD.pack(len(content), index) + content
    return _HEAD.pack(_MAGIC_NUMBER, zlib.crc32(checked, salt)) + checked


def parse_frames(data: bytes, at: int, index: int, salt: int) -> tuple[list[bytes], int]:
    """
    Return the contents of the good frames from *at* on, with indices from *index* on, and where they end.
    """
    unpack, checksum_of = _FRAME.unpack_from, zlib.crc32
    view, end = memoryview(data), len(data)
    contents: list[bytes] = []
    while (begin := at + _FRAME_BYTES) <= end:
        magic, checksum, length, found = unpack(data, at)
        stop = begin + length
        if (
            magic != _MAGIC_NUMBER
            or found != index
            or stop > end
            or checksum != checksum_of(view[at + 8 : stop], salt)
        ):
            break
        contents.append(data[begin:stop])
        at, index = stop, index + 1
    return contents, at


def frame_bytes_at(data: bytes, at: int) -> int | None:
    """
    Return the size of the frame that seems to begin at *at*; ``None`` if none does.
    """
    if at + _FRAME_BYTES > len(data):
        return None
    magic, _, length, _ = _FRAME.unpack_from(data, at)
    if magic != _MAGIC_NUMBER or length > MOST_FRAME_BYTES:
        return None
    size: int = _FRAME_BYTES + length
    return size


def find_frame(data: bytes, at: int, index: int, salt: int) -> tuple[int, int] | None:
    """
    Return position and index of the next good frame from *at* on with this or a later index.
    """
    while (at := data.find(_MAGIC, at)) >= 0:
        size = frame_bytes_at(data, at)
        if size is not None and at + size <= len(data):
            _, checksum, _, found = _FRAME.unpack_from(data, at)
            if found >= index and checksum == zlib.crc32(data[at + 8 : at + size], salt):
                return at, found
        at += 1
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """
    The end of a segment.

    Attributes:
        count: How many frames it has had, damaged ones included: the next one's index.
        end: The position after the last good frame.
        torn: True if a half-written frame follows, which was never accepted.
        damaged: True if frames follow that were accepted and can no longer be read.
    """

    count: int
    end: int
    torn: bool
    damaged: bool


def find_tail(data: bytes, salt: int) -> Tail:
    """
    Read a whole segment and return its end.
    """
    if len(data) < HEADER_BYTES:
        return Tail(count=0, end=0, torn=bool(data), damaged=False)
    at, index = HEADER_BYTES, 0
    while True:
        contents, at = parse_frames(data, at, index, salt)
        index += len(contents)
        found = find_frame(data, at, index, salt)
        if found is None:
            break
        at, index = found
    rest = data[at:]
    torn = bool(rest) and _is_torn(rest)
    damaged = bool(rest) and not torn
    return Tail(count=index + damaged, end=at, torn=torn, damaged=damaged)


def _is_torn(rest: bytes) -> bool:
    """
    Tell if this is the beginning of a frame and no more, or nothing but zeros.

    A write that was cut short leaves the first; a power failure may leave a file that grew without its
    content. Anything else was a whole frame once.
    """
    if not rest.strip(b"\x00"):
        return True
    if len(rest) < _FRAME_BYTES:
        return rest.startswith(_MAGIC) or _MAGIC.startswith(rest)
    size = frame_bytes_at(rest, 0)
    return size is not None and size > len(rest)
