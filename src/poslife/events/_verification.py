"""
Verification of a stored trail: each event is checked against the digest of the one before it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Container, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import EventId, PositionRef, RunId
from poslife._trail.records import EventRecord, FeedPage, FeedToken
from poslife.events._chains import Link, RunChain, link_of
from poslife.events._sealing import check_content, follows, is_known
from poslife.protocols import (
    DeadLetterBox,
    Erased,
    Page,
    PageToken,
    Purge,
    RunEventFeed,
    TrailReader,
)
from poslife.protocols._pages import MOST_PER_PAGE, every_item

__all__ = ["Trail", "TrailFault", "TrailReport", "verify_trail"]

_MOST_FAULTS: Final = 1000


class Trail(TrailReader, RunEventFeed, DeadLetterBox, Protocol):
    """
    A store whose events can be read as they were stored; every store of poslife is one.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFault:
    """
    A fault in a stored trail.

    Attributes:
        event: The event that does not follow from the one before it, or whose content was altered; ``None``
            for a fault of the whole store.
        run: Its run, or ``None``.
        ref: The position it is about, or ``None``.
        what: A description of the fault.
    """

    event: EventId | None
    run: RunId | None
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
        purges: The last purge of each run whose first events were deleted on purpose; the events after it
            follow from the digest that it has.
        faults: The faults; the first thousand.
    """

    life_events: int
    host_events: int
    dropped: int
    erased: int
    unverified: int
    purges: tuple[Purge, ...]
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
    with it. A payload or evidence that is not there is a fault, unless its erasure is recorded; so is a
    missing beginning of a run, unless a recorded purge has the digest from which the rest follows. Events
    removed from the end of a stream leave no trace in the store: compare it with a further writer, which gets
    the same digests.

    The tables themselves are read, and how many events were read is compared with how many there are. The
    store is only read, and may be written to meanwhile. Memory grows with the number of runs, and not with
    that of events.

    Args:
        store: An open store.

    Raises:
        StorageUnavailable: The store did not answer.
        ValueError: A row cannot be read as an event at all.
    """
    findings = _Findings()
    before, purges = await store.count_events(), await _last_purges(store)
    life_events = await _verify_life_events(store, findings)
    verification = _HostEvents(store, findings, purges)
    host_events = await verification.read()
    after, later_purges = await store.count_events(), await _last_purges(store)
    await verification.end(later_purges)
    findings.compare("life events", life_events, before.life_events, after.life_events)
    if later_purges == purges:  # else fewer may be stored now than were read
        findings.compare("host events", host_events, before.host_events, after.host_events)
    return findings.report(verification.dropped, later_purges)


async def _verify_life_events(store: TrailReader, findings: _Findings) -> int:
    """
    Check the life events, which come stream by stream, and return how many there are.
    """
    stream: tuple[PositionRef | None, RunId | None] = (None, None)
    number, digest = 0, UNLINKED
    async for page in _pages(store.read_life_streams):
        for record in page:
            ref = record.header.ref
            own = (ref, None) if ref is not None else (None, record.header.run)
            if own != stream:
                stream, number, digest = own, 0, UNLINKED
            number += 1
            if findings.check(record):
                if ref is not None and not follows(record, digest):
                    findings.add_fault(
                        record, "it does not follow from the life event before it in the store"
                    )
                if ref is None and not (record.sequence == number and follows(record, digest)):
                    findings.add_fault(
                        record,
                        "it does not follow from the life event without a position before it in its run",
                    )
            number, digest = number if record.sequence is None else record.sequence, record.digest
        findings.life_events += len(page)
        await findings.require_erasures(store)
    return findings.life_events


