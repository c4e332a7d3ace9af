"""
Clauses of the lists of `Repository`: their pages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from poslife._domain.event_envelopes import LifeEvent
from poslife._domain.events import PositionReduced
from poslife._domain.fills import StoredFill
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import PersistedPosition, Position
from poslife.conformance._assertions import check, narrowed, refused, same
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_values import QUANTITY, START
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.conformance._repository.lists import EACH, LATEST, UnsettledOrders, by_ref, close_each_at
from poslife.errors import InvalidValue
from poslife.protocols import Page, PageToken, Repository

__all__ = ["PageTests"]


@dataclass(frozen=True, slots=True)
class _List:
    """
    A list of the repository: the call that reads a page, and the items it has.
    """

    name: str
    read: Callable[[PageToken | None, int], Awaitable[Page[object]]]
    holds: tuple[object, ...]


class PageTests(RepositoryHooks):
    """
    Read page by page, a list gives each item once.
    """

    @promised_by(Repository)
    async def test_pages(self) -> None:
        """
        Read page by page, of any size, a list gives each item once and ends with ``next=None``.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for one in await _lists(story, repository, self.let_lease_run_out):
                check(len(one.holds) >= EACH, f"{one.name}: expected at least {EACH} items")
                for limit in (1, 2, 3, len(one.holds) - 1, len(one.holds), len(one.holds) + 1, 1000):
                    read: list[object] = []
                    token: PageToken | None = None
                    for _ in range(len(one.holds) + 1):
                        page = await one.read(token, limit)
                        narrowed(cast("object", page), Page, one.name)
                        narrowed(cast("object", page.items), tuple, f"Page.items of {one.name}")
                        check(
                            len(page.items) <= limit,
                            f"{one.name}: expected {limit} items, got {len(page.items)}",
                        )
                        check(token is None or bool(page.items), f"{one.name}: an empty page after a token")
                        read += page.items
                        token = page.next
                        if token is None:
                            break
                    same(None, token, f"Page.next of the last page of {one.name}")
                    same(list(one.holds), read, f"{one.name} in pages of {limit}")

    @promised_by(Repository)
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

    @promised_by(Repository)
    async def test_limits_refused(self) -> None:
        """
        A limit that is not an int from 1 to 1000 raises `InvalidValue`.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for one in await _lists(story, repository, self.let_lease_run_out):
                for limit in (0, -1, 1001, 10_000, True, False, 2.0, "5", None):
                    await refused(
                        one.read(None, cast("int", limit)), InvalidValue, f"{one.name} with {limit=}"
                    )

    @promised_by(Repository)
    async def test_tokens_are_ours(self) -> None:
        """
        A token that no page gave raises `InvalidValue`.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for one in await _lists(story, repository, self.let_lease_run_out):
                for text in ("", "x", "'; --", "\x00", "9" * 400, "\N{ROCKET}"):
                    asked = one.read(PageToken(text), 1)
                    await refused(asked, InvalidValue, f"{one.name} with the token {text[:20]!r}")

    @promised_by(Repository)
    async def test_pages_of_a_changing_list(self) -> None:
        """
        Items may come and go between two pages: each item that stays is given exactly once.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            first = by_ref([await story.claimed(repository) for _ in range(9)])
            page = await repository.list_live(limit=4)
            same(first[:4], page.items, "the first page")
            for position in first[:3]:
                pending = await repository.get(position.ref)
                gone = replace(pending.orders[0], status=OrderStatus.ABANDONED)
                await repository.commit(story.set_order(pending, gone))
            new = await story.claimed(repository)
            rest = await repository.list_live(page.next)
            seen = [position for position in rest.items if position.ref != new.ref]
            same(list(first[4:]), list(seen), "the positions that stayed, on the second page")

            held = await story.opened(repository)
            fills = [StoredFill(fill=story.fill(held.key), ref=held.ref) for _ in range(6)]
            await repository.commit(story.change(fills=fills[:4]))
            begun = await repository.list_fills(held.ref, limit=3)
            await repository.commit(story.change(fills=fills[4:]))
            ended = await repository.list_fills(held.ref, begun.next)
            same(fills, [*begun.items, *ended.items][1:], "the fills, some stored between two pages")


async def _lists(
    story: Story, repository: Repository, let_lease_run_out: Callable[[float], Awaitable[None]]
) -> list[_List]:
    """
    Fill every list, and return the lists.
    """
    orders = await UnsettledOrders.of(story, repository, let_lease_run_out)
    held = await story.opened(repository)
    fills = [StoredFill(fill=story.fill(held.key), ref=held.ref) for _ in range(EACH)]
    await repository.commit(story.change(fills=fills))
    for _ in range(EACH):
        await repository.commit(story.unclaimed("one"))
    tied = [START + timedelta(days=2, seconds=step // 3) for step in range(EACH + 2)]
    await close_each_at(story, repository, *tied)
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
    lists: list[_List] = []
    for name, read in reads.items():
        whole = await read(None, 1000)
        lists.append(_List(name, read, whole.items))
    held_by = {one.name: one.holds for one in lists}
    same(by_ref(orders.in_doubt), held_by["list_in_doubt"], "list_in_doubt")
    same(tuple(fills), held_by["list_fills"][1:], "list_fills")
    return lists


def _events(story: Story, after: Position) -> tuple[LifeEvent, ...]:
    return tuple(story.event(after, index, PositionReduced(quantity=QUANTITY)) for index in range(2))
