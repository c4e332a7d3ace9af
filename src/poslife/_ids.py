"""
Where refs and event ids come from: UUIDv7s that increase within a process.
"""

from __future__ import annotations

import os
import threading
import uuid
from datetime import UTC, datetime
from typing import Final

from poslife._identifiers import ChangeId, EventId, PositionRef, RunId, event_id_at, position_ref_at
from poslife._journal._forking import in_each_child
from poslife.protocols import Clock

__all__ = ["EventIds", "new_change_id", "new_ref", "new_run_id", "next_after"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIXED: Final = 7 << 76 | 2 << 62
_LOW: Final = (1 << 62) - 1
_ROOM: Final = (1 << 61) - 1
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


def new_change_id() -> ChangeId:
    """
    The id of a change.
    """
    return ChangeId(uuid.uuid4())


class EventIds:
    """
    Event ids, each greater than the one before, whatever the clock does.

    Within a millisecond they are counted up from a random number, as RFC 9562 has it (section 6.2, method 2).
    A process that was forked off begins anew: its parent counts on from the same number.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._milliseconds = -1
        self._lock = threading.Lock()
        in_each_child(self._begin_anew)

    def new(self, at: datetime | None = None) -> EventId:
        """
        The next one, of the time *at* or of now.
        """
        since = (self._clock.now() if at is None else at) - _EPOCH
        milliseconds = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
        with self._lock:
            if milliseconds > self._milliseconds:
                self._begin(milliseconds)
            fresh = self._last = self._last + 1
        return EventId(_uuid(fresh))

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = -1

    def _begin(self, milliseconds: int) -> None:
        """
        Begin a millisecond, or a process, at a random place with room to count up from.
        """
        random = int.from_bytes(os.urandom(10), "big")
        high, low = random >> 68, random & _ROOM
        fresh = (milliseconds & ((1 << 48) - 1)) << 80 | _FIXED | high << 64 | low
        if fresh <= self._last:
            # In another process, while the clock stands or has gone back: after it all, but elsewhere.
            fresh = next_after(self._last | _LOW) + low
        self._last, self._milliseconds = fresh, milliseconds


_new_uuid = uuid.UUID.__new__
_set_int = uuid.UUID.__dict__["int"].__set__
_set_is_safe = uuid.UUID.__dict__["is_safe"].__set__


def _uuid(value: int) -> uuid.UUID:
    """
    ``UUID(int=value)`` in a third of the time: it looks at every way to give one, and this is each event's.
    """
    made = _new_uuid(uuid.UUID)
    _set_int(made, value)
    _set_is_safe(made, _UNKNOWN)
    return made


def next_after(last: int) -> int:
    """
    The next UUIDv7 in order: one more in the low 62 bits, carried over the fixed variant and version bits.
    """
    low = (last & ((1 << 62) - 1)) + 1
    if low < 1 << 62:
        return last + 1
    high = ((last >> 80) << 12 | (last >> 64) & 0xFFF) + 1
    return (high >> 12) << 80 | 7 << 76 | (high & 0xFFF) << 64 | 2 << 62
