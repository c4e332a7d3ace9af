"""
Dead letters: events that the store refused for good, kept until they are replayed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from poslife._domain.identifiers import EventId
from poslife._domain.text import clean_text
from poslife._trail.dead_letters import decode_dead_letter, encode_dead_letter
from poslife.errors import DeadLetterNotFound
from poslife.protocols import BuriedLetter, DeadLetter, EventRecord, Page
from poslife.protocols._pages import page_of
from poslife.sqlite import _batches
from poslife.sqlite._cells import Cell, time_of, time_text
from poslife.sqlite._errors import translated
from poslife.sqlite._session import Session

__all__ = ["bury", "list_dead_letters", "replay"]

_BURY: Final = """
INSERT INTO dead_letters (event_id, record, reason, attempts, buried_at)
SELECT ?, ?, ?, ?, ?
WHERE NOT EXISTS (SELECT 1 FROM run_events WHERE event_id = ?)
  AND NOT EXISTS (SELECT 1 FROM life_events WHERE event_id = ?)
ON CONFLICT (event_id) DO NOTHING
"""


def bury(session: Session, letter: DeadLetter, now: datetime) -> None:
    record = encode_dead_letter(letter.record)
    reason = clean_text(letter.reason, most=len(letter.reason))
    event = str(letter.record.header.id)
    with session.writing(), translated(session.path):
        session.run(_BURY, (event, record, reason, letter.attempts, time_text(now), event, event))


_LIST: Final = """
SELECT event_id, record, reason, attempts, buried_at FROM dead_letters
WHERE replayed_at IS NULL AND event_id > ? ORDER BY event_id LIMIT ?
"""


def list_dead_letters(session: Session, after: UUID, limit: int) -> Page[BuriedLetter]:
    rows = session.rows(_LIST, str(after), limit + 1)
    return page_of([(str(event), _buried(letter)) for event, *letter in rows], limit)


def _buried(cells: list[Cell]) -> BuriedLetter:
    record, reason, attempts, buried_at = cells
    # The table is STRICT.
    assert isinstance(record, bytes)
    assert isinstance(attempts, int)
    letter = DeadLetter(record=decode_dead_letter(record), reason=str(reason), attempts=attempts)
    return BuriedLetter(letter=letter, buried_at=time_of(str(buried_at)))


_FIND: Final = "SELECT record FROM dead_letters WHERE event_id = ? AND replayed_at IS NULL"
_MARK: Final = "UPDATE dead_letters SET replayed_at = ? WHERE event_id = ?"


def replay(session: Session, event: EventId, now: datetime) -> None:
    with session.writing(), translated(session.path):
        match session.row(_FIND, str(event)):
            case (bytes(encoded),):
                record: EventRecord = decode_dead_letter(encoded)
            case _:
                raise DeadLetterNotFound(event)
        (row,) = _batches.rows_of((record,))
        session.run(_batches.WRITE, row)
        session.run(_MARK, (time_text(now), str(event)))
