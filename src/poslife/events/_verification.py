"""
Whether a store's events are as they were written: each is held against the one before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Final, Protocol

from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import EventId, PositionRef, RunId
from poslife._trail.records import EventRecord, FeedPage, FeedToken, chain_digest, digest_input
from poslife.protocols._event_stores import DeadLetterBox, LifeEventFeed, RunEventFeed
from poslife.protocols._pages import MOST_PER_PAGE, PageToken

__all__ = ["Trail", "TrailFault", "TrailReport", "verify_trail"]

_MOST_FAULTS: Final = 1000


class Trail(LifeEventFeed, RunEventFeed, DeadLetterBox, Protocol):
    """
    Where events can be read as they were stored; every store of poslife is one.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFault:
    """
    A place where the trail is not whole.

    Attributes:
        event: The event that does not follow from what is stored before it.
        run: Its run.
        ref: The position it is about, or ``None``.
        what: What is wrong, in words.
    """

    event: EventId
    run: RunId
    ref: PositionRef | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailReport:
    """
    What `verify_trail` has found.

    Attributes:
        life_events: How many life events were held against each other.
        host_events: How many host events, dead letters among them.
        dropped: How many host events were dropped by the sink's policy, each told of by a ``sink.gap``.
        begun_late: Runs whose first events are not there any more, as after a purge: what is there is whole.
        faults: Where the trail is not whole; the first thousand.
    """

    life_events: int
    host_events: int
    dropped: int
    begun_late: tuple[RunId, ...]
    faults: tuple[TrailFault, ...]

    @property
    def whole(self) -> bool:
        """
        Whether no fault was found.
        """
        return not self.faults


async def verify_trail(store: Trail, /) -> TrailReport:
    """
    Read every event of *store*, and hold each against the one before it.

    The digest of an event is SHA-256 over the digest of the event before it in its stream, 32 zero bytes for
    the first, and over the event's own bytes. So an event that was altered, put in, taken away or moved is
    told of, unless every later digest of its stream was made anew with it. What was taken away from the end
    of a stream leaves no trace in the store: a further writer, which gets the same digests, is where to look.

    The store is only read, and may be written to meanwhile.

    Args:
        store: An open one.

    Raises:
        StorageUnavailable: The store did not answer.
        ValueError: A row cannot be read as an event at all.
    """
    check = _Check()
    ends: dict[PositionRef, bytes] = {}
    async for record in _pages(store.read_life_events):
        check.life_events += 1
        ref = record.header.ref
        before = UNLINKED if ref is None else ends.get(ref, UNLINKED)
        if not _follows(record, before):
            check.fault(record, "it does not follow from the life event before it in the store")
        if ref is not None:
            ends[ref] = record.digest
    letters = await _letters(store)
    run = _Run(check)
    async for record in _pages(store.read_run_events):
        if record.header.run != run.id:
            run.end(letters)
            run = _Run(check, record.header.run)
        run.take_before(record, letters)
        run.take(record)
    run.end(letters)
    for left in list(letters):
        _Run(check, left).end(letters)
    return check.report()


class _Check:
    """
    What was found so far.
    """

    def __init__(self) -> None:
        self.life_events = 0
        self.host_events = 0
        self.dropped = 0
        self.begun_late: list[RunId] = []
        self._faults: list[TrailFault] = []

    def fault(self, record: EventRecord, what: str) -> None:
        header = record.header
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(TrailFault(event=header.id, run=header.run, ref=header.ref, what=what))

    def report(self) -> TrailReport:
        return TrailReport(
            life_events=self.life_events,
            host_events=self.host_events,
            dropped=self.dropped,
            begun_late=tuple(self.begun_late),
            faults=tuple(self._faults),
        )


class _Run:
    """
    The host events of one run, by sequence.
    """

    def __init__(self, check: _Check, id: RunId | None = None) -> None:
        self.id = id
        self._check = check
        self._last: EventRecord | None = None
        self._digest = UNLINKED

    def take_before(self, record: EventRecord, letters: _Letters) -> None:
        """
        Take the dead letters that come before *record*.
        """
        waiting = letters.get(record.header.run, [])
        while waiting and _sequence(waiting[-1]) < _sequence(record):
            self.take(waiting.pop())

    def end(self, letters: _Letters) -> None:
        """
        Take the dead letters that are left.
        """
        if self.id is not None:
            for letter in reversed(letters.pop(self.id, [])):
                self.take(letter)

    def take(self, record: EventRecord) -> None:
        """
        Hold *record* against what was taken before.
        """
        last, self._last = self._last, record
        if last is not None and last.header.id == record.header.id:
            return  # a dead letter that was replayed meanwhile
        self._check.host_events += 1
        number, after = _sequence(record), 0 if last is None else _sequence(last)
        if record.digest == UNLINKED:
            return  # no journal could hold its header: it was not linked, and is a dead letter
        whole = _follows(record, self._digest)
        if number <= after:
            self._check.fault(record, f"its run has two events with the number {number}")
        elif not whole and last is None and number > 1:
            self._check.begun_late.append(record.header.run)
        elif not whole and number > after + 1:
            missing = f"{after + 1}" if number == after + 2 else f"{after + 1} to {number - 1}"
            self._check.fault(record, f"before number {number} of its run, {missing} is missing")
        elif not whole:
            self._check.fault(record, f"number {number} does not follow from the one before it in its run")
        else:
            self._check.dropped += number - after - 1
        self._digest = record.digest


_Letters = dict[RunId, list[EventRecord]]


async def _letters(store: DeadLetterBox) -> _Letters:
    """
    The dead letters of each run, the last one first.
    """
    letters: _Letters = defaultdict(list)
    token: PageToken | None = None
    while True:
        page = await store.list_dead_letters(token, limit=MOST_PER_PAGE)
        for buried in page.items:
            record = buried.letter.record
            if record.sequence is not None:
                letters[record.header.run].append(record)
        if page.next is None:
            break
        token = page.next
    for waiting in letters.values():
        waiting.sort(key=_sequence, reverse=True)
    return letters


async def _pages(read: _Read) -> AsyncIterator[EventRecord]:
    token: FeedToken | None = None
    while (page := await read(token, limit=MOST_PER_PAGE)).items:
        for record in page.items:
            yield record
        token = page.next


class _Read(Protocol):
    def __call__(self, after: FeedToken | None, /, *, limit: int) -> Awaitable[FeedPage]: ...


def _sequence(record: EventRecord) -> int:
    assert record.sequence is not None  # a host event has one
    return record.sequence


def _follows(record: EventRecord, before: bytes) -> bool:
    content = digest_input(
        record.header, record.recorded_at, record.sequence, record.version, record.index, record.payload
    )
    return chain_digest(before, content) == record.digest