class _HostEvents:
    """
    The host events by id, with the dead letters among them and the end of each run's chain.
    """

    def __init__(self, store: Trail, findings: _Findings, purges: Sequence[Purge]) -> None:
        self._store = store
        self._findings = findings
        self._chains: dict[RunId, RunChain] = {}
        self._letters: dict[EventId, Link] = {}
        for purge in purges:
            self._chain(purge.run).begin_after(purge)

    @property
    def dropped(self) -> int:
        """
        How many numbers were left out by the sink's policy.
        """
        return sum(chain.dropped for chain in self._chains.values())

    async def read(self) -> int:
        """
        Check all that can be checked in one pass, and return how many host events are stored.
        """
        # A dead letter that is replayed meanwhile is read twice, and not missed.
        self._letters = {link.event: link for link in await self._read_letters(())}
        waiting = sorted(self._letters, reverse=True)
        stored = 0
        async for page in _pages(self._store.read_run_events):
            for record in page:
                while waiting and waiting[-1] < record.header.id:
                    self._add(self._letters[waiting.pop()])
                is_letter = bool(waiting) and waiting[-1] == record.header.id
                if is_letter:
                    waiting.pop()
                if not is_letter or record.payload is not None:  # else its erasure has been counted
                    self._findings.check(record)
                self._add(link_of(record))
            stored += len(page)
            await self._findings.require_erasures(self._store)
        while waiting:
            self._add(self._letters[waiting.pop()])
        return stored

    async def end(self, purges: Sequence[Purge]) -> None:
        """
        Check what still waits for an event before it, after a look at what was buried and purged meanwhile.
        """
        if any(chain.waits for chain in self._chains.values()):
            for link in await self._read_letters(self._letters):
                if not self._chain(link.run).is_beyond(link.number):
                    self._add(link)
            for purge in purges:
                self._chain(purge.run).begin_after(purge)
        for chain in self._chains.values():
            chain.end()

    async def _read_letters(self, known: Container[EventId]) -> list[Link]:
        """
        Check the content of the dead letters that are not *known*, and return their links.
        """
        links: list[Link] = []

        async def listed(after: PageToken | None) -> Page[EventRecord]:
            page = await self._store.list_dead_letters(after, limit=MOST_PER_PAGE)
            return Page(items=tuple(buried.letter.record for buried in page.items), next=page.next)

        async for record in every_item(listed):
            if record.sequence is not None and record.header.id not in known:
                self._findings.check(record)
                links.append(link_of(record))
                await self._findings.require_erasures(self._store, least=MOST_PER_PAGE)
        await self._findings.require_erasures(self._store)
        return links

    def _add(self, link: Link) -> None:
        self._findings.host_events += 1
        self._chain(link.run).add(link)

    def _chain(self, run: RunId) -> RunChain:
        chain = self._chains.get(run)
        if chain is None:
            chain = self._chains[run] = RunChain(self._findings.add_link_fault)
        return chain


class _Findings:
    """
    Counts and faults so far.
    """

    def __init__(self) -> None:
        self.life_events = 0
        self.host_events = 0
        self._erased = 0
        self._unverified = 0
        self._unexplained: dict[EventId, EventRecord] = {}
        self._faults: list[TrailFault] = []

    def add_fault(self, record: EventRecord, what: str) -> None:
        header = record.header
        self._add(TrailFault(event=header.id, run=header.run, ref=header.ref, what=what))

    def add_link_fault(self, link: Link, what: str) -> None:
        self._add(TrailFault(event=link.event, run=link.run, ref=link.ref, what=what))

    def _add(self, fault: TrailFault) -> None:
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(fault)

    def check(self, record: EventRecord) -> bool:
        """
        Check the content of *record*; tell if this release can check its digest, too.
        """
        if not is_known(record):
            self._unverified += 1
            return False
        erased, fault = check_content(record)
        if erased:
            self._erased += 1
            self._unexplained[record.header.id] = record
        if fault is not None:
            self.add_fault(record, fault)
        return True

    async def require_erasures(self, store: TrailReader, *, least: int = 1) -> None:
        """
        Require that what is missing of the events checked since the last call was erased.

        Args:
            store: The store.
            least: The number of events without a content from which on it is worth asking.
        """
        missing, asked = self._unexplained, tuple(self._unexplained)
        if len(missing) < least:
            return
        self._unexplained = {}
        erasures = {(erasure.event, erasure.what) for erasure in await store.find_erasures(asked)}
        for event, record in missing.items():
            what = Erased.PAYLOAD if record.version is None else Erased.EVIDENCE
            if (event, what) not in erasures:
                self.add_fault(record, f"its {what.value} is missing, and no erasure of it is recorded")

    def compare(self, what: str, read: int, before: int, after: int) -> None:
        """
        Require that as many events were read as were stored at some moment between the two counts.
        """
        if before <= read <= after:
            return
        stored = f"{before}" if before == after else f"{before} to {after}"
        what = f"{stored} {what} are stored, but {read} were read: check the store for damage"
        self._add(TrailFault(event=None, run=None, ref=None, what=what))

    def report(self, dropped: int, purges: Sequence[Purge]) -> TrailReport:
        return TrailReport(
            life_events=self.life_events,
            host_events=self.host_events,
            dropped=dropped,
            erased=self._erased,
            unverified=self._unverified,
            purges=tuple(purges),
            faults=tuple(self._faults),
        )


async def _last_purges(store: TrailReader) -> list[Purge]:
    """
    Return the last purge of each run.
    """

    async def listed(after: PageToken | None) -> Page[Purge]:
        return await store.list_purges(after, limit=MOST_PER_PAGE)

    purges: dict[RunId, Purge] = {}
    async for purge in every_item(listed):
        purges[purge.run] = purge
    return list(purges.values())


async def _pages(read: _Read) -> AsyncIterator[Sequence[EventRecord]]:
    token: FeedToken | None = None
    while (page := await read(token, limit=MOST_PER_PAGE)).items:
        yield page.items
        token = page.next


class _Read(Protocol):
    def __call__(self, after: FeedToken | None, /, *, limit: int) -> Awaitable[FeedPage]: ...
