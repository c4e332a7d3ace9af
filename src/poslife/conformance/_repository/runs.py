"""
Clauses of `Repository` about runs and leases.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from poslife._domain.changes import Change, Claim, Revise
from poslife._domain.identifiers import RunId
from poslife._domain.orders import Order, OrderPurpose, OrderStatus
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition
from poslife.conformance._assertions import check, check_utc, refused, same
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_values import LONG_LEASE
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.errors import PositionNotFound, RunLost
from poslife.protocols import NewRun, Page, Repository, Run

__all__ = ["RunTests"]

SHORT_LEASE = 0.05
"""
The lease, in seconds, of a run that is to lose it; a run that must keep its lease has a long one.
"""


class RunTests(RepositoryHooks):
    """
    Runs begin, are renewed, and end or are lost; a lost run stays lost and may not open.
    """

    @promised_by(Repository.start_run)
    async def test_start_run(self) -> None:
        """
        `start_run` begins a run and its lease; every field comes back, here and from `list_runs`.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            new = Story().new_run()
            run = await repository.start_run(new)
            _check_run(new, run)
            for store in (repository, other):
                page = await store.list_runs()
                same(Page(items=(run,), next=None), page, "list_runs")

    @promised_by(Repository.start_run)
    async def test_start_run_again(self) -> None:
        """
        Starting the same run again returns it.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            new = Story().new_run()
            run = await repository.start_run(new)
            for store in (repository, other):
                same(run, await store.start_run(new), "the run started again")
            page = await repository.list_runs()
            same((run,), page.items, "list_runs")

    @promised_by(Repository.start_run)
    async def test_start_of_an_ended_run(self) -> None:
        """
        `start_run` raises `RunLost` for a run that was ended or whose lease ran out.
        """
        async with self.repository() as repository:
            story = Story()
            for new in await _lost(self, story, repository):
                error = await refused(repository.start_run(new), RunLost, "starting an ended run")
                same(new.id, error.run, "RunLost.run")

    @promised_by(Repository.renew_run)
    async def test_renew_run(self) -> None:
        """
        `renew_run` makes the lease last that many seconds from now, and changes nothing else.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            new = Story().new_run(lease=60.0)
            run = await repository.start_run(new)
            renewed = run
            for store, lease in ((repository, 7200.0), (other, 600.0)):
                renewed = await store.renew_run(new.id, lease)
                same(replace(run, lease_until=renewed.lease_until), renewed, "the renewed run")
                from_now = renewed.lease_until - run.started_at - timedelta(seconds=lease)
                check(
                    timedelta(0) <= from_now < timedelta(seconds=60),
                    f"a lease renewed for {lease} s: expected to last from now, is off by {from_now}",
                )
                page = await repository.list_runs()
                same((renewed,), page.items, "list_runs")

    @promised_by(Repository.renew_run)
    async def test_lost_run_is_not_renewed(self) -> None:
        """
        `renew_run` raises `RunLost` for an unknown, ended or expired run, and it stays lost.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = Story()
            lost = [new.id for new in await _lost(self, story, repository)]
            for run in (story.run_id(), *lost):
                for store in (repository, other, repository):
                    error = await refused(store.renew_run(run, LONG_LEASE), RunLost, "renewing a lost run")
                    same(run, error.run, "RunLost.run")
            page = await repository.list_runs()
            same([True], [run.ended for run in page.items], "Run.ended of the run whose lease ran out")

    @promised_by(Repository.renew_run)
    async def test_renewed_lease_holds(self) -> None:
        """
        A lease that was renewed in time outlives the first one.
        """
        async with self.repository() as repository:
            story = Story()
            # Long enough to be renewed in time on a slow machine.
            new = story.new_run(lease=1.0)
            story.run = new.id
            await repository.start_run(new)
            await repository.renew_run(new.id, LONG_LEASE)
            await self.let_lease_run_out(1.1)
            await story.claimed(repository)
            page = await repository.list_runs()
            same([False], [run.ended for run in page.items], "Run.ended of a run whose lease was renewed")

    @promised_by(Repository.end_run)
    async def test_end_run(self) -> None:
        """
        `end_run` ends a run for good; ending an ended or unknown one does nothing.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = Story()
            new, kept = story.new_run(), story.new_run()
            await repository.start_run(new)
            run = await repository.start_run(kept)
            for store in (repository, other, repository):
                await store.end_run(new.id)
                await store.end_run(story.run_id())
                page = await repository.list_runs()
                same((run,), page.items, "list_runs")
            await refused(repository.start_run(new), RunLost, "starting an ended run")

    @promised_by(Repository.list_runs)
    async def test_list_runs(self) -> None:
        """
        `list_runs` gives the runs that `end_run` did not end, those with an expired lease included, by id.
        """
        async with self.repository() as repository:
            story = Story()
            alive = [story.new_run() for _ in range(3)]
            for new in reversed(alive):
                await repository.start_run(new)
            _, expired = await _lost(self, story, repository)
            page = await repository.list_runs()
            wanted = sorted([*(new.id for new in alive), expired.id], key=str)
            same(wanted, [run.id for run in page.items], "the ids of list_runs")
            for run in page.items:
                same(run.id == expired.id, run.ended, "Run.ended")
            await repository.end_run(expired.id)
            page = await repository.list_runs()
            same(sorted((new.id for new in alive), key=str), [run.id for run in page.items], "list_runs")

    @promised_by(Repository.commit)
    async def test_lost_run_may_not_open_or_increase(self) -> None:
        """
        A change that opens or increases raises `RunLost` if its run is unknown, ended or expired.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            losers = [story.new_run(), story.new_run()]
            for new in losers:
                await repository.start_run(new)
            changes: list[Change] = []
            for run in (*(new.id for new in losers), story.run_id()):
                changes += await _opening(story, repository, run)
            await _lose(self, repository, *losers)
            for change in changes:
                for store in (repository, other):
                    error = await refused(
                        store.commit(change), RunLost, "a change that opens or increases, of a lost run"
                    )
                    same(change.run, error.run, "RunLost.run")
                for transition in change.transitions:
                    if isinstance(transition, Claim):
                        call = repository.get(transition.ref)
                        await refused(call, PositionNotFound, "get of a position that a lost run claimed")
                    else:
                        stored = await repository.get(transition.ref)
                        same(transition.version - 1, stored.version, "the version after a refused change")

    @promised_by(Repository.commit)
    async def test_living_run_may_open_and_increase(self) -> None:
        """
        A run that holds its lease may open and increase.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for change in await _opening(story, repository, story.run):
                committed = await repository.commit(change)
                same(False, committed.repeated, "Committed.repeated")

    @promised_by(Repository.commit)
    async def test_lost_run_may_record_and_exit(self) -> None:
        """
        A run that has lost its lease may commit fills, settlements, reductions and exits.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            losers = [story.new_run(), story.new_run()]
            for new in losers:
                await repository.start_run(new)
            ready = [
                (
                    new.id,
                    await _claimed_by(story, repository, new.id, OrderStatus.SUBMITTING),
                    await _claimed_by(story, repository, new.id, OrderStatus.PREPARED),
                )
                for new in losers
            ]
            await _lose(self, repository, *losers)
            for run, submitting, prepared in ready:
                gone = replace(prepared.orders[0], status=OrderStatus.ABANDONED)
                await repository.commit(story.set_order(prepared, gone, run=run))
                held = await story.commit_one(
                    repository, story.promote(submitting, run=run), PersistedPosition
                )
                await repository.commit(story.unclaimed("no such order", run=run))
                for purpose in (OrderPurpose.PROTECT, OrderPurpose.REDUCE, OrderPurpose.EXIT):
                    order = story.order(held.ref, len(held.orders), purpose=purpose, run=run)
                    for status in (OrderStatus.PREPARED, OrderStatus.SUBMITTING, OrderStatus.REJECTED):
                        order = replace(order, status=status)
                        change = story.set_order(held, order, run=run)
                        held = await story.commit_one(repository, change, PersistedPosition)
                closed = await story.commit_one(repository, story.close(held, run=run), ClosedPosition)
                same(closed, await repository.get(held.ref), "the position that a lost run closed")

    @promised_by(Repository.commit)
    async def test_lost_run_repeats_its_change(self) -> None:
        """
        A change that was committed while the lease held can be repeated after the lease is lost.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            new = story.new_run()
            await repository.start_run(new)
            change = story.claim(story.pending(run=new.id), run=new.id)
            first = await repository.commit(change)
            await repository.renew_run(new.id, SHORT_LEASE)
            await self.let_lease_run_out(2 * SHORT_LEASE)
            same(replace(first, repeated=True), await repository.commit(change), "the repetition")


