"""
Batches of events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import length_hint
from typing import Final, cast

import msgspec

from poslife._domain.checks import require_utc
from poslife._domain.event_envelopes import EventHeader
from poslife._domain.identifiers import EventId
from poslife._runtime.ids import new_run_id
from poslife._trail.record_format import SALT_BYTES
from poslife.errors import InvalidValue, StorageRejected
from poslife.protocols import Clock, EventRecord
from poslife.sqlite._cells import Cell
from poslife.sqlite._errors import translated
from poslife.sqlite._session import Session
from poslife.sqlite._statements import insertion
from poslife.storage._columns import RUN_EVENTS

__all__ = ["WRITE", "probe", "rows_of", "write"]

# On a conflict of the event id alone: a refusal by any other constraint is an error.
WRITE: Final = f"{insertion('run_events', RUN_EVENTS)} ON CONFLICT (event_id) DO NOTHING"


def write(session: Session, records: Sequence[EventRecord]) -> None:
    # The rows are made before the lock is taken.
    rows = rows_of(records)
    waiting = iter(rows)

    def reached() -> int:
        # The driver takes one row after the other: it failed at the last one taken.
        return len(rows) - length_hint(waiting) - 1

    with session.writing(), translated(session.path, row=reached):
        session.run_each(WRITE, waiting)


_UNDO: Final = "DELETE FROM run_events WHERE event_id = ?"


def probe(session: Session, clock: Clock) -> None:
    """
    Write an event and delete it in the same transaction, and commit that.

    A rollback would not reach the disk, so that a failing disk would look like a refused event.
    """
    now = clock.now()
    run = new_run_id(clock)
    header = EventHeader(id=EventId(run), type="store.probed", occurred_at=now, run=run)
    (row,) = rows_of(
        (EventRecord(header=header, recorded_at=now, sequence=1, payload=b"{}", salt=bytes(SALT_BYTES)),)
    )
    with session.writing(), translated(session.path):
        session.run(WRITE, row)
        with session.changing_events("probe"):
            session.run(_UNDO, row[:1])


def rows_of(records: Sequence[EventRecord]) -> list[tuple[Cell, ...]]:
    """
    Return the rows, with the columns `RUN_EVENTS`.

    A life event is refused: it is stored with its change.

    Raises:
        StorageRejected: SQLite would not store a record unchanged; its index is ``row``.
    """
    rows: list[tuple[Cell, ...]] = []
    add = rows.append
    for record in records:
        # One pass and few calls: this is on the path of every drained event.
        header = record.header
        try:
            content = _content_of(record)
            _json(content)
            event, ref, occurred, recorded, run, correlation, causation = _plain(
                (
                    header.id,
                    header.ref,
                    header.occurred_at,
                    record.recorded_at,
                    header.run,
                    header.correlation,
                    header.causation,
                )
            )
        except (UnicodeError, msgspec.DecodeError, AttributeError, TypeError, ValueError) as error:
            raise StorageRejected(f"event {header.id}: {error}", row=len(rows)) from error
        sequence = record.sequence
        if (
            type(sequence) is not int
            or not 0 < sequence <= _LARGEST
            or content[0] != "{"
            or type(record.recorded_at) is not datetime
            or record.recorded_at.tzinfo is not UTC
        ):
            _require_sound(record, len(rows))
        add(
            (
                event,
                header.type,
                header.schema,
                ref,
                header.venue,
                header.account,
                header.symbol,
                header.order,
                header.severity._value_,
                occurred if len(occurred) == _WHOLE else f"{occurred[:-1]}.000000Z",
                recorded if len(recorded) == _WHOLE else f"{recorded[:-1]}.000000Z",
                run,
                correlation,
                causation,
                header.actor._value_,
                sequence,
                record.format,
                content,
                record.salt,
                record.commitment,
                record.digest,
            )
        )
    return rows


_LARGEST: Final = (1 << 63) - 1
_WHOLE: Final = len("2026-01-02T03:04:05.678901Z")

_json: Final = msgspec.json.Decoder(msgspec.Raw).decode
# UUIDs and times as text, in a tenth of Python's time. A time without a fraction comes without zeros.
_plain = cast("Callable[[tuple[object, ...]], Sequence[str]]", msgspec.to_builtins)


def _content_of(record: EventRecord) -> str:
    if record.payload is None:
        raise ValueError("its payload was erased: it cannot be written again")
    if record.salt is None:
        raise ValueError("it has no salt, without which its payload cannot be verified")
    return record.payload.decode()


def _require_sound(record: EventRecord, row: int) -> None:
    """
    Refuse a record that cannot be stored unchanged.
    """
    sequence = record.sequence
    if sequence is None and record.version is not None:
        reason = "it is a life event, which is stored with its change"
    elif type(sequence) is not int or not 0 < sequence <= _LARGEST:
        reason = f"its sequence is {sequence!r}, expected an int from 1 to {_LARGEST}"
    elif (payload := record.payload or b"")[:1] != b"{":
        reason = f"its payload begins with {payload[:20]!r}, expected a JSON object"
    else:
        try:
            require_utc("EventRecord.recorded_at", record.recorded_at)
        except InvalidValue as error:
            reason = str(error)
        else:
            return
    raise StorageRejected(f"event {record.header.id}: {reason}", row=row)
