"""
Committing a change, or several that have nothing to do with each other: all of it or nothing, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict
from uuid import UUID

import msgspec

from poslife._domain.changes import Change, Committed, Promote, Transition
from poslife._domain.commit_checks import (
    Heads,
    StoredHead,
    require_found,
    require_settlement,
    require_versions,
)
from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import PositionId, PositionRef
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import ClosedPosition
from poslife._trail.encoding import fingerprint
from poslife.errors import (
    ChangeIdReused,
    PoslifeError,
    RunLost,
    StorageBusy,
    StorageRejected,
    StorageUnavailable,
)
from poslife.postgres._cells import bytes_text, cells, recordset
from poslife.postgres._conflicts import CONTESTED, explain
from poslife.postgres._database import Database, Session
from poslife.postgres._reads import read_positions
from poslife.storage._event_rows import LIFE_EVENT_COLUMNS, life_digests, life_event_rows
from poslife.storage._rows import (
    FILL_COLUMNS,
    ORDER_COLUMNS,
    POSITION_COLUMNS,
    Value,
    fill_row,
    order_row,
    position_row,
)

__all__ = ["NotTogether", "commit", "commit_together"]

_TRIES: Final = 10

_PLACEHOLDER: Final = PositionId(1)


class _Head(TypedDict):
    ref: UUID
    status: str
    version: int
    id: int | None
    trail: str | None


class _Ground(TypedDict):
    registered: bool
    leased: bool
    heads: list[_Head]


class _FirstResult(TypedDict):
    fingerprint: str
    ids: dict[UUID, int | None]


class _Written(TypedDict):
    ref: UUID
    id: int | None


_ground_decoder: Final = msgspec.json.Decoder(_Ground)
_heads_decoder: Final = msgspec.json.Decoder(list[_Head])
_first_result_decoder: Final = msgspec.json.Decoder(_FirstResult)
_written_decoder: Final = msgspec.json.Decoder(_Written)


class _MovedMeanwhile(StorageBusy):
    """
    A position appeared between reading the heads and writing.
    """


async def commit(database: Database, change: Change) -> Committed:
    """
    See `Repository.commit`.
    """
    mark = fingerprint(change).hex()

    async def attempt(session: Session) -> Committed:
        ground = await _take_ground(session, (change,), (mark,))
        if not ground["registered"]:
            return await _first_result(session, change, mark)
        (committed,) = await _attempt(session, (change,), ground)
        return committed

    for _ in range(_TRIES):
        try:
            return await database.transact(attempt)
        except _MovedMeanwhile:
            continue
        except StorageRejected as refusal:
            if refusal.constraint not in CONTESTED:
                raise
            # Whoever was in the way may be gone by the time it is looked for: then all is tried again.
            await database.transact(lambda session: explain(session, change))
    raise StorageBusy(f"the positions of change {change.id} were taken and released {_TRIES} times meanwhile")


class NotTogether(Exception):
    """
    Nothing of several changes was committed: for one of them there is more to be said than that it was.
    """


async def commit_together(database: Database, changes: Sequence[Change]) -> list[Committed]:
    """
    Commit changes of different positions in one transaction.

    Raises:
        NotTogether: One of them is refused, was committed before, or is in somebody's way.
        StorageUnavailable: Unknown whether they were committed: repeat each.
    """

    async def attempt(session: Session) -> list[Committed]:
        marks = [fingerprint(change).hex() for change in changes]
        ground = await _take_ground(session, changes, marks)
        if not ground["registered"]:
            raise NotTogether
        return await _attempt(session, changes, ground)

    try:
        return await database.transact(attempt)
    except StorageBusy as error:
        raise NotTogether from error
    except StorageUnavailable:
        raise
    except PoslifeError as error:
        raise NotTogether from error


async def _attempt(session: Session, changes: Sequence[Change], ground: _Ground) -> list[Committed]:
    for change in changes:
        if change.needs_lease and not ground["leased"]:
            raise RunLost(change.run)
    heads = _stored_heads(ground["heads"])
    transitions = [transition for change in changes for transition in change.transitions]
    if any(transition.version > 1 and transition.ref not in heads for transition in transitions):
        # The statement saw the store as it was before it waited for an earlier attempt.
        heads = await _read_heads(session, changes)
    for change in changes:
        await _check(session, change, heads)
    ids = await _write(session, changes, heads)
    if len(ids) != len(transitions):
        raise _MovedMeanwhile(f"a position of change {changes[0].id} appeared meanwhile")
    return [
        Committed(
            change_id=change.id,
            positions=tuple(transition.result(ids[transition.ref]) for transition in change.transitions),
        )
        for change in changes
    ]


# The last of its life events' digests.
_TRAIL: Final = """(
    SELECT encode(l.digest, 'hex') FROM poslife.life_events AS l
    WHERE l.ref = p.ref ORDER BY l.version DESC, l.index DESC LIMIT 1
)"""

# The changes are registered first of all: a repetition waits here for an earlier attempt that is still in
# flight. The conditions on `registered` make sure of that order, and that a repetition locks nothing.
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
)
SELECT json_build_object(
    'registered', (SELECT yes FROM fresh),
    'leased', (SELECT count(*) FROM lease) = cardinality($2::text[]),
    'heads', (SELECT coalesce(json_agg(h), '[]') FROM heads AS h)
)::text
"""  # noqa: S608 - a statement of our own


