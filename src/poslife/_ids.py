"""
Where refs and event ids come from: UUIDv7s that increase within a process.
"""

from __future__ import annotations

import os
import threading
import uuid

from poslife._identifiers import ChangeId, EventId, PositionRef, RunId, event_id_at, position_ref_at
from poslife.protocols import Clock

__all__ = ["EventIds", "new_change_id", "new_ref", "new_run_id", "next_after"]


def _entropy() -> int:
    return int.from_bytes(os.urandom(10), "big") >> 6


def new_ref(clock: Clock) -> PositionRef:
    """
    A ref that nobody has.
    """
    return position_ref_at(clock.now(), _entropy())


def new_run_id(clock: Clock) -> RunId:
    """
    The id of a run that begins.
    """
    return RunId(event_id_at(clock.now(), _entropy()))


def new_change_id() -> ChangeId:
    """
    The id of a change.
    """
    return ChangeId(uuid.uuid4())


class EventIds:
    """
    Event ids, each greater than the one before, whatever the clock does.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def new(self) -> EventId:
        """
        The next one.
        """
        fresh = event_id_at(self._clock.now(), _entropy())
        with self._lock:
            if fresh.int <= self._last:
                fresh = EventId(uuid.UUID(int=next_after(self._last)))
            self._last = fresh.int
        return fresh


def next_after(last: int) -> int:
    """
    The next UUIDv7 in order: one more in the low 62 bits, carried over the fixed variant and version bits.
    """
    low = (last & ((1 << 62) - 1)) + 1
    if low < 1 << 62:
        return last + 1
    high = ((last >> 80) << 12 | (last >> 64) & 0xFFF) + 1
    return (high >> 12) << 80 | 7 << 76 | (high & 0xFFF) << 64 | 2 << 62
