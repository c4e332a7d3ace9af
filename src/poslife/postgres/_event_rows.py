"""
Events as rows for COPY: every value is looked at before the driver sees it.

asyncpg stores 1.99 and ``True`` as 1, and takes a naive time for a local one, without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from poslife._identifiers import aware
from poslife.errors import InvalidValue, StorageRejected
from poslife.protocols import EventRecord

__all__ = ["Row", "rows_of"]

Row = tuple[object, ...]
_LARGEST: Final = (1 << 63) - 1
# Refuses a NUL character, too: JSON has it as an escape.
_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


def rows_of(records: Sequence[EventRecord]) -> list[Row]:
    """
    The rows, in the order of `RUN_EVENT_COLUMNS`.

    A life event is refused: it is written with the change that it tells of, and with nothing else.

    Raises:
        StorageRejected: PostgreSQL would keep one otherwise than it is, or not at all; at its ``row``.
    """
    rows: list[Row] = []
    add = rows.append
    for record in records:
        header, sequence, at = record.header, record.sequence, record.recorded_at
        try:
            payload = record.payload.decode()
            _json(payload)
        except (UnicodeError, AttributeError, msgspec.DecodeError) as error:
            raise StorageRejected(f"event {header.id}: {error}", row=len(rows)) from error
        if (
            type(sequence) is not int
            or not 0 < sequence <= _LARGEST
            or payload[0] != "{"
            or type(at) is not datetime
            or at.tzinfo is not UTC
        ):
            _look_closer(record, payload, len(rows))
        add(
            (
                header.id,
                header.type,
                header.schema,
                header.ref,
                header.venue,
                header.account,
                header.symbol,
                header.order,
                header.severity._value_,
                header.occurred_at,
                at,
                header.run,
                header.correlation,
                header.causation,
                header.actor._value_,
                sequence,
                payload,
            )
        )
    return rows


def _look_closer(record: EventRecord, payload: str, row: int) -> None:
    """
    Refuse what cannot be stored as it is.
    """
    sequence = record.sequence
    if sequence is None and record.version is not None:
        reason = "a life event is stored with the change it tells of, and not by itself"
    elif type(sequence) is not int or not 0 < sequence <= _LARGEST:
        reason = f"{sequence!r} is no number of an event within its run"
    elif payload[0] != "{":
        reason = "its payload is no JSON object"
    else:
        try:
            aware("EventRecord.recorded_at", record.recorded_at)
        except InvalidValue as error:
            reason = str(error)
        else:
            return
    raise StorageRejected(f"event {record.header.id}: {reason}", row=row)
