"""
Dead letters: events refused for good, kept until they are replayed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from poslife._domain.identifiers import EventId
from poslife._domain.text import clean_text
from poslife._trail.dead_letters import decode_dead_letter, encode_dead_letter
from poslife.errors import DeadLetterNotFound
from poslife.postgres import _batches
from poslife.postgres._database import Session
from poslife.protocols import BuriedLetter, DeadLetter, Page
from poslife.protocols._pages import page_of

__all__ = ["BURY", "bury", "list_dead_letters", "replay"]

BURY: Final = """
INSERT INTO poslife.dead_letters (event_id, record, reason, attempts, buried_at)
SELECT $1::text::uuid, decode($2::text, 'hex'), $3::text, $4::text::integer, clock_timestamp()
WHERE NOT EXISTS (SELECT FROM poslife.run_events WHERE event_id = $1::text::uuid)
  AND NOT EXISTS (SELECT FROM poslife.life_events WHERE event_id = $1::text::uuid)
ON CONFLICT (event_id) DO NOTHING
"""


async def bury(session: Session, letter: DeadLetter) -> None:
    """
    Keep an event that was refused, unless it is stored.
    """
    record = encode_dead_letter(letter.record)
    reason = clean_text(letter.reason, most=len(letter.reason))
    await session.fetch(BURY, str(letter.record.header.id), record.hex(), reason, str(letter.attempts))


_LIST: Final = """
SELECT json_build_object(
    'event', d.event_id, 'record', encode(d.record, 'hex'), 'reason', d.reason,
    'attempts', d.attempts, 'buried_at', d.buried_at
)::text
FROM poslife.dead_letters AS d
WHERE d.replayed_at IS NULL AND d.event_id > $1::text::uuid
ORDER BY d.event_id
LIMIT $2::text::bigint
"""


class _Line(msgspec.Struct):
    event: UUID
    record: str
    reason: str
    attempts: int
    buried_at: datetime


_decoder: Final = msgspec.json.Decoder(_Line)


async def list_dead_letters(session: Session, after: UUID, limit: int) -> Page[BuriedLetter]:
    """
    Return the page of dead letters after *after* that were not replayed.
    """
    rows = await session.fetch(_LIST, str(after), str(limit + 1))
    lines = [_decoder.decode(row) for row in rows]
    return page_of([(str(line.event), _buried(line)) for line in lines], limit)


def _buried(line: _Line) -> BuriedLetter:
    letter = DeadLetter(
        record=decode_dead_letter(bytes.fromhex(line.record)), reason=line.reason, attempts=line.attempts
    )
    return BuriedLetter(letter=letter, buried_at=line.buried_at)


_MARK: Final = """
UPDATE poslife.dead_letters SET replayed_at = clock_timestamp()
WHERE event_id = $1::text::uuid AND replayed_at IS NULL
RETURNING encode(record, 'hex')
"""


async def replay(session: Session, event: EventId) -> None:
    """
    Store the event of a dead letter, and mark the letter as replayed.

    Raises:
        DeadLetterNotFound: There is none, or it was replayed.
    """
    encoded = await session.fetch_one(_MARK, str(event))
    if encoded is None:
        raise DeadLetterNotFound(event)
    await _batches.write(session, _batches.batch_of((decode_dead_letter(bytes.fromhex(encoded)),)))
