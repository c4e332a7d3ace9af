"""
Events as rows, and back. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from poslife._domain.changes import Change
from poslife._domain.commit_checks import Heads
from poslife._domain.event_envelopes import UNLINKED, EventHeader, LifeEvent, RecordedEvent
from poslife._runtime.salts import new_salt
from poslife._trail.encoding import decode_event, encode_body, encode_evidence
from poslife._trail.record_format import chain_digest, commitment_of
from poslife._trail.records import EventRecord, header_of
from poslife.storage._columns import EVENTS, LIFE_EVENTS, RUN_EVENTS
from poslife.storage._mapping import Row, reader_of, writer_of

__all__ = [
    "EMPTY_STREAM",
    "StreamHead",
    "chained",
    "event_record_from",
    "has_unassigned_events",
    "head_after",
    "life_event_records",
    "life_event_row",
    "link_events",
    "recorded_event_from",
    "run_event_row",
]


class StreamHead(NamedTuple):
    """
    The end of a stream of events.

    Attributes:
        sequence: The number of its last event; 0 where it has none.
        digest: The digest of its last event; 32 zero bytes where it has none.
    """

    sequence: int
    digest: bytes


EMPTY_STREAM: Final = StreamHead(0, UNLINKED)
"""
The head of a stream without events.
"""


def link_events(
    change: Change,
    heads: Heads,
    *,
    unassigned: tuple[int, bytes] = EMPTY_STREAM,
    draw_salt: Callable[[], bytes] = new_salt,
) -> list[EventRecord]:
    """
    Return the life events of *change* as a store keeps them, each with its commitment and its digest.

    Args:
        change: The change they are committed with.
        heads: The stored heads of its positions.
        unassigned: The head of its run's stream of life events that are about no position: sequence and
            digest of the last one. A store reads it where the change has an event without a ref, and lets no
            other commit of that run number such events until this one is over.
        draw_salt: Returns a new salt at each call; by default each comes from the operating system.
    """
    return chained(life_event_records(change, draw_salt), heads, unassigned=StreamHead(*unassigned))


def life_event_records(change: Change, draw_salt: Callable[[], bytes]) -> list[EventRecord]:
    """
    Return the life events of *change* with their commitments, but without a digest and a sequence.
    """
    return [_committed(event, change.at, draw_salt) for event in change.events]


def _committed(event: LifeEvent, recorded_at: datetime, draw_salt: Callable[[], bytes]) -> EventRecord:
    evidence = evidence_salt = commitment = None
    if event.evidence is not None:
        evidence, evidence_salt = encode_evidence(event.evidence), draw_salt()
        commitment = commitment_of(evidence_salt, evidence)
    payload, salt = encode_body(event.body, evidence=commitment), draw_salt()
    return EventRecord(
        header=event.header,
        recorded_at=recorded_at,
        sequence=None,
        version=event.version,
        index=event.index,
        payload=payload,
        salt=salt,
        commitment=commitment_of(salt, payload),
        evidence=evidence,
        evidence_salt=evidence_salt,
    )


def chained(
    records: Sequence[EventRecord], heads: Heads, *, unassigned: StreamHead = EMPTY_STREAM
) -> list[EventRecord]:
    """
    Return records of `life_event_records` with their digests, each linked to the one before it in its stream.

    Args:
        records: Those of one run, in the order in which they are committed.
        heads: The stored heads of their positions.
        unassigned: The head of the run's stream of life events that are about no position.
    """
    trails = {ref: head.trail for ref, head in heads.items()}
    linked: list[EventRecord] = []
    for record in records:
        ref = record.header.ref
        if ref is None:
            record = replace(record, sequence=unassigned.sequence + 1)  # noqa: PLW2901 - the same event
            digest = chain_digest(unassigned.digest, header_of(record))
            unassigned = StreamHead(unassigned.sequence + 1, digest)
        else:
            trails[ref] = digest = chain_digest(trails.get(ref, UNLINKED), header_of(record))
        linked.append(replace(record, digest=digest))
    return linked


def head_after(records: Sequence[EventRecord], unassigned: StreamHead) -> StreamHead:
    """
    Return the head of the stream of life events that are about no position, after *records* of `chained`.
    """
    for record in reversed(records):
        if record.sequence is not None:
            return StreamHead(record.sequence, record.digest)
    return unassigned


def has_unassigned_events(change: Change) -> bool:
    """
    Tell if *change* has life events that are about no position.
    """
    return any(event.header.ref is None for event in change.events)


life_event_row: Final = writer_of(LIFE_EVENTS, EventRecord)
"""
Return the row of a life event, with the columns `LIFE_EVENTS`.
"""

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
