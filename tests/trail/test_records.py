"""
`EventRecord` as a journal frame, and its digest chain.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import Severity
from poslife._domain.event_envelopes import UNLINKED
from poslife._trail.record_format import chain_digest, encode_header
from poslife._trail.records import (
    EventRecord,
    decode_record,
    encode_record,
    frame_bytes,
    header_of,
    sealed,
)
from poslife.errors import InvalidValue
from poslife.events import EventHeader
from tests.values import AT, REF, RUN, new_event_id

HEADER = EventHeader(
    id=new_event_id(), type="order.sent", ref=REF, severity=Severity.WARNING, occurred_at=AT, run=RUN
)
SALT = bytes(range(16))
RECORD = sealed(
    EventRecord(header=HEADER, recorded_at=AT, sequence=7, payload=b'{"price":"1.50"}'),
    before=b"d" * 32,
    salt=SALT,
)


@given(
    payload=st.binary(max_size=100),
    sequence=st.none() | st.integers(1, (1 << 63) - 1),
    version=st.none() | st.integers(0, 1000),
    digest=st.binary(min_size=32, max_size=32),
    salt=st.binary(min_size=16, max_size=16),
)
def test_a_record_comes_back_from_its_frame(
    payload: bytes, sequence: int | None, version: int | None, digest: bytes, salt: bytes
) -> None:
    """
    Every field, whatever the payload's bytes are; and the digest and the salt beside the header.
    """
    record = replace(
        RECORD, payload=payload, sequence=sequence, version=version, index=version, digest=digest, salt=salt
    )
    frame = encode_record(record)

    assert record == decode_record(frame)
    assert frame == frame_bytes(digest, salt, header_of(record), payload)


@pytest.mark.parametrize(
    "changed",
    [
        {"payload": b'{"price":"1.51"}'},
        {"sequence": 8},
        {"sequence": None, "version": 7, "index": 0},
        {"recorded_at": AT.replace(year=2027)},
        {"header": replace(HEADER, type="order.sent2")},
        {"header": replace(HEADER, ref=None)},
    ],
    ids=["payload", "sequence", "life event", "time", "type", "ref"],
)
def test_a_digest_covers_every_field_and_the_event_before(changed: dict[str, Any]) -> None:
    """
    Any other value makes another digest, and so does any other predecessor or salt.
    """
    first = sealed(RECORD, before=UNLINKED, salt=SALT)
    header = header_of(first)

    assert hashlib.sha256(b"poslife/1\0" + bytes(32) + header).digest() == first.digest
    assert hashlib.sha256(SALT + b'{"price":"1.50"}').digest() == first.commitment == header[-32:]
    assert first.digest != sealed(replace(RECORD, **changed), before=UNLINKED, salt=SALT).digest
    assert first.digest != sealed(RECORD, before=first.digest, salt=SALT).digest
    assert first.digest != sealed(RECORD, before=UNLINKED, salt=bytes(16)).digest


def test_a_number_beyond_64_bits_has_no_frame() -> None:
    """
    The sink then keeps the event without one, and the store refuses it as a dead letter.
    """
    with pytest.raises(OverflowError):
        encode_record(replace(RECORD, sequence=1 << 64))


def test_a_newer_releases_frame_is_not_guessed_at() -> None:
    """
    It says which release to use, for the frame's format and for the header's own.
    """
    frame = encode_record(RECORD)
    header = b"\xdc\x00\x14\x01"
    assert 1 == frame.count(header)

    with pytest.raises(InvalidValue, match="newer release"):
        decode_record(b"\x02" + frame[1:])
    with pytest.raises(InvalidValue, match="format 1"):
        decode_record(frame.replace(header, header[:-1] + b"\x02"))


@pytest.mark.parametrize("frame", [b"", b"\x01", b"\x01" * 40, encode_record(RECORD)[:100]], ids=len)
def test_bytes_that_are_no_frame_are_refused(frame: bytes) -> None:
    """
    Never half an event.
    """
    with pytest.raises(InvalidValue, match="journal frame"):
        decode_record(frame)


@pytest.mark.parametrize("commitment", [None, b"", bytes(31)], ids=repr)
def test_a_frame_with_a_salt_and_no_commitment_is_refused(commitment: Any) -> None:
    """
    Any payload could be put beside such a salt.
    """
    header = encode_header(HEADER, AT, 7, None, None, commitment)

    with pytest.raises(InvalidValue, match=r"commitment|journal frame"):
        decode_record(frame_bytes(bytes(32), SALT, header, b"{}"))


def test_a_frame_keeps_the_digest() -> None:
    """
    What a journal gives back is the record that was put in, with its link.
    """
    record = replace(RECORD, digest=bytes(range(32)))

    assert record == decode_record(encode_record(record))


def test_a_sealed_record_follows_the_one_before_it() -> None:
    """
    Its header, with the commitment to its payload, is chained to the digest before.
    """
    assert chain_digest(b"d" * 32, header_of(RECORD)) == RECORD.digest
    assert RECORD == msgspec.structs.replace(RECORD, format=1, salt=SALT, payload=b'{"price":"1.50"}')
