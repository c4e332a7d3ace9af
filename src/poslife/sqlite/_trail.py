"""
The reads of a verification: life events stream by stream, counts, purges and erasures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, cast
from uuid import UUID

from poslife._domain.identifiers import EventId, RunId
from poslife._trail.removals import Erased
from poslife.protocols import Erasure, EventCounts, FeedPage, Page, Purge
from poslife.protocols._pages import page_of
from poslife.sqlite._cells import Cell, time_of, values_by_column
from poslife.sqlite._session import Session
from poslife.sqlite._statements import listed_events
from poslife.storage._columns import EVENTS, LIFE_EVENTS
from poslife.storage._event_rows import event_record_from
from poslife.storage._page_tokens import AfterLifeEvent, AfterNumber, numbered_token, stream_page

__all__ = ["count_events", "find_erasures", "list_purges", "read_life_streams"]

_OF_POSITIONS: Final = f"""
SELECT {listed_events(LIFE_EVENTS)} FROM life_events
WHERE ref IS NOT NULL AND (ref, version, "index") > (?, ?, ?) ORDER BY ref, version, "index" LIMIT ?
"""  # noqa: S608 - of constants
_OF_RUNS: Final = f"""
SELECT {listed_events(LIFE_EVENTS)} FROM life_events
WHERE ref IS NULL AND (run, sequence) > (?, ?) ORDER BY run, sequence LIMIT ?
"""  # noqa: S608 - of constants

_values = values_by_column(EVENTS)


def read_life_streams(session: Session, after: AfterLifeEvent | AfterNumber | None, limit: int) -> FeedPage:
    rows: list[tuple[Cell, ...]] = []
    if not isinstance(after, AfterNumber):
        ref, version, index = AfterLifeEvent(UUID(int=0), 0, 0) if after is None else after
        rows = session.rows(_OF_POSITIONS, str(ref), version, index, limit)
    if len(rows) < limit:
        run, number = after if isinstance(after, AfterNumber) else (UUID(int=0), 0)
        rows += session.rows(_OF_RUNS, str(run), number, limit - len(rows))
    return stream_page([event_record_from(_values(cells)) for cells in rows], after)


_COUNT: Final = "SELECT (SELECT count(*) FROM life_events), (SELECT count(*) FROM run_events)"


def count_events(session: Session) -> EventCounts:
    life_events, host_events = cast("tuple[int, int]", session.row(_COUNT))
    return EventCounts(life_events=life_events, host_events=host_events)


_PURGES: Final = """
SELECT run, upto, digest, "by", "at", why FROM purges
WHERE (run, upto) > (?, ?) ORDER BY run, upto LIMIT ?
"""


def list_purges(session: Session, after: AfterNumber, limit: int) -> Page[Purge]:
    purges = [_purge(row) for row in session.rows(_PURGES, str(after.run), after.number, limit + 1)]
    return page_of([(numbered_token(purge.run, purge.upto), purge) for purge in purges], limit)


def _purge(row: Sequence[Cell]) -> Purge:
    # The table is STRICT.
    run, upto, digest, by, at, why = cast("tuple[str, int, bytes, str, str, str]", row)
    return Purge(run=RunId(UUID(run)), upto=upto, digest=digest, by=by, at=time_of(at), why=why)


_ERASURES: Final = """
SELECT event_id, what, "by", "at", why FROM erasures WHERE event_id IN (SELECT value FROM json_each(?))
"""


def find_erasures(session: Session, events: Sequence[EventId]) -> Sequence[Erasure]:
    rows = session.rows(_ERASURES, json.dumps(list(map(str, events))))
    return [_erasure(row) for row in rows]


def _erasure(row: Sequence[Cell]) -> Erasure:
    # The table is STRICT.
    event, what, by, at, why = cast("tuple[str, str, str, str, str]", row)
    return Erasure(event=EventId(UUID(event)), what=Erased(what), by=by, at=time_of(at), why=why)
