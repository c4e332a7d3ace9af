"""
Applying fills: find the owner of each, book it, commit. None is refused, dropped or booked twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

import msgspec

from poslife._domain.booking import Booking, book, conflicted, opened_by, unclaimed
from poslife._domain.checks import require_instance
from poslife._domain.client_order_ids import read_client_order_id
from poslife._domain.decimals import exact_sum
from poslife._domain.event_envelopes import Actor, Severity
from poslife._domain.fill_owner import (
    Opens,
    Owner,
    OwnerCandidates,
    OwnerQuery,
    Unclaimed,
    find_order,
    find_owner,
)
from poslife._domain.fills import Fill, StoredFill
from poslife._domain.identifiers import Account, PositionKey, PositionRef, Symbol, Venue, VenueOrderId
from poslife._domain.order_steps import order_of
from poslife._domain.plans import Plan
from poslife._domain.positions import PendingPosition, PersistedPosition, Position
from poslife._domain.venue_answers import FillPage, UnreadableRow
from poslife._runtime.ids import new_ref
from poslife._tracker.committing import Committer
from poslife._tracker.run_life import Record
from poslife.errors import (
    AlreadyClosed,
    DuplicatePosition,
    FillAlreadyStored,
    InvalidValue,
    PositionNotFound,
    StaleVersion,
)
from poslife.protocols import Page, PageToken
from poslife.protocols._pages import every_item

__all__ = ["FillApplier", "FillsApplied", "OrderOf"]

_MOST_TRIES = 50

# Rows that are remembered, so that each is recorded once although it is asked for again and again.
_MOST_REPORTED = 1024

# The position was moved, or the fill stored, by another commit meanwhile.
_OVERTAKEN = (StaleVersion, AlreadyClosed, DuplicatePosition, FillAlreadyStored)

OrderOf = tuple[PositionRef, int]
"""
A position and the ordinal of one of its orders.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsApplied:
    """
    The result of applying fills.

    Attributes:
        positions: The positions that were changed, as they are now.
        unclaimed: The fills that could not be assigned; they are stored.
        repeated: The number of fills that had been stored before.
    """

    positions: tuple[Position, ...]
    unclaimed: tuple[StoredFill, ...]
    repeated: int


