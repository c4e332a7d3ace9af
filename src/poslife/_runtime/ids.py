"""
Where refs and event ids come from: UUIDv7s that increase within a process.
"""

from __future__ import annotations

import itertools
import os
import threading
import uuid
from datetime import UTC, datetime
from typing import Final

from poslife._domain.identifiers import EventId, PositionRef, RunId, event_id_at, position_ref_at
from poslife._runtime.forking import in_each_child
from poslife.protocols import Clock

__all__ = ["EventIds", "new_ref", "new_run_id", "next_after"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIXED: Final = 7 << 76 | 2 << 62
_LOW: Final = (1 << 62) - 1
_ROOM: Final = (1 << 61) - 1
_BEFORE_ANY: Final = -(1 << 62)
_UNKNOWN: Final = uuid.SafeUUID.unknown


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


class EventIds:
    """
    Event ids, each greater than the one before, whatever the clock does.

    Within a millisecond they are counted up from a random number, as RFC 9562 has it (section 6.2, method 2).
    A process that was forked off begins anew: its parent counts on from the same number.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = itertools.count()
        self._milliseconds = _BEFORE_ANY
        self._lock = threading.Lock()
        in_each_child(self._begin_anew)

    def new(self, at: datetime | None = None) -> EventId:
        """
        The next one, of the time *at* or of now.
        """
        since = (self._clock.now() if at is None else at) - _EPOCH
        milliseconds = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
        if milliseconds > self._milliseconds:
            self._begin(milliseconds)
        # `UUID(int=…)` looks at every way to give one, and takes three times as long.
        made = _new_uuid(_UUID)
        _set_int(made, next(self._count))
        _set_is_safe(made, _UNKNOWN)
        return EventId(made)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = _BEFORE_ANY

    def _begin(self, milliseconds: int) -> None:
        """
        Begin a millisecond, or a process, at a random place with room to count up from.
        """
        with self._lock:
            if milliseconds <= self._milliseconds:
                return
            last = next(self._count)
            random = int.from_bytes(os.urandom(10), "big")
            high, low = random >> 68, random & _ROOM
            fresh = (milliseconds & ((1 << 48) - 1)) << 80 | _FIXED | high << 64 | low
            if fresh <= last:
                # In another process, while the clock stands or has gone back: after it all, but elsewhere.
                fresh = next_after(last | _LOW) + low
            self._count, self._milliseconds = itertools.count(fresh), milliseconds


_UUID: Final = uuid.UUID
_new_uuid = _UUID.__new__
_set_int = vars(_UUID)["int"].__set__
_set_is_safe = vars(_UUID)["is_safe"].__set__


def next_after(last: int) -> int:
    """
    The next UUIDv7 in order: one more in the low 62 bits, carried over the fixed variant and version bits.
    """
    low = (last & ((1 << 62) - 1)) + 1
    if low < 1 << 62:
        return last + 1
    high = ((last >> 80) << 12 | (last >> 64) & 0xFFF) + 1
    return (high >> 12) << 80 | 7 << 76 | (high & 0xFFF) << 64 | 2 << 62
