"""
Events as rows for COPY: every value is looked at before the driver sees it.

asyncpg stores 1.99 and ``True`` as 1, and takes a naive time for a local one, without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from poslife._identifiers import aware, count
from poslife.errors import InvalidValue, StorageRejected
from poslife.protocols import EventRecord

__all__ = ["NotByCopy", "Row", "look_closely", "rows_of"]

Row = tuple[object, ...]
_LARGEST: Final = (1 << 63) - 1
# Of a value of a gibibyte the connection dies, as of an outage; no payload of ours comes near either.
_LARGEST_PAYLOAD: Final = 1 << 28
# Refuses a NUL character, too: JSON has it as an escape.
_json: Final = msgspec.json.Decoder(msgspec.Raw).decode
# What a value of another type than it should have leads to, or JSON deeper than Python's stack.
_UNSOUND: Final = (AttributeError, TypeError, UnicodeError, msgspec.DecodeError, RecursionError)
# The first and the last time there is. The driver takes them for times without an end.
_ENDS: Final = frozenset((datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)))


class NotByCopy(Exception):
    """
    An event is to be written in another way, or it would not be stored as it is.
    """


def rows_of(records: Sequence[EventRecord]) -> list[Row]:
    """
    The rows, in the order of `RUN_EVENT_COLUMNS`.

    What the driver itself refuses is not looked for: see `look_closely`. A life event is refused: it is
    written with the change that it tells of, and with nothing else.

    Raises:
        StorageRejected: PostgreSQL would keep one otherwise than it is, or not at all; at its ``row``.
        NotByCopy: One is sound, and the driver would turn it.
    """
    rows: list[Row] = []
    add = rows.append
    for record in records:
        header, sequence, recorded = record.header, record.sequence, record.recorded_at
        occurred, schema, order = header.occurred_at, header.schema, header.order
        try:
            payload = _text(record.payload)
            if (
                type(sequence) is not int
                or not 0 < sequence <= _LARGEST
                or type(schema) is not int
                or (order is not None and type(order) is not int)
                or recorded.tzinfo is not UTC
                or occurred.tzinfo is not UTC
                or not 1 < recorded.year < 9999
                or not 1 < occurred.year < 9999
            ):
                _look_closely(record)
                if not _ENDS.isdisjoint((recorded, occurred)):
                    raise NotByCopy
            add(
                (
                    header.id,
                    header.type,
                    schema,
                    header.ref,
                    header.venue,
                    header.account,
                    header.symbol,
                    order,
                    header.severity._value_,
                    occurred,
                    recorded,
                    header.run,
                    header.correlation,
                    header.causation,
                    header.actor._value_,
                    sequence,
                    payload,
                    record.digest,
                )
            )
        except (InvalidValue, *_UNSOUND) as error:
            raise _refusal(record, error, len(rows)) from error
    return rows


def look_closely(records: Sequence[EventRecord]) -> None:
    """
    Refuse what is not as it should be: whatever made it, it did not pass our doors.

    Raises:
        StorageRejected: At the ``row`` of the first one.
    """
    for row, record in enumerate(records):
        try:
            _text(record.payload)
            _look_closely(record)
        except (InvalidValue, *_UNSOUND) as error:
            raise _refusal(record, error, row) from error


def _text(payload: bytes) -> str:
    if len(payload) > _LARGEST_PAYLOAD:
        raise InvalidValue("EventRecord.payload", len(payload), f"at most {_LARGEST_PAYLOAD} bytes")
    text = payload.decode()
    _json(text)
    if text[0] != "{":
        raise InvalidValue("EventRecord.payload", text[:80], "a JSON object")
    return text


def _look_closely(record: EventRecord) -> None:
    sequence = record.sequence
    if sequence is None and record.version is not None:
        raise InvalidValue(
            "EventRecord", record.version, "no life event: it is stored with the change it tells of"
        )
    if type(sequence) is not int or not 0 < sequence <= _LARGEST:
        raise InvalidValue("EventRecord.sequence", sequence, "the number of an event within its run")
    aware("EventRecord.recorded_at", record.recorded_at)
    count("EventHeader.schema", record.header.schema)
    record.header.__post_init__()


def _refusal(record: EventRecord, error: Exception, row: int) -> StorageRejected:
    return StorageRejected(f"event {record.header.id}: {type(error).__name__}: {error}", row=row)
