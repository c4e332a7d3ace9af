"""
`EventRecord`, its journal frame, and its digest chain; dead letters, and pages of a feed. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NewType

import msgspec
from msgspec.structs import replace

from poslife._domain.event_envelopes import UNLINKED, EventHeader
from poslife._domain.structs import as_dataclass_too
from poslife._trail.record_format import (
    FORMAT,
    SALT_BYTES,
    chain_digest,
    commitment_of,
    decode_header,
    encode_header,
)
from poslife.errors import InvalidValue

__all__ = [
    "BuriedLetter",
    "DeadLetter",
    "EventRecord",
    "FeedPage",
    "FeedToken",
    "decode_record",
    "encode_record",
    "frame_bytes",
    "header_of",
    "sealed",
]


# Without the collector, as its header: neither can be part of a cycle, and thousands wait in a backlog, where
# each collection would visit them.
class EventRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    An encoded event, as a batch writer stores it.

    A host's event has a sequence; a life event, which further writers get from the store, has version and
    index, and a sequence where it is about no position.

    Attributes:
        format: The record format of its digest and commitments.
        header: The fields that every event has.
        recorded_at: When it was accepted.
        sequence: Its number within its run, from 1: among the host's events, or among the life events that
            are about no position.
        version: The position's version that a life event made.
        index: A life event's index among those of its version.
        payload: UTF-8 JSON without NUL; ``None`` where it was erased.
        salt: The random bytes before the payload in the commitment; ``None`` where the payload was erased.
        commitment: SHA-256 over salt and payload.
        digest: SHA-256 over the digest of the event before it in its stream and its header, commitment
            included; `verify_trail` checks it. A stream is a run's host events, a run's life events without
            a position, or a position's life events.
        evidence: UTF-8 JSON: reasons and raw answers behind a life event, whose body has the commitment to
            it; ``None`` where there is none, or it was erased.
        evidence_salt: The random bytes before the evidence in its commitment.
    """

    format: int = FORMAT
    header: EventHeader
    recorded_at: datetime
    sequence: int | None
    version: int | None = None
    index: int | None = None
    payload: bytes | None
    salt: bytes | None = None
    commitment: bytes = UNLINKED
    digest: bytes = UNLINKED
    evidence: bytes | None = None
    evidence_salt: bytes | None = None


as_dataclass_too(EventRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    An event that the store refused for good, and why.

    Attributes:
        record: The event.
        reason: The store's error.
        attempts: How often it was tried.
    """

    record: EventRecord
    reason: str
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BuriedLetter:
    """
    A dead letter as a store keeps it.

    Attributes:
        letter: The event and why it was refused.
        buried_at: When it was stored.
    """

    letter: DeadLetter
    buried_at: datetime


FeedToken = NewType("FeedToken", str)
"""
An opaque position in a store's feed of events, made by that store.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """
    A page of a store's feed.

    Attributes:
        items: The events.
        next: The token of the next page; with no items, that of this page.
    """

    items: tuple[EventRecord, ...]
    next: FeedToken | None


# A frame: its format, the digest, the salt, the length of the header array, that array, the payload.
_BEGINNING: Final = bytes((FORMAT,))
_DIGEST: Final = slice(1, 33)
_SALT: Final = slice(33, 33 + SALT_BYTES)
_LENGTH: Final = slice(_SALT.stop, _SALT.stop + 4)


def frame_bytes(digest: bytes, salt: bytes, header: bytes, payload: bytes) -> bytes:
    """
    Return the journal frame of a host's event.

    Args:
        digest: Its digest.
        salt: The salt of its commitment.
        header: Its header array.
        payload: Its payload.
    """
    return b"".join((_BEGINNING, digest, salt, len(header).to_bytes(4), header, payload))


def encode_record(record: EventRecord) -> bytes:
    """
    Return the journal frame of a host's event.

    Raises:
        OverflowError: A number is beyond 64 bits.
    """
    assert record.salt is not None  # only a stored event is erased
    assert record.payload is not None
    return frame_bytes(record.digest, record.salt, header_of(record), record.payload)


def decode_record(frame: bytes) -> EventRecord:
    """
    Return the record of a frame that `encode_record` made, in this release or an earlier one.

    Raises:
        InvalidValue: A newer release wrote the frame, or it is none.
    """
    if frame[:1] != _BEGINNING:
        raise InvalidValue(
            "frame",
            frame[:1],
            f"a journal frame of format {FORMAT}",
            hint="if a newer release of poslife wrote it, read it with that release",
        )
    end = _LENGTH.stop + int.from_bytes(frame[_LENGTH])
    try:
        placed = decode_header(frame[_LENGTH.stop : end])
    except msgspec.MsgspecError as error:
        raise InvalidValue("frame", frame, f"an event encoded as a journal frame ({error})") from error
    return EventRecord(
        header=placed.header,
        recorded_at=placed.recorded_at,
        sequence=placed.sequence,
        version=placed.version,
        index=placed.index,
        payload=frame[end:],
        salt=frame[_SALT],
        commitment=placed.commitment,
        digest=frame[_DIGEST],
    )


def sealed(record: EventRecord, *, before: bytes, salt: bytes) -> EventRecord:
    """
    Return the record with its salt, the commitment to its payload, and its digest.

    Args:
        record: A record with a payload.
        before: The digest of the event before it in its stream.
        salt: `SALT_BYTES` random bytes that no other event has.

    Raises:
        OverflowError: A number is beyond 64 bits.
    """
    assert record.payload is not None  # it was not stored yet, so it cannot be erased
    committed = replace(record, salt=salt, commitment=commitment_of(salt, record.payload))
    return replace(committed, digest=chain_digest(before, header_of(committed)))


def header_of(record: EventRecord) -> bytes:
    """
    Return the header array of a record.

    Raises:
        OverflowError: A number is beyond 64 bits.
    """
    return encode_header(
        record.header, record.recorded_at, record.sequence, record.version, record.index, record.commitment
    )
