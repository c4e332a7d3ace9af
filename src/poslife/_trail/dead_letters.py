"""
The event of a dead letter as bytes that no store refuses, and that a person can read. Pure.
"""

from __future__ import annotations

import json

import msgspec

from poslife._trail.record_format import require_commitment
from poslife._trail.records import EventRecord

__all__ = ["decode_dead_letter", "encode_dead_letter"]


def encode_dead_letter(record: EventRecord) -> bytes:
    """
    Return the event as JSON in ASCII alone; its payload, which may be any bytes, is in base64.
    """
    # `json` escapes lone surrogates; msgspec's encoder raises over them.
    return json.dumps(msgspec.to_builtins(record)).encode("ascii")


def decode_dead_letter(encoded: bytes) -> EventRecord:
    """
    Return the event of bytes that `encode_dead_letter` made.

    Raises:
        InvalidValue: It has a salt and no commitment.
    """
    fields = json.loads(encoded)
    if fields.get("salt") is not None and fields.get("commitment") is None:
        require_commitment(None)
    return msgspec.convert(fields, EventRecord)
