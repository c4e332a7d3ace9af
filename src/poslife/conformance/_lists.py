"""
The lists of a repository: what is in them, in which order, and in pages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar, cast

from poslife._domain.event_envelopes import UNLINKED, LifeEvent
from poslife._domain.events import PositionReduced
from poslife._domain.fills import StoredFill
from poslife._domain.orders import OrderPurpose, OrderStatus
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife.conformance._checking import check, refused, same
from poslife.conformance._examples import QUANTITY, START
from poslife.conformance._hooks import RepositoryHooks
from poslife.conformance._story import Story, begin
from poslife.errors import InvalidValue
from poslife.protocols import NewRun, Page, PageToken, Repository

__all__ = ["ListTests", "PageTests"]

PositionT = TypeVar("PositionT", bound=Position)

EACH = 5
LATEST = START + timedelta(days=3650)


class ListTests(RepositoryHooks):
    """
    What each list holds, and in which order.
    """

    async def test_list_live(self) -> None:
        """
        `list_live`: the positions that hold a key, pending ones included, by ref.
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
            same(Page(items=_by_ref(live), next=None), page, "list_live")

    async def test_list_in_doubt(self) -> None:
        """
        `list_in_doubt`: the positions with an order in doubt, or submitting by a run that has ended, by ref.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            cast_of = await _Cast.of(story, repository, self.let_lease_run_out)
            page = await repository.list_in_doubt()
            same(Page(items=_by_ref(cast_of.in_doubt), next=None), page, "list_in_doubt")

    async def test_list_left_by_ended_runs(self) -> None:
        """
        `list_left_by_ended_runs`: positions with a live order of an ended or unknown run, by ref.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            cast_of = await _Cast.of(story, repository, self.let_lease_run_out)
            page = await repository.list_left_by_ended_runs()
            same(Page(items=_by_ref(cast_of.unsettled), next=None), page, "list_left_by_ended_runs")

    async def test_list_closed(self) -> None:
        """
        `list_closed`: those closed from *since* (included) to *until* (not included), by time of closing.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            times = [START + timedelta(days=1, microseconds=step) for step in (3, 0, 1, 2, 1, 1)]
            closed = await _closed_at(story, repository, *times)
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
                same(_by_ref(wanted), _by_ref(page.items), "the positions of list_closed")

    async def test_list_fills(self) -> None:
        """
        `list_fills`: the fills applied to a position, in the order they were stored; no others.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held, other = await story.opened(repository), await story.opened(repository)
            page = await repository.list_fills(held.ref)
            stored = list(page.items)
            for position in (held, other, held):
                # Their times run backwards: the order of storing counts.
                later = [StoredFill(fill=story.fill(held.key), ref=position.ref) for _ in range(EACH)]
                await repository.commit(story.change(fills=later[::-1]))
                await repository.commit(story.unclaimed("no such order", key=held.key))
                stored += later[::-1] if position is held else []
            page = await repository.list_fills(held.ref)
            same(Page(items=tuple(stored), next=None), page, "list_fills")

    async def test_list_unclaimed(self) -> None:
        """
        `list_unclaimed`: the fills that could not be assigned, in the order they were stored.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            first, second = story.unclaimed("a", "b", "c"), story.unclaimed("d", "e")
            await repository.commit(second)
            await story.opened(repository)
            await repository.commit(first)
            page = await repository.list_unclaimed()
            same(Page(items=(*second.fills, *first.fills), next=None), page, "list_unclaimed")

    async def test_list_history(self) -> None:
        """
        `list_history`: the events of a position, its time as a pending one included, by event id.
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
            told = sorted((*ahead, *promote.events, *close.events), key=lambda event: event.header.id)
            page = await repository.list_history(pending.ref)
            same([event.header.id for event in told], [event.header.id for event in page.items], "event ids")
            same(
                [(event.version, event.index) for event in told],
                [(event.version, event.index) for event in page.items],
                "the versions and indexes",
            )
            same([event.body for event in told], [event.body for event in page.items], "the bodies")
            recorded = {event.header.id: change.at for change in (promote, close) for event in change.events}
            recorded |= {event.header.id: claim.at for event in ahead}
            for event in page.items:
                same(recorded[event.header.id], event.recorded_at, "RecordedEvent.recorded_at")
                same(None, event.sequence, "RecordedEvent.sequence of a life event")

    async def test_history_is_linked(self) -> None:
        """
        Each life event has a digest of its own, which links it to the one before it, and keeps it.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            before = await repository.list_history(held.ref)
            await repository.commit(story.close(held))
            after = await repository.list_history(held.ref)
            digests = [event.digest for event in after.items]
            check(all(len(digest) == 32 for digest in digests), "a digest has 32 bytes")
            check(UNLINKED not in digests, "a stored life event is linked")
            same(len(digests), len(set(digests)), "the number of different digests")
            kept = [event.digest for event in before.items]
            same(kept, digests[: len(kept)], "the digests of the events stored before")


@dataclass(frozen=True, slots=True)
class _Shelf:
    """
    A list: how a page of it is read, and what it holds.
    """

    name: str
    read: Callable[[PageToken | None, int], Awaitable[Page[object]]]
    holds: tuple[object, ...]


class PageTests(RepositoryHooks):
    """
    Lists in pages.
    """

    async def test_pages(self) -> None:
        """
        Read page by page, of whatever size, a list gives each item once and ends with ``next=None``.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for shelf in await _shelves(story, repository, self.let_lease_run_out):
                check(len(shelf.holds) >= EACH, f"{shelf.name} should hold enough for pages")
                for limit in (1, 2, 3, len(shelf.holds) - 1, len(shelf.holds), len(shelf.holds) + 1, 1000):
                    read: list[object] = []
                    token: PageToken | None = None
                    for _ in range(len(shelf.holds) + 1):
                        page = await shelf.read(token, limit)
                        check(isinstance(page, Page), f"{shelf.name} should return a Page, returned {page!r}")
                        check(isinstance(page.items, tuple), f"{shelf.name}'s items should be a tuple")
                        check(len(page.items) <= limit, f"{shelf.name} gave more than {limit} items")
                        check(
                            token is None or bool(page.items), f"{shelf.name} goes on with a page of nothing"
                        )
                        read += page.items
                        token = page.next
                        if token is None:
                            break
                    check(token is None, f"the pages of {shelf.name} never end")
                    same(list(shelf.holds), read, f"{shelf.name} in pages of {limit}")

    async def test_default_limit(self) -> None:
        """
        Without a limit a page holds at most 100 items.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for _ in range(5):
                await repository.commit(story.unclaimed(*(["many"] * 21)))
            page = await repository.list_unclaimed()
            same(100, len(page.items), "the number of items on a page")
            rest = await repository.list_unclaimed(page.next)
            same((5, None), (len(rest.items), rest.next), "the number of items on the last page")

    async def test_limits_refused(self) -> None:
        """
        A limit that is no int from 1 to 1000 is refused with `InvalidValue`.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for shelf in await _shelves(story, repository, self.let_lease_run_out):
                for limit in (0, -1, 1001, 10_000, True, False, 2.0, "5", None):
                    await refused(
                        shelf.read(None, cast("int", limit)), InvalidValue, f"{shelf.name} with {limit=}"
                    )

    async def test_tokens_are_ours(self) -> None:
        """
        A token that no page gave is refused with `InvalidValue`, or gives a page; nothing else happens.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for shelf in await _shelves(story, repository, self.let_lease_run_out):
                for text in ("", "x", "'; --", "\x00", "9" * 400, "\N{ROCKET}"):
                    try:
                        page = await shelf.read(PageToken(text), 1)
                    except InvalidValue:
                        continue
                    check(isinstance(page, Page), f"{shelf.name} should return a Page, returned {page!r}")

    async def test_pages_of_a_changing_list(self) -> None:
        """
        Between two pages items may come and go: what stays is given once, neither twice nor left out.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            first = _by_ref([await story.claimed(repository) for _ in range(9)])
            page = await repository.list_live(limit=4)
            same(first[:4], page.items, "the first page")
            for position in first[:3]:
                pending = await repository.get(position.ref)
                gone = replace(pending.orders[0], status=OrderStatus.ABANDONED)
                await repository.commit(story.set_order(pending, gone))
            new = await story.claimed(repository)
            rest = await repository.list_live(page.next)
            seen = [position for position in rest.items if position.ref != new.ref]
            same(list(first[4:]), list(seen), "what stayed, on the second page")

            held = await story.opened(repository)
            fills = [StoredFill(fill=story.fill(held.key), ref=held.ref) for _ in range(6)]
            await repository.commit(story.change(fills=fills[:4]))
            begun = await repository.list_fills(held.ref, limit=3)
            await repository.commit(story.change(fills=fills[4:]))
            ended = await repository.list_fills(held.ref, begun.next)
            same(fills, [*begun.items, *ended.items][1:], "the fills, some stored between two pages")


