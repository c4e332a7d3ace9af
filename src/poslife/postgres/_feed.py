"""
The life events, for those who follow them, and the host events.

Numbers from a sequence are given before a transaction ends, and transactions end in another order: who reads
up to the highest number misses what is committed later under a lower one. So life events bear the id of their
transaction, and are read below the oldest one that still runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from poslife.errors import InvalidValue
from poslife.postgres._cells import record_of
from poslife.postgres._database import Session
from poslife.postgres._statements import listed_events
from poslife.protocols import FeedPage
from poslife.storage._columns import LIFE_EVENTS, RUN_EVENTS
from poslife.storage._page_tokens import AfterEvent, AfterRunEvent, event_token, page_of_run_events

__all__ = ["fetch_life_events", "fetch_run_events", "life_event_page", "run_event_page"]

_READ: Final = f"""
SELECT json_build_object('xid', l.commit_xid::text, 'event', row_to_json(t))::text
FROM poslife.life_events AS l
CROSS JOIN LATERAL (SELECT {listed_events(LIFE_EVENTS, "l")}) AS t
WHERE (l.commit_xid, l.event_id) > ($1::text::xid8, $2::text::uuid)
  AND l.commit_xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY l.commit_xid, l.event_id
LIMIT $3::text::bigint
"""  # noqa: S608 - names of our own

_IS_OURS: Final = """
SELECT 'yes' FROM poslife.life_events AS l WHERE l.commit_xid = $1::text::xid8 AND l.event_id = $2::text::uuid
"""


class _Line(msgspec.Struct):
    xid: str
    event: msgspec.Raw


_decoder: Final = msgspec.json.Decoder(_Line)


async def fetch_life_events(session: Session, after: AfterEvent | None, limit: int) -> list[str]:
    """
    The rows of a page, which are read when the transaction is over: it is not to wait for that.

    Raises:
        InvalidValue: The token is of another database: what it has passed is not what this one has.
    """
    begin = AfterEvent(0, UUID(int=0)) if after is None else after
    if after is not None and await session.fetch_one(_IS_OURS, str(after.number), str(after.event)) is None:
        raise InvalidValue("after", event_token(after), "the `next` of a page of this database's feed")
    return await session.fetch(_READ, str(begin.number), str(begin.event), str(limit))


def life_event_page(rows: Sequence[str], after: AfterEvent | None) -> FeedPage:
    """
    See `LifeEventFeed.read_life_events`.
    """
    lines = [_decoder.decode(row) for row in rows]
    items = tuple(record_of(line.event) for line in lines)
    if items:
        after = AfterEvent(int(lines[-1].xid), items[-1].header.id)
    return FeedPage(items=items, next=None if after is None else event_token(after))


_READ_RUNS: Final = f"""
SELECT row_to_json(t)::text
FROM poslife.run_events AS e
CROSS JOIN LATERAL (SELECT {listed_events(RUN_EVENTS, "e")}) AS t
WHERE (e.run, e.sequence, e.event_id) > ($1::text::uuid, $2::text::bigint, $3::text::uuid)
ORDER BY e.run, e.sequence, e.event_id
LIMIT $4::text::bigint
"""  # noqa: S608 - names of our own


async def fetch_run_events(session: Session, after: AfterRunEvent, limit: int) -> list[str]:
    """
    The rows of a page, as above.
    """
    return await session.fetch(_READ_RUNS, str(after.run), str(after.sequence), str(after.event), str(limit))


def run_event_page(rows: Sequence[str], after: AfterRunEvent) -> FeedPage:
    """
    See `RunEventFeed.read_run_events`.
    """
    return page_of_run_events([record_of(row) for row in rows], after)
