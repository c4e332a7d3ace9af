"""
The event of a dead letter as bytes that nothing refuses, and that a person can read. Pure.
"""

from __future__ import annotations

import json

import msgspec

from poslife._trail.records import EventRecord

__all__ = ["decode_dead_letter", "encode_dead_letter"]


def encode_dead_letter(record: EventRecord) -> bytes:
    """
    JSON in ASCII alone, whatever was wrong with the event; its payload, which may be no text, is in base64.
    """
    # Not msgspec's own text: this one writes lone surrogates as escapes, too.
    return json.dumps(msgspec.to_builtins(record)).encode("ascii")


def decode_dead_letter(encoded: bytes) -> EventRecord:
    """
    The event of such bytes.
    """
    return msgspec.convert(json.loads(encoded), EventRecord)
