"""
Reads of positions, fills and history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.fill_owner import OwnerCandidates, OwnerQuery
from poslife._domain.fills import FillId, StoredFill
from poslife._domain.identifiers import PositionId, PositionKey, PositionRef
from poslife._domain.positions import ClosedPosition, LivePosition, Position
from poslife.postgres._cells import candidates_of, event_of, fill_of, position_of
from poslife.postgres._database import Session
from poslife.postgres._statements import listed_events
from poslife.protocols import Page
from poslife.protocols._pages import page_of
from poslife.storage._columns import LIFE_EVENTS, RUN_EVENTS
from poslife.storage._page_tokens import AfterClosing, closing_token
from poslife.storage._rows import key_row

__all__ = [
    "LIST_HISTORY",
    "find_by_id",
    "find_by_ref",
    "find_fill",
    "find_live",
    "history_arguments",
    "list_closed",
    "list_fills",
    "list_history",
    "list_in_doubt",
    "list_left_by_ended_runs",
    "list_live",
    "list_unclaimed",
    "positions_of",
    "read_candidates",
    "read_positions",
    "whole_positions",
]

_WHOLE_POSITION: Final = """json_build_object(
    'position', row_to_json(p),
    'orders', (
        SELECT coalesce(json_agg(o ORDER BY o.ordinal), '[]') FROM poslife.orders AS o WHERE o.ref = p.ref
    )
)"""

_SELECTION: Final = f"""
SELECT {_WHOLE_POSITION}::text
FROM poslife.positions AS p
"""  # noqa: S608 - made of constants


def whole_positions(condition: LiteralString) -> str:
    """
    Return the statement that selects positions ``p`` with their orders, for `positions_of`.
    """
    return _SELECTION + condition


def positions_of(rows: Iterable[str]) -> tuple[Position, ...]:
    """
    Return the positions that a statement of `whole_positions` has selected.
    """
    return tuple(position_of(row) for row in rows)


_BY_REFS: Final = whole_positions("WHERE p.ref = ANY ($1::text[]::uuid[])")


async def read_positions(session: Session, refs: Iterable[PositionRef]) -> Mapping[PositionRef, Position]:
    """
    Return the positions of *refs* that are stored.
    """
    rows = await session.fetch(_BY_REFS, [str(ref) for ref in refs])
    return {position.ref: position for position in positions_of(rows)}


_BY_REF: Final = whole_positions("WHERE p.ref = $1::text::uuid")


async def find_by_ref(session: Session, ref: PositionRef) -> Position | None:
    """
    Return the position with this ref.
    """
    row = await session.fetch_one(_BY_REF, str(ref))
    return None if row is None else position_of(row)


_BY_ID: Final = whole_positions("WHERE p.id = $1::text::bigint")


async def find_by_id(session: Session, id: PositionId) -> Position | None:
    """
    Return the position with this id.
    """
    row = await session.fetch_one(_BY_ID, str(id))
    return None if row is None else position_of(row)


_LIVE: Final = whole_positions(
    """
WHERE p.venue = $1::text AND p.account = $2::text AND p.symbol = $3::text
  AND p.leg = $4::text AND p.margin_mode = $5::text
  AND p.status IN ('pending', 'open', 'closing')
"""
)


async def find_live(session: Session, key: PositionKey) -> LivePosition | None:
    """
    Return the position that holds *key*.
    """
    holders = _live_of(await session.fetch(_LIVE, *key_row(key)))
    return holders[0] if holders else None


def _live_of(rows: Iterable[str]) -> tuple[LivePosition, ...]:
    return tuple(position for position in positions_of(rows) if not isinstance(position, ClosedPosition))


_FILL: Final = """
SELECT row_to_json(f)::text
FROM poslife.fills AS f
WHERE f.venue = $1::text AND f.account = $2::text AND f.symbol = $3::text AND f.trade_id = $4::text
  AND f.side = $5::text
