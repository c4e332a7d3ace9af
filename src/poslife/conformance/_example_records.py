"""
Host events as a sink gets them, events as a batch writer gets them, and dead letters.
"""

from __future__ import annotations

from poslife._domain.event_envelopes import UNLINKED, EventHeader, HostEvent, Json
from poslife._domain.identifiers import RunId
from poslife._trail.encoding import encode_body, encode_evidence, encode_payload
from poslife._trail.record_format import commitment_of
from poslife._trail.records import sealed
from poslife.conformance import _full_values as full_values
from poslife.conformance._assertions import narrowed
from poslife.conformance._example_values import Examples
from poslife.protocols import DeadLetter, EventRecord

__all__ = [
    "GOOD_TYPE",
    "REFUSED_TYPE",
    "a_full_record",
    "a_host_event",
    "a_letter",
    "a_life_record",
    "a_record",
    "plain_payload",
]

GOOD_TYPE = "bot.started"
"""
The type of the events that a store takes.
"""

REFUSED_TYPE = "bot.poisoned"
"""
The type of the events that a store is made to refuse.
"""


def a_host_event(examples: Examples, run: RunId | None = None, *, kind: str = GOOD_TYPE) -> HostEvent:
    """
    Return a host event of the examples' run, or another.
    """
    header = EventHeader(
        id=examples.event_id(),
        type=kind,
        occurred_at=examples.at(),
        run=examples.run if run is None else run,
    )
    return HostEvent(header=header, payload={"id": str(header.id)})


def plain_payload(event: HostEvent) -> dict[str, Json]:
    """
    Return the payload of `a_host_event`, as a store gives it back.
    """
    return {key: narrowed(value, str, "an example's payload") for key, value in event.payload.items()}


def a_record(
    examples: Examples, sequence: int, *, kind: str = GOOD_TYPE, run: RunId | None = None
) -> EventRecord:
    """
    Return a host event with this number in its run.
    """
    header = a_host_event(examples, run, kind=kind).header
    record = EventRecord(
        header=header,
        recorded_at=examples.at(),
        sequence=sequence,
        payload=encode_payload({"id": str(header.id), "Ünïcødé": "\N{ROCKET}"}),
    )
    return sealed(record, before=UNLINKED, salt=header.id.bytes)


def a_full_record(examples: Examples, sequence: int) -> EventRecord:
    """
    Return a host event with every field of its header set.
    """
    pending = full_values.full_pending(examples)
    header = full_values.full_header(examples, pending, "stop_loss.placed", schema=3)
    record = EventRecord(
        header=header,
        recorded_at=examples.at(),
        sequence=sequence,
        payload=encode_payload({"id": str(header.id)}),
    )
    return sealed(record, before=UNLINKED, salt=header.id.bytes)


def a_life_record(examples: Examples) -> EventRecord:
    """
    Return a life event, as a relay gets it from its store.
    """
    pending = full_values.full_pending(examples)
    body = full_values.life_bodies()[0]
    header = full_values.full_header(examples, pending, body.type)
    evidence = encode_evidence(full_values.EVIDENCE)
    record = EventRecord(
        header=header,
        recorded_at=examples.at(),
        sequence=None,
        version=4,
        index=2,
        payload=encode_body(body, evidence=commitment_of(header.id.bytes, evidence)),
        evidence=evidence,
        evidence_salt=header.id.bytes,
    )
    return sealed(record, before=UNLINKED, salt=header.id.bytes)


def a_letter(examples: Examples, sequence: int) -> DeadLetter:
    """
    Return a dead letter of a host event.
    """
    return DeadLetter(record=a_record(examples, sequence), reason=f"refused as number {sequence}")
