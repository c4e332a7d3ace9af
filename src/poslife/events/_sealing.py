"""
Checks of one stored event, by its record format: its digest, and the commitments to its payload and evidence.
"""

from __future__ import annotations

from poslife._trail.encoding import evidence_commitment
from poslife._trail.record_format import FORMAT, chain_digest, commitment_of
from poslife._trail.records import EventRecord, header_of

__all__ = ["check_content", "encoded_header", "follows", "is_known"]


def is_known(record: EventRecord) -> bool:
    """
    Tell if this release can verify the record: a newer one may have written it.
    """
    return record.format == FORMAT


def follows(record: EventRecord, before: bytes) -> bool:
    """
    Tell if the record's digest is that of its header after *before*.
    """
    try:
        return chain_digest(before, header_of(record)) == record.digest
    except OverflowError:
        return False


def encoded_header(record: EventRecord) -> bytes | None:
    """
    Return the header array of a record, or ``None`` where it has none: then it is in no digest chain.
    """
    try:
        return header_of(record)
    except Exception:  # noqa: BLE001 - a record of a host's own store may hold anything
        return None


def check_content(record: EventRecord) -> tuple[int, str | None]:
    """
    Return how many of payload and evidence are not there any more, and what is wrong with the rest.
    """
    if record.payload is None:
        if record.version is not None:
            return 0, "its body is missing: a body is never erased"
        if record.salt is not None:
            return 1, "it has a salt and no payload: they are erased together"
        return 1, None
    if record.salt is None or commitment_of(record.salt, record.payload) != record.commitment:
        return 0, "its payload was altered: it does not match its commitment"
    return (0, None) if record.version is None else _check_evidence(record, record.payload)


def _check_evidence(record: EventRecord, body: bytes) -> tuple[int, str | None]:
    try:
        committed = evidence_commitment(body)
    except ValueError:
        return 0, "its body cannot be read"
    if record.evidence is None:
        if record.evidence_salt is not None:
            return 1, "it has a salt of evidence and no evidence: they are erased together"
        return 0 if committed is None else 1, None
    if committed is None:
        return 0, "it has evidence that its body does not commit to"
    if record.evidence_salt is None or commitment_of(record.evidence_salt, record.evidence) != committed:
        return 0, "its evidence was altered: it does not match its commitment"
    return 0, None