class FillApplier:
    """
    Applies fills to the positions they belong to.
    """

    def __init__(self, committer: Committer, record: Record) -> None:
        self._committer = committer
        self._record = record
        self._conflicts_reported: set[Fill] = set()
        self._unreadable_reported: set[bytes] = set()

    async def apply(
        self,
        fills: Iterable[Fill | FillPage],
        *,
        order: OrderOf | None = None,
        known: Position | None = None,
        actor: Actor | None = None,
    ) -> FillsApplied:
        """
        Apply fills, in the order given. Rows of a page that could not be read are recorded.

        Args:
            fills: The fills, as the venue showed them, or pages of them.
            order: The position and the order that they belong to, except for a fill that names another one.
            known: That position as it was last seen, which saves reading it.
            actor: The actor of the events; by default the one of the current context.

        Raises:
            StorageUnavailable: The store did not answer in time. Apply the same fills again.
            InvalidValue: One of *fills* is no `Fill`, or of another symbol than *order*'s position; or the
                position has no such order.
        """
        given = tuple(fills)
        for one in given:
            if not isinstance(one, FillPage):
                require_instance("fills", one, Fill)
        application = _Application(self, self._committer, self._fills_in(given), order, actor)
        if order is None:
            application.require_fills(None)
        else:
            position = await self._committer.read(order[0]) if known is None else known
            application.require_fills(position)
            await application.book_at_once(position, order[1])
        return await application.finish()

    def _fills_in(self, given: Iterable[Fill | FillPage]) -> list[Fill]:
        fills: list[Fill] = []
        for one in given:
            if isinstance(one, FillPage):
                self.report_unreadable(one.unreadable)
                fills += one.fills
            else:
                fills.append(one)
        return fills

    def report_unreadable(self, unreadable: Iterable[UnreadableRow]) -> None:
        """
        Record each row that could not be read, with severity ERROR; once for the same row.
        """
        for one in unreadable:
            what = msgspec.json.encode((one.venue, one.account, one.reason, one.row))
            if what in self._unreadable_reported:
                continue
            if len(self._unreadable_reported) >= _MOST_REPORTED:
                self._unreadable_reported.clear()
            self._unreadable_reported.add(what)
            payload = {
                "venue": one.venue,
                "account": one.account,
                "symbol": one.symbol,
                "reason": one.reason,
                "row": one.row,
            }
            self._record("fill.unreadable", None, payload, severity=Severity.ERROR)

    def order_named_by(self, fill: Fill) -> OrderOf | None:
        """
        Return our order that the fill's client order id names.
        """
        formats = self._committer.formats
        if fill.client_order_id is None or fill.venue not in formats:
            return None
        return read_client_order_id(fill.client_order_id, venue=fill.venue, formats=formats)

    async def candidates_for(self, fills: Sequence[Fill], named: OrderOf | None) -> OwnerCandidates:
        """
        Return which fills of one order are stored, and the positions that they may belong to.
        """
        query = OwnerQuery(
            venue=fills[0].venue,
            account=fills[0].account,
            symbol=fills[0].symbol,
            trade_ids=tuple(fill.trade_id for fill in fills),
            venue_order_id=fills[0].venue_order_id,
            ref=None if named is None else named[0],
        )
        return await self._committer.repeat(lambda: self._committer.repository.candidates_for(query))

    async def key_elsewhere(
        self, fill: Fill, named: OrderOf | None, positions: Sequence[Position]
    ) -> PositionKey | None:
        """
        Return the key of the position whose order the fill names, where it is of another place than the fill.
        """
        if named is None or any(position.ref == named[0] for position in positions):
            return None
        try:
            key = (await self._committer.read(named[0])).key
        except PositionNotFound:
            return None  # another store's order, or a text that only looks like one of our names
        return None if _place_of(key) == _place_of(fill) else key

    async def is_of_known_order(self, fill: Fill) -> bool:
        """
        Check if the fill belongs to an order of a position.

        A fill that is stored without an order may belong to the very order that is looked for.
        """
        named = self.order_named_by(fill)
        found = await self.candidates_for([fill], named)
        if any(stored.ordinal is not None for stored in found.stored):
            return True
        return find_order(fill, found.positions, named=named) is not None

    async def booked_without_order(self, position: Position, venue_order_id: VenueOrderId) -> Decimal:
        """
        Return the quantity of the position's fills of this venue order that were booked without an order.

        They came before the order was known to be one of the position.
        """
        if isinstance(position, PendingPosition):
            return Decimal(0)
        committer = self._committer

        def list_page(after: PageToken | None) -> Awaitable[Page[StoredFill]]:
            return committer.repeat(lambda: committer.repository.list_fills(position.ref, after))

        return exact_sum(
            [
                stored.fill.quantity
                async for stored in every_item(list_page)
                if stored.ordinal is None and stored.fill.venue_order_id == venue_order_id
            ]
        )

    async def report_conflict(self, stored: StoredFill, seen: Fill, actor: Actor | None) -> None:
        """
        Commit an event where a stored fill is shown with other numbers; once for the same numbers.
        """
        if stored.fill.agrees_with(seen) or seen in self._conflicts_reported:
            return
        await self._committer.put(conflicted(stored.fill, seen), actor=actor)
        self._conflicts_reported.add(seen)


