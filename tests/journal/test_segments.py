"""
The format of a segment file: frames that are written are read, and nothing else is.
"""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife.journal._segments import (
    FORMAT,
    HEADER_BYTES,
    MOST_FRAME_BYTES,
    SegmentName,
    encode_frame,
    encode_header,
    find_frame,
    find_tail,
    frame_bytes_at,
    newer_format,
    parse_frames,
)

SALT = 0x5C0FFEE5
contents = st.lists(st.binary(max_size=60), max_size=8)


def segment(frames: list[bytes], *, salt: int = SALT) -> bytes:
    return encode_header() + b"".join(encode_frame(one, index, salt) for index, one in enumerate(frames))


@given(frames=contents)
def test_what_is_written_is_read(frames: list[bytes]) -> None:
    """
    Every content byte by byte, and where the last one ends.
    """
    data = segment(frames)

    assert (frames, len(data)) == parse_frames(data, HEADER_BYTES, 0, SALT)
    tail = find_tail(data, SALT)
    assert (len(frames), len(data), False, False) == (tail.count, tail.end, tail.torn, tail.damaged)


@given(frames=contents.filter(bool), data=st.data())
def test_a_segment_cut_anywhere_has_a_torn_tail(frames: list[bytes], data: st.DataObject) -> None:
    """
    The frames before the cut are whole; the half one was never accepted, and is no damage.
    """
    whole = segment(frames)
    cut = data.draw(st.integers(0, len(whole) - 1))
    tail = find_tail(whole[:cut], SALT)
    ends = [HEADER_BYTES]
    for one in frames:
        ends.append(ends[-1] + 16 + len(one))

    assert not tail.damaged
    assert sum(end <= cut for end in ends[1:]) == tail.count
    assert (cut not in ends and cut > 0) is tail.torn


@given(frames=st.lists(st.binary(min_size=1, max_size=60), min_size=2, max_size=8), data=st.data())
def test_a_flipped_bit_costs_one_frame(frames: list[bytes], data: st.DataObject) -> None:
    """
    The frame it is in is no longer read, the next one is found, and none is made up.
    """
    whole = bytearray(segment(frames))
    hit = data.draw(st.integers(0, len(frames) - 2))
    start = HEADER_BYTES + sum(16 + len(one) for one in frames[:hit])
    at = data.draw(st.integers(start, start + 15 + len(frames[hit])))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    good, end = parse_frames(bytes(whole), HEADER_BYTES, 0, SALT)
    found = find_frame(bytes(whole), end, len(good), SALT)

    assert frames[:hit] == good
    assert (start + 16 + len(frames[hit]), hit + 1) == found


def test_frames_of_another_segment_are_not_taken() -> None:
    """
    Another salt, and every checksum is wrong: a segment may be an event's payload.
    """
    other = segment([b"one", b"two"], salt=SALT + 1)
    data = segment([other, b"after"])

    assert ([], HEADER_BYTES) == parse_frames(other, HEADER_BYTES, 0, SALT)
    assert [other, b"after"] == parse_frames(data, HEADER_BYTES, 0, SALT)[0]
    assert find_frame(data, HEADER_BYTES + 1, 0, SALT) == (HEADER_BYTES + 16 + len(other), 1)


def test_an_index_that_was_passed_is_not_taken_again() -> None:
    """
    A frame written twice is one frame.
    """
    twice = segment([b"a"]) + encode_frame(b"a", 0, SALT)

    assert ([b"a"], len(segment([b"a"]))) == parse_frames(twice, HEADER_BYTES, 0, SALT)
    assert find_frame(twice, len(segment([b"a"])), 1, SALT) is None


def test_a_length_beyond_any_frame_is_none() -> None:
    """
    Damage to a length does not make a reader ask for gigabytes.
    """
    data = encode_frame(b"content", 0, SALT)

    assert len(data) == frame_bytes_at(data, 0)
    assert frame_bytes_at(data[:15], 0) is None
    assert frame_bytes_at(b"x" + data, 0) is None
    huge = data[:8] + struct.pack("<I", MOST_FRAME_BYTES + 1) + data[12:]
    assert frame_bytes_at(huge, 0) is None


def test_zeros_are_a_torn_tail_and_anything_else_is_damage() -> None:
    """
    A power failure may leave a file that grew without its content; other bytes were a frame once.
    """
    data = segment([b"one"])
    zeros, rubbish = find_tail(data + bytes(100), SALT), find_tail(data + b"rubbish" * 10, SALT)

    assert (1, True, False) == (zeros.count, zeros.torn, zeros.damaged)
    assert (2, False, True) == (rubbish.count, rubbish.torn, rubbish.damaged)
    assert len(data) == zeros.end == rubbish.end


def header_of(version: int, signature: bytes = b"poslifeJ") -> bytes:
    beginning = struct.pack("<8sI", signature, version)
    return beginning + struct.pack("<I", zlib.crc32(beginning))


@pytest.mark.parametrize(
    "header, newer",
    [
        pytest.param(encode_header(), None, id="this release's"),
        pytest.param(header_of(FORMAT + 1), FORMAT + 1, id="a newer release's"),
        pytest.param(header_of(FORMAT + 1)[:-1] + b"\xff", None, id="damaged"),
        pytest.param(header_of(FORMAT + 1, b"anotherJ"), None, id="another signature"),
        pytest.param(encode_header()[:5], None, id="cut"),
    ],
)
def test_only_a_whole_header_says_that_it_is_newer(header: bytes, newer: int | None) -> None:
    """
    A damaged one stops nothing: each frame has its own checksum.
    """
    assert newer == newer_format(header)


@given(first=st.integers(1, 10**20 - 1), skip=st.integers(0, 10**10 - 1), salt=st.integers(0, (1 << 32) - 1))
def test_a_name_is_parsed_as_it_was_written(first: int, skip: int, salt: int) -> None:
    """
    And names sort by the number of their first frame.
    """
    name = SegmentName(first=first, skip=skip, salt=salt)

    assert name == SegmentName.parse(str(name))
    assert (str(name) < str(SegmentName(first=first + 1, skip=0, salt=0))) or first + 1 >= 10**20


@pytest.mark.parametrize(
    "name", ["cursor", "lock", "1-0-0.segment", f"{1:020d}-{0:010d}-{0:08x}.segment.new"]
)
def test_other_files_have_no_segments_name(name: str) -> None:
    """
    They are left alone.
    """
    assert SegmentName.parse(name) is None
