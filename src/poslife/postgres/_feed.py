"""
The feeds of life events and of host events.

A sequence numbers rows before their transactions end, and these end in another order: a reader that goes on
from the highest number misses rows committed later under lower ones. So each life event has the id of its
transaction, and only events of transactions older than every running one are read.

A transaction's id means nothing on another server, and is compared within its epoch alone: the events of
earlier epochs are all read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from poslife.errors import InvalidValue
from poslife.postgres._cells import record_of
from poslife.postgres._database import Session
from poslife.postgres._epochs import NEWEST_EPOCH
from poslife.postgres._statements import listed_events
from poslife.protocols import FeedPage
from poslife.storage._columns import LIFE_EVENTS, RUN_EVENTS
from poslife.storage._page_tokens import AfterCommit, commit_token

__all__ = ["fetch_life_events", "fetch_run_events", "life_event_page"]

_READ: Final = f"""
SELECT json_build_object('epoch', l.epoch, 'transaction', l.commit_xid::text, 'event', row_to_json(t))::text
FROM poslife.life_events AS l
CROSS JOIN LATERAL (SELECT {listed_events(LIFE_EVENTS, "l")}) AS t
WHERE (l.epoch, l.commit_xid, l.event_id) > ($1::text::integer, $2::text::xid8, $3::text::uuid)
  AND (l.epoch, l.commit_xid) < ({NEWEST_EPOCH}, pg_snapshot_xmin(pg_current_snapshot()))
ORDER BY l.epoch, l.commit_xid, l.event_id
LIMIT $4::text::bigint
"""  # noqa: S608 - made of constants

_IS_OURS: Final = """
SELECT 'yes'
FROM poslife.life_events AS l
WHERE l.epoch = $1::text::integer AND l.commit_xid = $2::text::xid8 AND l.event_id = $3::text::uuid
"""


class _Line(msgspec.Struct):
    epoch: int
    transaction: str
    event: msgspec.Raw


_decoder: Final = msgspec.json.Decoder(_Line)


async def fetch_life_events(session: Session, after: AfterCommit | None, limit: int) -> list[str]:
    """
    Return the rows of a page, to be decoded after the transaction.

    Raises:
        InvalidValue: The token is of another database.
    """
    begin = [str(part) for part in (AfterCommit(0, 0, UUID(int=0)) if after is None else after)]
    if after is not None and await session.fetch_one(_IS_OURS, *begin) is None:
        raise InvalidValue("after", commit_token(after), "the `next` of a page of this database's feed")
    return await session.fetch(_READ, *begin, str(limit))


def life_event_page(rows: Sequence[str], after: AfterCommit | None) -> FeedPage:
    """
    Return the page of life events of *rows*.
    """
    lines = [_decoder.decode(row) for row in rows]
    items = tuple(record_of(line.event) for line in lines)
    if items:
        after = AfterCommit(lines[-1].epoch, int(lines[-1].transaction), items[-1].header.id)
    return FeedPage(items=items, next=None if after is None else commit_token(after))


_READ_RUNS: Final = f"""
SELECT row_to_json(t)::text
FROM poslife.run_events AS e
CROSS JOIN LATERAL (SELECT {listed_events(RUN_EVENTS, "e")}) AS t
WHERE e.event_id > $1::text::uuid
ORDER BY e.event_id
LIMIT $2::text::bigint
"""  # noqa: S608 - made of constants


async def fetch_run_events(session: Session, after: UUID, limit: int) -> list[str]:
    """
    Return the rows of a page, to be decoded after the transaction.
    """
    return await session.fetch(_READ_RUNS, str(after), str(limit))