"""


async def find_fill(session: Session, fill: FillId) -> StoredFill | None:
    """
    Return the stored fill with this identity, assigned or unclaimed.
    """
    name = (fill.venue, fill.account, fill.symbol, fill.trade_id, fill.side.value)
    row = await session.fetch_one(_FILL, *name)
    return None if row is None else fill_of(row)[1]


# One statement: under READ COMMITTED two would see two states. Each trade id is looked up for itself: on a
# table without statistics a condition on all of them reads every fill of the symbol.
_CANDIDATES: Final = f"""
SELECT json_build_object(
    'fills', (
        SELECT coalesce(json_agg(f), '[]')
        FROM (SELECT DISTINCT unnest($4::text[]) AS trade_id) AS asked
        CROSS JOIN LATERAL (
            SELECT *
            FROM poslife.fills AS one
            WHERE one.venue = $1::text AND one.account = $2::text AND one.symbol = $3::text
              AND one.trade_id = asked.trade_id
            LIMIT 2  -- one of each side
        ) AS f
    ),
    'positions', (
        SELECT coalesce(json_agg({_WHOLE_POSITION} ORDER BY p.ref), '[]')
        FROM poslife.positions AS p
        WHERE p.venue = $1::text AND p.account = $2::text AND p.symbol = $3::text AND p.ref IN (
            SELECT live.ref
            FROM poslife.positions AS live
            WHERE live.venue = $1::text AND live.account = $2::text AND live.symbol = $3::text
              AND live.status IN ('pending', 'open', 'closing')
            UNION SELECT $5::text::uuid
            UNION SELECT o.ref FROM poslife.orders AS o WHERE o.venue_order_id = $6::text
        )
    )
)::text
"""  # noqa: S608 - made of constants


async def read_candidates(session: Session, query: OwnerQuery) -> OwnerCandidates:
    """
    Return the fills of *query* that are stored, and the positions that they may belong to.
    """
    ref = None if query.ref is None else str(query.ref)
    symbol = (query.venue, query.account, query.symbol)
    (row,) = await session.fetch(_CANDIDATES, *symbol, query.trade_ids, ref, query.venue_order_id)
    return candidates_of(row)


_LIST_LIVE: Final = whole_positions(
    """
WHERE p.status IN ('pending', 'open', 'closing') AND p.ref > $1::text::uuid
ORDER BY p.ref
LIMIT $2::text::bigint
"""
)


async def list_live(session: Session, after: UUID, limit: int) -> Page[LivePosition]:
    """
    Return the page of live positions after the ref *after*.
    """
    positions = _live_of(await session.fetch(_LIST_LIVE, str(after), str(limit + 1)))
    return page_of([(str(position.ref), position) for position in positions], limit)


# A run has ended where it is unknown, was ended or lost, or its lease has expired by the database's clock.
_LIST_IN_DOUBT: Final = whole_positions(
    """
WHERE p.ref > $1::text::uuid AND p.ref IN (
    SELECT o.ref
    FROM poslife.orders AS o
    LEFT JOIN poslife.runs AS r
        ON r.id = o.run AND r.ended_at IS NULL AND r.lost_at IS NULL AND r.lease_until > clock_timestamp()
    WHERE o.status IN ('submitting', 'in_doubt') AND (o.status = 'in_doubt' OR r.id IS NULL)
)
ORDER BY p.ref
LIMIT $2::text::bigint
"""
)


async def list_in_doubt(session: Session, after: UUID, limit: int) -> Page[Position]:
    """
    Return the page of positions in doubt after the ref *after*.
    """
    return await _list_by_ref(session, _LIST_IN_DOUBT, after, limit)


_LIST_LEFT_BY_ENDED_RUNS: Final = whole_positions(
    """
WHERE p.ref > $1::text::uuid AND p.ref IN (
    SELECT o.ref
    FROM poslife.orders AS o
    LEFT JOIN poslife.runs AS r
        ON r.id = o.run AND r.ended_at IS NULL AND r.lost_at IS NULL AND r.lease_until > clock_timestamp()
    WHERE o.status IN ('prepared', 'submitting', 'working', 'in_doubt') AND r.id IS NULL
)
ORDER BY p.ref
LIMIT $2::text::bigint
"""
)


async def list_left_by_ended_runs(session: Session, after: UUID, limit: int) -> Page[Position]:
    """
    Return the page of positions after the ref *after* with an order of an ended run.
    """
    return await _list_by_ref(session, _LIST_LEFT_BY_ENDED_RUNS, after, limit)


async def _list_by_ref(session: Session, statement: str, after: UUID, limit: int) -> Page[Position]:
    positions = positions_of(await session.fetch(statement, str(after), str(limit + 1)))
    return page_of([(str(position.ref), position) for position in positions], limit)


_BEFORE_ALL: Final = UUID(int=0)

_LIST_CLOSED: Final = whole_positions(
    """
