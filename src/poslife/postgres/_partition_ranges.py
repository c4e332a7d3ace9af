"""
The ranges of the partitions of host events: a day or a month each. Pure.

An event id is a UUIDv7, which begins with its time. So a range of ids is a range of time, and the primary
key on the id alone is unique over all partitions.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

__all__ = [
    "LEAST_AHEAD",
    "LEAST_WIDTHS",
    "Bounds",
    "Range",
    "Width",
    "ahead",
    "bounds_of",
    "first_id",
    "missing",
    "time_of",
]

LEAST_AHEAD: Final = timedelta(days=2)
"""
The time ahead that partitions are made for, at least.
"""

LEAST_WIDTHS: Final = 3
"""
The least number of widths that partitions are made for, the current one included.
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TIME_BITS: Final = 80
_END_OF_IDS: Final = 1 << 128


class Width(enum.Enum):
    """
    The width of a new partition.
    """

    MONTH = "month"
    DAY = "day"


class Bounds(NamedTuple):
    """
    The ids of a partition as integers: from *begin* on, below *end*.
    """

    begin: int
    end: int


class Range(NamedTuple):
    """
    A partition to make.

    Attributes:
        name: Its name, which says its time: ``run_events_2026_11`` or ``run_events_2026_11_30``.
        begin: Its first id.
        end: The first id after it.
    """

    name: str
    begin: UUID
    end: UUID


def first_id(at: datetime) -> UUID:
    """
    Return an id below every UUIDv7 of the time *at* and later, and above every one of an earlier millisecond.
    """
    return UUID(int=_first(at))


def _first(at: datetime) -> int:
    return max((at - _EPOCH) // _MILLISECOND, 0) << _TIME_BITS


_BOUNDS: Final = re.compile(r"FROM \((?:'([0-9a-f-]{36})'|MINVALUE)\) TO \((?:'([0-9a-f-]{36})'|MAXVALUE)\)")


def bounds_of(expression: str) -> Bounds | None:
    """
    Return the bounds of a partition from the catalog's text, or ``None`` for the default partition.
    """
    found = _BOUNDS.search(expression)
    if found is None:
        return None
    begin, end = found.groups()
    return Bounds(0 if begin is None else UUID(begin).int, _END_OF_IDS if end is None else UUID(end).int)


def missing(width: Width, taken: Sequence[Bounds], first: datetime, last: datetime) -> list[Range]:
    """
    Return the ranges from that of *first* to that of *last* that no partition has, in order.

    No range overlaps one that is taken. A month of which a part is taken, as after a change of the width, is
    completed by days, and such a day by what is left of it.
    """
    ranges: list[Range] = []
    begin = _floor(width, first)
    while begin <= last:
        end = _next(width, begin)
        unit = Bounds(_first(begin), _first(end))
        left = _left(unit, taken)
        if left == [unit]:
            ranges.append(_range(f"{begin:{_NAMES[width]}}", unit))
        elif width is Width.MONTH and left:
            ranges += missing(Width.DAY, taken, begin, end - _MILLISECOND)
        else:
            ranges += [_range(f"{_time_of(piece.begin):{_PIECE_NAME}}", piece) for piece in left]
        begin = end
    return ranges


def ahead(width: Width, taken: Sequence[Bounds], now: datetime) -> list[Range]:
    """
    Return the ranges that are missing from that of *now* on, for `LEAST_AHEAD` and `LEAST_WIDTHS`.
    """
    last = _floor(width, now)
    for _ in range(LEAST_WIDTHS - 1):
        last = _next(width, last)
    ranges = missing(width, taken, now, max(last, now + LEAST_AHEAD))
    # Of a month that is completed by days, those of the past are not needed.
    return [one for one in ranges if one.end.int > _first(now)]


def _floor(width: Width, at: datetime) -> datetime:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if width is Width.DAY else day.replace(day=1)


def _next(width: Width, begin: datetime) -> datetime:
    return begin + timedelta(days=1) if width is Width.DAY else (begin + timedelta(days=31)).replace(day=1)


def _left(unit: Bounds, taken: Sequence[Bounds]) -> list[Bounds]:
    """
    Return the parts of *unit* that are not taken, in order.
    """
    left: list[Bounds] = []
    begin = unit.begin
    for one in sorted(taken):
        if one.end <= begin or one.begin >= unit.end:
            continue
        if one.begin > begin:
            left.append(Bounds(begin, one.begin))
        begin = one.end
    if begin < unit.end:
        left.append(Bounds(begin, unit.end))
    return left


_NAMES: Final = {Width.MONTH: "run_events_%Y_%m", Width.DAY: "run_events_%Y_%m_%d"}
_PIECE_NAME: Final = "run_events_%Y_%m_%d_%H%M%S"


def _range(name: str, bounds: Bounds) -> Range:
    return Range(name, UUID(int=bounds.begin), UUID(int=bounds.end))


def time_of(id: UUID) -> datetime:
    """
    Return the time that a UUIDv7 begins with.
    """
    return _time_of(id.int)


def _time_of(id: int) -> datetime:
    return _EPOCH + (id >> _TIME_BITS) * _MILLISECOND
