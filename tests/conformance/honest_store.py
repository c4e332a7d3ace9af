"""
A truthful store for liars to derive from, with a method to override for each kind of lie.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar, cast

from poslife._domain.changes import Change, Committed
from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import (
    EventId,
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
)
from poslife._domain.positions import ClosedPosition, LivePosition, PersistedPosition, Position
from poslife.errors import StorageRejected, StorageUnavailable
from poslife.memory import MemoryStore
from poslife.protocols import (
    BuriedLetter,
    DeadLetter,
    Erasure,
    EventCounts,
    EventRecord,
    FeedPage,
    FeedToken,
    NewRun,
    OwnerCandidates,
    OwnerQuery,
    Page,
    PageToken,
    Purge,
    Run,
)
from poslife.testing.clock import ManualClock

ItemT = TypeVar("ItemT")
PositionT = TypeVar("PositionT", bound=Position)
ReadPage = Callable[[PageToken | None, int], Awaitable[Page[ItemT]]]


class HonestStore:
    """
    A store of every kind over the store in memory, which can go away or refuse events.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.inner = MemoryStore(clock=self.clock)
        self.away = False
        self.refused: set[str] = set()

    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        self.away = True
        try:
            yield
        finally:
            self.away = False

    @asynccontextmanager
    async def refusing(self, type: str) -> AsyncGenerator[None]:
        self.refused.add(type)
        try:
            yield
        finally:
            self.refused.remove(type)

    def raise_if_away(self) -> None:
        if self.away:
            raise StorageUnavailable("it went away")

    # ------------------------------------------------------------------------------- for liars to override

    async def take(self, change: Change) -> Committed:
        return await self.inner.commit(change)

    def show(self, position: PositionT) -> PositionT:
        return position

    def show_fill(self, stored: StoredFill) -> StoredFill:
        return stored

    def show_event(self, event: RecordedEvent) -> RecordedEvent:
        return event

    def show_run(self, run: Run) -> Run:
        return run

    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        return await read(after, limit)

    # ------------------------------------------------------------------------------------ the contract

    async def open(self) -> None:
        self.raise_if_away()

    async def aclose(self) -> None:
        pass

    async def ping(self) -> None:
        self.raise_if_away()

    async def describe(self) -> str:
        return "a store that can go away"

    async def commit(self, change: Change, /) -> Committed:
        self.raise_if_away()
        committed = await self.take(change)
        shown = tuple(self.show(position) for position in committed.positions)
        return Committed(change_id=committed.change_id, positions=shown, repeated=committed.repeated)

    async def get(self, ref: PositionRef, /) -> Position:
        self.raise_if_away()
        return self.show(await self.inner.get(ref))

    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        self.raise_if_away()
        return self.show(await self.inner.get_by_id(id))

    async def find_live(self, key: PositionKey, /) -> LivePosition | None:
        self.raise_if_away()
        found = await self.inner.find_live(key)
        return None if found is None else self.show(found)

    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        self.raise_if_away()
        found = await self.inner.candidates_for(query)
        return OwnerCandidates(
            stored=tuple(self.show_fill(one) for one in found.stored),
            positions=tuple(self.show(one) for one in found.positions),
        )

    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        self.raise_if_away()
        page = await self.turn(lambda token, most: self.inner.list_live(token, limit=most), after, limit)
        return _shown(page, self.show)

    async def list_in_doubt(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
        self.raise_if_away()
        page = await self.turn(lambda token, most: self.inner.list_in_doubt(token, limit=most), after, limit)
        return _shown(page, self.show)

    async def list_left_by_ended_runs(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[Position]:
        self.raise_if_away()
        page = await self.turn(
            lambda token, most: self.inner.list_left_by_ended_runs(token, limit=most), after, limit
        )
        return _shown(page, self.show)

    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        self.raise_if_away()
        page = await self.turn(
            lambda token, most: self.inner.list_closed(since, until, token, limit=most), after, limit
        )
        return _shown(page, self.show)

    async def list_fills(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        self.raise_if_away()
        page = await self.turn(
            lambda token, most: self.inner.list_fills(ref, token, limit=most), after, limit
        )
        return _shown(page, self.show_fill)

    async def list_unclaimed(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        self.raise_if_away()
        page = await self.turn(lambda token, most: self.inner.list_unclaimed(token, limit=most), after, limit)
        return _shown(page, self.show_fill)

    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        self.raise_if_away()
        page = await self.turn(
            lambda token, most: self.inner.list_history(ref, token, limit=most), after, limit
        )
        return _shown(page, self.show_event)

    async def start_run(self, run: NewRun, /) -> Run:
        self.raise_if_away()
        return self.show_run(await self.inner.start_run(run))

    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        self.raise_if_away()
        return self.show_run(await self.inner.renew_run(run, lease))

    async def end_run(self, run: RunId, /) -> None:
        self.raise_if_away()
        await self.inner.end_run(run)

    async def list_runs(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Run]:
        self.raise_if_away()
        page = await self.turn(lambda token, most: self.inner.list_runs(token, limit=most), after, limit)
        return _shown(page, self.show_run)

    # ------------------------------------------------------------------------------- and the writer's

    async def write(self, records: Sequence[EventRecord], /) -> None:
        self.raise_if_away()
        refused = [record.header.type for record in records if record.header.type in self.refused]
        if refused:
            raise StorageRejected(f"no {refused[0]} here")
        await self.inner.write(records)

    async def probe(self) -> None:
        self.raise_if_away()
        await self.inner.probe()

    async def bury(self, letter: DeadLetter, /) -> None:
        self.raise_if_away()
        await self.inner.bury(letter)

    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        self.raise_if_away()
        return await self.inner.list_dead_letters(after, limit=limit)

    async def replay(self, event: EventId, /) -> None:
        self.raise_if_away()
        kinds = [one.record.header.type for one in self.letters() if one.record.header.id == event]
        if self.refused.intersection(kinds):
            raise StorageRejected(f"no {kinds[0]} here")
        await self.inner.replay(event)

    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        self.raise_if_away()
        return await self.inner.read_life_events(after, limit=limit)

    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        self.raise_if_away()
        return await self.inner.read_run_events(after, limit=limit)

    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        self.raise_if_away()
        return await self.inner.read_life_streams(after, limit=limit)

    async def count_events(self) -> EventCounts:
        self.raise_if_away()
        return await self.inner.count_events()

    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        self.raise_if_away()
        return await self.inner.list_purges(after, limit=limit)

    async def find_erasures(self, events: Sequence[EventId], /) -> Sequence[Erasure]:
        self.raise_if_away()
        return await self.inner.find_erasures(events)

    async def erase(self, event: EventId, /, *, why: str) -> None:
        self.raise_if_away()
        await self.inner.erase(event, why=why)

    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        self.raise_if_away()
        await self.inner.purge(run, upto, why=why)

    def events(self) -> Sequence[RecordedEvent]:
        return self.inner.recorded_events()

    def letters(self) -> Sequence[DeadLetter]:
        return self.inner.dead_letters()


def _shown(page: Page[ItemT], show: Callable[[ItemT], ItemT]) -> Page[ItemT]:
    # A liar may return something else than a page.
    if not isinstance(cast("object", page), Page):
        return page
    return Page(items=tuple(show(item) for item in page.items), next=page.next)
