"""
Writing batches of events, and burying those that are refused for good.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import msgspec

from poslife._encoding import clean_text
from poslife._rows import RUN_EVENT_COLUMNS, run_event_row
from poslife.postgres._cells import cells, recordset
from poslife.postgres._database import Session
from poslife.protocols import DeadLetter, EventRecord

__all__ = ["batch_of", "bury", "write"]


def batch_of(records: Sequence[EventRecord]) -> str:
    """
    The records as rows.

    Raises:
        UnicodeError: A payload or a name is no text.
    """
    return recordset([cells(RUN_EVENT_COLUMNS, run_event_row(record)) for record in records])


_WRITE: Final = """
INSERT INTO poslife.run_events (
    event_id, type, schema, ref, venue, account, symbol, ordinal, severity, occurred_at, recorded_at, run,
    correlation, causation, actor, sequence, payload
)
SELECT
    r.event_id, r.type, r.schema, r.ref, r.venue, r.account, r.symbol, r.ordinal, r.severity, r.occurred_at,
    r.recorded_at, r.run, r.correlation, r.causation, r.actor, r.sequence, r.payload
FROM json_populate_recordset(NULL::poslife.run_events, $1::text::json) AS r
ON CONFLICT (event_id) DO NOTHING
"""


async def write(session: Session, batch: str) -> None:
    """
    See `BatchWriter.write`.
    """
    await session.fetch(_WRITE, batch)


_BURY: Final = """
INSERT INTO poslife.dead_letters (event_id, record, reason, buried_at)
VALUES ($1::text::uuid, decode($2::text, 'hex'), $3::text, clock_timestamp())
ON CONFLICT (event_id) DO NOTHING
"""


async def bury(session: Session, letter: DeadLetter) -> None:
    """
    See `BatchWriter.bury`.
    """
    # Not msgspec's own text: this one writes lone surrogates as escapes, too.
    record = json.dumps(msgspec.to_builtins(letter.record)).encode("ascii")
    await session.fetch(
        _BURY, str(letter.record.header.id), record.hex(), clean_text(letter.reason, most=len(letter.reason))
    )
