"""
Erasures and purges in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from poslife._domain.identifiers import EventId, RunId
from poslife._runtime.process import this_user
from poslife._trail.removals import Erased
from poslife.errors import EventNotFound
from poslife.memory._events import HostEvents, LifeEvents
from poslife.protocols import Erasure, Purge
from poslife.storage._event_rows import EMPTY_STREAM, StreamHead
from poslife.storage._page_tokens import AfterNumber
from poslife.storage._removals import end_of_purge, require_few, require_purgeable

__all__ = ["Removals"]


class Removals:
    """
    Erasures and purges, and the events that they change.

    Attributes:
        erasures: By event.
        purges: By run and number of the last purged event.
    """

    def __init__(self, life_events: LifeEvents, host_events: HostEvents) -> None:
        self._life_events = life_events
        self._host_events = host_events
        self.erasures: dict[EventId, Erasure] = {}
        self.purges: dict[AfterNumber, Purge] = {}

    def erase(self, event: EventId, why: str, now: datetime) -> None:
        if self._host_events.erase(event):
            what = Erased.PAYLOAD
        elif self._life_events.erase(event):
            what = Erased.EVIDENCE
        else:
            raise EventNotFound(event)
        self.erasures.setdefault(event, Erasure(event=event, what=what, by=this_user(), at=now, why=why))

    def find(self, events: Sequence[EventId]) -> tuple[Erasure, ...]:
        require_few(events, len(events))
        return tuple(self.erasures[event] for event in events if event in self.erasures)

    def purge(self, run: RunId, upto: int, why: str, now: datetime, *, is_running: bool) -> None:
        before = self._end_of(run)
        last = max((head.sequence for _, head in self._host_events.numbers_of(run)), default=0)
        require_purgeable(run, upto, is_running=is_running, last=last, purged=before.sequence)
        removed = list(self._host_events.numbers_of(run, upto))
        for event, _ in removed:
            self._host_events.delete(event)
        end = end_of_purge((head for _, head in removed), before)
        if end.sequence > before.sequence:
            self.purges[AfterNumber(run, end.sequence)] = Purge(
                run=run, upto=end.sequence, digest=end.digest, by=this_user(), at=now, why=why
            )

    def _end_of(self, run: RunId) -> StreamHead:
        of_run = [StreamHead(purge.upto, purge.digest) for purge in self.purges.values() if purge.run == run]
        return max(of_run, default=EMPTY_STREAM)

    def listed(self) -> Iterator[tuple[AfterNumber, Purge]]:
        """
        Yield the purges with their places.
        """
        return iter(self.purges.items())
