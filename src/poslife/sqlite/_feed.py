"""
The life events, for those who follow them.

They are numbered as they are written, and SQLite has one writer at a time: so the order of their numbers is
that of the commits, whichever processes make them, and a reader sees all of them up to some number.
"""

from __future__ import annotations

from typing import Final

from poslife._rows import LIFE_EVENT_COLUMNS, recorded_event_from
from poslife._tokens import AfterEvent, event_token
from poslife.errors import InvalidValue
from poslife.protocols import EventRecord, FeedPage
from poslife.sqlite._cells import Cell, selection, values_by_column
from poslife.sqlite._session import Session

__all__ = ["read_life_events"]

_READ: Final = (
    selection("life_events", ("number", *LIFE_EVENT_COLUMNS)) + "WHERE number > ? ORDER BY number LIMIT ?"
)
_AT: Final = "SELECT event_id FROM life_events WHERE number = ?"

_values = values_by_column(LIFE_EVENT_COLUMNS)


def read_life_events(session: Session, after: AfterEvent | None, limit: int) -> FeedPage:
    """
    See `LifeEventFeed.read_life_events`.

    Raises:
        InvalidValue: The token is of another file: what it has passed is not what this one has.
    """
    if after is not None and session.row(_AT, after.number) != (str(after.event),):
        raise InvalidValue("after", event_token(after), "the `next` of a page of this file's feed")
    rows = session.rows(_READ, 0 if after is None else after.number, limit)
    items = tuple(_record(cells) for _, *cells in rows)
    if items:
        number = rows[-1][0]
        assert isinstance(number, int)  # the table is STRICT
        after = AfterEvent(number, items[-1].header.id)
    return FeedPage(items=items, next=None if after is None else event_token(after))


def _record(cells: list[Cell]) -> EventRecord:
    row = _values(cells)
    body = row["body"]
    assert isinstance(body, str)  # the table is STRICT
    told = recorded_event_from({**row, "content": body, "sequence": None})
    return EventRecord(
        header=told.header,
        recorded_at=told.recorded_at,
        sequence=None,
        version=told.version,
        index=told.index,
        payload=body.encode(),
    )
