"""
Events on their way from a sink to a store, and as a journal keeps them. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NewType

import msgspec

from poslife._events import EventHeader
from poslife._structs import as_dataclass_too
from poslife.errors import InvalidValue

__all__ = [
    "BuriedLetter",
    "DeadLetter",
    "EventRecord",
    "FeedPage",
    "FeedToken",
    "decode_record",
    "encode_record",
]


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """
    An event, encoded: what a batch writer stores.

    A host's event has a sequence; a life event, which further writers get from the store, has version and
    index.

    Attributes:
        header: What every event says.
        recorded_at: When it was accepted.
        sequence: Its number within its run, from 1.
        version: The position's version that a life event made.
        index: A life event's place among those of its version.
        payload: UTF-8 JSON without NUL.
    """

    header: EventHeader
    recorded_at: datetime
    sequence: int | None
    version: int | None = None
    index: int | None = None
    payload: bytes


as_dataclass_too(EventRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    An event that the store refused for good, and why.

    Attributes:
        record: The event.
        reason: What the store said.
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
        buried_at: When it was set aside.
    """

    letter: DeadLetter
    buried_at: datetime


FeedToken = NewType("FeedToken", str)
"""
Where a feed of life events goes on; opaque, and made by the store that is fed from.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """
    A part of a store's life events.

    Attributes:
        items: The events, each with version and index.
        next: Where to go on; with no items, where this page began.
    """

    items: tuple[EventRecord, ...]
    next: FeedToken | None


_FORMAT: Final = 1

_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder = msgspec.msgpack.Decoder(tuple[int, EventRecord])
_format_decoder = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])


def encode_record(record: EventRecord) -> bytes:
    """
    The record as a journal's frame.
    """
    return _encoder.encode((_FORMAT, record))


def decode_record(frame: bytes) -> EventRecord:
    """
    The record of a frame that `encode_record` made, in this release or an earlier one.

    Raises:
        InvalidValue: It is of a newer release, or no such frame.
    """
    try:
        version, _ = _format_decoder.decode(frame)
        if version == _FORMAT:
            return _decoder.decode(frame)[1]
    except msgspec.MsgspecError as error:
        raise InvalidValue("frame", frame, f"an event as a journal keeps it ({error})") from error
    raise InvalidValue("frame", version, f"a format up to {_FORMAT}: a newer release wrote it, use that one")
