"""
Erasing payloads and evidence, and purging the beginnings of runs: each with its record, in one transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from poslife._domain.identifiers import EventId, RunId
from poslife._runtime.process import this_user
from poslife._trail.dead_letters import decode_dead_letter, encode_dead_letter
from poslife._trail.removals import Erased
from poslife.errors import EventNotFound
from poslife.sqlite._cells import time_text
from poslife.sqlite._errors import translated
from poslife.sqlite._runs import IS_LEASED
from poslife.sqlite._session import Session
from poslife.storage._event_rows import EMPTY_STREAM, StreamHead
from poslife.storage._removals import (
    ERASED_REASON,
    end_of_purge,
    require_evidence,
    require_purgeable,
    without_payload,
)

__all__ = ["erase", "purge"]

_ERASURE: Final = """
INSERT INTO erasures (event_id, what, "by", "at", why) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (event_id) DO NOTHING
"""


def erase(session: Session, event: EventId, why: str, now: datetime) -> None:
    with session.writing(), translated(session.path), session.changing_events("erase"):
        what = Erased.PAYLOAD if _erase_payload(session, event) else Erased.EVIDENCE
        if what is Erased.EVIDENCE:
            _erase_evidence(session, event)
        session.run(_ERASURE, (str(event), what.value, this_user(), time_text(now), why))


_ERASE_PAYLOAD: Final = "UPDATE run_events SET payload = NULL, salt = NULL WHERE event_id = ?"
_LETTER: Final = "SELECT record FROM dead_letters WHERE event_id = ?"
_ERASE_LETTER: Final = "UPDATE dead_letters SET record = ?, reason = ? WHERE event_id = ?"


def _erase_payload(session: Session, event: EventId) -> bool:
    """
    Erase the payload of a host event and of its dead letter, and return False where there is neither.
    """
    found = session.run(_ERASE_PAYLOAD, (str(event),)) > 0
    if (letter := session.row(_LETTER, str(event))) is not None:
        (encoded,) = cast("tuple[bytes]", letter)
        record = without_payload(decode_dead_letter(encoded))
        session.run(_ERASE_LETTER, (encode_dead_letter(record), ERASED_REASON, str(event)))
    return found or letter is not None


_BODY: Final = "SELECT body FROM life_events WHERE event_id = ?"
_ERASE_EVIDENCE: Final = "UPDATE life_events SET evidence = NULL, evidence_salt = NULL WHERE event_id = ?"


def _erase_evidence(session: Session, event: EventId) -> None:
    row = session.row(_BODY, str(event))
    if row is None:
        raise EventNotFound(event)
    require_evidence(event, str(row[0]).encode())
    session.run(_ERASE_EVIDENCE, (str(event),))


_PURGED: Final = "SELECT upto, digest FROM purges WHERE run = ? ORDER BY upto DESC LIMIT 1"
_LAST: Final = "SELECT max(sequence) FROM run_events WHERE run = ?"
_LAST_PURGED: Final = """
SELECT sequence, digest FROM run_events WHERE run = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1
"""
_DELETE: Final = "DELETE FROM run_events WHERE run = ? AND sequence <= ?"
_DELETE_LETTER: Final = "DELETE FROM dead_letters WHERE event_id = ?"
_PURGE: Final = 'INSERT INTO purges (run, upto, digest, "by", "at", why) VALUES (?, ?, ?, ?, ?, ?)'


def purge(session: Session, run: RunId, upto: int, why: str, now: datetime) -> None:
    with session.writing(), translated(session.path), session.changing_events("purge"):
        before = _head(session, _PURGED, str(run)) or EMPTY_STREAM
        letters = _letters(session, run)
        (last,) = cast("tuple[int | None]", session.row(_LAST, str(run)))
        require_purgeable(
            run,
            upto,
            is_running=session.row(IS_LEASED, str(run), time_text(now)) is not None,
            last=max(last or 0, *(head.sequence for head in letters.values()), 0),
            purged=before.sequence,
        )
        purged = {event: head for event, head in letters.items() if head.sequence <= upto}
        stored = _head(session, _LAST_PURGED, str(run), upto)
        session.run(_DELETE, (str(run), upto))
        session.run_each(_DELETE_LETTER, [(event,) for event in purged])
        end = end_of_purge([*purged.values(), stored or EMPTY_STREAM], before)
        if end.sequence > before.sequence:
            session.run(_PURGE, (str(run), end.sequence, end.digest, this_user(), time_text(now), why))


def _head(session: Session, statement: str, *arguments: str | int) -> StreamHead | None:
    row = session.row(statement, *arguments)
    return None if row is None else StreamHead(*cast("tuple[int, bytes]", row))


_LETTERS: Final = "SELECT event_id, record FROM dead_letters WHERE instr(record, ?)"


def _letters(session: Session, run: RunId) -> dict[str, StreamHead]:
    """
    Return the dead letters of a run by event id, replayed ones included.
    """
    rows = cast("list[tuple[str, bytes]]", session.rows(_LETTERS, str(run).encode()))
    records = {event: decode_dead_letter(encoded) for event, encoded in rows}
    return {
        event: StreamHead(record.sequence or 0, record.digest)
        for event, record in records.items()
        if record.header.run == run  # and is not only mentioned, as a correlation may be
    }
