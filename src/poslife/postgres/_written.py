"""
Changes as rows, and the statement that writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict
from uuid import UUID

import msgspec

from poslife._domain.changes import Change, Promote, Transition
from poslife._domain.commit_checks import Heads
from poslife._domain.identifiers import PositionId, PositionRef, RunId
from poslife._runtime.salts import Salts
from poslife._trail.records import EventRecord
from poslife.postgres._cells import cells_by_name, recordset
from poslife.postgres._database import Session
from poslife.postgres._epochs import NEWEST_EPOCH
from poslife.postgres._statements import insertion, replacement
from poslife.storage._columns import FILLS, LIFE_EVENTS, ORDERS, POSITIONS
from poslife.storage._event_rows import (
    EMPTY_STREAM,
    StreamHead,
    head_after,
    life_event_row,
    link_events,
)
from poslife.storage._mapping import Value
from poslife.storage._rows import fill_row, order_row, position_row

__all__ = ["write_changes"]

_PLACEHOLDER: Final = PositionId(1)


class _Written(TypedDict):
    ref: UUID
    id: int | None


_position_cells: Final = cells_by_name(POSITIONS)
_order_cells: Final = cells_by_name(ORDERS)
_fill_cells: Final = cells_by_name(FILLS)
_event_cells: Final = cells_by_name(LIFE_EVENTS)
_written_decoder: Final = msgspec.json.Decoder(_Written)

# A position that is to be open and has no id gets one here.
_MINTED: Final = """
CASE WHEN r.id IS NULL AND r.status IN ('open', 'closing') THEN nextval('poslife.position_ids') ELSE r.id END
"""

# The condition on the version is for a position that was not there when the heads were read: it is not
# written, and is missing from the result.
_WRITE: Final = f"""
WITH written AS (
    {insertion("positions", POSITIONS, 1, id=_MINTED)}
    ON CONFLICT (ref) {replacement(POSITIONS[1:])}
    WHERE t.version = excluded.version - 1
    RETURNING t.ref, t.id
), ordered AS (
    {insertion("orders", ORDERS, 2)}
    ON CONFLICT (ref, ordinal) {replacement(ORDERS[2:])}
), filled AS (
    {insertion("fills", FILLS, 3)}
), recorded AS (
    {insertion("life_events", LIFE_EVENTS, 4, epoch=NEWEST_EPOCH)}
)
SELECT row_to_json(w)::text FROM written AS w
"""  # noqa: S608 - made of constants


async def write_changes(
    session: Session,
    changes: Sequence[Change],
    heads: Heads,
    unassigned: Mapping[RunId, StreamHead],
    salts: Salts,
) -> Mapping[PositionRef, PositionId | None]:
    """
    Write everything, and return the ids of the positions that were written.
    """
    transitions = [transition for change in changes for transition in change.transitions]
    # A position that releases a key comes before one that claims it: the index is checked row by row.
    positions = sorted(map(_cells_of, transitions), key=_holds_key)
    orders = [_order_cells(order_row(order)) for transition in transitions for order in transition.orders]
    fills = [_fill_cells(fill_row(stored)) for change in changes for stored in change.fills]
    events = _linked_events(changes, heads, dict(unassigned), salts)
    answer = await session.fetch(
        _WRITE,
        recordset(positions),
        recordset(orders),
        recordset(fills),
        recordset([_event_cells(life_event_row(record)) for record in events]),
    )
    written = [_written_decoder.decode(row) for row in answer]
    return {PositionRef(row["ref"]): None if row["id"] is None else PositionId(row["id"]) for row in written}


def _linked_events(
    changes: Sequence[Change], heads: Heads, unassigned: dict[RunId, StreamHead], salts: Salts
) -> list[EventRecord]:
    linked: list[EventRecord] = []
    for change in changes:
        head = unassigned.get(change.run, EMPTY_STREAM)
        records = link_events(change, heads, unassigned=head, draw_salt=salts.draw)
        unassigned[change.run] = head_after(records, head)
        linked += records
    return linked


def _cells_of(transition: Transition) -> dict[str, Value]:
    row = _position_cells(position_row(transition.result(_PLACEHOLDER)))
    if isinstance(transition, Promote):
        row["id"] = None
    return row


def _holds_key(row: dict[str, Value]) -> bool:
    return row["status"] in ("pending", "open", "closing")