class _Application:
    """
    One call of `FillApplier.apply`: the fills that wait, and what became of the others.
    """

    def __init__(
        self,
        applier: FillApplier,
        committer: Committer,
        fills: Iterable[Fill],
        order: OrderOf | None,
        actor: Actor | None,
    ) -> None:
        self._applier = applier
        self._committer = committer
        self._order = order
        self._actor = actor
        self._waiting = deque(fills)
        self._changed: dict[PositionRef, Position] = {}
        self._unclaimed: list[StoredFill] = []
        self._repeated = 0

    def require_fills(self, position: Position | None) -> None:
        """
        Refuse an ordinal that the position has not, and fills of another symbol.
        """
        if self._order is not None and position is not None:
            order_of(position, self._order[1])
        place = None if position is None else _place_of(position.key)
        for fill in self._waiting:
            if place is not None and _place_of(fill) != place:
                raise InvalidValue("fill", fill, f"a fill of {' '.join(place)}, as its order is")

    async def book_at_once(self, known: Position, ordinal: int) -> None:
        """
        Book fills of one order on its position as it was last seen, without reading anything.

        Nothing is booked where the position has changed meanwhile, or a fill may have been stored before.
        """
        if not isinstance(known, PendingPosition | PersistedPosition) or not known.live:
            return
        if len({fill.trade_id for fill in self._waiting}) != len(self._waiting):
            return
        if any(self._order_of(fill) != (known.ref, ordinal) for fill in self._waiting):
            return
        if any(fill.side is not known.orders[ordinal].side for fill in self._waiting):
            return  # one side of the same trade may be stored
        if isinstance(known, PersistedPosition) and known.orders[ordinal].venue_order_id is None:
            return  # fills of the order may have come before the venue's name for it was known
        booking = book(known, [(fill, ordinal) for fill in self._waiting])
        if booking.refused or booking.plan.empty:
            return
        try:
            await self._commit(booking, len(self._waiting))
        except _OVERTAKEN:
            return

    async def finish(self) -> FillsApplied:
        """
        Apply the fills that wait, each batch of one order after the other.
        """
        tries = 0
        while self._waiting:
            try:
                await self._apply_next_batch()
            except _OVERTAKEN:
                tries += 1
                if tries > _MOST_TRIES:
                    raise
            else:
                tries = 0
        return FillsApplied(
            positions=tuple(self._changed.values()),
            unclaimed=tuple(self._unclaimed),
            repeated=self._repeated,
        )

    async def _apply_next_batch(self) -> None:
        batch = _of_one_order(self._waiting)
        named = self._order_of(batch[0])
        found = await self._applier.candidates_for(batch, named)
        if stored := _stored_at_its_head(batch, found.stored):
            for before in stored:
                await self._applier.report_conflict(before, self._waiting[0], self._actor)
                self._waiting.popleft()
                self._repeated += 1
            return
        batch = _before_the_stored(batch, found.stored)
        await self._commit(await self._book(batch, found, named), len(batch))

    def _order_of(self, fill: Fill) -> OrderOf | None:
        # The fill's own client order id counts for more than the order that the caller believes it to be of.
        return self._applier.order_named_by(fill) or self._order

    async def _book(self, batch: Sequence[Fill], found: OwnerCandidates, named: OrderOf | None) -> Booking:
        expected = await self._applier.key_elsewhere(batch[0], named, found.positions)
        if expected is not None:
            because = Unclaimed(reason=f"it names an order of {expected}, and the venue shows it elsewhere")
            return Booking(plan=Plan(), refused=tuple((fill, because) for fill in batch))
        ordered_by, ordinal = find_order(batch[0], found.positions, named=named) or (None, None)
        owner = find_owner(batch[0], ordered_by=ordered_by, ordinal=ordinal, holders=found.holders)
        match owner:
            case Owner():
                fills = [(fill, owner.ordinal) for fill in batch]
                return book(owner.position, fills, before=await self._booked_before(owner, batch[0]))
            case Opens():
                clock = self._committer.clock
                return opened_by(batch, ref=new_ref(clock), opens=owner, at=clock.now())
            case Unclaimed():
                return Booking(plan=Plan(), refused=tuple((fill, owner) for fill in batch))

    async def _booked_before(self, owner: Owner, fill: Fill) -> Decimal:
        if owner.ordinal is None or fill.venue_order_id is None:
            return Decimal(0)
        if owner.position.orders[owner.ordinal].venue_order_id is not None:
            return Decimal(0)
        return await self._applier.booked_without_order(owner.position, fill.venue_order_id)

    async def _commit(self, booking: Booking, size: int) -> None:
        """
        Commit the booking of the first *size* fills that wait; those that it leaves for later go on waiting.
        """
        if not booking.plan.empty:
            committed = await self._committer.put(booking.plan, actor=self._actor)
            self._changed.update((position.ref, position) for position in committed.positions)
        for fill, because in booking.refused:
            plan = unclaimed(fill, because)
            await self._committer.put(plan, actor=self._actor)
            self._unclaimed += plan.fills
        for _ in range(size - len(booking.rest)):
            self._waiting.popleft()


def _place_of(what: Fill | PositionKey) -> tuple[Venue, Account, Symbol]:
    return what.venue, what.account, what.symbol


def _of_one_order(waiting: Iterable[Fill]) -> list[Fill]:
    """
    Return the first fill and those right after it that are of the same order, each once.
    """
    batch: list[Fill] = []
    for fill in waiting:
        if batch and (
            _order_said_by(fill) != _order_said_by(batch[0])
            or fill.trade_id in {other.trade_id for other in batch}
        ):
            break
        batch.append(fill)
    return batch


def _order_said_by(fill: Fill) -> tuple[object, ...]:
    return (
        fill.venue,
        fill.account,
        fill.symbol,
        fill.side,
        fill.leg,
        fill.venue_order_id,
        fill.client_order_id,
    )


def _stored_at_its_head(batch: Sequence[Fill], stored: Sequence[StoredFill]) -> list[StoredFill]:
    """
    Return those of *stored* that the batch begins with.
    """
    head: list[StoredFill] = []
    for fill in batch:
        before = _stored_before(fill, stored)
        if before is None:
            break
        head.append(before)
    return head


def _before_the_stored(batch: Sequence[Fill], stored: Sequence[StoredFill]) -> list[Fill]:
    """
    Return the fills that the batch begins with and that are not stored.
    """
    return list(takewhile(lambda fill: _stored_before(fill, stored) is None, batch))


def _stored_before(fill: Fill, stored: Sequence[StoredFill]) -> StoredFill | None:
    same_side = (one for one in stored if one.fill.id == fill.id)
    return next(same_side, None) or next((one for one in stored if one.fill.repeats(fill)), None)