@dataclass(frozen=True, slots=True)
class _Cast:
    """
    Positions whose orders are settled or not, by runs that live or not.
    """

    in_doubt: list[Position]
    unsettled: list[Position]

    @classmethod
    async def of(
        cls, story: Story, repository: Repository, let_lease_run_out: Callable[[float], Awaitable[None]]
    ) -> _Cast:
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
        # A closed position can have an order left, and an order can be of a run that nobody knows.
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
        # The living run's: in doubt only where it says so, and never unsettled.
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


async def _shelves(
    story: Story, repository: Repository, let_lease_run_out: Callable[[float], Awaitable[None]]
) -> list[_Shelf]:
    """
    Every list, with something in it.
    """
    cast_of = await _Cast.of(story, repository, let_lease_run_out)
    held = await story.opened(repository)
    fills = [StoredFill(fill=story.fill(held.key), ref=held.ref) for _ in range(EACH)]
    await repository.commit(story.change(fills=fills))
    for _ in range(EACH):
        await repository.commit(story.unclaimed("one"))
    tied = [START + timedelta(days=2, seconds=step // 3) for step in range(EACH + 2)]
    await _closed_at(story, repository, *tied)
    for _ in range(EACH):
        await repository.start_run(story.new_run())
    exit_order = story.exit_order(held, OrderStatus.PREPARED)
    for status in (OrderStatus.PREPARED, OrderStatus.SUBMITTING, OrderStatus.REJECTED):
        order = replace(exit_order, status=status)
        change = story.order_set(held, order)
        held = await story.commit_one(
            repository,
            story.change(change, events=_events(story, change.after)),
            PersistedPosition,
        )
    ref = held.ref
    since, until = START, LATEST
    reads: dict[str, Callable[[PageToken | None, int], Awaitable[Page[object]]]] = {
        "list_live": lambda after, limit: repository.list_live(after, limit=limit),
        "list_in_doubt": lambda after, limit: repository.list_in_doubt(after, limit=limit),
        "list_left_by_ended_runs": lambda after, limit: repository.list_left_by_ended_runs(
            after, limit=limit
        ),
        "list_closed": lambda after, limit: repository.list_closed(since, until, after, limit=limit),
        "list_fills": lambda after, limit: repository.list_fills(ref, after, limit=limit),
        "list_unclaimed": lambda after, limit: repository.list_unclaimed(after, limit=limit),
        "list_history": lambda after, limit: repository.list_history(ref, after, limit=limit),
        "list_runs": lambda after, limit: repository.list_runs(after, limit=limit),
    }
    shelves: list[_Shelf] = []
    for name, read in reads.items():
        whole = await read(None, 1000)
        shelves.append(_Shelf(name, read, whole.items))
    held_by = {shelf.name: shelf.holds for shelf in shelves}
    same(_by_ref(cast_of.in_doubt), held_by["list_in_doubt"], "list_in_doubt")
    same(tuple(fills), held_by["list_fills"][1:], "list_fills")
    return shelves


def _events(story: Story, after: Position) -> tuple[LifeEvent, ...]:
    return tuple(story.event(after, index, PositionReduced(quantity=QUANTITY)) for index in range(2))


async def _closed_at(story: Story, repository: Repository, *times: datetime) -> list[ClosedPosition]:
    closed: list[ClosedPosition] = []
    for time in times:
        held = await story.opened(repository)
        close = story.closed_from(held, story.exit_order(held, OrderStatus.FILLED), at=time)
        closed.append(await story.commit_one(repository, story.change(close), ClosedPosition))
    return closed


def _by_ref(positions: Sequence[PositionT]) -> tuple[PositionT, ...]:
    return tuple(sorted(positions, key=lambda position: str(position.ref)))