async def _take_ground(session: Session, changes: Sequence[Change], marks: Sequence[str]) -> _Ground:
    """
    Register the changes, hold their run and lock their positions.
    """
    registration = recordset(
        [
            {"change_id": change.id, "fingerprint": f"\\x{mark}", "run": change.run, "at": change.at}
            for change, mark in zip(changes, marks, strict=True)
        ]
    )
    # The run is held by every change: ending it waits for what a dead process has in flight at the server.
    runs = [str(run) for run in {change.run for change in changes}]
    answer = await session.fetch(_TAKE_GROUND, registration, runs, _texts(changes))
    return _ground_decoder.decode(answer[0])


_READ_HEADS: Final = f"""
WITH heads AS (
    SELECT p.ref, p.status, p.version, p.id, {_TRAIL} AS trail
    FROM poslife.positions AS p
    WHERE p.ref = ANY ($1::text[]::uuid[])
    ORDER BY p.ref
    FOR NO KEY UPDATE
)
SELECT coalesce(json_agg(h), '[]')::text FROM heads AS h
"""  # noqa: S608 - a statement of our own


async def _read_heads(session: Session, changes: Sequence[Change]) -> Heads:
    answer = await session.fetch(_READ_HEADS, _texts(changes))
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


async def _check(session: Session, change: Change, heads: Heads) -> None:
    """
    The three checks, in their order of precedence over the whole change.
    """
    require_found(change.transitions, heads)
    closed = [
        ref for ref, head in heads.items() if head.status is PositionStatus.CLOSED and ref in change.refs
    ]
    if closed:
        positions = await read_positions(session, closed)
        for transition in change.transitions:
            if isinstance(position := positions.get(transition.ref), ClosedPosition):
                require_settlement(transition, position)
    require_versions(change.transitions, heads)


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


async def _first_result(session: Session, change: Change, mark: str) -> Committed:
    """
    What the change made when it was committed: its transitions say all but the ids, and those never change.
    """
    answer = await session.fetch(_READ_FIRST_RESULT, str(change.id), _texts((change,)))
    first = _first_result_decoder.decode(answer[0])
    if first["fingerprint"] != mark:
        raise ChangeIdReused(change.id)
    positions = (
        transition.result(_minted(first["ids"].get(transition.ref))) for transition in change.transitions
    )
    return Committed(change_id=change.id, positions=tuple(positions), repeated=True)


