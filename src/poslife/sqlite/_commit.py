"""
Committing a change: all of it or nothing, once.

The transaction holds the file's one write lock from its start, so what it reads stays true until it ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, cast

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
from poslife._domain.fills import FillId
from poslife._domain.identifiers import (
    Account,
    OrderSide,
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
    Symbol,
    TradeId,
    Venue,
)
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import ClosedPosition, Position
from poslife._runtime.salts import Salts
from poslife._trail.encoding import fingerprint
from poslife._trail.records import EventRecord
from poslife.errors import (
    ChangeIdReused,
    DuplicatePosition,
    FillAlreadyStored,
    KeyInDoubt,
    RunLost,
    StorageRejected,
)
from poslife.protocols import Clock
from poslife.sqlite._cells import Cell, cells_of, time_text
from poslife.sqlite._reads import find_by_ref, find_fill, find_live
from poslife.sqlite._runs import IS_LEASED
from poslife.sqlite._session import Session
from poslife.sqlite._statements import insertion, update
from poslife.storage._columns import FILLS, LIFE_EVENTS, ORDERS, POSITIONS, names_of
from poslife.storage._event_rows import (
    EMPTY_STREAM,
    StreamHead,
    chained,
    has_unassigned_events,
    life_event_records,
    life_event_row,
)
from poslife.storage._mapping import writer_of
from poslife.storage._rows import fill_row, order_row, position_row

__all__ = ["Prepared", "commit", "prepare"]

Row = tuple[Cell, ...]

_LIVE: Final = frozenset({PositionStatus.PENDING, PositionStatus.OPEN, PositionStatus.CLOSING})


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """
    A change as rows, as far as they can be made without the file.

    Attributes:
        change: The change.
        registration: Its row in the table of changes: id, fingerprint, run and time.
        positions: The row of each transition; ``None`` where the position has no id yet.
        orders: The rows of the orders that it changes.
        fills: The rows of its fills.
        events: Its events, but for their digests.
        told: Their rows as cells, but for the digest, which comes last.
    """

    change: Change
    registration: tuple[str, bytes, str, str]
    positions: tuple[Row | None, ...]
    orders: tuple[Row, ...]
    fills: tuple[Row, ...]
    events: list[EventRecord]
    told: tuple[Row, ...]


def prepare(change: Change, salts: Salts) -> Prepared:
    """
    Make the rows of a change, outside the thread that has the file, and without a lock.

    Raises:
        StorageRejected: A value is one that SQLite cannot store.
    """
    registration = cells_of((change.id, fingerprint(change), change.run, change.at))
    transitions = change.transitions
    events = life_event_records(change, salts.draw)
    return Prepared(
        change=change,
        registration=cast("tuple[str, bytes, str, str]", registration),
        positions=tuple(
            [
                None if isinstance(transition, Promote) else cells_of(position_row(transition.after))
                for transition in transitions
            ]
        ),
        orders=tuple(
            [cells_of(order_row(order)) for transition in transitions for order in transition.orders]
        ),
        fills=tuple([cells_of(fill_row(stored)) for stored in change.fills]),
        events=events,
        told=tuple([cells_of(_unlinked_row(event)) for event in events]),
    )


def commit(session: Session, prepared: Prepared, clock: Clock) -> Committed:
    change = prepared.change
    with session.writing():
        ground = _take_ground(session, prepared, clock)
        if ground.registered:
            return _first_result(session, prepared)
        if change.needs_lease and not ground.leased:
            raise RunLost(change.run)
        heads = ground.heads
        _check(session, change, heads)
        if len(change.transitions) > 1:
            _require_free_keys(session, change, heads)
        positions = tuple([_result(session, transition) for transition in change.transitions])
        session.run(_REGISTER, prepared.registration)
        try:
            _write_positions(session, positions, prepared.positions, heads)
        except sqlite3.IntegrityError:
            # Nearly every claim is of a free key, so the holder is looked for only after a refusal.
            _require_free_keys(session, change, heads)
            raise
        session.run_each(_WRITE_ORDER, prepared.orders)
        _write_fills(session, prepared.fills)
        session.run_each(_WRITE_EVENT, _event_rows(session, prepared, heads))
    return Committed(change_id=change.id, positions=positions)


_unlinked_row: Final = writer_of(LIFE_EVENTS[:-1], EventRecord)


def _event_rows(session: Session, prepared: Prepared, heads: Heads) -> list[Row]:
    change, unassigned = prepared.change, EMPTY_STREAM
    if has_unassigned_events(change):
        unassigned = _read_unassigned(session, change.run)
    records = chained(prepared.events, heads, unassigned=unassigned)
    return [
        (*row, record.digest) if record.sequence is None else cells_of(life_event_row(record))
        for row, record in zip(prepared.told, records, strict=True)
    ]


_READ_UNASSIGNED: Final = """
SELECT sequence, digest FROM life_events WHERE run = ? AND ref IS NULL ORDER BY sequence DESC LIMIT 1
"""


def _read_unassigned(session: Session, run: RunId) -> StreamHead:
    row = session.row(_READ_UNASSIGNED, str(run))
    return EMPTY_STREAM if row is None else StreamHead(*cast("tuple[int, bytes]", row))


class _Ground(msgspec.Struct, frozen=True):
    """
    The state that a commit is checked against.
    """

    registered: bool
    leased: bool
    heads: Heads


# The digest of its last life event.
_TRAIL: Final = """(
    SELECT digest FROM life_events WHERE ref = positions.ref ORDER BY version DESC, "index" DESC LIMIT 1
)"""

_TAKE_GROUND: Final = f"""
SELECT
    EXISTS (SELECT 1 FROM changes WHERE change_id = ?), EXISTS ({IS_LEASED}),
    positions.status, positions.version, positions.id, {_TRAIL}
