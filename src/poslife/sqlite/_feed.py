"""
The feeds of life events and of host events.

SQLite has one writer at a time, so the numbers of life events are in the order of the commits of all
processes, and a reader sees every event up to some number.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from poslife.errors import InvalidValue
from poslife.protocols import FeedPage
from poslife.sqlite._cells import values_by_column
from poslife.sqlite._session import Session
from poslife.sqlite._statements import listed_events
from poslife.storage._columns import EVENTS, LIFE_EVENTS, RUN_EVENTS
from poslife.storage._event_rows import event_record_from
from poslife.storage._page_tokens import AfterEvent, event_token, run_event_page

__all__ = ["read_life_events", "read_run_events"]

_READ: Final = f"""
SELECT number, {listed_events(LIFE_EVENTS)} FROM life_events
WHERE number > ? ORDER BY number LIMIT ?
"""  # noqa: S608 - of constants
_AT: Final = "SELECT event_id FROM life_events WHERE number = ?"

_READ_RUNS: Final = f"""
SELECT {listed_events(RUN_EVENTS)} FROM run_events
WHERE event_id > ? ORDER BY event_id LIMIT ?
"""  # noqa: S608 - of constants

_values = values_by_column(EVENTS)


def read_life_events(session: Session, after: AfterEvent | None, limit: int) -> FeedPage:
    """
    Return a page of life events.

    Raises:
        InvalidValue: The token is of another file's feed.
    """
    if after is not None and session.row(_AT, after.number) != (str(after.event),):
        raise InvalidValue("after", event_token(after), "the `next` of a page of this file's feed")
    rows = session.rows(_READ, 0 if after is None else after.number, limit)
    items = tuple(event_record_from(_values(cells)) for _, *cells in rows)
    if items:
        number = rows[-1][0]
        assert isinstance(number, int)  # the table is STRICT
        after = AfterEvent(number, items[-1].header.id)
    return FeedPage(items=items, next=None if after is None else event_token(after))


def read_run_events(session: Session, after: UUID, limit: int) -> FeedPage:
    rows = session.rows(_READ_RUNS, str(after), limit)
    return run_event_page([event_record_from(_values(cells)) for cells in rows], after)
