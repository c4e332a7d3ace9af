"""
Verification of a stored trail: each event is checked against the digest of the one before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import EventId, PositionRef, RunId
from poslife._trail.records import EventRecord, FeedPage, FeedToken
from poslife.events._sealing import check_content, follows, is_encodable, is_known
from poslife.protocols._event_stores import DeadLetterBox, LifeEventFeed, RunEventFeed
from poslife.protocols._pages import MOST_PER_PAGE, PageToken

__all__ = ["Trail", "TrailFault", "TrailReport", "verify_trail"]

_MOST_FAULTS: Final = 1000


class Trail(LifeEventFeed, RunEventFeed, DeadLetterBox, Protocol):
    """
    A store whose events can be read as they were stored; every store of poslife is one.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFault:
    """
    A fault in a digest chain.

    Attributes:
        event: The event that does not follow from the one stored before it.
        run: Its run.
        ref: The position it is about, or ``None``.
        what: A description of the fault.
    """

    event: EventId
    run: RunId
    ref: PositionRef | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailReport:
    """
    The result of `verify_trail`.

    Attributes:
        life_events: How many life events were checked.
        host_events: How many host events, dead letters among them.
        dropped: How many host events the sink dropped by policy; ``sink.gap`` events record them.
        erased: How many payloads of host events and pieces of evidence were erased; the headers of their
            events are checked all the same.
        unverified: How many events have a record format that this release does not know.
        begun_late: Runs whose first events are gone, as after a purge; the rest of their chain is intact.
        faults: The faults; the first thousand.
    """

    life_events: int
    host_events: int
    dropped: int
    erased: int
    unverified: int
    begun_late: tuple[RunId, ...]
    faults: tuple[TrailFault, ...]

    @property
    def whole(self) -> bool:
        """
        True if no fault was found.
        """
        return not self.faults


async def verify_trail(store: Trail, /) -> TrailReport:
    """
    Read every event of *store*, and check each against the one before it.

    The digest of an event covers the digest of the event before it in its stream, 32 zero bytes for the
    first, and the event's own header, which holds the commitment to its payload. So an event that was
    altered, inserted, removed or moved is a fault, unless every later digest of its stream was computed anew
    with it; a payload that was erased is none. Events removed from the end of a stream leave no trace in the
    store: compare it with a further writer, which gets the same digests.

    The store is only read, and may be written to meanwhile.

    Args:
        store: An open store.

    Raises:
        StorageUnavailable: The store did not answer.
        ValueError: A row cannot be read as an event at all.
    """
    findings = _Findings()
    await _verify_life_events(store, findings)
    letters = await _dead_letters(store)
    run = _Run(findings)
    async for record in _pages(store.read_run_events):
        if record.header.run != run.id:
            run.end(letters)
            run = _Run(findings, record.header.run)
        run.add_dead_letters_before(record, letters)
        run.add(record)
    run.end(letters)
    for left in list(letters):
        _Run(findings, left).end(letters)
    return findings.report()


async def _verify_life_events(store: LifeEventFeed, findings: _Findings) -> None:
    ends: dict[PositionRef, bytes] = {}
    unassigned: dict[RunId, list[EventRecord]] = defaultdict(list)
    async for record in _pages(store.read_life_events):
        findings.life_events += 1
        ref = record.header.ref
        if ref is None:
            unassigned[record.header.run].append(record)
            continue
        if findings.check(record) and not follows(record, ends.get(ref, UNLINKED)):
            findings.add_fault(record, "it does not follow from the life event before it in the store")
        ends[ref] = record.digest
    for records in unassigned.values():
        # Transactions of one run may end in another order than that in which they numbered their events.
        records.sort(key=_sequence)
        _verify_unassigned(records, findings)


def _verify_unassigned(records: Sequence[EventRecord], findings: _Findings) -> None:
    number, digest = 0, UNLINKED
    for record in records:
        if findings.check(record) and not (_sequence(record) == number + 1 and follows(record, digest)):
            findings.add_fault(
                record, "it does not follow from the life event without a position before it in its run"
            )
        number, digest = _sequence(record), record.digest


class _Findings:
    """
    Counts and faults so far.
    """

    def __init__(self) -> None:
        self.life_events = 0
        self.host_events = 0
        self.dropped = 0
        self.erased = 0
        self.unverified = 0
        self.begun_late: list[RunId] = []
        self._faults: list[TrailFault] = []

    def add_fault(self, record: EventRecord, what: str) -> None:
        header = record.header
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(TrailFault(event=header.id, run=header.run, ref=header.ref, what=what))

    def check(self, record: EventRecord) -> bool:
        """
        Check the content of *record*; tell if this release can check its digest, too.
        """
        if not is_known(record):
            self.unverified += 1
            return False
        erased, fault = check_content(record)
        self.erased += erased
        if fault is not None:
            self.add_fault(record, fault)
        return True

    def report(self) -> TrailReport:
        return TrailReport(
            life_events=self.life_events,
            host_events=self.host_events,
            dropped=self.dropped,
            erased=self.erased,
            unverified=self.unverified,
            begun_late=tuple(self.begun_late),
            faults=tuple(self._faults),
        )


class _Run:
    """
    The host events of one run, by sequence.
    """

    def __init__(self, findings: _Findings, id: RunId | None = None) -> None:
        self.id = id
        self._findings = findings
        self._last: EventRecord | None = None
        self._digest = UNLINKED

    def add_dead_letters_before(self, record: EventRecord, letters: _DeadLetters) -> None:
        """
        Check the dead letters that come before *record*.
        """
        waiting = letters.get(record.header.run, [])
        while waiting and _sequence(waiting[-1]) < _sequence(record):
            self.add(waiting.pop())

    def end(self, letters: _DeadLetters) -> None:
        """
        Check the dead letters that are left.
        """
        if self.id is not None:
            for letter in reversed(letters.pop(self.id, [])):
                self.add(letter)

    def add(self, record: EventRecord) -> None:
        """
        Check *record* against the one added before.
        """
        last, self._last = self._last, record
        if last is not None and last.header.id == record.header.id:
            return  # a dead letter that was replayed meanwhile
        self._findings.host_events += 1
        number, after = _sequence(record), 0 if last is None else _sequence(last)
        known = self._findings.check(record)
        if record.digest == UNLINKED and not is_encodable(record):
            return  # it is in no chain, and became a dead letter
        is_next = not known or follows(record, self._digest)
        if number <= after:
            self._findings.add_fault(record, f"its run has two events with the number {number}")
        elif not is_next and last is None and number > 1:
            self._findings.begun_late.append(record.header.run)
        elif not is_next and number > after + 1:
            missing = f"{after + 1}" if number == after + 2 else f"{after + 1} to {number - 1}"
            self._findings.add_fault(record, f"before number {number} of its run, {missing} is missing")
        elif not is_next:
            self._findings.add_fault(
                record, f"number {number} does not follow from the one before it in its run"
            )
        else:
            self._findings.dropped += number - after - 1
        self._digest = record.digest


_DeadLetters = dict[RunId, list[EventRecord]]


async def _dead_letters(store: DeadLetterBox) -> _DeadLetters:
    """
    Return the dead letters of each run, the last one first.
    """
    letters: _DeadLetters = defaultdict(list)
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
