"""
The queue of one writer: in memory as far as there is room, beyond that in the journal alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from typing import TypeAlias

from poslife._domain.identifiers import EventId
from poslife._trail.records import EventRecord

__all__ = ["Backlog", "Entry", "JournalRange"]


Entry: TypeAlias = tuple[int | None, EventRecord]
"""
An event's number in the journal, ``None`` while the event is in memory only, and the event.
"""


class JournalRange:
    """
    Events that are in the journal alone, by number, both ends included.
    """

    __slots__ = ("first", "last")

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last

    def __len__(self) -> int:
        return self.last - self.first + 1


class Backlog:
    """
    The queue of one writer, in order. Not thread-safe by itself.

    With a journal, memory is bounded: what exceeds the window stays in the journal and is read back in turn.

    Args:
        window: The most events in memory.
        window_bytes: The most bytes of their payloads.

    Attributes:
        added: How many events were ever added.
        removed: How many were ever removed.
        cursor: The journal number up to which all were removed.
        only_in_memory: How many are in no journal.
    """

    def __init__(self, *, window: int, window_bytes: int) -> None:
        self._window = window
        self._window_bytes = window_bytes
        self.clear()

    def clear(self) -> None:
        """
        Begin anew, with nothing queued and nothing counted.
        """
        self._items: deque[Entry | JournalRange] = deque()
        self._in_memory = 0
        self._in_memory_bytes = 0
        self.added = 0
        self.removed = 0
        self.cursor = 0
        self.only_in_memory = 0

    def __len__(self) -> int:
        return self.added - self.removed

    def add(self, number: int | None, record: EventRecord) -> None:
        """
        Add one event at the end.
        """
        self.added += 1
        if number is None:
            self.only_in_memory += 1
        else:
            last = self._items[-1] if self._items else None
            if type(last) is JournalRange and last.last + 1 == number:
                last.last = number
                return
            if self._in_memory >= self._window or self._in_memory_bytes >= self._window_bytes:
                self._items.append(JournalRange(number, number))
                return
        self._items.append((number, record))
        self._in_memory += 1
        self._in_memory_bytes += len(record.payload or b"")

    def add_range(self, first: int, last: int) -> None:
        """
        Add the journal's events from *first* to *last* at the end.
        """
        if first <= last:
            self.added += last - first + 1
            self._items.append(JournalRange(first, last))

    def head(self, most: int, most_bytes: int) -> Sequence[Entry] | JournalRange:
        """
        Return the next events to write, or the range that has to be read from the journal first.
        """
        if self._items and type(first := self._items[0]) is JournalRange:
            return first
        batch: list[Entry] = []
        size = 0
        for item in self._items:
            if not isinstance(item, tuple) or len(batch) == most:
                break
            size += len(item[1].payload or b"")
            if batch and size > most_bytes:
                break
            batch.append(item)
        return batch

    def load(self, upto: int, entries: Sequence[Entry]) -> int:
        """
        Replace the first range, up to the number *upto*, by what was read of it; return how many are missing.
        """
        unread = self._items.popleft()
        assert type(unread) is JournalRange
        missing = upto - unread.first + 1 - len(entries)
        if upto < unread.last:
            self._items.appendleft(JournalRange(upto + 1, unread.last))
        self._items.extendleft(reversed(entries))
        self._in_memory += len(entries)
        self._in_memory_bytes += sum(len(record.payload or b"") for _, record in entries)
        self.removed += missing
        if not entries:
            self.cursor = max(self.cursor, upto)
        return missing

    def remove(self, count: int) -> None:
        """
        Remove the first *count* events, all of which are in memory.
        """
        for _ in range(count):
            entry = self._items.popleft()
            assert isinstance(entry, tuple)
            number, record = entry
            self._in_memory -= 1
            self._in_memory_bytes -= len(record.payload or b"")
            if number is None:
                self.only_in_memory -= 1
            else:
                self.cursor = number
        self.removed += count

    def drop(self, count: int) -> int:
        """
        Remove up to *count* of the first events, unwritten, wherever they are; return how many.
        """
        dropped = 0
        while dropped < count and self._items:
            first = self._items[0]
            if type(first) is JournalRange:
                part = min(count - dropped, len(first))
                first.first += part
                self.cursor = first.first - 1
                self.removed += part
                dropped += part
                if not len(first):
                    self._items.popleft()
            else:
                self.remove(1)
                dropped += 1
        return dropped

    def unjournaled(self) -> Sequence[EventRecord]:
        """
        Return the events that are in no journal.
        """
        return [item[1] for item in self._items if isinstance(item, tuple) and item[0] is None]

    def drop_journaled(self, also: Container[EventId]) -> int:
        """
        Remove the events that a journal has, numbered or among *also*; return how many.

        They are added again from there.
        """
        kept = [record for record in self.unjournaled() if record.header.id not in also]
        dropped = len(self) - len(kept)
        self.added -= dropped
        self._items = deque((None, record) for record in kept)
        self._in_memory = self.only_in_memory = len(kept)
        self._in_memory_bytes = sum(len(record.payload or b"") for record in kept)
        return dropped

    def oldest(self) -> EventRecord | None:
        """
        Return the first event; ``None`` where there is none, or it is in the journal alone.
        """
        first = self._items[0] if self._items else None
        return first[1] if isinstance(first, tuple) else None
