"""
Runs and their leases in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from poslife._domain.identifiers import RunId
from poslife.errors import RunLost
from poslife.protocols import Clock, NewRun, Run

__all__ = ["Runs"]


class Runs:
    """
    The runs of the store. A run has ended when `end` was called for it, and as soon as its lease has run out.

    Attributes:
        by_id: Every run. One whose lease has run out is marked as ended when it is next looked at.
        ended_by_hand: Those that `end` was called for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.by_id: dict[RunId, Run] = {}
        self.ended_by_hand: set[RunId] = set()

    def find(self, run: RunId) -> Run | None:
        """
        Return the run as it is by the store's clock.
        """
        known = self.by_id.get(run)
        return None if known is None else self._as_of_now(known)

    def _as_of_now(self, known: Run) -> Run:
        if not known.ended and known.lease_until <= self._clock.now():
            known = self.by_id[known.id] = replace(known, ended=True)
        return known

    def has_ended(self, run: RunId) -> bool:
        """
        Return True for a run that has ended or is unknown.
        """
        known = self.find(run)
        return known is None or known.ended

    def start(self, new: NewRun) -> Run:
        known = self.find(new.id)
        if known is None:
            now = self._clock.now()
            known = self.by_id[new.id] = Run(
                id=new.id,
                machine=new.machine,
                pid=new.pid,
                process_started=new.process_started,
                started_at=now,
                lease_until=now + timedelta(seconds=new.lease),
                ended=False,
            )
        elif known.ended:
            raise RunLost(new.id)
        return known

    def renew(self, run: RunId, lease: float) -> Run:
        known = self.find(run)
        if known is None or known.ended:
            raise RunLost(run)
        until = self._clock.now() + timedelta(seconds=lease)
        renewed = self.by_id[run] = replace(known, lease_until=until)
        return renewed

    def end(self, run: RunId) -> None:
        known = self.find(run)
        if known is not None:
            self.by_id[run] = replace(known, ended=True)
            self.ended_by_hand.add(run)

    def listed(self) -> Iterator[tuple[RunId, Run]]:
        """
        Yield the runs that were not ended by hand, those with a lease that ran out included.
        """
        for run in self.by_id.keys() - self.ended_by_hand:
            yield run, self._as_of_now(self.by_id[run])
