"""
`EventRecord` as a journal frame, and its digest chain.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import Severity
from poslife._domain.event_envelopes import UNLINKED
from poslife._trail.records import (
    EventRecord,
    chain_digest,
    decode_record,
    digest_input,
    encode_record,
    frame_bytes,
)
from poslife.errors import InvalidValue
from poslife.events import EventHeader
from tests.values import AT, REF, RUN, new_event_id

HEADER = EventHeader(
    id=new_event_id(), type="order.sent", ref=REF, severity=Severity.WARNING, occurred_at=AT, run=RUN
)
RECORD = EventRecord(header=HEADER, recorded_at=AT, sequence=7, payload=b'{"price":"1.50"}', digest=b"d" * 32)


def content(record: EventRecord) -> bytes:
    return digest_input(
        record.header, record.recorded_at, record.sequence, record.version, record.index, record.payload
    )


@given(
    payload=st.binary(max_size=100),
    sequence=st.none() | st.integers(1, (1 << 63) - 1),
    version=st.none() | st.integers(0, 1000),
    digest=st.binary(min_size=32, max_size=32),
)
def test_a_record_comes_back_from_its_frame(
    payload: bytes, sequence: int | None, version: int | None, digest: bytes
) -> None:
    """
    Every field, whatever the payload's bytes are; and the digest beside what it covers.
    """
    record = replace(
        RECORD, payload=payload, sequence=sequence, version=version, index=version, digest=digest
    )
    frame = encode_record(record)

    assert record == decode_record(frame)
    assert frame == frame_bytes(digest, content(record))


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
    Any other value makes another digest, and so does any other predecessor.
    """
    digest = chain_digest(UNLINKED, content(RECORD))

    assert hashlib.sha256(bytes(32) + content(RECORD)).digest() == digest
    assert digest != chain_digest(UNLINKED, content(replace(RECORD, **changed)))
    assert digest != chain_digest(digest, content(RECORD))


def test_a_number_beyond_64_bits_has_no_frame() -> None:
    """
    The sink then keeps the event without one, and the store refuses it as a dead letter.
    """
    with pytest.raises(OverflowError):
        encode_record(replace(RECORD, sequence=1 << 64))


def test_a_newer_releases_frame_is_not_guessed_at() -> None:
    """
    It says which release to use.
    """
    with pytest.raises(InvalidValue, match="newer release"):
        decode_record(b"\x02" + encode_record(RECORD)[1:])


@pytest.mark.parametrize("frame", [b"", b"\x01", b"\x01" * 40, encode_record(RECORD)[:-1]], ids=len)
def test_bytes_that_are_no_frame_are_refused(frame: bytes) -> None:
    """
    Never half an event.
    """
    with pytest.raises(InvalidValue, match="journal frame"):
        decode_record(frame)


def test_a_frame_keeps_the_digest() -> None:
    """
    What a journal gives back is the record that was put in, with its link.
    """
    record = replace(RECORD, digest=bytes(range(32)))

    assert record == decode_record(encode_record(record))