# A position that has no id and is to be open gets one here. The condition on the version is for a position
# that was not there when the heads were read: it is left alone, and is missing from the result.
_WRITE: Final = """
WITH written AS (
    INSERT INTO poslife.positions AS p (
        ref, id, status, version, venue, account, symbol, leg, margin_mode, side, confidence, origin,
        requested_quantity, requested_price, entered_quantity, entered_cost, exited_quantity, exited_cost,
        stop_price, stop_order_id, take_profit_price, take_profit_order_id,
        close_reason, created_at, opened_at, closed_at
    )
    SELECT
        r.ref,
        CASE
            WHEN r.id IS NULL AND r.status IN ('open', 'closing') THEN nextval('poslife.position_ids')
            ELSE r.id
        END,
        r.status, r.version, r.venue, r.account, r.symbol, r.leg, r.margin_mode, r.side,
        r.confidence, r.origin, r.requested_quantity, r.requested_price,
        r.entered_quantity, r.entered_cost, r.exited_quantity, r.exited_cost,
        r.stop_price, r.stop_order_id, r.take_profit_price, r.take_profit_order_id,
        r.close_reason, r.created_at, r.opened_at, r.closed_at
    FROM json_populate_recordset(NULL::poslife.positions, $1::text::json) AS r
    ON CONFLICT (ref) DO UPDATE SET (
        id, status, version, venue, account, symbol, leg, margin_mode, side, confidence, origin,
        requested_quantity, requested_price, entered_quantity, entered_cost, exited_quantity, exited_cost,
        stop_price, stop_order_id, take_profit_price, take_profit_order_id,
        close_reason, created_at, opened_at, closed_at
    ) = ROW (
        excluded.id, excluded.status, excluded.version, excluded.venue, excluded.account, excluded.symbol,
        excluded.leg, excluded.margin_mode, excluded.side, excluded.confidence, excluded.origin,
        excluded.requested_quantity, excluded.requested_price,
        excluded.entered_quantity, excluded.entered_cost, excluded.exited_quantity, excluded.exited_cost,
        excluded.stop_price, excluded.stop_order_id,
        excluded.take_profit_price, excluded.take_profit_order_id,
        excluded.close_reason, excluded.created_at, excluded.opened_at, excluded.closed_at
    )
    WHERE p.version = excluded.version - 1
    RETURNING p.ref, p.id
), ordered AS (
    INSERT INTO poslife.orders (
        ref, ordinal, run, purpose, side, quantity, filled, price, client_order_id, venue_order_id, status,
        prepared_at, submitted_at, close_reason
    )
    SELECT
        r.ref, r.ordinal, r.run, r.purpose, r.side, r.quantity, r.filled, r.price, r.client_order_id,
        r.venue_order_id, r.status, r.prepared_at, r.submitted_at, r.close_reason
    FROM json_populate_recordset(NULL::poslife.orders, $2::text::json) AS r
    ON CONFLICT (ref, ordinal) DO UPDATE SET (
        run, purpose, side, quantity, filled, price, client_order_id, venue_order_id, status,
        prepared_at, submitted_at, close_reason
    ) = ROW (
        excluded.run, excluded.purpose, excluded.side, excluded.quantity, excluded.filled, excluded.price,
        excluded.client_order_id, excluded.venue_order_id, excluded.status,
        excluded.prepared_at, excluded.submitted_at, excluded.close_reason
    )
), filled AS (
    INSERT INTO poslife.fills (
        venue, account, symbol, trade_id, side, quantity, price, at, venue_order_id, client_order_id, leg,
        fees, ref, ordinal, unclaimed_because
    )
    SELECT
        r.venue, r.account, r.symbol, r.trade_id, r.side, r.quantity, r.price, r.at, r.venue_order_id,
        r.client_order_id, r.leg, r.fees, r.ref, r.ordinal, r.unclaimed_because
    FROM json_populate_recordset(NULL::poslife.fills, $3::text::json) AS r
), told AS (
    INSERT INTO poslife.life_events (
        event_id, type, schema, ref, venue, account, symbol, ordinal, severity, occurred_at, recorded_at,
        run, correlation, causation, actor, version, index, body, digest
    )
    SELECT
        r.event_id, r.type, r.schema, r.ref, r.venue, r.account, r.symbol, r.ordinal, r.severity,
        r.occurred_at, r.recorded_at, r.run, r.correlation, r.causation, r.actor, r.version, r.index, r.body,
        r.digest
    FROM json_populate_recordset(NULL::poslife.life_events, $4::text::json) AS r
)
SELECT row_to_json(w)::text FROM written AS w
"""


async def _write(
    session: Session, changes: Sequence[Change], heads: Heads
) -> Mapping[PositionRef, PositionId | None]:
    """
    Write everything, and return the ids of the positions.
    """
    transitions = [transition for change in changes for transition in change.transitions]
    # What releases a key goes before what claims one: the index is asked row by row.
    positions = sorted(map(_position_cells, transitions), key=_holds_key)
    orders = [
        cells(ORDER_COLUMNS, order_row(order)) for transition in transitions for order in transition.orders
    ]
    fills = [cells(FILL_COLUMNS, fill_row(stored)) for change in changes for stored in change.fills]
    events = [row for change in changes for row in life_event_rows(change.events, change.at)]
    answer = await session.fetch(
        _WRITE,
        recordset(positions),
        recordset(orders),
        recordset(fills),
        recordset(
            [
                cells(LIFE_EVENT_COLUMNS, (*row.cells, bytes_text(digest)))
                for row, digest in zip(events, life_digests(events, heads), strict=True)
            ]
        ),
    )
    written = [_written_decoder.decode(row) for row in answer]
    return {PositionRef(row["ref"]): _minted(row["id"]) for row in written}


def _position_cells(transition: Transition) -> dict[str, Value]:
    row = cells(POSITION_COLUMNS, position_row(transition.result(_PLACEHOLDER)))
    if isinstance(transition, Promote):
        row["id"] = None
    return row


def _holds_key(row: dict[str, Value]) -> bool:
    return row["status"] in ("pending", "open", "closing")


def _minted(id: int | None) -> PositionId | None:
    return None if id is None else PositionId(id)


def _texts(changes: Sequence[Change]) -> list[str]:
    return [str(transition.ref) for change in changes for transition in change.transitions]
