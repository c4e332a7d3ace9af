"""
Stores that report failure by a return value, or not at all.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from typing_extensions import override

from poslife._domain.changes import Change, Committed
from poslife._domain.identifiers import (
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
)
from poslife._domain.positions import (
    ClosedPosition,
    LivePosition,
    PersistedPosition,
    Position,
)
from poslife.errors import (
    PositionNotFound,
    RepositoryError,
)
from poslife.protocols import OwnerCandidates, OwnerQuery, Page, PageToken
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class ReturnsFalse(HonestStore):
    """Returns False instead of raising a refusal."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except RepositoryError:
            return cast("Committed", False)

    @override
    async def commit(self, change: Change, /) -> Committed:
        self.raise_if_away()
        return await self.take(change)


class ReturnsTrue(HonestStore):
    """Returns True instead of the committed positions."""

    @override
    async def commit(self, change: Change, /) -> Committed:
        await super().commit(change)
        return cast("Committed", True)


class SwallowsErrors(HonestStore):
    """Reports a refused change as committed."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except RepositoryError:
            positions = tuple(transition.result(PositionId(1)) for transition in change.transitions)
            return Committed(change_id=change.id, positions=positions)


class GetsNothing(HonestStore):
    """Returns None from get instead of raising."""

    @override
    async def get(self, ref: PositionRef, /) -> Position:
        try:
            return await super().get(ref)
        except PositionNotFound:
            return cast("Position", None)


class GetsNothingById(HonestStore):
    """Returns None from get_by_id instead of raising."""

    @override
    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        try:
            return await super().get_by_id(id)
        except PositionNotFound:
            return cast("PersistedPosition", None)


class FindRaises(HonestStore):
    """Raises from find_live instead of returning None."""

    @override
    async def find_live(self, key: PositionKey, /) -> LivePosition | None:
        found = await super().find_live(key)
        if found is None:
            raise PositionNotFound(PositionId(1))
        return found


class EmptyWhenAway(HonestStore):
    """Gives empty pages in an outage."""

    @override
    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        return Page(items=(), next=None) if self.away else await super().list_live(after, limit=limit)


class NothingFoundWhenAway(HonestStore):
    """Finds nothing in an outage."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        return OwnerCandidates() if self.away else await super().candidates_for(query)


class NotFoundWhenAway(HonestStore):
    """Reports a position as not found in an outage."""

    @override
    async def get(self, ref: PositionRef, /) -> Position:
        if self.away:
            raise PositionNotFound(ref)
        return await super().get(ref)


class CommitsWhenAway(HonestStore):
    """Reports a change as committed in an outage."""

    @override
    async def commit(self, change: Change, /) -> Committed:
        if self.away:
            positions = tuple(transition.result(PositionId(1)) for transition in change.transitions)
            return Committed(change_id=change.id, positions=positions)
        return await super().commit(change)


class AlwaysWell(HonestStore):
    """Answers a ping without asking the store."""

    @override
    async def ping(self) -> None:
        pass


class SaysNothing(HonestStore):
    """Describes itself with an empty text."""

    @override
    async def describe(self) -> str:
        return ""


class EndsWithAFlag(HonestStore):
    """Returns a flag from end_run."""

    @override
    async def end_run(self, run: RunId, /) -> None:
        await super().end_run(run)
        return cast("None", True)


class OpensAnew(HonestStore):
    """Forgets everything when it is opened again."""

    @override
    async def open(self) -> None:
        await super().open()
        HonestStore.__init__(self)


class ClosesOnce(HonestStore):
    """Raises when it is closed again."""

    closed = False

    @override
    async def aclose(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class FindsNoPending(HonestStore):
    """Looks for what is no id, and finds no position with it."""

    @override
    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        if not isinstance(id, int):
            raise PositionNotFound(id)
        return await super().get_by_id(id)


class KeepsTheLoop(HonestStore):
    """Gives the event loop no turn while it reads."""

    @override
    async def get(self, ref: PositionRef, /) -> Position:
        reading = super().get(ref)
        while True:
            try:
                reading.send(None)
            except StopIteration as end:
                return cast("Position", end.value)


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (ReturnsFalse, "test_position_not_found"),
    (ReturnsTrue, "test_no_method_returns_a_flag"),
    (SwallowsErrors, "test_each_refusal_leaves_nothing"),
    (GetsNothing, "test_get_of_nothing"),
    (GetsNothingById, "test_get_by_id"),
    (FindsNoPending, "test_get_by_what_is_no_id"),
    (KeepsTheLoop, "test_others_run_meanwhile"),
    (FindRaises, "test_find_live"),
    (EmptyWhenAway, "test_unreachable_store_raises"),
    (NothingFoundWhenAway, "test_unreachable_store_raises"),
    (NotFoundWhenAway, "test_unreachable_store_raises"),
    (CommitsWhenAway, "test_unreachable_store_raises"),
    (AlwaysWell, "test_unreachable_store_raises"),
    (SaysNothing, "test_ping_and_describe"),
    (EndsWithAFlag, "test_no_method_returns_a_flag"),
    (OpensAnew, "test_open_and_close_again"),
    (ClosesOnce, "test_open_and_close_again"),
)
