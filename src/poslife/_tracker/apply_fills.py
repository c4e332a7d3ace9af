"""
Applying fills: find whose each is, book it, commit; none is refused, dropped or booked twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

from poslife._domain.booking import Booking, book, conflicted, opened_by, unclaimed
from poslife._domain.client_order_ids import read_client_order_id
from poslife._domain.decimals import exact_sum
from poslife._domain.event_envelopes import Actor
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
from poslife._runtime.ids import new_ref
from poslife._tracker.committing import Ledger, every
from poslife.errors import (
    AlreadyClosed,
    DuplicatePosition,
    FillAlreadyStored,
    InvalidValue,
    StaleVersion,
)
from poslife.protocols import Page, PageToken

__all__ = [
    "FillsApplied",
    "OrderOf",
    "apply_fills",
    "booked_without_order",
    "find_candidates",
    "order_of_fill",
]

_MOST_TRIES = 50

OrderOf = tuple[PositionRef, int]
"""
A position and the ordinal of one of its orders.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsApplied:
    """
    What became of fills.

    Attributes:
        positions: The positions they changed, as they are now.
        unclaimed: Those that could not be assigned; they are stored.
        repeated: How many were stored before.
    """

    positions: tuple[Position, ...]
    unclaimed: tuple[StoredFill, ...]
    repeated: int


async def apply_fills(
    ledger: Ledger,
    fills: Iterable[Fill],
    *,
    order: OrderOf | None = None,
    known: Position | None = None,
    actor: Actor | None = None,
) -> FillsApplied:
    """
    Apply fills, in the order given.

    Args:
        ledger: Where.
        fills: What the venue said.
        order: The position and the order they are known to belong to, but for a fill that names another.
        known: That position as it was last seen, which saves reading it.
        actor: Who caused it; who acts here and now by default.

    Raises:
        StorageUnavailable: The store did not answer in time. Apply the same fills again.
        InvalidValue: One of *fills* is no `Fill`, or of another symbol than *order*'s position; or the
            position has no such order.
    """
    waiting = deque(fills)
    if order is not None and known is None:
        known = await ledger.read(order[0])
    _require_fills(waiting, order, None if order is None else known)
    changed: dict[PositionRef, Position] = {}
    left: list[StoredFill] = []
    repeated = tries = 0
    if order is not None and (booked := await _book_at_once(ledger, known, order[1], waiting, actor)):
        changed.update((position.ref, position) for position in booked)
    while waiting:
        batch = _of_one_order(waiting)
        named = order_of_fill(ledger, batch[0], order)
        found = await find_candidates(ledger, batch, named)
        if stored := _stored_at_its_head(batch, found.stored):
            for before in stored:
                await _compare(ledger, before, waiting.popleft(), actor)
            repeated += len(stored)
            continue
        batch = _before_the_stored(batch, found.stored)
        owner = _owner(batch[0], found, named)
        booking = _booking(ledger, owner, batch, await _booked_before(ledger, owner, batch[0]))
        try:
            positions, kept = await _commit(ledger, booking, actor)
        except (StaleVersion, AlreadyClosed, DuplicatePosition, FillAlreadyStored):
            # Somebody else moved the position or stored the fill meanwhile: look again at what is there now.
            tries += 1
            if tries > _MOST_TRIES:
                raise
            continue
        tries = 0
        for _ in range(len(batch) - len(booking.rest)):
            waiting.popleft()
        left += kept
        changed.update((position.ref, position) for position in positions)
    return FillsApplied(positions=tuple(changed.values()), unclaimed=tuple(left), repeated=repeated)


async def _book_at_once(
    ledger: Ledger, known: Position | None, ordinal: int, waiting: deque[Fill], actor: Actor | None
) -> tuple[Position, ...] | None:
    """
    Book fills that are known to be one order's on its position as it was last seen, without reading anything.

    What was booked is taken from *waiting*. ``None`` where something has moved meanwhile, or a fill may have
    been stored before: then each is looked at.
    """
    if not isinstance(known, PendingPosition | PersistedPosition) or not known.live:
        return None
    if len({fill.trade_id for fill in waiting}) != len(waiting):
        return None
    if any(_is_of_another(ledger, fill, (known.ref, ordinal)) for fill in waiting):
        return None
    if isinstance(known, PersistedPosition) and known.orders[ordinal].venue_order_id is None:
        return None  # fills of the order may have come before we knew the venue's name for it
    booking = book(known, [(fill, ordinal) for fill in waiting])
    if booking.refused or booking.plan.empty:
        return None
    try:
        positions, _ = await _commit(ledger, booking, actor)
    except (StaleVersion, AlreadyClosed, DuplicatePosition, FillAlreadyStored):
        return None
    for _ in range(len(waiting) - len(booking.rest)):
        waiting.popleft()
    return positions


def _booking(
    ledger: Ledger, owner: Owner | Opens | Unclaimed, batch: Sequence[Fill], before: Decimal
) -> Booking:
    match owner:
        case Owner():
            fills = [(fill, owner.ordinal) for fill in batch]
            return book(owner.position, fills, before=before)
        case Opens():
            return opened_by(batch, ref=new_ref(ledger.clock), opens=owner, at=ledger.clock.now())
        case Unclaimed():
            return Booking(plan=Plan(), refused=tuple((fill, owner) for fill in batch))


