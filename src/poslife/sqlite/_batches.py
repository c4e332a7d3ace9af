"""
Writing batches of events, and burying those that are refused for good.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from poslife._encoding import clean_text
from poslife._rows import RUN_EVENT_COLUMNS, run_event_row
from poslife.protocols import DeadLetter, EventRecord
from poslife.sqlite._cells import cells_of, insertion, time_text
from poslife.sqlite._session import Session

__all__ = ["bury", "write"]

_WRITE: Final = f"{insertion('run_events', RUN_EVENT_COLUMNS)} ON CONFLICT (event_id) DO NOTHING"


def write(session: Session, records: Sequence[EventRecord]) -> None:
    """
    See `BatchWriter.write`.
    """
    rows = [cells_of(run_event_row(record)) for record in records]
    with session.writing():
        session.run_each(_WRITE, rows)


_BURY: Final = """
INSERT INTO dead_letters (event_id, record, reason, buried_at) VALUES (?, ?, ?, ?)
ON CONFLICT (event_id) DO NOTHING
"""


def bury(session: Session, letter: DeadLetter, now: datetime) -> None:
    """
    See `BatchWriter.bury`.
    """
    # Not msgspec's own text: this one writes lone surrogates as escapes, too.
    record = json.dumps(msgspec.to_builtins(letter.record)).encode("ascii")
    reason = clean_text(letter.reason, most=len(letter.reason))
    with session.writing():
        session.run(_BURY, (str(letter.record.header.id), record, reason, time_text(now)))
