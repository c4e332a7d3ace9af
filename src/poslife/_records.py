"""
Host events as a sink hands them to a store. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from poslife._events import EventHeader

__all__ = ["DeadLetter", "EventRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """
    A host event, encoded: what a batch writer stores.

    Attributes:
        header: What every event says.
        recorded_at: When it was accepted.
        sequence: Its number within its run, from 1.
        payload: UTF-8 JSON without NUL.
    """

    header: EventHeader
    recorded_at: datetime
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    An event that the store refused for good, and why.
    """

    record: EventRecord
    reason: str
