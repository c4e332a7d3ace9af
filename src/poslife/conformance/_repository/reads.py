"""
Clauses of the reads of `Repository` that give one position, and of its opening and closing.
"""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Awaitable, Callable
from dataclasses import replace

from poslife._domain.identifiers import Account, Leg, MarginMode, PositionId, TradeId
from poslife._domain.positions import (
    ClosedPosition,
    PersistedPosition,
    Position,
)
from poslife.conformance._assertions import check, narrowed, refused, result_of, same
from poslife.conformance._example_changes import begin
from poslife.conformance._example_values import START
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.candidates import query_for
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.errors import InvalidValue, PositionNotFound, StorageUnavailable
from poslife.protocols import Page, Repository, Run

__all__ = ["LifecycleTests", "ReadTests"]


class ReadTests(RepositoryHooks):
    """
    ``get_*`` raises if there is nothing, ``find_*`` returns ``None``.
    """

    @promised_by(Repository.get)
    async def test_get(self) -> None:
        """
        `get` gives the position as of the last commit, over every connection, in every phase of its life.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            pending = await story.claimed(repository)
            phases: list[Position] = [pending]
            for store in (repository, other):
                same(pending, await store.get(pending.ref), "the pending position")
            held = await story.commit_one(repository, story.promote(pending), PersistedPosition)
            phases.append(held)
            for store in (repository, other):
                same(held, await store.get(pending.ref), "the held position")
            closed = await story.commit_one(other, story.close(held), ClosedPosition)
            for store in (repository, other):
                same(closed, await store.get(pending.ref), "the closed position")

    @promised_by(Repository.get)
    async def test_get_of_nothing(self) -> None:
        """
        `get` of an unknown ref raises `PositionNotFound`, which names the ref.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            await story.opened(repository)
            ref = story.ref()
            error = await refused(repository.get(ref), PositionNotFound, "get of an unknown ref")
            same(ref, error.sought, "PositionNotFound.sought")

    @promised_by(Repository.get_by_id)
    async def test_get_by_id(self) -> None:
        """
        `get_by_id` gives an open or closed position, and raises `PositionNotFound` for an unknown id.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held, closed = await story.opened(repository), await story.closed(repository)
            await story.claimed(repository)
            same(held, await repository.get_by_id(held.id), "the open position")
            same(closed, await repository.get_by_id(closed.id), "the closed position")
            for unknown in (PositionId(max(held.id, closed.id) + 1000), PositionId((1 << 63) - 1)):
                error = await refused(
                    repository.get_by_id(unknown), PositionNotFound, "get_by_id of an unknown id"
                )
                same(unknown, error.sought, "PositionNotFound.sought")

    @promised_by(Repository.get_by_id)
    async def test_get_by_what_is_no_id(self) -> None:
        """
        `get_by_id` refuses what is no id with `InvalidValue`, ``"pending"`` first of all.
        """
        async with self.repository() as repository:
            for given in ("pending", "1", True, 0, 1.0, None):
                await refused(
                    repository.get_by_id(typing.cast("PositionId", given)),
                    InvalidValue,
                    f"get_by_id of {given!r}",
                )

    @promised_by(Repository.get)
    async def test_others_run_meanwhile(self) -> None:
        """
        `get`, `find_live` and `commit` let other tasks of the event loop run while they are awaited.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = await story.claimed(repository)
            change = story.promote(pending)
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "get": lambda: repository.get(pending.ref),
                "find_live": lambda: repository.find_live(pending.key),
                "commit": lambda: repository.commit(change),
            }
            for name, call in calls.items():
                ran = asyncio.Event()
                asyncio.get_running_loop().call_soon(ran.set)
                await call()
                check(ran.is_set(), f"no other task could run during {name}")

    @promised_by(Repository.find_live)
    async def test_find_live(self) -> None:
        """
        `find_live` gives the position that holds a key, pending or open, and ``None`` for a free key.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            same(None, await repository.find_live(story.key()), "the holder of an unknown key")
            for holder in (
                await story.claimed(repository),
                await story.opened(repository),
                await story.closing(repository),
            ):
                same(holder, await repository.find_live(holder.key), "the holder of a key")
                near = (
                    replace(holder.key, leg=Leg.SHORT),
                    replace(holder.key, margin_mode=MarginMode.CROSS),
                    replace(holder.key, account=Account("second")),
                )
                for key in near:
                    same(None, await repository.find_live(key), "the holder of another key")
            for gone in (await story.ended(repository), await story.closed(repository)):
                same(None, await repository.find_live(gone.key), "the holder of a free key")

    @promised_by(Repository)
    async def test_nothing_there_is_an_empty_page(self) -> None:
        """
        A list without items is one empty page.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            empty: Page[object] = Page(items=(), next=None)
            for name, call in (
                ("list_live", repository.list_live),
                ("list_in_doubt", repository.list_in_doubt),
                ("list_left_by_ended_runs", repository.list_left_by_ended_runs),
                ("list_closed", lambda: repository.list_closed(START, story.at())),
                ("list_fills", lambda: repository.list_fills(story.ref())),
                ("list_unclaimed", repository.list_unclaimed),
                ("list_history", lambda: repository.list_history(story.ref())),
            ):
                same(empty, await call(), f"{name} of nothing")


