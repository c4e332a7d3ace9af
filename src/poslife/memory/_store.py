"""
The store itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from poslife._domain.changes import (
    Change,
    Committed,
    Heads,
    Promote,
    StoredHead,
    Transition,
    require_found,
    require_settlement,
    require_versions,
)
from poslife._domain.checks import require_utc, require_uuid
from poslife._domain.event_envelopes import UNLINKED, RecordedEvent
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import (
    Account,
    ChangeId,
    EventId,
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import (
    ClosedPosition,
    LivePosition,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._runtime.clock import SystemClock
from poslife._trail.encoding import decode_body, encode_body, fingerprint
from poslife.errors import (
    ChangeIdReused,
    DuplicatePosition,
    FillAlreadyStored,
    KeyInDoubt,
    PositionNotFound,
    RunLost,
    StorageRejected,
)
from poslife.memory._events import HostEvents
from poslife.memory._feed import page_of_feed
from poslife.memory._pages import paged, token_of
from poslife.protocols import (
    BuriedLetter,
    Clock,
    DeadLetter,
    EventRecord,
    FeedPage,
    FeedToken,
    NewRun,
    Page,
    PageToken,
    Run,
)
from poslife.storage._event_rows import life_digests, life_event_rows

__all__ = ["MemoryStore"]

ItemT = TypeVar("ItemT")
FillKey = tuple[Venue, Account, Symbol, TradeId]


class MemoryStore:
    """
    Positions, events and dead letters in memory.

    It is a `Repository`, a `BatchWriter`, a `DeadLetterBox`, a `LifeEventFeed` and a `RunEventFeed`.

    Nothing in a commit waits, so that commits of one event loop are atomic; it is not for several threads.

    Args:
        clock: Tells when leases run out.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock: Clock = SystemClock() if clock is None else clock
        self._positions: dict[PositionRef, Position] = {}
        self._live: dict[PositionKey, PositionRef] = {}
        self._refs: dict[PositionId, PositionRef] = {}
        self._fills: dict[FillKey, StoredFill] = {}
        self._life_events: list[EventRecord] = []
        self._trails: dict[PositionRef, bytes] = {}
        self._host_events = HostEvents()
        self._changes: dict[ChangeId, tuple[bytes, Committed]] = {}
        self._runs: dict[RunId, Run] = {}
        self._ended_for_good: set[RunId] = set()
        self._last_id = 0

    async def open(self) -> None:
        """
        Nothing to do.
        """

    async def aclose(self) -> None:
        """
        Nothing to do: what is stored stays as long as the store.
        """

    async def ping(self) -> None:
        """
        Memory always answers.
        """

    async def describe(self) -> str:
        """
        Says that it is memory.
        """
        return "memory (forgotten when the process ends)"

    async def commit(self, change: Change, /) -> Committed:
        """
        See `Repository.commit`.
        """
        mark = fingerprint(change)
        if (before := self._changes.get(change.id)) is not None:
            if before[0] != mark:
                raise ChangeIdReused(change.id)
            return replace(before[1], repeated=True)
        heads = self._heads(change)
        self._check(change, heads)
        positions = tuple(self._apply(transition) for transition in change.transitions)
        for stored in change.fills:
            self._fills[_fill_key(stored)] = stored
        self._tell(change, heads)
        committed = Committed(change_id=change.id, positions=positions)
        self._changes[change.id] = mark, committed
        return committed

    def _heads(self, change: Change) -> Heads:
        return {
            ref: _head(self._positions[ref], self._trails.get(ref, UNLINKED))
            for ref in change.refs
            if ref in self._positions
        }

    def _tell(self, change: Change, heads: Heads) -> None:
        digests = life_digests(life_event_rows(change.events, change.at), heads)
        for event, digest in zip(change.events, digests, strict=True):
            self._life_events.append(
                EventRecord(
                    header=event.header,
                    recorded_at=change.at,
                    sequence=None,
                    version=event.version,
                    index=event.index,
                    payload=encode_body(event.body),
                    digest=digest,
                )
            )
            if event.header.ref is not None:
                self._trails[event.header.ref] = digest

    def _check(self, change: Change, heads: Heads) -> None:
        if change.needs_lease and ((run := self._run(change.run)) is None or run.ended):
            raise RunLost(change.run)
        require_found(change.transitions, heads)
        for transition in change.transitions:
            if isinstance(closed := self._positions.get(transition.ref), ClosedPosition):
                require_settlement(transition, closed)
        require_versions(change.transitions, heads)
        afters = [transition.result(PositionId(1)) for transition in change.transitions]
        released = {after.ref for after in afters if not after.live}
        claimed: set[PositionKey] = set()
        for after in afters:
            holder = self._live.get(after.key)
            if after.live and holder not in (None, after.ref) and holder not in released:
                self._raise_duplicate(after.key)
            if after.live and after.key in claimed:
                raise StorageRejected(f"the change claims {after.key} twice")
            claimed |= {after.key} if after.live else set()
        self._check_fills(change)

    def _check_fills(self, change: Change) -> None:
        seen: set[FillKey] = set()
        for stored in change.fills:
            key = _fill_key(stored)
            if key in self._fills:
                raise FillAlreadyStored(self._fills[key].fill)
            if key in seen:
                raise StorageRejected(f"the change stores fill {stored.fill.trade_id} twice")
            seen.add(key)
            if stored.ref is not None and stored.ref not in self._positions and stored.ref not in change.refs:
                raise StorageRejected(
                    f"fill {stored.fill.trade_id} belongs to no stored position ({stored.ref})"
                )

    def _raise_duplicate(self, key: PositionKey) -> None:
        existing = self._positions[self._live[key]]
        assert not isinstance(existing, ClosedPosition)  # a closed one holds no key
        raise (KeyInDoubt if existing.in_doubt else DuplicatePosition)(key, existing)

    def _apply(self, transition: Transition) -> Position:
        minted: PositionId | None = None
        if isinstance(transition, Promote):
            self._last_id += 1
            minted = PositionId(self._last_id)
            self._refs[minted] = transition.ref
        position = transition.result(minted)
        self._positions[position.ref] = position
        if position.live:
            self._live[position.key] = position.ref
        elif self._live.get(position.key) == position.ref:
            del self._live[position.key]
        return position

    async def get(self, ref: PositionRef, /) -> Position:
        """
        See `Repository.get`.
        """
        try:
            return self._positions[ref]
        except KeyError:
            raise PositionNotFound(ref) from None

    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        """
        See `Repository.get_by_id`.
        """
        position = self._positions[self._refs[id]] if id in self._refs else None
        if position is None or isinstance(position, PendingPosition):
            raise PositionNotFound(id)
        return position

    async def find_live(self, key: PositionKey, /) -> LivePosition | None:
        """
        See `Repository.find_live`.
        """
        holder = self._live.get(key)
        position = None if holder is None else self._positions[holder]
        return None if isinstance(position, ClosedPosition) else position

    async def holders_of(self, venue: Venue, account: Account, symbol: Symbol, /) -> tuple[LivePosition, ...]:
        """
        See `Repository.holders_of`.
        """
        sought = (venue, account, symbol)
        live: list[tuple[str, LivePosition]] = self._sorted(_is_live)
        return tuple(
            position
            for _, position in live
            if (position.key.venue, position.key.account, position.key.symbol) == sought
        )

    async def find_by_venue_order(
        self, venue: Venue, account: Account, symbol: Symbol, order: VenueOrderId, /
    ) -> Position | None:
        """
        See `Repository.find_by_venue_order`.
        """
        sought = (venue, account, symbol)
        for position in self._positions.values():
            key = position.key
            if (key.venue, key.account, key.symbol) == sought and any(
                mine.venue_order_id == order for mine in position.orders
            ):
                return position
        return None

    async def find_fill(
        self, venue: Venue, account: Account, symbol: Symbol, trade: TradeId, /
    ) -> StoredFill | None:
        """
        See `Repository.find_fill`.
        """
        return self._fills.get((venue, account, symbol, trade))

    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        """
        See `Repository.list_live`.
        """
        return paged(self._sorted(_is_live), after, limit)

    async def list_in_doubt(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
        """
        See `Repository.list_in_doubt`.
        """

        def in_doubt(position: Position) -> Position | None:
            doubted = any(
                order.status is OrderStatus.IN_DOUBT
                or (order.status is OrderStatus.SUBMITTING and self._has_ended(order.run))
                for order in position.orders
            )
            return position if doubted else None

        return paged(self._sorted(in_doubt), after, limit)

    async def list_left_by_ended_runs(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[Position]:
        """
        See `Repository.list_left_by_ended_runs`.
        """

        def unsettled(position: Position) -> Position | None:
            left = any(not order.status.ended and self._has_ended(order.run) for order in position.orders)
            return position if left else None

        return paged(self._sorted(unsettled), after, limit)

    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        """
        See `Repository.list_closed`.
        """
        require_utc("since", since)
        require_utc("until", until)
        closed = sorted(
            (
                (f"{position.closed_at.isoformat(timespec='microseconds')} {position.ref}", position)
                for position in self._positions.values()
                if isinstance(position, ClosedPosition) and since <= position.closed_at < until
            ),
            key=token_of,
        )
        return paged(closed, after, limit)

    async def list_fills(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        """
        See `Repository.list_fills`.
        """
        return paged(self._numbered_fills(ref), after, limit)

    async def list_unclaimed(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        """
        See `Repository.list_unclaimed`.
        """
        return paged(self._numbered_fills(None), after, limit)

    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        """
        See `Repository.list_history`.
        """
        events = [
            RecordedEvent(
                header=told.header,
                body=decode_body(told.header.type, told.header.schema, told.payload, life=True),
                recorded_at=told.recorded_at,
                version=told.version,
                index=told.index,
                digest=told.digest,
            )
            for told in self._life_events
            if told.header.ref == ref
        ]
        events += [recorded for recorded in self.recorded_events() if recorded.header.ref == ref]
        return paged(sorted(((str(event.header.id), event) for event in events), key=token_of), after, limit)

    async def start_run(self, run: NewRun, /) -> Run:
        """
        See `Repository.start_run`.
        """
        known = self._run(run.id)
        if known is None:
            now = self._clock.now()
            known = Run(
                id=run.id,
                machine=run.machine,
                pid=run.pid,
                process_started=run.process_started,
                started_at=now,
                lease_until=now + timedelta(seconds=run.lease),
                ended=False,
            )
            self._runs[run.id] = known
        elif known.ended:
            raise RunLost(run.id)
        return known

    async def renew_run(self, run: RunId, lease: float, /) -> Run:
        """
        See `Repository.renew_run`.
        """
        known = self._run(run)
        if known is None or known.ended:
            raise RunLost(run)
        self._runs[run] = replace(known, lease_until=self._clock.now() + timedelta(seconds=lease))
        return self._runs[run]

    async def end_run(self, run: RunId, /) -> None:
        """
        See `Repository.end_run`.
        """
        self._run(run)
        if run in self._runs:
            self._runs[run] = replace(self._runs[run], ended=True)
            self._ended_for_good.add(run)

    async def list_runs(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Run]:
        """
        See `Repository.list_runs`.
        """
        for run in tuple(self._runs):
            self._run(run)
        kept = (run for run in self._runs.values() if run.id not in self._ended_for_good)
        listed = sorted(((str(run.id), run) for run in kept), key=token_of)
        return paged(listed, after, limit)

    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        See `BatchWriter.write`. A life event is refused: it is written by the change that it tells of.
        """
        self._host_events.write(records)

    async def probe(self) -> None:
        """
        See `BatchWriter.probe`: a store in memory takes events as long as it lives.
        """

    async def bury(self, letter: DeadLetter, /) -> None:
        """
        See `BatchWriter.bury`.
        """
        if all(event.header.id != letter.record.header.id for event in self._life_events):
            self._host_events.bury(letter, self._clock.now())

    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        """
        See `DeadLetterBox.list_dead_letters`.
        """
        return self._host_events.waiting(after, limit)

    async def replay(self, event: EventId, /) -> None:
        """
        See `DeadLetterBox.replay`.
        """
        require_uuid("event", event)
        self._host_events.replay(event)

    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        """
        See `LifeEventFeed.read_life_events`.

        Raises:
            InvalidValue: The token is of another store, perhaps of one that an earlier process forgot.
        """
        return page_of_feed(self._life_events, after, limit)

    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        """
        See `RunEventFeed.read_run_events`.
        """
        return self._host_events.read(after, limit)

    def recorded_events(self) -> tuple[RecordedEvent, ...]:
        """
        The host events stored, in the order they were.
        """
        return self._host_events.recorded()

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """
        The events that were refused for good, those replayed since included.
        """
        return tuple(buried.letter for buried in self._host_events.letters.values())

    def _run(self, run: RunId) -> Run | None:
        known = self._runs.get(run)
        if known is not None and not known.ended and known.lease_until <= self._clock.now():
            known = self._runs[run] = replace(known, ended=True)
        return known

    def _has_ended(self, run: RunId) -> bool:
        known = self._run(run)
        return known is None or known.ended

    def _sorted(self, wanted: Callable[[Position], ItemT | None]) -> list[tuple[str, ItemT]]:
        chosen = ((str(ref), wanted(position)) for ref, position in self._positions.items())
        return sorted(((token, item) for token, item in chosen if item is not None), key=token_of)

    def _numbered_fills(self, ref: PositionRef | None) -> list[tuple[str, StoredFill]]:
        numbered = ((f"{number:012}", stored) for number, stored in enumerate(self._fills.values(), start=1))
        return [(token, stored) for token, stored in numbered if stored.ref == ref]


def _is_live(position: Position) -> LivePosition | None:
    return None if isinstance(position, ClosedPosition) or not position.live else position


def _head(position: Position, trail: bytes) -> StoredHead:
    minted = None if isinstance(position, PendingPosition) else position.id
    return StoredHead(status=position.status, version=position.version, id=minted, trail=trail)


def _fill_key(stored: StoredFill) -> FillKey:
    fill = stored.fill
    return fill.venue, fill.account, fill.symbol, fill.trade_id
