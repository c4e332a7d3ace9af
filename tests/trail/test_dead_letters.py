"""
The event of a dead letter as bytes that no store refuses.
"""

from __future__ import annotations

import json

import msgspec
import pytest

from poslife._trail.dead_letters import decode_dead_letter, encode_dead_letter
from poslife._trail.records import EventRecord
from poslife.errors import InvalidValue
from poslife.events import EventHeader
from tests.values import AT, REF, RUN, new_event_id


def record(payload: bytes = b"{}", kind: str = "order.sent") -> EventRecord:
    header = EventHeader(id=new_event_id(), type="order.sent", ref=REF, occurred_at=AT, run=RUN)
    # Past the constructor, which would refuse such a type.
    msgspec.structs.force_setattr(header, "type", kind)
    return EventRecord(header=header, recorded_at=AT, sequence=3, payload=payload, digest=b"d" * 32)


@pytest.mark.parametrize("payload", [b"{}", b"\xff\x00", '{"a":"\U0001f600"}'.encode()], ids=repr)
def test_an_event_comes_back_whole(payload: bytes) -> None:
    """
    With its digest, and with a payload that is no text.
    """
    one = record(payload)

    assert one == decode_dead_letter(encode_dead_letter(one))


def test_a_salt_without_commitment_is_refused() -> None:
    """
    Any payload could be put beside such a salt.
    """
    fields = json.loads(encode_dead_letter(msgspec.structs.replace(record(), salt=bytes(16))))
    del fields["commitment"]

    with pytest.raises(InvalidValue, match="commitment: expected 32 bytes"):
        decode_dead_letter(json.dumps(fields).encode())


@pytest.mark.parametrize("kind", ["a\x00b", "a\ud800b", "caf\u00e9"], ids=ascii)
def test_the_bytes_are_ascii_whatever_is_wrong_with_the_event(kind: str) -> None:
    """
    NUL and lone surrogates in its header are escaped, so that any column takes them.
    """
    encoded = encode_dead_letter(record(kind=kind))

    assert encoded.isascii()
    assert b"\x00" not in encoded
    assert kind == json.loads(encoded)["header"]["type"]
