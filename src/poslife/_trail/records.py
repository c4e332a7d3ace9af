"""
`EventRecord`, its journal frame, and its digest chain; dead letters, and pages of a feed. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, NewType

import msgspec

from poslife._domain.event_envelopes import UNLINKED, EventHeader
from poslife._domain.structs import as_dataclass_too
from poslife.errors import InvalidValue

__all__ = [
    "BuriedLetter",
    "DeadLetter",
    "EventRecord",
    "FeedPage",
    "FeedToken",
    "chain_digest",
    "decode_record",
    "digest_input",
    "encode_record",
    "frame_bytes",
]


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """
    An encoded event, as a batch writer stores it.

    A host's event has a sequence; a life event, which further writers get from the store, has version and
    index.

    Attributes:
        header: The fields that every event has.
        recorded_at: When it was accepted.
        sequence: Its number within its run, from 1.
        version: The position's version that a life event made.
        index: A life event's index among those of its version.
        payload: UTF-8 JSON without NUL.
        digest: SHA-256 over the digest of the event before it in its stream and all of the above, which
            `verify_trail` checks. A stream is a run's host events by sequence, or a position's life events.
    """

    header: EventHeader
    recorded_at: datetime
    sequence: int | None
    version: int | None = None
    index: int | None = None
    payload: bytes
    digest: bytes = UNLINKED


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


_FORMAT: Final = 1
# A frame: its format, the digest, and the content that was digested.
_BEGINNING: Final = bytes((_FORMAT,))
_DIGEST: Final = slice(1, 33)
_CONTENT: Final = slice(33, None)

_Content = tuple[int, EventHeader, datetime, int | None, int | None, int | None, bytes]

_encode: Final = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode: Final = msgspec.msgpack.Decoder(_Content).decode


def digest_input(
    header: EventHeader,
    recorded_at: datetime,
    sequence: int | None,
    version: int | None,
    index: int | None,
    payload: bytes,
) -> bytes:
    """
    Return the bytes of an event that its digest covers: the same whichever store it comes from.

    Raises:
        OverflowError: A number is beyond 64 bits.
    """
    return _encode((_FORMAT, header, recorded_at, sequence, version, index, payload))


def chain_digest(before: bytes, content: bytes) -> bytes:
    """
    Return the digest of an event, from that of the one before it.
    """
    return sha256(before + content).digest()


def frame_bytes(digest: bytes, content: bytes) -> bytes:
    """
    Return the journal frame of an event.
    """
    return _BEGINNING + digest + content


def encode_record(record: EventRecord) -> bytes:
    """
    Return the journal frame of a record.
    """
    return frame_bytes(
        record.digest,
        digest_input(
            record.header, record.recorded_at, record.sequence, record.version, record.index, record.payload
        ),
    )


def decode_record(frame: bytes) -> EventRecord:
    """
    Return the record of a frame that `encode_record` made, in this release or an earlier one.

    Raises:
        InvalidValue: A newer release wrote the frame, or it is none.
    """
    if frame and frame[0] > _FORMAT:
        raise InvalidValue(
            "frame",
            frame[0],
            f"a frame format of at most {_FORMAT}",
            hint="a newer release of poslife wrote it; read it with that release",
        )
    try:
        _, header, recorded_at, sequence, version, index, payload = _decode(frame[_CONTENT])
    except msgspec.MsgspecError as error:
        raise InvalidValue("frame", frame, f"an event encoded as a journal frame ({error})") from error
    return EventRecord(
        header=header,
        recorded_at=recorded_at,
        sequence=sequence,
        version=version,
        index=index,
        payload=payload,
        digest=frame[_DIGEST],
    )
