"""
`MemoryStore`: the methods of the protocols, in their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter

from poslife._domain.changes import Change, Committed
from poslife._domain.checks import require_position_id, require_utc, require_uuid
from poslife._domain.commit_checks import Heads
from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.fill_owner import OwnerCandidates, OwnerQuery
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import (
    ChangeId,
    EventId,
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
)
from poslife._domain.orders import Order, OrderStatus
from poslife._domain.positions import (
    ClosedPosition,
    LivePosition,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._runtime.clock import SystemClock
from poslife._trail.encoding import fingerprint
from poslife.errors import ChangeIdReused, PositionNotFound, RunLost
from poslife.memory._events import HostEvents, LifeEvents
from poslife.memory._lists import page_after
from poslife.memory._positions import Fills, Positions
from poslife.memory._removals import Removals
from poslife.memory._runs import Runs
from poslife.protocols import (
    BuriedLetter,
    Clock,
    DeadLetter,
    Erasure,
    EventCounts,
    EventRecord,
    FeedPage,
    FeedToken,
    NewRun,
    Page,
    PageToken,
    Purge,
    Run,
)
from poslife.protocols._pages import limited, page_of
from poslife.storage._page_tokens import (
    after_closing,
    after_number,
    after_numbered,
    after_uuid,
    closing_token,
    numbered_token,
)
from poslife.storage._removals import require_erasure, require_purge

__all__ = ["MemoryStore"]


class MemoryStore:
    """
    Positions, events and dead letters in memory.

    It is a `poslife.protocols.Store`.

    Each commit, and each read of positions and fills, gives the event loop one turn before it begins, as a
    store over a connection does. Nothing in it waits after that, so that commits of one event loop are
    atomic; it is not for several threads.

    Args:
        clock: Tells when leases run out.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock: Clock = SystemClock() if clock is None else clock
        self._positions = Positions()
        self._fills = Fills()
        self._runs = Runs(self._clock)
        self._life_events = LifeEvents()
        self._host_events = HostEvents()
        self._removals = Removals(self._life_events, self._host_events)
        self._changes: dict[ChangeId, tuple[bytes, Committed]] = {}

    async def open(self) -> None:
        """
        Do nothing.
        """

    async def aclose(self) -> None:
        """
        Do nothing: the data stays as long as this object.
        """

    async def ping(self) -> None:
        """
        Do nothing: memory always answers.
        """

    async def describe(self) -> str:
        return "memory (forgotten when the process ends)"

    # ------------------------------------------------------------------------------------------- commit

    async def commit(self, change: Change, /) -> Committed:
        await _turn()
        mark = fingerprint(change)
        if change.id in self._changes:
            first_mark, first = self._changes[change.id]
            if first_mark != mark:
                raise ChangeIdReused(change.id)
            return replace(first, repeated=True)
        if change.needs_lease and self._runs.has_ended(change.run):
            raise RunLost(change.run)
        heads = self._positions.heads(change, self._life_events.last_digests)
        self._check(change, heads)
        # Every check is over: nothing below is refused, so nothing has to be taken back.
        positions = tuple([self._positions.write(transition) for transition in change.transitions])
        self._fills.write(change.fills)
        self._life_events.append(change, heads)
        committed = Committed(change_id=change.id, positions=positions)
        self._changes[change.id] = mark, committed
        return committed

    def _check(self, change: Change, heads: Heads) -> None:
        self._positions.check(change.transitions, heads)
        self._fills.check(change, self._positions)

    # ------------------------------------------------------------------------------------- positions, fills

    async def get(self, ref: PositionRef, /) -> Position:
        require_uuid("ref", ref)
        await _turn()
        try:
            return self._positions.by_ref[ref]
        except KeyError:
            raise PositionNotFound(ref) from None

    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        require_position_id("id", id)
        await _turn()
        ref = self._positions.refs.get(id)
        position = None if ref is None else self._positions.by_ref[ref]
        if position is None or isinstance(position, PendingPosition):
            raise PositionNotFound(id)
        return position

    async def find_live(self, key: PositionKey, /) -> LivePosition | None:
        await _turn()
        return self._positions.holder_of(key)

    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        await _turn()
        return OwnerCandidates(
            stored=self._fills.named_in(query), positions=self._positions.candidates_for(query)
        )

    # ---------------------------------------------------------------------------------------------- lists

    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        await _turn()
        return page_after(self._positions.live(), after_uuid(after), limit)

    async def list_in_doubt(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
        def in_doubt(order: Order) -> bool:
            return order.status is OrderStatus.IN_DOUBT or (
                order.status is OrderStatus.SUBMITTING and self._runs.has_ended(order.run)
            )

        await _turn()
        return page_after(self._positions.with_order(in_doubt), after_uuid(after), limit)

    async def list_left_by_ended_runs(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[Position]:
        def left(order: Order) -> bool:
            return not order.status.ended and self._runs.has_ended(order.run)

        await _turn()
        return page_after(self._positions.with_order(left), after_uuid(after), limit)

    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        require_utc("since", since)
        require_utc("until", until)
        after_closing(after)
        await _turn()
        closed = (
            (closing_token(position), position)
            for position in self._positions.by_ref.values()
            if isinstance(position, ClosedPosition) and since <= position.closed_at < until
        )
        return page_after(closed, after or "", limit)

    async def list_fills(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        await _turn()
        return page_after(self._fills.of(ref), after_number(after), limit)

    async def list_unclaimed(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        await _turn()
        return page_after(self._fills.of(None), after_number(after), limit)

    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        events = [*self._life_events.of(ref), *self._host_events.of(ref)]
        return page_after(((event.header.id, event) for event in events), after_uuid(after), limit)

    # ----------------------------------------------------------------------------------------------- runs

    async def start_run(self, run: NewRun, /) -> Run:
        return self._runs.start(run)

    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        return self._runs.renew(run, lease)

    async def end_run(self, run: RunId, /) -> None:
        self._runs.end(run)

    async def list_runs(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Run]:
        return page_after(self._runs.listed(), after_uuid(after), limit)

    # ---------------------------------------------------------------------------- events, dead letters, feeds

    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        Store host events; a life event is refused, because it is stored with its change.
        """
        self._host_events.write(records)

    async def probe(self) -> None:
        """
        Do nothing: memory takes events as long as this object lives.
        """

    async def bury(self, letter: DeadLetter, /) -> None:
        if not self._life_events.has(letter.record.header.id):
            self._host_events.bury(letter, self._clock.now())

    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        return page_after(self._host_events.waiting(), after_uuid(after), limit)

    async def replay(self, event: EventId, /) -> None:
        require_uuid("event", event)
        self._host_events.replay(event)

    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        """
        Return the life events after the point *after*.

        Raises:
            InvalidValue: The token is of another store, perhaps of one that ended with an earlier process.
        """
        return self._life_events.read(after, limit)

    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        return self._host_events.read(after, limit)

    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        return self._life_events.read_streams(after, limit)

    async def count_events(self) -> EventCounts:
        return EventCounts(
            life_events=len(self._life_events.records), host_events=len(self._host_events.records)
        )

    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        start, most = after_numbered(after), limited(limit)
        later = sorted((one for one in self._removals.listed() if one[0] > start), key=itemgetter(0))
        return page_of([(numbered_token(*place), purge) for place, purge in later[: most + 1]], most)

    async def find_erasures(self, events: Sequence[EventId], /) -> Sequence[Erasure]:
        return self._removals.find(events)

    async def erase(self, event: EventId, /, *, why: str) -> None:
        require_erasure(event, why)
        self._removals.erase(event, why, self._clock.now())

    async def purge(self, run: RunId, upto: int, /, *, why: str) -> None:
        require_purge(run, upto, why)
        is_running = not self._runs.has_ended(run)
        self._removals.purge(run, upto, why, self._clock.now(), is_running=is_running)

    # ------------------------------------------------------------------------------------ for tests to read

    def recorded_events(self) -> tuple[RecordedEvent, ...]:
        """
        Return the host events, in the order they were stored.
        """
        return tuple(self._host_events.recorded())

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """
        Return the events that were refused for good, those replayed since included.
        """
        return tuple(buried.letter for buried in self._host_events.letters.values())


async def _turn() -> None:
    """
    Give the event loop a turn: code that races over a real store does so over this one too.
    """
    await asyncio.sleep(0)
