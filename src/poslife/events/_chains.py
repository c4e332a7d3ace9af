"""
The digest chain of a run's host events, which are read by id: nearly, but not quite, in their order. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, NamedTuple

from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import EventId, PositionRef, RunId
from poslife._trail.record_format import chain_digest
from poslife._trail.records import EventRecord
from poslife.events._sealing import encoded_header, is_known
from poslife.protocols import Purge

__all__ = ["Link", "RunChain", "link_of"]

_MOST_WAITING: Final = 1000


class Link(NamedTuple):
    """
    An event without its payload, as its chain needs it.

    Attributes:
        number: Its number within its run.
        event: Its id.
        run: Its run.
        ref: The position it is about, or ``None``.
        digest: Its stored digest.
        header: Its header array; ``None`` where it has none, or a format that this release does not know.
        is_known: This release can verify its digest.
    """

    number: int
    event: EventId
    run: RunId
    ref: PositionRef | None
    digest: bytes
    header: bytes | None
    is_known: bool

    @property
    def is_unlinked(self) -> bool:
        """
        True for an event that could not be encoded: it is in no digest chain, and became a dead letter.
        """
        return self.is_known and self.header is None and self.digest == UNLINKED

    def follows(self, before: bytes) -> bool:
        """
        Tell if its digest is that of its header after *before*.
        """
        return self.header is not None and chain_digest(before, self.header) == self.digest


def link_of(record: EventRecord) -> Link:
    """
    Return the link of a host event.
    """
    assert record.sequence is not None  # a host event has one
    header, known = record.header, is_known(record)
    return Link(
        number=record.sequence,
        event=header.id,
        run=header.run,
        ref=header.ref,
        digest=record.digest,
        header=encoded_header(record) if known else None,
        is_known=known,
    )


class RunChain:
    """
    The end of a run's chain so far, and the events that wait for one before them.

    Threads that record at the same time draw ids and numbers in different orders, so an event may come before
    one that it follows. At most a thousand wait; then what is missing counts as missing.

    Args:
        add_fault: Takes a fault: the event, and a description.

    Attributes:
        dropped: How many numbers were left out by the sink's policy.
    """

    def __init__(self, add_fault: Callable[[Link, str], None]) -> None:
        self.dropped = 0
        self._add_fault = add_fault
        self._number = 0
        self._digest = UNLINKED
        self._purged = 0
        self._waiting: list[Link] = []

    @property
    def waits(self) -> bool:
        """
        True while an event waits for one before it.
        """
        return bool(self._waiting)

    def begin_after(self, purge: Purge) -> None:
        """
        Go on after a purge of the run.
        """
        self._purged = max(self._purged, purge.upto)
        if purge.upto > self._number:
            self._number, self._digest = purge.upto, purge.digest
            while self._waiting and self._waiting[0].number <= purge.upto:
                heappop(self._waiting)  # read before it was purged
            self._drain()

    def is_beyond(self, number: int) -> bool:
        """
        Tell if the chain has come to *number*.
        """
        return number <= self._number

    def add(self, link: Link) -> None:
        """
        Check an event, or let it wait for those before it.
        """
        heappush(self._waiting, link)
        self._drain()
        if len(self._waiting) > _MOST_WAITING:
            self._give_up_waiting()

    def end(self) -> None:
        """
        Check the events that still wait: what they wait for is missing.
        """
        while self._waiting:
            self._give_up_waiting()

    def _drain(self) -> None:
        while self._waiting and self._is_next(self._waiting[0]):
            self._take(heappop(self._waiting))

    def _is_next(self, link: Link) -> bool:
        """
        Tell if nothing that may still come can be before it.
        """
        return link.number <= self._number + 1 or link.follows(self._digest)

    def _give_up_waiting(self) -> None:
        link = heappop(self._waiting)
        if link.is_known and not link.is_unlinked:
            first, last = self._number + 1, link.number - 1
            missing = f"{first}" if first == last else f"{first} to {last}"
            self._add_fault(link, f"before number {link.number} of its run, {missing} is missing")
            self._number, self._digest = link.number, link.digest
        else:
            self._go_on_to(link)
        self._drain()

    def _take(self, link: Link) -> None:
        if link.number <= self._number:
            self._take_late(link)
        elif not link.is_known or link.is_unlinked or link.follows(self._digest):
            self._go_on_to(link)
        else:
            before = "last purged one of" if self._number == self._purged > 0 else "one before it in"
            self._add_fault(link, f"number {link.number} does not follow from the {before} its run")
            self._number, self._digest = link.number, link.digest

    def _go_on_to(self, link: Link) -> None:
        self.dropped += link.number - self._number - 1
        self._number = link.number
        if not link.is_unlinked:
            self._digest = link.digest

    def _take_late(self, link: Link) -> None:
        if link.number <= self._purged:
            self._add_fault(
                link,
                f"number {link.number} of its run was purged, and is stored again: repeat the purge up to "
                f"number {self._purged}",
            )
        elif link.is_unlinked:
            self.dropped -= 1  # the one after it was linked to the one before it, as over a dropped one
        else:
            self._add_fault(link, f"its run has two events with the number {link.number}")
            self._digest = link.digest