WHERE p.status = 'closed'
  AND p.closed_at >= $1::text::timestamptz AND p.closed_at < $2::text::timestamptz
  AND (p.closed_at, p.ref) > ($3::text::timestamptz, $4::text::uuid)
ORDER BY p.closed_at, p.ref
LIMIT $5::text::bigint
"""
)


async def list_closed(
    session: Session, since: datetime, until: datetime, after: AfterClosing | None, limit: int
) -> Page[ClosedPosition]:
    """
    Return the page of positions closed between two times.
    """
    time, ref = ("-infinity", _BEFORE_ALL) if after is None else (after.time, after.ref)
    rows = await session.fetch(
        _LIST_CLOSED, since.isoformat(), until.isoformat(), time, str(ref), str(limit + 1)
    )
    closed = [position for position in positions_of(rows) if isinstance(position, ClosedPosition)]
    return page_of([(closing_token(position), position) for position in closed], limit)


_LIST_FILLS: Final = """
SELECT row_to_json(f)::text
FROM poslife.fills AS f
WHERE f.ref = $1::text::uuid AND f.number > $2::text::bigint
ORDER BY f.number
LIMIT $3::text::bigint
"""


async def list_fills(session: Session, ref: PositionRef, after: int, limit: int) -> Page[StoredFill]:
    """
    Return the page of a position's fills after the number *after*.
    """
    return _fills_page(await session.fetch(_LIST_FILLS, str(ref), str(after), str(limit + 1)), limit)


_LIST_UNCLAIMED: Final = """
SELECT row_to_json(f)::text
FROM poslife.fills AS f
WHERE f.ref IS NULL AND f.number > $1::text::bigint
ORDER BY f.number
LIMIT $2::text::bigint
"""


async def list_unclaimed(session: Session, after: int, limit: int) -> Page[StoredFill]:
    """
    Return the page of unclaimed fills after the number *after*.
    """
    return _fills_page(await session.fetch(_LIST_UNCLAIMED, str(after), str(limit + 1)), limit)


def _fills_page(rows: Iterable[str], limit: int) -> Page[StoredFill]:
    numbered = (fill_of(row) for row in rows)
    return page_of([(str(number), stored) for number, stored in numbered], limit)


LIST_HISTORY: Final = f"""
WITH events AS (
    (
        SELECT {listed_events(LIFE_EVENTS, "l")}
        FROM poslife.life_events AS l
        WHERE l.ref = $1::text::uuid AND l.event_id > $2::text::uuid
        ORDER BY l.event_id
        LIMIT $3::text::bigint
    ) UNION ALL (
        SELECT {listed_events(RUN_EVENTS, "e")}
        FROM poslife.run_events AS e
        WHERE e.ref = $1::text::uuid AND e.event_id > $4::text::uuid
        ORDER BY e.event_id
        LIMIT $3::text::bigint
    )
)
SELECT row_to_json(t)::text
FROM events AS t
ORDER BY t.event_id
LIMIT $3::text::bigint
"""  # noqa: S608 - made of constants


def history_arguments(ref: PositionRef, after: UUID, limit: int) -> tuple[str, str, str, str]:
    """
    Return the arguments of `LIST_HISTORY`.

    Host events have a bound, by which PostgreSQL leaves out the partitions that are older than the position.
    Life events are in one table, so none is needed there.
    """
    return str(ref), str(after), str(limit + 1), str(max(after, _before_host_events(ref)))


async def list_history(session: Session, ref: PositionRef, after: UUID, limit: int) -> Page[RecordedEvent]:
    """
    Return the page of a position's events after the id *after*.
    """
    rows = await session.fetch(LIST_HISTORY, *history_arguments(ref, after, limit))
    events = [event_of(row) for row in rows]
    return page_of([(str(event.header.id), event) for event in events], limit)


_TIME_BITS: Final = 80
_CLOCKS_DIFFER_BY: Final = 3_600_000
"""
The milliseconds by which the clock of a host that records about a position may be behind that of the ref.
"""


def _before_host_events(ref: PositionRef) -> UUID:
    """
    Return an id below those of all host events about a position: an hour before the time in its ref.

    A ref that is no UUIDv7 has no time in it: then it is the lowest id.
    """
    if ref.version != 7:
        return UUID(int=0)
    begin = max((ref.int >> _TIME_BITS) - _CLOCKS_DIFFER_BY, 0) << _TIME_BITS
    return UUID(int=max(begin - 1, 0))