class LifecycleTests(RepositoryHooks):
    """
    A repository is opened and closed, says which store it is, and never answers for a store it cannot ask.
    """

    @promised_by(Repository.open, Repository.aclose)
    async def test_open_and_close_again(self) -> None:
        """
        Opening an open repository does nothing, and closing a closed one does nothing.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            same(None, await result_of(repository.open()), "the return value of open")
            same(held, await repository.get(held.ref), "the position after opening again")
            same(None, await result_of(repository.aclose()), "the return value of aclose")
            same(None, await result_of(repository.aclose()), "the return value of aclose again")

    @promised_by(Repository.ping, Repository.describe)
    async def test_ping_and_describe(self) -> None:
        """
        `ping` returns ``None`` if the store answers, and `describe` names the store.
        """
        async with self.repository() as repository:
            same(None, await result_of(repository.ping()), "the return value of ping")
            described: object = await repository.describe()
            check(
                isinstance(described, str) and described != "",
                f"describe: expected a text, got {described!r}",
            )

    @promised_by(Repository)
    async def test_no_method_returns_a_flag(self) -> None:
        """
        No method reports failure by its return value, and none returns a `bool` (incidents 20, 22).
        """
        for name, method in vars(Repository).items():
            if not name.startswith("_"):
                hint = typing.get_type_hints(method).get("return")
                check(hint is not bool, f"Repository.{name}: expected no bool as its declared return type")
        async with self.repository() as repository:
            story = await begin(repository)
            claim = story.claim(pending := story.pending())
            run = story.new_run()
            returned: dict[str, object] = {
                "commit": await repository.commit(claim),
                "commit again": await repository.commit(claim),
                "start_run": await repository.start_run(run),
                "renew_run": await repository.renew_run(run.id, 60.0),
                "end_run": await result_of(repository.end_run(run.id)),
                "find_live": await repository.find_live(pending.key),
                "find_live of nothing": await repository.find_live(story.key()),
            }
            for name, value in returned.items():
                check(not isinstance(value, bool), f"{name}: expected no bool, got {value!r}")
            same(None, returned["end_run"], "the return value of end_run")
            narrowed(returned["renew_run"], Run, "the return value of renew_run")

    @promised_by(Repository)
    async def test_unreachable_store_raises(self) -> None:
        """
        Every call to a store that does not answer raises `StorageUnavailable`, and gives no empty answer.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            claim, run = story.claim(pending := story.pending()), story.new_run()
            outage = self.unreachable(repository)
            if outage is None:
                return
            key, later = held.key, story.at()
            async with outage:
                calls: dict[str, Callable[[], Awaitable[object]]] = {
                    "ping": repository.ping,
                    "commit": lambda: repository.commit(claim),
                    "get": lambda: repository.get(held.ref),
                    "get of an unknown ref": lambda: repository.get(story.ref()),
                    "get_by_id": lambda: repository.get_by_id(held.id),
                    "find_live": lambda: repository.find_live(key),
                    "candidates_for": lambda: repository.candidates_for(query_for(key, TradeId("unknown"))),
                    "list_live": repository.list_live,
                    "list_in_doubt": repository.list_in_doubt,
                    "list_left_by_ended_runs": repository.list_left_by_ended_runs,
                    "list_closed": lambda: repository.list_closed(START, later),
                    "list_fills": lambda: repository.list_fills(held.ref),
                    "list_unclaimed": repository.list_unclaimed,
                    "list_history": lambda: repository.list_history(held.ref),
                    "start_run": lambda: repository.start_run(run),
                    "renew_run": lambda: repository.renew_run(story.run, 60.0),
                    "end_run": lambda: repository.end_run(run.id),
                    "list_runs": repository.list_runs,
                }
                for name, call in calls.items():
                    await refused(call(), StorageUnavailable, f"{name} of a store that cannot be reached")

            await repository.ping()
            same(held, await repository.get(held.ref), "the position after the outage")
            await repository.renew_run(story.run, 3600.0)
            committed = await repository.commit(claim)
            same((pending,), committed.positions, "Committed.positions of a change repeated after an outage")
            same(pending, await repository.get(pending.ref), "the position after the repetition")
