"""
The event of a dead letter as bytes that nothing refuses, and that a person can read. Pure.
"""

from __future__ import annotations

import json

import msgspec

from poslife._records import EventRecord

__all__ = ["record_of", "refusable_by_none"]


def refusable_by_none(record: EventRecord) -> bytes:
    """
    JSON in ASCII alone, whatever was wrong with the event; its payload, which may be no text, is in base64.
    """
    # Not msgspec's own text: this one writes lone surrogates as escapes, too.
    return json.dumps(msgspec.to_builtins(record)).encode("ascii")


def record_of(encoded: bytes) -> EventRecord:
    """
    The event of such bytes.
    """
    return msgspec.convert(json.loads(encoded), EventRecord)
