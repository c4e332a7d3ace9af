"""
Stores that do not keep to leases.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta

from typing_extensions import override

from poslife._domain.changes import Change, Claim, Committed
from poslife._domain.identifiers import (
    RunId,
)
from poslife.errors import (
    RunLost,
)
from poslife.protocols import NewRun, Page, PageToken, Run
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class ResurrectsLeases(HonestStore):
    """Renews a lease that has run out."""

    @override
    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        known = self.inner._runs.by_id.get(run)
        if known is not None and run not in self.inner._runs.ended_by_hand:
            self.inner._runs.by_id[run] = replace(
                known, ended=False, lease_until=known.lease_until.max.replace(tzinfo=UTC)
            )
        return await super().renew_run(run, lease)


class RenewsUnknownRuns(HonestStore):
    """Renews an unknown run."""

    @override
    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        if run not in self.inner._runs.by_id:
            await super().start_run(
                NewRun(id=run, machine="somewhere", pid=1, process_started="", lease=lease)
            )
        return await super().renew_run(run, lease)


class RestartsRuns(HonestStore):
    """Starts an ended run again."""

    @override
    async def start_run(self, run: NewRun, /) -> Run:
        try:
            return await super().start_run(run)
        except RunLost:
            del self.inner._runs.by_id[run.id]
            self.inner._runs.ended_by_hand.discard(run.id)
            return await super().start_run(run)


class StartsAnew(HonestStore):
    """Renews the lease of a run that is started again."""

    @override
    async def start_run(self, run: NewRun, /) -> Run:
        self.clock.advance(1)
        await super().start_run(run)
        return await super().renew_run(run.id, run.lease)


class NeverEndsRuns(HonestStore):
    """Does not end a run."""

    @override
    async def end_run(self, run: RunId, /) -> None:
        self.raise_if_away()


class AddsToLeases(HonestStore):
    """Adds the new lease to the end of the old one."""

    @override
    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        known = self.inner._runs.by_id.get(run)
        renewed = await super().renew_run(run, lease)
        if known is None:
            return renewed
        added = replace(renewed, lease_until=known.lease_until + timedelta(seconds=lease))
        self.inner._runs.by_id[run] = added
        return added


class HidesLostRuns(HonestStore):
    """Leaves runs out of the list whose lease ran out."""

    @override
    async def list_runs(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Run]:
        page = await super().list_runs(after, limit=limit)
        return replace(page, items=tuple(run for run in page.items if not run.ended))


class SaysRunsLive(HonestStore):
    """Lists a run as living whose lease ran out."""

    @override
    def show_run(self, run: Run) -> Run:
        return replace(run, ended=False)


class LetsLostRunsOpen(HonestStore):
    """Lets a run open that has lost its lease."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except RunLost:
            known = dict(self.inner._runs.by_id)
            new = NewRun(id=change.run, machine="any", pid=1, process_started="", lease=60.0)
            self.inner._runs.by_id.pop(change.run, None)
            await self.inner.start_run(new)
            try:
                return await super().take(change)
            finally:
                self.inner._runs.by_id = known


class LetsLostRunsIncrease(LetsLostRunsOpen):
    """Checks the lease for claims only."""

    @override
    async def take(self, change: Change) -> Committed:
        if any(isinstance(transition, Claim) for transition in change.transitions):
            return await HonestStore.take(self, change)
        return await super().take(change)


class KeepsLostRunsFromExits(HonestStore):
    """Lets a run that lost its lease write nothing at all."""

    @override
    async def take(self, change: Change) -> Committed:
        run = self.inner._runs.find(change.run)
        if change.id not in self.inner._changes and (run is None or run.ended):
            raise RunLost(change.run)
        return await super().take(change)


class KeepsLivingRunsOut(HonestStore):
    """Lets no run increase."""

    @override
    async def take(self, change: Change) -> Committed:
        if change.needs_lease and not any(isinstance(each, Claim) for each in change.transitions):
            raise RunLost(change.run)
        return await super().take(change)


class RenewsInWordsOnly(HonestStore):
    """Returns a renewed lease, and keeps the first one."""

    @override
    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        known = self.inner._runs.by_id.get(run)
        renewed = await super().renew_run(run, lease)
        if known is not None:
            self.inner._runs.by_id[run] = known
        return renewed


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (ResurrectsLeases, "test_lost_run_is_not_renewed"),
    (RenewsUnknownRuns, "test_lost_run_is_not_renewed"),
    (RestartsRuns, "test_start_of_an_ended_run"),
    (StartsAnew, "test_start_run_again"),
    (NeverEndsRuns, "test_end_run"),
    (AddsToLeases, "test_renew_run"),
    (HidesLostRuns, "test_list_runs"),
    (SaysRunsLive, "test_lost_run_is_not_renewed"),
    (LetsLostRunsOpen, "test_lost_run_may_not_open_or_increase"),
    (LetsLostRunsIncrease, "test_lost_run_may_not_open_or_increase"),
    (KeepsLostRunsFromExits, "test_lost_run_may_record_and_exit"),
    (KeepsLivingRunsOut, "test_living_run_may_open_and_increase"),
    (RenewsInWordsOnly, "test_renewed_lease_holds"),
)
