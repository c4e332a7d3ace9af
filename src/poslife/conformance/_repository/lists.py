"""
Clauses of the lists of `Repository`: their items and the order of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.fills import StoredFill
from poslife._domain.orders import OrderPurpose, OrderStatus
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife.conformance._assertions import check, refused, same
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_values import START
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.errors import InvalidValue
from poslife.protocols import NewRun, Page, Repository

__all__ = ["EACH", "LATEST", "ListTests", "UnsettledOrders", "by_ref", "close_each_at"]

PositionT = TypeVar("PositionT", bound=Position)

EACH = 5
LATEST = START + timedelta(days=3650)


class ListTests(RepositoryHooks):
    """
    Each list holds its items, and no others, in its order.
    """

    @promised_by(Repository.list_live)
    async def test_list_live(self) -> None:
        """
        `list_live` gives the positions that hold a key, pending ones included, by ref.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            live: list[Position] = []
            for _ in range(EACH):
                live.append(await story.claimed(repository))
                live.append(await story.opened(repository))
                live.append(await story.closing(repository))
                await story.ended(repository)
                await story.closed(repository)
            page = await repository.list_live()
            same(Page(items=by_ref(live), next=None), page, "list_live")

    @promised_by(Repository.list_in_doubt)
    async def test_list_in_doubt(self) -> None:
        """
        `list_in_doubt` gives the positions with an order in doubt, or submitting by an ended run, by ref.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            orders = await UnsettledOrders.of(story, repository, self.let_lease_run_out)
            page = await repository.list_in_doubt()
            same(Page(items=by_ref(orders.in_doubt), next=None), page, "list_in_doubt")

    @promised_by(Repository.list_left_by_ended_runs)
    async def test_list_left_by_ended_runs(self) -> None:
        """
        `list_left_by_ended_runs` gives positions with an unended order of an ended or unknown run, by ref.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            orders = await UnsettledOrders.of(story, repository, self.let_lease_run_out)
            page = await repository.list_left_by_ended_runs()
            same(Page(items=by_ref(orders.unsettled), next=None), page, "list_left_by_ended_runs")

    @promised_by(Repository.list_closed)
    async def test_list_closed(self) -> None:
        """
        `list_closed` gives the positions closed from *since* on and before *until*, by time of closing.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            times = [START + timedelta(days=1, microseconds=step) for step in (3, 0, 1, 2, 1, 1)]
            closed = await close_each_at(story, repository, *times)
            await story.opened(repository)
            await story.ended(repository)
            for since, until in (
                (START, LATEST),
                (times[1], times[0]),
                (times[2], times[3]),
                (times[2], times[2]),
                (times[0], times[1]),
                (LATEST, LATEST),
            ):
                page = await repository.list_closed(since, until)
                wanted = [position for position in closed if since <= position.closed_at < until]
                same(
                    sorted(position.closed_at for position in wanted),
                    [position.closed_at for position in page.items],
                    "the times of list_closed",
                )
                same(by_ref(wanted), by_ref(page.items), "the positions of list_closed")

    @promised_by(Repository, Repository.list_closed)
    async def test_list_closed_of_naive_times(self) -> None:
        """
        `list_closed` with a naive time raises `InvalidValue`.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            await story.closed(repository)
            naive = datetime(2026, 1, 1)  # noqa: DTZ001 - naive on purpose
            for since, until in ((naive, LATEST), (START, naive)):
                asked = repository.list_closed(since, until)
                await refused(asked, InvalidValue, f"list_closed from {since} to {until}")

    @promised_by(Repository.list_fills)
    async def test_list_fills(self) -> None:
        """
        `list_fills` gives the fills applied to a position and no others, in the order they were stored.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held, other = await story.opened(repository), await story.opened(repository)
            page = await repository.list_fills(held.ref)
            stored = list(page.items)
            for position in (held, other, held):
                # Their times run backwards, which must not matter.
                later = [StoredFill(fill=story.fill(held.key), ref=position.ref) for _ in range(EACH)]
                await repository.commit(story.change(fills=later[::-1]))
                await repository.commit(story.unclaimed("no such order", key=held.key))
                stored += later[::-1] if position is held else []
            page = await repository.list_fills(held.ref)
            same(Page(items=tuple(stored), next=None), page, "list_fills")

    @promised_by(Repository.list_unclaimed)
    async def test_list_unclaimed(self) -> None:
        """
        `list_unclaimed` gives the fills that could not be assigned, in the order they were stored.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            first, second = story.unclaimed("a", "b", "c"), story.unclaimed("d", "e")
            await repository.commit(second)
            await story.opened(repository)
            await repository.commit(first)
            page = await repository.list_unclaimed()
            same(Page(items=(*second.fills, *first.fills), next=None), page, "list_unclaimed")

    @promised_by(Repository.list_history)
    async def test_list_history(self) -> None:
        """
        `list_history` gives the events of a position, its time as a pending one included, by event id.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            claim = story.claim(pending := story.pending())
            promote = story.promote(pending)
            # Another run's clock is ahead: its events come later, though it committed first.
            ahead = [
                replace(event, header=replace(event.header, id=later))
                for event, later in zip(
                    claim.events, reversed([story.event_id(), story.event_id()]), strict=True
                )
            ]
            await repository.commit(replace(claim, events=tuple(ahead)))
            await story.opened(repository)
            held = await story.commit_one(repository, promote, PersistedPosition)
            close = story.close(held)
            await repository.commit(close)
            events = sorted((*ahead, *promote.events, *close.events), key=lambda event: event.header.id)
            page = await repository.list_history(pending.ref)
            same(
                [event.header.id for event in events], [event.header.id for event in page.items], "event ids"
            )
            same(
                [(event.version, event.index) for event in events],
                [(event.version, event.index) for event in page.items],
                "the versions and indexes",
            )
            same([event.body for event in events], [event.body for event in page.items], "the bodies")
            recorded = {event.header.id: change.at for change in (promote, close) for event in change.events}
            recorded |= {event.header.id: claim.at for event in ahead}
            for event in page.items:
                same(recorded[event.header.id], event.recorded_at, "RecordedEvent.recorded_at")
                same(None, event.sequence, "RecordedEvent.sequence of a life event")

    @promised_by(Repository.list_history)
    async def test_history_is_linked(self) -> None:
        """
        Each life event has a digest that links it to the one before it, and keeps that digest.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            before = await repository.list_history(held.ref)
            await repository.commit(story.close(held))
            after = await repository.list_history(held.ref)
            digests = [event.digest for event in after.items]
            same({32}, {len(digest) for digest in digests}, "the lengths of the digests")
            check(UNLINKED not in digests, "RecordedEvent.digest: expected a digest, got that of no event")
            same(len(digests), len(set(digests)), "the number of different digests")
            kept = [event.digest for event in before.items]
            same(kept, digests[: len(kept)], "the digests of the events stored before")