async def _booked_before(ledger: Ledger, owner: Owner | Opens | Unclaimed, fill: Fill) -> Decimal:
    """
    What the owner has booked of the fill's order before it was known to be one of its orders.
    """
    if not isinstance(owner, Owner) or owner.ordinal is None or fill.venue_order_id is None:
        return Decimal(0)
    if owner.position.orders[owner.ordinal].venue_order_id is not None:
        return Decimal(0)
    return await booked_without_order(ledger, owner.position, fill.venue_order_id)


async def booked_without_order(ledger: Ledger, position: Position, venue_order_id: VenueOrderId) -> Decimal:
    """
    What a position's fills of this venue order amount to that came before we knew whose order it is.
    """
    if isinstance(position, PendingPosition):
        return Decimal(0)

    def list_page(after: PageToken | None) -> Awaitable[Page[StoredFill]]:
        return ledger.ask(lambda: ledger.repository.list_fills(position.ref, after))

    return exact_sum(
        [
            one.fill.quantity
            async for one in every(list_page)
            if one.ordinal is None and one.fill.venue_order_id == venue_order_id
        ]
    )


async def _commit(
    ledger: Ledger, booking: Booking, actor: Actor | None
) -> tuple[tuple[Position, ...], list[StoredFill]]:
    positions: tuple[Position, ...] = ()
    if not booking.plan.empty:
        positions = (await ledger.put(booking.plan, actor=actor)).positions
    kept: list[StoredFill] = []
    for fill, because in booking.refused:
        plan = unclaimed(fill, because)
        await ledger.put(plan, actor=actor)
        kept += plan.fills
    return positions, kept


def _require_fills(fills: Iterable[object], order: OrderOf | None, position: Position | None) -> None:
    if order is not None and position is not None:
        order_of(position, order[1])
    place = None if position is None else _place_of(position.key)
    for fill in fills:
        if not isinstance(fill, Fill):
            raise InvalidValue("fill", fill, "a Fill")
        if place is not None and _place_of(fill) != place:
            raise InvalidValue("fill", fill, f"a fill of {' '.join(place)}, as its order")


def _place_of(what: Fill | PositionKey) -> tuple[Venue, Account, Symbol]:
    return what.venue, what.account, what.symbol


async def _compare(ledger: Ledger, stored: StoredFill, seen: Fill, actor: Actor | None) -> None:
    if stored.fill.agrees_with(seen) or seen in ledger.conflicts_told:
        return
    await ledger.put(conflicted(stored.fill, seen), actor=actor)
    ledger.conflicts_told.add(seen)


def order_of_fill(ledger: Ledger, fill: Fill, order: OrderOf | None) -> OrderOf | None:
    """
    Return the order that the fill's client order id names, else *order*.
    """
    return _named_by(ledger, fill) or order


def _named_by(ledger: Ledger, fill: Fill) -> OrderOf | None:
    if fill.client_order_id is None or fill.venue not in ledger.formats:
        return None
    return read_client_order_id(fill.client_order_id, venue=fill.venue, formats=ledger.formats)


def _is_of_another(ledger: Ledger, fill: Fill, order: OrderOf) -> bool:
    """
    Whether the fill itself names another order of ours: then it is that one's, whatever the host believes.
    """
    return order_of_fill(ledger, fill, order) != order


async def find_candidates(ledger: Ledger, fills: Sequence[Fill], named: OrderOf | None) -> OwnerCandidates:
    """
    Return which of the fills of one order are stored, and the positions they may belong to.
    """
    query = OwnerQuery(
        venue=fills[0].venue,
        account=fills[0].account,
        symbol=fills[0].symbol,
        trade_ids=tuple(fill.trade_id for fill in fills),
        venue_order_id=fills[0].venue_order_id,
        ref=None if named is None else named[0],
    )
    return await ledger.ask(lambda: ledger.repository.candidates_for(query))


def _owner(fill: Fill, found: OwnerCandidates, named: OrderOf | None) -> Owner | Opens | Unclaimed:
    position, ordinal = find_order(fill, found.positions, named=named) or (None, None)
    return find_owner(fill, ordered_by=position, ordinal=ordinal, holders=found.holders)


def _of_one_order(waiting: Iterable[Fill]) -> list[Fill]:
    """
    Return the first fill and those right after it that are of the same order, each once.
    """
    batch: list[Fill] = []
    for fill in waiting:
        if batch and (
            _order_named_by(fill) != _order_named_by(batch[0])
            or fill.trade_id in {other.trade_id for other in batch}
        ):
            break
        batch.append(fill)
    return batch


def _stored_at_its_head(batch: Sequence[Fill], stored: Sequence[StoredFill]) -> list[StoredFill]:
    """
    Return those of *stored* that the batch begins with.
    """
    by_trade = {one.fill.trade_id: one for one in stored}
    head = takewhile(lambda fill: fill.trade_id in by_trade, batch)
    return [by_trade[fill.trade_id] for fill in head]


def _before_the_stored(batch: Sequence[Fill], stored: Sequence[StoredFill]) -> list[Fill]:
    """
    Return the fills that the batch begins with and that are not stored.
    """
    known = {one.fill.trade_id for one in stored}
    return list(takewhile(lambda fill: fill.trade_id not in known, batch))


def _order_named_by(fill: Fill) -> tuple[object, ...]:
    return (
        fill.venue,
        fill.account,
        fill.symbol,
        fill.side,
        fill.leg,
        fill.venue_order_id,
        fill.client_order_id,
    )
