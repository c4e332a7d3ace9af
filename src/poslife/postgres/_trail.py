"""
The reads of a verification: life events stream by stream, counts, purges and erasures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from poslife._domain.identifiers import EventId, RunId
from poslife._trail.removals import Erased
from poslife.postgres._database import Session
from poslife.postgres._statements import listed_events
from poslife.protocols import Erasure, EventCounts, Page, Purge
from poslife.protocols._pages import page_of
from poslife.storage._columns import LIFE_EVENTS
from poslife.storage._page_tokens import AfterLifeEvent, AfterNumber, numbered_token

__all__ = ["count_events", "fetch_life_streams", "find_erasures", "list_purges"]

_OF_POSITIONS: Final = f"""
SELECT row_to_json(t)::text
FROM poslife.life_events AS l
CROSS JOIN LATERAL (SELECT {listed_events(LIFE_EVENTS, "l")}) AS t
WHERE l.ref IS NOT NULL
  AND (l.ref, l.version, l.index) > ($1::text::uuid, $2::text::integer, $3::text::integer)
ORDER BY l.ref, l.version, l.index
LIMIT $4::text::bigint
"""  # noqa: S608 - made of constants
_OF_RUNS: Final = f"""
SELECT row_to_json(t)::text
FROM poslife.life_events AS l
CROSS JOIN LATERAL (SELECT {listed_events(LIFE_EVENTS, "l")}) AS t
WHERE l.ref IS NULL AND (l.run, l.sequence) > ($1::text::uuid, $2::text::bigint)
ORDER BY l.run, l.sequence
LIMIT $3::text::bigint
"""  # noqa: S608 - made of constants


async def fetch_life_streams(
    session: Session, after: AfterLifeEvent | AfterNumber | None, limit: int
) -> list[str]:
    """
    Return the rows of a page, to be decoded after the transaction.
    """
    rows: list[str] = []
    if not isinstance(after, AfterNumber):
        ref, version, index = AfterLifeEvent(UUID(int=0), 0, 0) if after is None else after
        rows = await session.fetch(_OF_POSITIONS, str(ref), str(version), str(index), str(limit))
    if len(rows) < limit:
        run, number = after if isinstance(after, AfterNumber) else (UUID(int=0), 0)
        rows += await session.fetch(_OF_RUNS, str(run), str(number), str(limit - len(rows)))
    return rows


_COUNT: Final = """
SELECT json_build_object(
    'life_events', (SELECT count(*) FROM poslife.life_events),
    'host_events', (SELECT count(*) FROM poslife.run_events)
)::text
"""
_counts: Final = msgspec.json.Decoder(EventCounts)


async def count_events(session: Session) -> EventCounts:
    await session.be_patient()
    return _counts.decode((await session.fetch(_COUNT))[0])


_PURGES: Final = """
SELECT json_build_object(
    'run', p.run, 'upto', p.upto, 'digest', encode(p.digest, 'hex'), 'by', p.by, 'at', p.at, 'why', p.why
)::text
FROM poslife.purges AS p
WHERE (p.run, p.upto) > ($1::text::uuid, $2::text::bigint)
ORDER BY p.run, p.upto
LIMIT $3::text::bigint
"""


class _PurgeLine(msgspec.Struct):
    run: UUID
    upto: int
    digest: str
    by: str
    at: datetime
    why: str


_purge_decoder: Final = msgspec.json.Decoder(_PurgeLine)


async def list_purges(session: Session, after: AfterNumber, limit: int) -> Page[Purge]:
    rows = await session.fetch(_PURGES, str(after.run), str(after.number), str(limit + 1))
    purges = [_purge(row) for row in rows]
    return page_of([(numbered_token(purge.run, purge.upto), purge) for purge in purges], limit)


def _purge(row: str) -> Purge:
    line = _purge_decoder.decode(row)
    return Purge(
        run=RunId(line.run),
        upto=line.upto,
        digest=bytes.fromhex(line.digest),
        by=line.by,
        at=line.at,
        why=line.why,
    )


_ERASURES: Final = """
SELECT json_build_object('event', e.event_id, 'what', e.what, 'by', e.by, 'at', e.at, 'why', e.why)::text
FROM poslife.erasures AS e
WHERE e.event_id = ANY ($1::text[]::uuid[])
"""


class _ErasureLine(msgspec.Struct):
    event: UUID
    what: Erased
    by: str
    at: datetime
    why: str


_erasure_decoder: Final = msgspec.json.Decoder(_ErasureLine)


async def find_erasures(session: Session, events: Sequence[EventId]) -> Sequence[Erasure]:
    lines = [_erasure_decoder.decode(row) for row in await session.fetch(_ERASURES, list(map(str, events)))]
    return [
        Erasure(event=EventId(line.event), what=line.what, by=line.by, at=line.at, why=line.why)
        for line in lines
    ]
