"""
Fakes for the sink's tests: a journal and a store that fail on demand, and a clock that does not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typing_extensions import override

from poslife import BatchingSink, FurtherWriter, Overflow, RunId
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds
from poslife.errors import FlushTimeout, JournalUnavailable, StorageRejected, StorageUnavailable
from poslife.events import EventHeader, HostBody, HostEvent, Severity
from poslife.memory import MemoryStore
from poslife.protocols import DeadLetter, EventRecord, JournalGap, JournalPage, JournalStatus
from poslife.testing.clock import ManualClock
from tests.values import RUN

__all__ = [
    "AWAY",
    "Cancelling",
    "FakeJournal",
    "FakeStore",
    "HurriedClock",
    "about",
    "assert_accounts",
    "away_for",
    "close_late",
    "dead_letter_sequences",
    "emit_numbered",
    "event",
    "journaled",
    "later",
    "numbers",
    "payload_numbers",
    "quick",
]

AWAY = StorageUnavailable("connection refused")

AT = datetime(2026, 1, 1, tzinfo=UTC)
_IDS = EventIds(SystemClock())


def event(
    number: int, *, run: RunId = RUN, severity: Severity = Severity.INFO, **payload: object
) -> HostEvent:
    """
    An event as a host's tracker makes it.
    """
    header = EventHeader(id=_IDS.new(), type="tick", occurred_at=AT, run=run, severity=severity)
    return HostEvent(header=header, payload={"number": number, **payload})


def assert_accounts(sink: BatchingSink) -> None:
    """
    Nothing is forgotten, for any writer, at this moment.
    """
    for one in sink.stats().writers:
        known = one.committed + one.dead_lettered + one.dropped + one.backlog

        assert one.emitted + one.recovered == known, one


class HurriedClock(ManualClock):
    """
    Every sleep is over at once, and remembered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    @override
    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


class FakeStore(MemoryStore):
    """
    A store that fails on demand.

    Attributes:
        failing: Makes an error of a batch, or ``None``.
        failing_to_bury: The same for a dead letter.
        away: The error of every call, while it is set.
        probe_error: The error of a probe, while it is set.
        gate: What a write waits for, while it is set.
        batches: The sizes of the batches that were tried.
    """

    def __init__(
        self, failing: Callable[[Sequence[EventRecord]], BaseException | None] | None = None
    ) -> None:
        super().__init__()
        self.failing = failing
        self.failing_to_bury: Callable[[DeadLetter], BaseException | None] | None = None
        self.away: Exception | None = None
        self.probe_error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.batches: list[int] = []

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        self.batches.append(len(records))
        if self.gate is not None:
            await self.gate.wait()
        if self.away is not None:
            raise self.away
        if self.failing is not None and (error := self.failing(records)) is not None:
            raise error
        await super().write(records)

    @override
    async def probe(self) -> None:
        if (error := self.away or self.probe_error) is not None:
            raise error

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        if self.away is not None:
            raise self.away
        if self.failing_to_bury is not None and (error := self.failing_to_bury(letter)) is not None:
            raise error
        await super().bury(letter)

    @property
    def sequences(self) -> dict[RunId, list[int]]:
        """
        The numbers of the events stored, in order, by run.
        """
        found: dict[RunId, list[int]] = {}
        for one in self.recorded_events():
            assert one.sequence is not None
            found.setdefault(one.header.run, []).append(one.sequence)
        return found


async def later(condition: Callable[[], bool]) -> None:
    """
    Wait until *condition* holds, where a thread has to do something first.
    """
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a thread sets no event of this loop
            await asyncio.sleep(0.002)


def numbers(store: MemoryStore) -> list[int]:
    """
    The sequences of the stored ticks, in the order they were stored.
    """
    return [
        one.sequence
        for one in store.recorded_events()
        if one.sequence is not None and one.header.type == "tick"
    ]


def payload_numbers(store: MemoryStore) -> list[int]:
    """
    The numbers in the payloads of the stored events, in the order they were stored.
    """
    bodies = [one.body for one in store.recorded_events()]
    return [int(str(body.payload["number"])) for body in bodies if isinstance(body, HostBody)]


def dead_letter_sequences(store: MemoryStore) -> list[int | None]:
    """
    The sequences of the events that are dead letters.
    """
    return [letter.record.sequence for letter in store.dead_letters()]