def _check_run(new: NewRun, run: Run) -> None:
    for field in ("id", "machine", "pid", "process_started"):
        wanted: object = getattr(new, field)
        found: object = getattr(run, field)
        same(wanted, found, f"Run.{field}")
    same(False, run.ended, "Run.ended")
    off = run.lease_until - run.started_at - timedelta(seconds=new.lease)
    check(
        abs(off) < timedelta(seconds=1),
        f"a lease of {new.lease} s: expected to begin at the start, is off by {off}",
    )
    for time in (run.started_at, run.lease_until):
        check_utc(time, "a time of a Run")


async def _lost(hooks: RepositoryHooks, story: Story, repository: Repository) -> tuple[NewRun, NewRun]:
    """
    Return a run that was ended, and one whose lease ran out.
    """
    ended, expired = story.new_run(), story.new_run()
    for new in (ended, expired):
        await repository.start_run(new)
    await _lose(hooks, repository, ended, expired)
    return ended, expired


async def _lose(hooks: RepositoryHooks, repository: Repository, ended: NewRun, expired: NewRun) -> None:
    await repository.end_run(ended.id)
    await repository.renew_run(expired.id, SHORT_LEASE)
    await hooks.let_lease_run_out(2 * SHORT_LEASE)


async def _claimed_by(
    story: Story, repository: Repository, run: RunId, status: OrderStatus
) -> PendingPosition:
    pending = story.pending(status=status, run=run)
    return await story.commit_one(repository, story.claim(pending, run=run), PendingPosition)


async def _opening(story: Story, repository: Repository, run: RunId) -> list[Change]:
    """
    Return the changes of a run that open or increase, each on another position.
    """
    pending, held = await story.claimed(repository), await story.opened(repository)
    submitting = replace(pending.orders[0], run=run, status=OrderStatus.SUBMITTING, submitted_at=story.at())
    increases: list[Order] = [
        story.order(held.ref, 1, purpose=OrderPurpose.INCREASE, status=OrderStatus.PREPARED, run=run)
    ]
    resent = await story.ended(repository)
    again = story.order(resent.ref, 1, run=run)
    return [
        story.claim(story.pending(run=run), run=run),
        story.set_order(pending, submitting, run=run),
        *(story.set_order(held, order, run=run) for order in increases),
        story.change(
            Revise(after=story.with_order(resent, again), orders=(again,)),
            run=run,
        ),
    ]
