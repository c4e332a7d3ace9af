"""
Erasing payloads and evidence, and purging the beginnings of runs: each with its record, in one transaction.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poslife._domain.identifiers import EventId, RunId
from poslife._trail.dead_letters import decode_dead_letter, encode_dead_letter
from poslife._trail.removals import Erased
from poslife.errors import ErasureRefused, EventNotFound, PurgeRefused
from poslife.postgres._cells import bytes_text
from poslife.postgres._database import Session
from poslife.storage._event_rows import EMPTY_STREAM, StreamHead
from poslife.storage._removals import (
    ERASED_REASON,
    end_of_purge,
    require_evidence,
    require_purgeable,
    without_payload,
)

__all__ = ["erase", "purge"]

# As the trigger decides, whatever rights a role was granted.
_IS_OWNER: Final = """
SELECT 'yes' FROM pg_class
WHERE oid = to_regclass('poslife.run_events') AND pg_has_role(relowner, 'USAGE')
"""
_OWNERS_CALL: Final = "this role has no right to: open the store as the owner of the tables"
_ALLOW: Final = "SET LOCAL poslife.append_only = 'off'"

_ERASURE: Final = """
INSERT INTO poslife.erasures (event_id, what, by, at, why)
SELECT $1::text::uuid, $2::text, session_user, clock_timestamp(), $3::text
ON CONFLICT (event_id) DO NOTHING
"""


async def erase(session: Session, event: EventId, why: str) -> None:
    if await session.fetch_one(_IS_OWNER) is None:
        raise ErasureRefused(event, _OWNERS_CALL)
    await session.run(_ALLOW)
    what = Erased.PAYLOAD if await _erase_payload(session, event) else Erased.EVIDENCE
    if what is Erased.EVIDENCE:
        await _erase_evidence(session, event)
    await session.fetch(_ERASURE, str(event), what.value, why)


# Locked first: a replay, which stores what the letter holds, comes before all of this or after it.
_LETTER: Final = """
SELECT encode(record, 'hex') FROM poslife.dead_letters WHERE event_id = $1::text::uuid FOR UPDATE
"""
_ERASE_LETTER: Final = """
UPDATE poslife.dead_letters SET record = decode($2::text, 'hex'), reason = $3::text
WHERE event_id = $1::text::uuid
"""
_ERASE_PAYLOAD: Final = """
UPDATE poslife.run_events SET payload = NULL, salt = NULL WHERE event_id = $1::text::uuid RETURNING 'erased'
"""


async def _erase_payload(session: Session, event: EventId) -> bool:
    """
    Erase the payload of a host event and of its dead letter, and return False where there is neither.
    """
    letter = await session.fetch_one(_LETTER, str(event))
    if letter is not None:
        record = without_payload(decode_dead_letter(bytes.fromhex(letter)))
        await session.fetch(_ERASE_LETTER, str(event), encode_dead_letter(record).hex(), ERASED_REASON)
    return await session.fetch_one(_ERASE_PAYLOAD, str(event)) is not None or letter is not None


_BODY: Final = "SELECT body FROM poslife.life_events WHERE event_id = $1::text::uuid"
_ERASE_EVIDENCE: Final = """
UPDATE poslife.life_events SET evidence = NULL, evidence_salt = NULL WHERE event_id = $1::text::uuid
"""


async def _erase_evidence(session: Session, event: EventId) -> None:
    body = await session.fetch_one(_BODY, str(event))
    if body is None:
        raise EventNotFound(event)
    require_evidence(event, body.encode())
    await session.fetch(_ERASE_EVIDENCE, str(event))


# One purge at a time.
_LOCK: Final = "LOCK TABLE poslife.purges IN SHARE ROW EXCLUSIVE MODE"
_PURGED: Final = """
SELECT json_build_array(upto, encode(digest, 'hex'))::text
FROM poslife.purges WHERE run = $1::text::uuid ORDER BY upto DESC LIMIT 1
"""
_IS_RUNNING: Final = """
SELECT 'yes' FROM poslife.runs
WHERE id = $1::text::uuid AND ended_at IS NULL AND lost_at IS NULL AND lease_until > clock_timestamp()
"""
_LAST: Final = "SELECT coalesce(max(sequence), 0)::text FROM poslife.run_events WHERE run = $1::text::uuid"
_DELETE: Final = """
WITH deleted AS (
    DELETE FROM poslife.run_events WHERE run = $1::text::uuid AND sequence <= $2::text::bigint
    RETURNING sequence, digest
)
SELECT json_build_array(sequence, encode(digest, 'hex'))::text FROM deleted ORDER BY sequence DESC LIMIT 1
"""
_DELETE_LETTERS: Final = "DELETE FROM poslife.dead_letters WHERE event_id = ANY ($1::text[]::uuid[])"
_PURGE: Final = """
INSERT INTO poslife.purges (run, upto, digest, by, at, why)
SELECT $1::text::uuid, $2::text::bigint, $3::text::bytea, session_user, clock_timestamp(), $4::text
"""


async def purge(session: Session, run: RunId, upto: int, why: str) -> None:
    if await session.fetch_one(_IS_OWNER) is None:
        raise PurgeRefused(run, upto, _OWNERS_CALL)
    # No index finds the events of a run.
    await session.be_patient()
    await session.run(f"{_LOCK}; {_ALLOW}")
    before = _head(await session.fetch_one(_PURGED, str(run)))
    letters = await _letters(session, run)
    (last,) = await session.fetch(_LAST, str(run))
    require_purgeable(
        run,
        upto,
        is_running=await session.fetch_one(_IS_RUNNING, str(run)) is not None,
        last=max(int(last), *(head.sequence for head in letters.values()), 0),
        purged=before.sequence,
    )
    purged = {event: head for event, head in letters.items() if head.sequence <= upto}
    stored = _head(await session.fetch_one(_DELETE, str(run), str(upto)))
    await session.fetch(_DELETE_LETTERS, list(purged))
    end = end_of_purge([*purged.values(), stored], before)
    if end.sequence > before.sequence:
        await session.fetch(_PURGE, str(run), str(end.sequence), bytes_text(end.digest), why)


_decoder: Final = msgspec.json.Decoder(tuple[int, str])


def _head(row: str | None) -> StreamHead:
    if row is None:
        return EMPTY_STREAM
    sequence, digest = _decoder.decode(row)
    return StreamHead(sequence, bytes.fromhex(digest))


_LETTERS: Final = """
SELECT json_build_array(event_id, encode(record, 'hex'))::text
FROM poslife.dead_letters
WHERE position(convert_to($1::text, 'UTF8') IN record) > 0
"""
_letter: Final = msgspec.json.Decoder(tuple[str, str])


async def _letters(session: Session, run: RunId) -> dict[str, StreamHead]:
    """
    Return the dead letters of a run by event id, replayed ones included.
    """
    rows = map(_letter.decode, await session.fetch(_LETTERS, str(run)))
    records = {event: decode_dead_letter(bytes.fromhex(encoded)) for event, encoded in rows}
    return {
        event: StreamHead(record.sequence or 0, record.digest)
        for event, record in records.items()
        if record.header.run == run  # and is not only mentioned, as a correlation may be
    }
