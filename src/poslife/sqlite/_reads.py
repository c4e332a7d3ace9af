"""
Reads of positions, fills and history, each within a transaction of its caller.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, LiteralString
from uuid import UUID

from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.fill_owner import OwnerCandidates, OwnerQuery
from poslife._domain.fills import FillId, StoredFill
from poslife._domain.identifiers import PositionId, PositionKey, PositionRef
from poslife._domain.positions import ClosedPosition, LivePosition, Position
from poslife.errors import PositionUnreadable
from poslife.protocols import Page
from poslife.protocols._pages import page_of
from poslife.sqlite._cells import Cell, time_text, values_by_column
from poslife.sqlite._session import Session
from poslife.sqlite._statements import listed, listed_events, selection
from poslife.storage._columns import EVENTS, FILLS, LIFE_EVENTS, ORDERS, POSITIONS, RUN_EVENTS
from poslife.storage._event_rows import recorded_event_from
from poslife.storage._mapping import UNREADABLE
from poslife.storage._page_tokens import AfterClosing, closing_token
from poslife.storage._rows import fill_from, key_row, order_from, position_from

__all__ = [
    "find_by_id",
    "find_by_ref",
    "find_fill",
    "find_live",
    "list_closed",
    "list_fills",
    "list_history",
    "list_in_doubt",
    "list_left_by_ended_runs",
    "list_live",
    "list_unclaimed",
    "read_candidates",
]

_POSITIONS: Final = selection("positions", POSITIONS)
_ORDERS: Final = selection("orders", ORDERS)
_FILLS: Final = selection("fills", FILLS)

_position_values = values_by_column(POSITIONS)
_order_values = values_by_column(ORDERS)
_fill_values = values_by_column(FILLS)
_event_values = values_by_column(EVENTS)

_ORDERS_OF_ONE: Final = _ORDERS + "WHERE ref = ? ORDER BY ordinal"
_ORDERS_OF_MANY: Final = _ORDERS + "JOIN json_each(?) AS page ON ref = page.value ORDER BY ref, ordinal"


def _positions(session: Session, condition: LiteralString, *arguments: Cell) -> list[Position]:
    """
    Return the positions that meet a condition, with their orders: two statements, however many they are.
    """
    rows = session.rows(_POSITIONS + condition, *arguments)
    if not rows:
        return []
    refs = [str(row[0]) for row in rows]
    if len(refs) == 1:
        orders = session.rows(_ORDERS_OF_ONE, refs[0])
    else:
        orders = session.rows(_ORDERS_OF_MANY, json.dumps(refs))
    by_ref = {ref: tuple(group) for ref, group in groupby(orders, key=lambda row: row[0])}
    return [_position_of(row, by_ref.get(row[0], ())) for row in rows]


def _position_of(row: Sequence[Cell], orders: Iterable[Sequence[Cell]]) -> Position:
    """
    Return the position of a row and of the rows of its orders, of which the ref is the first cell.
    """
    try:
        return position_from(_position_values(row), [order_from(_order_values(order)) for order in orders])
    except UNREADABLE as error:
        raise PositionUnreadable(str(row[0]), str(error)) from error


def _position(session: Session, condition: LiteralString, *arguments: Cell) -> Position | None:
    found = _positions(session, condition, *arguments)
    return found[0] if found else None


def find_by_ref(session: Session, ref: PositionRef) -> Position | None:
    """
    Return the position with this ref.
    """
    return _position(session, "WHERE ref = ?", str(ref))


def find_by_id(session: Session, id: PositionId) -> Position | None:
    """
    Return the position with this id.
    """
    return _position(session, "WHERE id = ?", id)


_KEY: Final = "WHERE venue = ? AND account = ? AND symbol = ? AND leg = ? AND margin_mode = ? "
# Word for word as in the partial indexes: otherwise SQLite does not use them.
_IS_LIVE: Final = "AND status IN ('pending', 'open', 'closing') "


def find_live(session: Session, key: PositionKey) -> LivePosition | None:
    holders = _live(_positions(session, _KEY + _IS_LIVE, *key_row(key)))
    return holders[0] if holders else None


def _live(positions: Iterable[Position]) -> tuple[LivePosition, ...]:
    return tuple(position for position in positions if not isinstance(position, ClosedPosition))


_FILL: Final = f"{_FILLS} WHERE venue = ? AND account = ? AND symbol = ? AND trade_id = ? AND side = ?"


def find_fill(session: Session, fill: FillId) -> StoredFill | None:
    """
    Return the stored fill with this identity, assigned or unclaimed.
    """
    row = session.row(_FILL, fill.venue, fill.account, fill.symbol, fill.trade_id, fill.side.value)
    return None if row is None else fill_from(_fill_values(row))


_SYMBOL: Final = "WHERE venue = ? AND account = ? AND symbol = ? "
_AMONG: Final = "AND trade_id IN (SELECT value FROM json_each(?))"
_CANDIDATES: Final = f"""
{_SYMBOL} AND ref IN (
    SELECT ref FROM positions {_SYMBOL} {_IS_LIVE}
    UNION SELECT ?
    UNION SELECT ref FROM orders WHERE venue_order_id = ?
)
ORDER BY ref
"""  # noqa: S608 - of constants


def read_candidates(session: Session, query: OwnerQuery) -> OwnerCandidates:
    """
    Return the fills of *query* that are stored, and the positions that they may belong to.
    """
    symbol = (query.venue, query.account, query.symbol)
    ref = None if query.ref is None else str(query.ref)
    fills = session.rows(_FILLS + _SYMBOL + _AMONG, *symbol, json.dumps(query.trade_ids))
    positions = _positions(session, _CANDIDATES, *symbol, *symbol, ref, query.venue_order_id)
    return OwnerCandidates(
        stored=tuple(fill_from(_fill_values(row)) for row in fills), positions=tuple(positions)
    )


def list_live(session: Session, after: UUID, limit: int) -> Page[LivePosition]:
    found = _positions(session, "WHERE ref > ? " + _IS_LIVE + "ORDER BY ref LIMIT ?", str(after), limit + 1)
    return page_of([(str(position.ref), position) for position in _live(found)], limit)


# A run has ended if it is unknown, was ended or lost, or its lease has run out.
_IN_DOUBT: Final = """
WHERE ref > ? AND ref IN (
    SELECT ref FROM orders
    WHERE status IN ('prepared', 'submitting', 'working', 'in_doubt')
      AND (
          status = 'in_doubt'
          OR status = 'submitting'
          AND run NOT IN (SELECT id FROM runs WHERE ended_at IS NULL AND lost_at IS NULL AND lease_until > ?)
      )
)
ORDER BY ref LIMIT ?
"""

_LEFT_BY_ENDED_RUNS: Final = """
WHERE ref > ? AND ref IN (
    SELECT ref FROM orders
    WHERE status IN ('prepared', 'submitting', 'working', 'in_doubt')
      AND run NOT IN (SELECT id FROM runs WHERE ended_at IS NULL AND lost_at IS NULL AND lease_until > ?)
)
ORDER BY ref LIMIT ?
"""


def list_in_doubt(session: Session, after: UUID, limit: int, now: datetime) -> Page[Position]:
    found = _positions(session, _IN_DOUBT, str(after), time_text(now), limit + 1)
    return page_of([(str(position.ref), position) for position in found], limit)


def list_left_by_ended_runs(session: Session, after: UUID, limit: int, now: datetime) -> Page[Position]:
    found = _positions(session, _LEFT_BY_ENDED_RUNS, str(after), time_text(now), limit + 1)
    return page_of([(str(position.ref), position) for position in found], limit)


_CLOSED: Final = """
WHERE status = 'closed' AND closed_at >= ? AND closed_at < ? AND (closed_at, ref) > (?, ?)
ORDER BY closed_at, ref LIMIT ?
"""


def list_closed(
    session: Session, since: datetime, until: datetime, after: AfterClosing | None, limit: int
) -> Page[ClosedPosition]:
    start = ("", "") if after is None else (time_text(datetime.fromisoformat(after.time)), str(after.ref))
    found = _positions(session, _CLOSED, time_text(since), time_text(until), *start, limit + 1)
    closed = (position for position in found if isinstance(position, ClosedPosition))
    return page_of([(closing_token(position), position) for position in closed], limit)


_NUMBERED_FILLS: Final = f"SELECT number, {listed(FILLS)} FROM fills"  # noqa: S608 - of constants
_FILLS_OF: Final = f"{_NUMBERED_FILLS} WHERE ref = ? AND number > ? ORDER BY number LIMIT ?"
_UNCLAIMED: Final = f"{_NUMBERED_FILLS} WHERE ref IS NULL AND number > ? ORDER BY number LIMIT ?"


def list_fills(session: Session, ref: PositionRef, after: int, limit: int) -> Page[StoredFill]:
    return _page_of_fills(session.rows(_FILLS_OF, str(ref), after, limit + 1), limit)


def list_unclaimed(session: Session, after: int, limit: int) -> Page[StoredFill]:
    return _page_of_fills(session.rows(_UNCLAIMED, after, limit + 1), limit)


def _page_of_fills(rows: Iterable[Sequence[Cell]], limit: int) -> Page[StoredFill]:
    return page_of([(str(number), fill_from(_fill_values(cells))) for number, *cells in rows], limit)


_HISTORY: Final = f"""
SELECT {listed_events(LIFE_EVENTS)} FROM life_events WHERE ref = ? AND event_id > ?
UNION ALL
SELECT {listed_events(RUN_EVENTS)} FROM run_events WHERE ref = ? AND event_id > ?
ORDER BY event_id LIMIT ?
"""  # noqa: S608 - of constants


def list_history(session: Session, ref: PositionRef, after: UUID, limit: int) -> Page[RecordedEvent]:
    rows = session.rows(_HISTORY, *(str(ref), str(after)) * 2, limit + 1)
    events = [recorded_event_from(_event_values(row)) for row in rows]
    return page_of([(str(event.header.id), event) for event in events], limit)