FROM (SELECT ? AS ref) AS wanted LEFT JOIN positions ON positions.ref = wanted.ref
"""  # noqa: S608 - of constants


def _take_ground(session: Session, prepared: Prepared, clock: Clock) -> _Ground:
    """
    Read it with one statement for a change of one position, as nearly all are.
    """
    refs = [transition.ref for transition in prepared.change.transitions]
    first = str(refs[0]) if refs else None
    change, _, run, _ = prepared.registration
    row = session.row(_TAKE_GROUND, change, run, time_text(clock.now()), first)
    # The tables are STRICT: cells have the types of their columns.
    registered, leased, status, version, minted, trail = cast(
        "tuple[int, int, str | None, int, int | None, bytes | None]", row
    )
    heads = _read_heads(session, refs[1:])
    if status is not None:
        heads[refs[0]] = _head(status, version, minted, trail)
    return _Ground(bool(registered), bool(leased), heads)


def _head(status: str, version: int, minted: int | None, trail: bytes | None) -> StoredHead:
    return StoredHead(
        status=PositionStatus(status),
        version=version,
        id=None if minted is None else PositionId(minted),
        trail=UNLINKED if trail is None else trail,
    )


_READ_HEAD: Final = f"SELECT status, version, id, {_TRAIL} FROM positions WHERE ref = ?"  # noqa: S608 - of constants


def _read_heads(session: Session, refs: Iterable[PositionRef]) -> dict[PositionRef, StoredHead]:
    found = {ref: session.row(_READ_HEAD, str(ref)) for ref in refs}
    return {
        ref: _head(*cast("tuple[str, int, int | None, bytes | None]", row))
        for ref, row in found.items()
        if row is not None
    }


_REGISTER: Final = 'INSERT INTO changes (change_id, fingerprint, run, "at") VALUES (?, ?, ?, ?)'


def _first_result(session: Session, prepared: Prepared) -> Committed:
    """
    Return the result of a change that was committed before: its transitions, and the ids it minted.
    """
    change, (own_id, mark, *_) = prepared.change, prepared.registration
    stored = session.row("SELECT fingerprint FROM changes WHERE change_id = ?", own_id)
    if stored != (mark,):
        raise ChangeIdReused(change.id)
    heads = _read_heads(session, change.refs)
    positions = tuple(
        transition.result(heads[transition.ref].id if isinstance(transition, Promote) else None)
        for transition in change.transitions
    )
    return Committed(change_id=change.id, positions=positions, repeated=True)


def _check(session: Session, change: Change, heads: Heads) -> None:
    """
    Make the three checks, in their order of precedence over the whole change.
    """
    require_found(change.transitions, heads)
    for transition in change.transitions:
        head = heads.get(transition.ref)
        if head is not None and head.status is PositionStatus.CLOSED:
            closed = find_by_ref(session, transition.ref)
            assert isinstance(
                closed, ClosedPosition
            )  # its head has this status, and the transaction holds the lock
            require_settlement(transition, closed)
    require_versions(change.transitions, heads)


def _require_free_keys(session: Session, change: Change, heads: Heads) -> None:
    """
    Refuse a claim of a key that another position holds and does not release in the same change.
    """
    released = {transition.ref for transition in change.transitions if not _is_live(transition)}
    taken: set[PositionKey] = set()
    for transition in change.transitions:
        if transition.ref in released:
            continue
        key = _key(transition)
        head = heads.get(transition.ref)
        if head is None or head.status not in _LIVE:
            holder = find_live(session, key)
            if holder is not None and holder.ref not in released:
                raise (KeyInDoubt if holder.in_doubt else DuplicatePosition)(key, holder)
        if key in taken:
            raise StorageRejected(f"the change claims {key} twice", constraint="positions_one_live_per_key")
        taken.add(key)


def _is_live(transition: Transition) -> bool:
    return isinstance(transition, Promote) or transition.after.live


def _key(transition: Transition) -> PositionKey:
    return (transition.pending if isinstance(transition, Promote) else transition.after).key


_MINT: Final = "UPDATE position_ids SET last = last + 1 RETURNING last"


def _result(session: Session, transition: Transition) -> Position:
    """
    Return the position afterwards, with a new id for its first fill.
    """
    if not isinstance(transition, Promote):
        return transition.result(None)
    match session.row(_MINT):
        case (int(minted),):
            return transition.result(PositionId(minted))
        case _:
            raise StorageRejected("the table position_ids has no row: restore it from a backup")


_INSERT_POSITION: Final = insertion("positions", POSITIONS)
_UPDATE_POSITION: Final = update("positions", POSITIONS[1:], "ref")


def _write_positions(
    session: Session, positions: Sequence[Position], rows: Sequence[Row | None], heads: Heads
) -> None:
    for position, prepared in _releasing_first(positions, rows):
        row = cells_of(position_row(position)) if prepared is None else prepared
        if position.ref in heads:
            session.run(_UPDATE_POSITION, (*row[1:], row[0]))
        else:
            session.run(_INSERT_POSITION, row)


def _releasing_first(
    positions: Sequence[Position], rows: Sequence[Row | None]
) -> Sequence[tuple[Position, Row | None]]:
    # Releases go before claims: the unique index is checked row by row.
    return sorted(zip(positions, rows, strict=True), key=lambda pair: pair[0].live)


_WRITE_ORDER: Final = f"{insertion('orders', ORDERS)} ON CONFLICT (ref, ordinal) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in names_of(ORDERS[2:])
)
# The columns of a `FillId`, which are the first of the table.
_IDENTITY: Final = ("venue", "account", "symbol", "trade_id", "side")
_WRITE_FILL: Final = f"{insertion('fills', FILLS)} ON CONFLICT ({', '.join(_IDENTITY)}) DO NOTHING"


def _write_fills(session: Session, rows: Sequence[Row]) -> None:
    written: set[tuple[Cell, ...]] = set()
    for row in rows:
        name = row[: len(_IDENTITY)]
        if name in written:
            raise StorageRejected(f"the change stores fill {name[3]!r} twice", constraint="fills_once")
        if not session.run(_WRITE_FILL, row):
            venue, account, symbol, trade, side = map(str, name)
            fill = FillId(Venue(venue), Account(account), Symbol(symbol), TradeId(trade), OrderSide(side))
            stored = find_fill(session, fill)
            assert stored is not None  # it was in conflict, and the transaction holds the lock
            raise FillAlreadyStored(stored.fill)
        written.add(name)


_WRITE_EVENT: Final = insertion("life_events", LIFE_EVENTS)