@dataclass(frozen=True, slots=True)
class UnsettledOrders:
    """
    Positions with orders in every status, of living, ended and unknown runs.

    Attributes:
        in_doubt: Those that `list_in_doubt` is to give.
        unsettled: Those that `list_left_by_ended_runs` is to give.
    """

    in_doubt: list[Position]
    unsettled: list[Position]

    @classmethod
    async def of(
        cls, story: Story, repository: Repository, let_lease_run_out: Callable[[float], Awaitable[None]]
    ) -> UnsettledOrders:
        ended, expired = story.new_run(), story.new_run()
        unknown = story.run_id()
        for run in (ended, expired):
            await repository.start_run(run)
        in_doubt: list[Position] = []
        unsettled: list[Position] = []
        for run in (ended, expired):
            for _ in range(2):
                in_doubt.append(position := await _with_order(story, repository, run, OrderStatus.SUBMITTING))
                unsettled.append(position)
                unsettled.append(await _with_order(story, repository, run, OrderStatus.PREPARED))
                unsettled.append(await _with_order(story, repository, run, OrderStatus.WORKING))
                in_doubt.append(position := await _with_order(story, repository, run, OrderStatus.IN_DOUBT))
                unsettled.append(position)
            await _with_order(story, repository, run, OrderStatus.FILLED)
        # A closed position can have an order left, and the run of an order can be unknown.
        held = await story.opened(repository)
        reduce = story.order(
            held.ref, 1, purpose=OrderPurpose.REDUCE, status=OrderStatus.WORKING, run=unknown
        )
        held = await story.commit_one(repository, story.set_order(held, reduce), PersistedPosition)
        unsettled.append(held)
        leaving = await story.opened(repository)
        protect = story.order(
            leaving.ref, 1, purpose=OrderPurpose.PROTECT, status=OrderStatus.IN_DOUBT, run=ended.id
        )
        leaving = await story.commit_one(repository, story.set_order(leaving, protect), PersistedPosition)
        left = await story.commit_one(repository, story.close(leaving), ClosedPosition)
        in_doubt.append(left)
        unsettled.append(left)
        # Orders of the living run: in doubt only by their status, and never unsettled.
        own = NewRun(id=story.run, machine="own", pid=1, process_started="", lease=60.0)
        for status in (OrderStatus.PREPARED, OrderStatus.SUBMITTING, OrderStatus.WORKING):
            await _with_order(story, repository, own, status)
        in_doubt.append(await _with_order(story, repository, own, OrderStatus.IN_DOUBT))
        await story.closed(repository)
        await repository.renew_run(expired.id, 0.05)
        await repository.end_run(ended.id)
        await let_lease_run_out(0.1)
        return cls(in_doubt, unsettled)


async def _with_order(
    story: Story, repository: Repository, run: NewRun, status: OrderStatus
) -> PendingPosition:
    pending = story.pending(status=status, run=run.id)
    return await story.commit_one(repository, story.claim(pending, run=run.id), PendingPosition)


async def close_each_at(story: Story, repository: Repository, *times: datetime) -> list[ClosedPosition]:
    closed: list[ClosedPosition] = []
    for time in times:
        held = await story.opened(repository)
        close = story.closed_from(held, story.exit_order(held, OrderStatus.FILLED), at=time)
        closed.append(await story.commit_one(repository, story.change(close), ClosedPosition))
    return closed


def by_ref(positions: Sequence[PositionT]) -> tuple[PositionT, ...]:
    return tuple(sorted(positions, key=lambda position: str(position.ref)))
