"""
What waits for one writer, in order: in memory as far as there is room, beyond in the journal alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from typing import TypeAlias

from poslife._domain.identifiers import EventId
from poslife._trail.records import EventRecord

__all__ = ["Backlog", "Held", "Stretch"]


Held: TypeAlias = tuple[int | None, EventRecord]
"""
The number in the journal, ``None`` for an event that is in memory only; and the event.
"""


class Stretch:
    """
    Events that are in the journal alone, from number to number, both included.
    """

    __slots__ = ("first", "last")

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last

    def __len__(self) -> int:
        return self.last - self.first + 1


class Backlog:
    """
    The queue of one writer. Not thread-safe by itself.

    Memory is bounded: with a journal, what exceeds the window stays there and is read when its turn comes.

    Args:
        window: Events to hold in memory.
        window_bytes: What their payloads may take.

    Attributes:
        put_in: How many were ever put in.
        taken_out: How many were ever taken out.
        cursor: The journal number up to which all was taken out.
        only_here: How many are in memory only.
    """

    def __init__(self, *, window: int, window_bytes: int) -> None:
        self._items: deque[Held | Stretch] = deque()
        self._window = window
        self._window_bytes = window_bytes
        self._held = 0
        self._held_bytes = 0
        self.put_in = 0
        self.taken_out = 0
        self.cursor = 0
        self.only_here = 0

    def __len__(self) -> int:
        return self.put_in - self.taken_out

    def put(self, number: int | None, record: EventRecord) -> None:
        """
        Put one event at the end.
        """
        self.put_in += 1
        if number is None:
            self.only_here += 1
        else:
            last = self._items[-1] if self._items else None
            if type(last) is Stretch and last.last + 1 == number:
                last.last = number
                return
            if self._held >= self._window or self._held_bytes >= self._window_bytes:
                self._items.append(Stretch(number, number))
                return
        self._items.append((number, record))
        self._held += 1
        self._held_bytes += len(record.payload)

    def put_stretch(self, first: int, last: int) -> None:
        """
        Put what the journal has from *first* to *last* at the end.
        """
        if first <= last:
            self.put_in += last - first + 1
            self._items.append(Stretch(first, last))

    def head(self, most: int, most_bytes: int) -> Sequence[Held] | Stretch:
        """
        What is to be written next: events in memory, or the stretch that must be read first.
        """
        if self._items and type(first := self._items[0]) is Stretch:
            return first
        batch: list[Held] = []
        size = 0
        for item in self._items:
            if not isinstance(item, tuple) or len(batch) == most:
                break
            size += len(item[1].payload)
            if batch and size > most_bytes:
                break
            batch.append(item)
        return batch

    def fill(self, upto: int, found: Sequence[Held]) -> int:
        """
        Replace the first stretch up to the number *upto* by what was read of it; return how many are missing.
        """
        stretch = self._items.popleft()
        assert type(stretch) is Stretch
        missing = upto - stretch.first + 1 - len(found)
        if upto < stretch.last:
            self._items.appendleft(Stretch(upto + 1, stretch.last))
        self._items.extendleft(reversed(found))
        self._held += len(found)
        self._held_bytes += sum(len(record.payload) for _, record in found)
        self.taken_out += missing
        if not found:
            self.cursor = max(self.cursor, upto)
        return missing

    def take(self, count: int) -> None:
        """
        Take the first *count* out; they are in memory.
        """
        for _ in range(count):
            held = self._items.popleft()
            assert isinstance(held, tuple)
            number, record = held
            self._held -= 1
            self._held_bytes -= len(record.payload)
            if number is None:
                self.only_here -= 1
            else:
                self.cursor = number
        self.taken_out += count

    def skip(self, count: int) -> int:
        """
        Let go of about *count* of the first, unwritten; return of how many.
        """
        skipped = 0
        while skipped < count and self._items:
            first = self._items[0]
            if type(first) is Stretch:
                part = min(count - skipped, len(first))
                first.first += part
                self.cursor = first.first - 1
                self.taken_out += part
                skipped += part
                if not len(first):
                    self._items.popleft()
            else:
                self.take(1)
                skipped += 1
        return skipped

    def only_in_memory(self) -> Sequence[EventRecord]:
        """
        The events that no journal has.
        """
        return [item[1] for item in self._items if isinstance(item, tuple) and item[0] is None]

    def leave(self, journaled: Container[EventId]) -> int:
        """
        Let go of what a journal has, numbered or among *journaled*; return of how many.

        They are put in again from there.
        """
        stays = [record for record in self.only_in_memory() if record.header.id not in journaled]
        left = len(self) - len(stays)
        self.put_in -= left
        self._items = deque((None, record) for record in stays)
        self._held = self.only_here = len(stays)
        self._held_bytes = sum(len(record.payload) for record in stays)
        return left

    def oldest(self) -> EventRecord | None:
        """
        The first event, where it is in memory.
        """
        first = self._items[0] if self._items else None
        return first[1] if isinstance(first, tuple) else None
