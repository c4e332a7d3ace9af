"""
Events as rows, and back. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from poslife._domain.changes import Change
from poslife._domain.commit_checks import Heads
from poslife._domain.event_envelopes import UNLINKED, EventHeader, LifeEvent, RecordedEvent
from poslife._trail.encoding import decode_event, encode_body
from poslife._trail.records import EventRecord, chain_digest, digest_input
from poslife.storage._columns import EVENTS, LIFE_EVENTS, RUN_EVENTS
from poslife.storage._mapping import Row, Value, reader_of, writer_of

__all__ = [
    "LifeEventRow",
    "event_record_from",
    "life_digests",
    "life_event_rows",
    "link_events",
    "recorded_event_from",
    "run_event_row",
]


class LifeEventRow(NamedTuple):
    """
    A life event before its digest is known.

    Attributes:
        record: The event.
        content: The bytes that its digest is taken over, with the digest before it.
        cells: The row, with the columns `LIFE_EVENTS` but for the digest.
    """

    record: EventRecord
    content: bytes
    cells: tuple[Value, ...]


_life_event_row: Final = writer_of(LIFE_EVENTS[:-1], EventRecord)


def life_event_rows(events: Sequence[LifeEvent], recorded_at: datetime) -> list[LifeEventRow]:
    """
    Return the rows of a change's events.
    """
    rows: list[LifeEventRow] = []
    for event in events:
        header, version, index, payload = event.header, event.version, event.index, encode_body(event.body)
        record = EventRecord(
            header=header,
            recorded_at=recorded_at,
            sequence=None,
            version=version,
            index=index,
            payload=payload,
        )
        content = digest_input(header, recorded_at, None, version, index, payload)
        rows.append(LifeEventRow(record, content, _life_event_row(record)))
    return rows


def life_digests(rows: Sequence[LifeEventRow], heads: Heads) -> list[bytes]:
    """
    Return the digests of a change's events: those of a position follow the digest in its head.
    """
    trails = {ref: head.trail for ref, head in heads.items()}
    digests: list[bytes] = []
    for record, content, _ in rows:
        ref = record.header.ref
        digest = chain_digest(UNLINKED if ref is None else trails.get(ref, UNLINKED), content)
        if ref is not None:
            trails[ref] = digest
        digests.append(digest)
    return digests


def link_events(change: Change, heads: Heads) -> list[EventRecord]:
    """
    Return the life events of *change* as a store keeps them, each with its digest.

    Args:
        change: The change they are committed with.
        heads: The stored heads of its positions.
    """
    rows = life_event_rows(change.events, change.at)
    return [
        replace(row.record, digest=digest)
        for row, digest in zip(rows, life_digests(rows, heads), strict=True)
    ]


run_event_row: Final = writer_of(RUN_EVENTS, EventRecord)
"""
Return the row of a host's event, with the columns `RUN_EVENTS`.
"""

event_record_from: Final = reader_of(EVENTS, EventRecord, header=EventHeader)
"""
Return the event of a row with the columns `EVENTS`.
"""


def recorded_event_from(row: Row) -> RecordedEvent:
    """
    Return the event of a row with the columns `EVENTS`, its body decoded.
    """
    return decode_event(event_record_from(row))
