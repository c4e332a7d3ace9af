"""
The start of a commit: registration of the change, lease of its run, heads of its positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict
from uuid import UUID

import msgspec

from poslife._domain.changes import Change, Committed
from poslife._domain.commit_checks import Heads, StoredHead
from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import PositionId, PositionRef, RunId
from poslife._domain.position_status import PositionStatus
from poslife.errors import ChangeIdReused
from poslife.postgres._cells import recordset
from poslife.postgres._database import Session
from poslife.storage._event_rows import StreamHead, has_unassigned_events

__all__ = ["Ground", "first_result", "lock_unassigned", "read_heads", "take_ground"]


class _Head(TypedDict):
    ref: UUID
    status: str
    version: int
    id: int | None
    trail: str | None


class _GroundRow(TypedDict):
    registered: bool
    leased: bool
    server: str
    heads: list[_Head]
    unassigned: dict[UUID, tuple[int, str]]


class _FirstResult(TypedDict):
    fingerprint: str
    ids: dict[UUID, int | None]


_ground_decoder: Final = msgspec.json.Decoder(_GroundRow)
_heads_decoder: Final = msgspec.json.Decoder(list[_Head])
_first_result_decoder: Final = msgspec.json.Decoder(_FirstResult)


class Ground(msgspec.Struct, frozen=True):
    """
    The answer of `take_ground`.

    Attributes:
        registered: Each of the changes is new, and registered with this transaction.
        leased: Each run holds its lease.
        server: The start time of the server.
        heads: The stored positions among those they change.
        unassigned: By run, the head of its stream of life events that are about no position, where it has
            one and a change adds to it.
    """

    registered: bool
    leased: bool
    server: str
    heads: Heads
    unassigned: Mapping[RunId, StreamHead]


# The digest of the position's last life event.
_TRAIL: Final = """(
    SELECT encode(l.digest, 'hex') FROM poslife.life_events AS l
    WHERE l.ref = p.ref ORDER BY l.version DESC, l.index DESC LIMIT 1
)"""

# The changes are registered first: a repetition waits here for an earlier attempt that still runs. The
# conditions on `fresh` keep this order, and keep a repetition from locking anything.
_TAKE_GROUND: Final = f"""
WITH registered AS (
    INSERT INTO poslife.changes (change_id, fingerprint, run, at)
    SELECT c.change_id, c.fingerprint, c.run, c.at
    FROM json_populate_recordset(NULL::poslife.changes, $1::text::json) AS c
    ON CONFLICT (change_id) DO NOTHING
    RETURNING change_id
), fresh AS (
    SELECT count(*) = json_array_length($1::text::json) AS yes FROM registered
), lease AS (
    SELECT r.id
    FROM poslife.runs AS r
    WHERE r.id = ANY ($2::text[]::uuid[])
      AND r.ended_at IS NULL AND r.lost_at IS NULL AND r.lease_until > clock_timestamp()
      AND (SELECT yes FROM fresh)
    ORDER BY r.id
    FOR SHARE
), heads AS (
    SELECT p.ref, p.status, p.version, p.id, {_TRAIL} AS trail
    FROM poslife.positions AS p
    WHERE p.ref = ANY ($3::text[]::uuid[]) AND (SELECT yes FROM fresh)
    ORDER BY p.ref
    FOR NO KEY UPDATE
), unassigned AS (
    SELECT u.run, last.sequence, last.digest
    FROM unnest($4::text[]::uuid[]) AS u (run)
    CROSS JOIN LATERAL (
        SELECT l.sequence, l.digest FROM poslife.life_events AS l
        WHERE l.run = u.run AND l.ref IS NULL ORDER BY l.sequence DESC LIMIT 1
    ) AS last
)
SELECT json_build_object(
    'registered', (SELECT yes FROM fresh),
    'leased', (SELECT count(*) FROM lease) = cardinality($2::text[]),
    'server', pg_postmaster_start_time()::text,
    'heads', (SELECT coalesce(json_agg(h), '[]') FROM heads AS h),
    'unassigned', (
        SELECT coalesce(json_object_agg(a.run, json_build_array(a.sequence, encode(a.digest, 'hex'))), '{{}}')
        FROM unassigned AS a
    )
)::text
"""  # noqa: S608 - made of constants


# Commits of one run number these events one after the other. Not by a lock on the run's row: each of them
# shares that already, and two that share a lock cannot both have it alone.
_LOCK_UNASSIGNED: Final = "SELECT pg_advisory_xact_lock(hashtextextended('{}', 31648266190939751))"


def lock_unassigned(changes: Sequence[Change]) -> str:
    """
    Return the statements that lock the streams of life events about no position that *changes* add to.

    They belong to the beginning of the transaction, before `take_ground` reads the heads of these streams: a
    statement that has waited for a lock does not see what its holder committed.
    """
    # Sorted: two commits that lock several streams lock them in the same order.
    runs = sorted({change.run for change in changes if has_unassigned_events(change)})
    return ";".join(_LOCK_UNASSIGNED.format(run) for run in runs)


async def take_ground(session: Session, changes: Sequence[Change], marks: Sequence[str]) -> Ground:
    """
    Register the changes, lock their runs and their positions, and return what the checks need.

    Args:
        session: The transaction they are committed in, which began with the statements of `lock_unassigned`.
        changes: The changes.
        marks: Their fingerprints, in hexadecimal.
    """
    registration = recordset(
        [
            {"change_id": change.id, "fingerprint": f"\\x{mark}", "run": change.run, "at": change.at}
            for change, mark in zip(changes, marks, strict=True)
        ]
    )
    # Every change locks its run: so ending the run waits for commits that a dead process has at the server.
    runs = [str(run) for run in {change.run for change in changes}]
    adding = [str(run) for run in {change.run for change in changes if has_unassigned_events(change)}]
    answer = await session.fetch(_TAKE_GROUND, registration, runs, _refs_of(changes), adding)
    row = _ground_decoder.decode(answer[0])
    unassigned = {
        RunId(run): StreamHead(sequence, bytes.fromhex(digest))
        for run, (sequence, digest) in row["unassigned"].items()
    }
    return Ground(
        registered=row["registered"],
        leased=row["leased"],
        server=row["server"],
        heads=_stored_heads(row["heads"]),
        unassigned=unassigned,
    )


_READ_HEADS: Final = f"""
WITH heads AS (
    SELECT p.ref, p.status, p.version, p.id, {_TRAIL} AS trail
    FROM poslife.positions AS p
    WHERE p.ref = ANY ($1::text[]::uuid[])
    ORDER BY p.ref
    FOR NO KEY UPDATE
)
SELECT coalesce(json_agg(h), '[]')::text FROM heads AS h
"""  # noqa: S608 - made of constants


async def read_heads(session: Session, changes: Sequence[Change]) -> Heads:
    """
    Lock the positions of *changes* once more, and return their heads.
    """
    answer = await session.fetch(_READ_HEADS, _refs_of(changes))
    return _stored_heads(_heads_decoder.decode(answer[0]))


def _stored_heads(heads: list[_Head]) -> Heads:
    return {
        PositionRef(head["ref"]): StoredHead(
            status=PositionStatus(head["status"]),
            version=head["version"],
            id=None if head["id"] is None else PositionId(head["id"]),
            trail=UNLINKED if head["trail"] is None else bytes.fromhex(head["trail"]),
        )
        for head in heads
    }


_READ_FIRST_RESULT: Final = """
SELECT json_build_object(
    'fingerprint', encode(c.fingerprint, 'hex'),
    'ids', (
        SELECT coalesce(json_object_agg(p.ref, p.id), '{}')
        FROM poslife.positions AS p
        WHERE p.ref = ANY ($2::text[]::uuid[])
    )
)::text
FROM poslife.changes AS c
WHERE c.change_id = $1::text::uuid
"""


async def first_result(session: Session, change: Change, mark: str) -> Committed:
    """
    Return the first result of a change that was committed before.

    Its transitions say all of it but the ids, and those never change.

    Raises:
        ChangeIdReused: The id was committed with another change.
    """
    answer = await session.fetch(_READ_FIRST_RESULT, str(change.id), _refs_of((change,)))
    first = _first_result_decoder.decode(answer[0])
    if first["fingerprint"] != mark:
        raise ChangeIdReused(change.id)
    ids = {ref: None if minted is None else PositionId(minted) for ref, minted in first["ids"].items()}
    positions = (transition.result(ids.get(transition.ref)) for transition in change.transitions)
    return Committed(change_id=change.id, positions=tuple(positions), repeated=True)


def _refs_of(changes: Sequence[Change]) -> list[str]:
    return [str(transition.ref) for change in changes for transition in change.transitions]
