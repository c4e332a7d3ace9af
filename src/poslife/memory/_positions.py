"""
Positions and fills in memory, and the checks that come before a commit writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from poslife._domain.changes import Change, Promote, Transition
from poslife._domain.commit_checks import (
    Heads,
    StoredHead,
    require_found,
    require_settlement,
    require_versions,
)
from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.fill_owner import OwnerQuery
from poslife._domain.fills import FillId, StoredFill
from poslife._domain.identifiers import OrderSide, PositionId, PositionKey, PositionRef
from poslife._domain.orders import Order
from poslife._domain.positions import ClosedPosition, LivePosition, PendingPosition, Position
from poslife.errors import DuplicatePosition, FillAlreadyStored, KeyInDoubt, StorageRejected
from poslife.storage._columns import FILLS, ORDERS, POSITIONS, names_of
from poslife.storage._mapping import Row, Value, canonical_numbers
from poslife.storage._rows import fill_from, fill_row, order_from, order_row, position_from, position_row

__all__ = ["Fills", "Positions"]

_POSITION_NAMES: Final = names_of(POSITIONS)
_ORDER_NAMES: Final = names_of(ORDERS)
_FILL_NAMES: Final = names_of(FILLS)


class Positions:
    """
    Every position of the store, and two indexes: by key and by id.

    Attributes:
        by_ref: The positions, as of the last commit.
        holders: The ref of the live position that holds a key: at most one for each key.
        refs: The ref of the position with an id.
        last_id: The id that was minted last; ids are counted up, so that none is used twice.
    """

    def __init__(self) -> None:
        self.by_ref: dict[PositionRef, Position] = {}
        self.holders: dict[PositionKey, PositionRef] = {}
        self.refs: dict[PositionId, PositionRef] = {}
        self.last_id = 0

    def live(self) -> Iterator[tuple[PositionRef, LivePosition]]:
        """
        Yield the positions that hold a key.
        """
        for ref, position in self.by_ref.items():
            if not isinstance(position, ClosedPosition) and position.live:
                yield ref, position

    def holder_of(self, key: PositionKey) -> LivePosition | None:
        ref = self.holders.get(key)
        position = None if ref is None else self.by_ref[ref]
        return None if isinstance(position, ClosedPosition) else position

    def with_order(self, wanted: Callable[[Order], bool]) -> Iterator[tuple[PositionRef, Position]]:
        """
        Yield the positions that have an order for which *wanted* is true.
        """
        return (row for row in self.by_ref.items() if any(map(wanted, row[1].orders)))

    def candidates_for(self, query: OwnerQuery) -> tuple[Position, ...]:
        """
        Return the positions that the fills of *query* may belong to, by ref.
        """

        def is_candidate(position: Position) -> bool:
            key = position.key
            return (key.venue, key.account, key.symbol) == (query.venue, query.account, query.symbol) and (
                position.live
                or position.ref == query.ref
                or (
                    query.venue_order_id is not None
                    and any(order.venue_order_id == query.venue_order_id for order in position.orders)
                )
            )

        found = (ref for ref, position in self.by_ref.items() if is_candidate(position))
        return tuple(self.by_ref[ref] for ref in sorted(found))

    # ------------------------------------------------------------------------------------------- commit

    def heads(self, change: Change, last_digests: Mapping[PositionRef, bytes]) -> Heads:
        """
        Return what the checks and the digest chain need of each stored position that *change* is about.
        """
        stored = {ref: self.by_ref[ref] for ref in change.refs if ref in self.by_ref}
        return {
            ref: StoredHead(
                status=position.status,
                version=position.version,
                id=None if isinstance(position, PendingPosition) else position.id,
                trail=last_digests.get(ref, UNLINKED),
            )
            for ref, position in stored.items()
        }

    def check(self, transitions: Sequence[Transition], heads: Heads) -> None:
        """
        Raise what `Repository.commit` says of these transitions, in its order of precedence; write nothing.
        """
        require_found(transitions, heads)
        for transition in transitions:
            if isinstance(closed := self.by_ref.get(transition.ref), ClosedPosition):
                require_settlement(transition, closed)
        require_versions(transitions, heads)
        # No id is minted before all checks are over; the keys do not depend on the number given here.
        self._check_keys([transition.result(PositionId(1)) for transition in transitions])

    def _check_keys(self, afters: Sequence[Position]) -> None:
        # One change may release a key and claim it again, whichever of the two comes first in it.
        released = {after.ref for after in afters if not after.live}
        claimed: set[PositionKey] = set()
        for after in afters:
            if not after.live:
                continue
            holder = self.holder_of(after.key)
            if holder is not None and holder.ref != after.ref and holder.ref not in released:
                raise (KeyInDoubt if holder.in_doubt else DuplicatePosition)(after.key, holder)
            if after.key in claimed:
                raise StorageRejected(f"the change claims {after.key} twice")
            claimed.add(after.key)

    def write(self, transition: Transition) -> Position:
        """
        Store the position that *transition* makes, with a new id for its first fill, and return it.
        """
        minted: PositionId | None = None
        if isinstance(transition, Promote):
            self.last_id += 1
            minted = PositionId(self.last_id)
            self.refs[minted] = transition.ref
        position = _as_read(transition.result(minted))
        self.by_ref[position.ref] = position
        if position.live:
            self.holders[position.key] = position.ref
        elif self.holders.get(position.key) == position.ref:
            del self.holders[position.key]
        return position


class Fills:
    """
    Every fill of the store.

    Attributes:
        by_key: The fills in the order they were stored, by venue, account, symbol and trade id.
    """

    def __init__(self) -> None:
        self.by_key: dict[FillId, StoredFill] = {}

    def of(self, ref: PositionRef | None) -> Iterator[tuple[int, StoredFill]]:
        """
        Yield the fills of a position, or the unclaimed ones for ``None``, each with its place among all.
        """
        return (row for row in enumerate(self.by_key.values(), start=1) if row[1].ref == ref)

    def named_in(self, query: OwnerQuery) -> tuple[StoredFill, ...]:
        """
        Return the fills that have a trade id of *query*.
        """
        keys = {
            FillId(query.venue, query.account, query.symbol, trade_id, side)
            for trade_id in query.trade_ids
            for side in OrderSide
        }
        return tuple(self.by_key[key] for key in keys if key in self.by_key)

    def check(self, change: Change, positions: Positions) -> None:
        """
        Raise what `Repository.commit` says of the fills of *change*; write nothing.
        """
        seen: set[FillId] = set()
        for stored in change.fills:
            key = stored.fill.id
            if key in self.by_key:
                raise FillAlreadyStored(self.by_key[key].fill)
            if key in seen:
                raise StorageRejected(f"the change stores fill {stored.fill.trade_id} twice")
            seen.add(key)
            if not (stored.ref is None or stored.ref in positions.by_ref or stored.ref in change.refs):
                raise StorageRejected(
                    f"fill {stored.fill.trade_id} belongs to no stored position ({stored.ref})"
                )

    def write(self, fills: Iterable[StoredFill]) -> None:
        self.by_key.update((stored.fill.id, _fill_as_read(stored)) for stored in fills)


def _as_read(position: Position) -> Position:
    """
    Return the position as a database gives it back: its numbers in their canonical form.
    """
    orders = [order_from(_row(_ORDER_NAMES, order_row(order))) for order in position.orders]
    return position_from(_row(_POSITION_NAMES, position_row(position)), orders)


def _fill_as_read(stored: StoredFill) -> StoredFill:
    return fill_from(_row(_FILL_NAMES, fill_row(stored)))


def _row(names: Sequence[str], values: Sequence[Value]) -> Row:
    return canonical_numbers(dict(zip(names, values, strict=True)))
