"""
Reasons why a unique index refused a change: the holder of a key, or a stored fill.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from poslife._domain.changes import Change
from poslife._domain.fills import FillId
from poslife._domain.identifiers import PositionId, PositionKey
from poslife._domain.positions import ClosedPosition, LivePosition
from poslife.errors import DuplicatePosition, FillAlreadyStored, KeyInDoubt, StorageRejected
from poslife.postgres._cells import cells_by_name, recordset
from poslife.postgres._database import Session
from poslife.postgres._reads import find_fill, positions_of, whole_positions
from poslife.storage._columns import POSITIONS
from poslife.storage._rows import key_row

__all__ = ["CONTESTED", "explain"]

_ONE_LIVE_PER_KEY: Final = "positions_one_live_per_key"
_ONE_FILL: Final = "fills_pkey"
_ONE_NUMBER: Final = "life_events_numbered"

_key_cells: Final = cells_by_name([column for column in POSITIONS if column.path[0] == "key"])

CONTESTED: Final = frozenset({_ONE_LIVE_PER_KEY, _ONE_FILL, _ONE_NUMBER})
"""
The indexes that another transaction's rows may violate.
"""


async def explain(session: Session, change: Change) -> None:
    """
    Raise the error that names the conflict of *change*; return where there is none any more.

    Raises:
        DuplicatePosition: A key that it claims is held. This has precedence, whichever index refused.
        FillAlreadyStored: One of its fills is stored.
        StorageRejected: It claims a key twice, stores a fill twice, or gives two events one number.
    """
    await _explain_keys(session, change)
    await _explain_fills(session, change)
    _explain_numbers(change)


_READ_HOLDERS: Final = whole_positions(
    """
JOIN json_populate_recordset(NULL::poslife.positions, $1::text::json) AS k
    ON p.venue = k.venue AND p.account = k.account AND p.symbol = k.symbol
    AND p.leg = k.leg AND p.margin_mode = k.margin_mode
WHERE p.status IN ('pending', 'open', 'closing')
"""
)


async def _explain_keys(session: Session, change: Change) -> None:
    results = [transition.result(PositionId(1)) for transition in change.transitions]
    released = {after.ref for after in results if not after.live}
    claims = [(after.ref, after.key) for after in results if after.live]
    holders = await _read_holders(session, {key for _, key in claims})
    for ref, key in claims:
        holder = holders.get(key)
        if holder is not None and holder.ref != ref and holder.ref not in released:
            raise (KeyInDoubt if holder.in_doubt else DuplicatePosition)(key, holder)
    for key, times in Counter(key for _, key in claims).items():
        if times > 1:
            raise StorageRejected(f"the change claims {key} twice", constraint=_ONE_LIVE_PER_KEY)


async def _read_holders(session: Session, keys: set[PositionKey]) -> dict[PositionKey, LivePosition]:
    wanted = [_key_cells(key_row(key)) for key in keys]
    live = positions_of(await session.fetch(_READ_HOLDERS, recordset(wanted)))
    return {position.key: position for position in live if not isinstance(position, ClosedPosition)}


async def _explain_fills(session: Session, change: Change) -> None:
    seen: set[FillId] = set()
    for stored in change.fills:
        fill = stored.fill.id
        there = await find_fill(session, fill)
        if there is not None:
            raise FillAlreadyStored(there.fill)
        if fill in seen:
            raise StorageRejected(f"the change stores fill {fill.trade_id} twice", constraint=_ONE_FILL)
        seen.add(fill)


def _explain_numbers(change: Change) -> None:
    # A stored event can have such a number only where the position appeared since: that is retried.
    numbers = Counter((event.header.ref, event.version, event.index) for event in change.events)
    for (ref, version, index), times in numbers.items():
        if times > 1 and ref is not None:
            raise StorageRejected(
                f"the change has two events {index} of version {version} of position {ref}",
                constraint=_ONE_NUMBER,
            )