class FakeJournal:
    """
    A `Journal` that a test may fill, damage and fail.

    Attributes:
        refuses: Why `append` and `open` fail now, or ``None``.
        unreadable: Why `read` fails now, or ``None``.
        frames: What it holds.
        gaps: Damage it tells when it is read over.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory
        self.refuses: str | None = None
        self.unreadable: str | None = None
        self.frames: dict[int, bytes] = {}
        self.gaps: list[JournalGap] = []
        self.forgotten = 0
        self.synced = 0
        self.closed = 0
        self.read_back = 0
        self._last = 0
        self._recovered = 0
        self._marks: dict[str, int] = {}

    def again(self) -> FakeJournal:
        """
        What the next process finds.
        """
        found = FakeJournal(self.directory)
        found.frames = dict(self.frames)
        found.gaps = list(self.gaps)
        found.forgotten = self.forgotten
        found._last = self._last
        found._recovered = len(self.frames)
        found._marks = dict(self._marks)
        return found

    def open(self) -> JournalStatus:
        if self.refuses is not None:
            raise JournalUnavailable(self.refuses)
        return self.status()

    def append(self, frame: bytes, /) -> int:
        if self.refuses is not None:
            raise JournalUnavailable(self.refuses)
        self._last += 1
        self.frames[self._last] = frame
        return self._last

    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        if self.unreadable is not None:
            raise JournalUnavailable(self.unreadable)
        found: list[tuple[int, bytes]] = []
        size = 0
        for number in range(after + 1, self._last + 1):
            if (frame := self.frames.get(number)) is not None:
                found.append((number, frame))
                size += len(frame)
            if size > most_bytes:
                break
        self.read_back += len(found)
        last = found[-1][0] if found else self._last
        gaps = tuple(gap for gap in self.gaps if after <= gap.after < last)
        return JournalPage(frames=tuple(found), gaps=gaps, last=last)

    def mark(self, lane: str, upto: int, /) -> None:
        self._marks[lane] = upto

    def marks(self) -> Mapping[str, int]:
        return dict(self._marks)

    def forget(self, upto: int, /) -> None:
        self.forgotten = max(self.forgotten, upto)
        for number in [number for number in self.frames if number <= upto]:
            del self.frames[number]

    def sync(self) -> None:
        self.synced = self._last

    def status(self) -> JournalStatus:
        return JournalStatus(
            root=None if self.directory is None else self.directory.parent,
            directory=self.directory,
            first=self.forgotten + 1,
            last=self._last,
            recovered=self._recovered,
            bytes_kept=sum(map(len, self.frames.values())),
            segments=1,
            torn_tails=0,
            gaps=len(self.gaps),
            synced_at=None,
            failure=self.refuses,
        )

    def close(self) -> None:
        self.closed += 1


def quick(
    store: FakeStore,
    *further: FurtherWriter,
    journal: FakeJournal | None = None,
    batch: int = 500,
    overflow: Overflow | None = None,
    letters_a_minute: int = 20,
) -> BatchingSink:
    """
    A sink that does not wait for time to pass.
    """
    return BatchingSink(
        store,
        journal=journal,
        further=further,
        clock=HurriedClock(),
        batch=batch,
        linger=0.0,
        overflow=overflow,
        letters_a_minute=letters_a_minute,
    )


def journaled(
    store: FakeStore, journal: FakeJournal, *, batch: int = 50, overflow: Overflow | None = None
) -> BatchingSink:
    """
    The same with a journal, and with batches so small that memory holds few of a test's events.
    """
    return quick(store, journal=journal, batch=batch, overflow=overflow)


async def close_late(sink: BatchingSink) -> None:
    """
    Close a sink whose store is away: what is left waits in the journal.
    """
    with pytest.raises(FlushTimeout):
        await sink.aclose(0.01)


class Cancelling(MemoryStore):
    """
    Something of the writer's own is cancelled, once in each of its calls.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cancels = 1
        self.poison = False

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        if self.poison:
            raise StorageRejected("poison")
        if self.cancels:
            self.cancels -= 1
            raise asyncio.CancelledError
        await super().write(records)

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        if self.cancels:
            self.cancels -= 1
            raise asyncio.CancelledError
        await super().bury(letter)


def about(records: Sequence[EventRecord], *sequences: int) -> bool:
    """
    Tell if one of these sequences is among the records.
    """
    return any(record.sequence in sequences for record in records)


def away_for(calls: int, error: Exception) -> Callable[[Sequence[EventRecord]], Exception | None]:
    """
    Fail so many batches with this error.
    """
    left = iter(range(calls))
    return lambda _: error if next(left, None) is not None else None


async def emit_numbered(store: FakeStore, count: int) -> BatchingSink:
    """
    Emit so many events, and close the sink.
    """
    sink = quick(store)
    for number in range(count):
        sink.emit(event(number))
    await sink.aclose(20)
    assert_accounts(sink)
    return sink
