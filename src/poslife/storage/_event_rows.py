"""
Events as rows, and back: the columns that both tables of events have in every SQL store. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from poslife._domain.commit_checks import Heads
from poslife._domain.event_envelopes import UNLINKED, Actor, EventHeader, LifeEvent, RecordedEvent, Severity
from poslife._domain.identifiers import Account, EventId, PositionRef, RunId, Symbol, Venue
from poslife._trail.encoding import decode_event, encode_body
from poslife._trail.records import EventRecord, content_of, linked
from poslife.storage._rows import Row, Value, cell_of, optional_cell

__all__ = [
    "EVENT_COLUMNS",
    "HEADER_COLUMNS",
    "LIFE_EVENT_COLUMNS",
    "RUN_EVENT_COLUMNS",
    "LifeEventRow",
    "event_record_from",
    "life_digests",
    "life_event_rows",
    "recorded_event_from",
    "run_event_row",
]

HEADER_COLUMNS = (
    "event_id",
    "type",
    "schema",
    "ref",
    "venue",
    "account",
    "symbol",
    "ordinal",
    "severity",
    "occurred_at",
    "recorded_at",
    "run",
    "correlation",
    "causation",
    "actor",
)

LIFE_EVENT_COLUMNS = (*HEADER_COLUMNS, "version", "index", "body", "digest")
"""
``body`` is the event's JSON text, byte for byte.
"""

RUN_EVENT_COLUMNS = (*HEADER_COLUMNS, "sequence", "payload", "digest")
"""
``payload`` is the event's JSON text, byte for byte.
"""

EVENT_COLUMNS = (*HEADER_COLUMNS, "version", "index", "sequence", "content", "digest")
"""
What reading the history of a position selects, from both event tables.

``version`` and ``index`` are null for a host's event, ``sequence`` for a life event; ``content`` is ``body``
or ``payload``.
"""


def _header_row(header: EventHeader, recorded_at: datetime) -> tuple[Value, ...]:
    return (
        header.id,
        header.type,
        header.schema,
        header.ref,
        header.venue,
        header.account,
        header.symbol,
        header.order,
        header.severity.value,
        header.occurred_at,
        recorded_at,
        header.run,
        header.correlation,
        header.causation,
        header.actor.value,
    )


class LifeEventRow(NamedTuple):
    """
    A life event before it is known which one it follows.

    Attributes:
        ref: The position it is about.
        content: What its digest is taken over, with the digest before it.
        cells: The row, in the order of `LIFE_EVENT_COLUMNS`, but for the digest.
    """

    ref: PositionRef | None
    content: bytes
    cells: tuple[Value, ...]


def life_event_rows(events: Sequence[LifeEvent], recorded_at: datetime) -> list[LifeEventRow]:
    """
    The rows of a change's events.
    """
    rows: list[LifeEventRow] = []
    for event in events:
        header, body = event.header, encode_body(event.body)
        content = content_of(header, recorded_at, None, event.version, event.index, body)
        cells = (*_header_row(header, recorded_at), event.version, event.index, body.decode())
        rows.append(LifeEventRow(header.ref, content, cells))
    return rows


def life_digests(rows: Sequence[LifeEventRow], heads: Heads) -> list[bytes]:
    """
    The digests of a change's events, which go on from what is stored of each position.
    """
    trails = {ref: head.trail for ref, head in heads.items()}
    digests: list[bytes] = []
    for ref, content, _ in rows:
        digest = linked(UNLINKED if ref is None else trails.get(ref, UNLINKED), content)
        if ref is not None:
            trails[ref] = digest
        digests.append(digest)
    return digests


def run_event_row(record: EventRecord) -> tuple[Value, ...]:
    """
    The row, in the order of `RUN_EVENT_COLUMNS`.
    """
    return (
        *_header_row(record.header, record.recorded_at),
        record.sequence,
        record.payload.decode(),
        record.digest,
    )


def recorded_event_from(row: Row) -> RecordedEvent:
    """
    The event of a row with the columns `EVENT_COLUMNS`.
    """
    return decode_event(event_record_from(row))


def event_record_from(row: Row) -> EventRecord:
    """
    The same, its content as the bytes it was stored with.
    """
    ref = optional_cell(row, "ref", UUID)
    venue, account, symbol = (optional_cell(row, column, str) for column in ("venue", "account", "symbol"))
    causation = optional_cell(row, "causation", UUID)
    header = EventHeader(
        id=EventId(cell_of(row, "event_id", UUID)),
        type=cell_of(row, "type", str),
        schema=cell_of(row, "schema", int),
        ref=None if ref is None else PositionRef(ref),
        venue=None if venue is None else Venue(venue),
        account=None if account is None else Account(account),
        symbol=None if symbol is None else Symbol(symbol),
        order=optional_cell(row, "ordinal", int),
        severity=Severity(cell_of(row, "severity", str)),
        occurred_at=cell_of(row, "occurred_at", datetime),
        run=RunId(cell_of(row, "run", UUID)),
        correlation=optional_cell(row, "correlation", UUID),
        causation=None if causation is None else EventId(causation),
        actor=Actor(cell_of(row, "actor", str)),
    )
    return EventRecord(
        header=header,
        recorded_at=cell_of(row, "recorded_at", datetime),
        sequence=optional_cell(row, "sequence", int),
        version=optional_cell(row, "version", int),
        index=optional_cell(row, "index", int),
        payload=cell_of(row, "content", str).encode(),
        digest=cell_of(row, "digest", bytes),
    )
