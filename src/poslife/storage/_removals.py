"""
The rules of erasures and purges that every store shares. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from poslife._domain.checks import require_count, require_uuid
from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import EventId, RunId
from poslife._trail.encoding import evidence_commitment
from poslife._trail.records import EventRecord
from poslife._trail.removals import require_why
from poslife.errors import ErasureRefused, InvalidValue, PurgeRefused
from poslife.protocols._pages import MOST_PER_PAGE
from poslife.storage._event_rows import EMPTY_STREAM, StreamHead

__all__ = [
    "ERASED_REASON",
    "end_of_purge",
    "require_erasure",
    "require_evidence",
    "require_few",
    "require_purge",
    "require_purgeable",
    "without_payload",
]

ERASED_REASON: Final = "erased with the payload, which it may have quoted"
"""
The reason of a dead letter whose payload was erased.
"""


def require_erasure(event: EventId, why: str) -> None:
    """
    Require the arguments of `erase`.

    Raises:
        InvalidValue: One of them is none.
    """
    require_uuid("event", event)
    require_why(why)


def require_purge(run: RunId, upto: int, why: str) -> None:
    """
    Require the arguments of `purge`.

    Raises:
        InvalidValue: One of them is none.
    """
    require_uuid("run", run)
    require_count("upto", upto, least=1, most=(1 << 63) - 1)
    require_why(why)


def require_few(events: object, count: int) -> None:
    """
    Require at most as many events as are on a page.

    Raises:
        InvalidValue: There are more.
    """
    if count > MOST_PER_PAGE:
        raise InvalidValue("events", events, f"at most {MOST_PER_PAGE} events, got {count}")


def require_evidence(event: EventId, body: bytes) -> None:
    """
    Require that a life event with this body was committed with evidence.

    Raises:
        ErasureRefused: It was not, and its body may not be erased.
    """
    if evidence_commitment(body) is None:
        raise ErasureRefused(
            event,
            "it is a life event without evidence, and a body is never erased, because positions are replayed "
            "from bodies",
        )


def without_payload(record: EventRecord) -> EventRecord:
    """
    Return the record of a host event with payload and salt erased.
    """
    return replace(record, payload=None, salt=None)


def require_purgeable(run: RunId, upto: int, *, is_running: bool, last: int, purged: int) -> None:
    """
    Require that the host events of a run may be purged.

    Args:
        run: The run.
        upto: The number of the last event to purge.
        is_running: The run holds its lease.
        last: The number of its last stored event, dead letters included; 0 for none.
        purged: The number up to which it was purged before; 0 if it was not.

    Raises:
        PurgeRefused: They may not.
    """
    if not last and not purged:
        raise PurgeRefused(run, upto, "no host event of this run is stored: check the run and the store")
    if is_running:
        # An event with a lower number may still be on its way, and would be stored after the purge.
        raise PurgeRefused(run, upto, "the run has not ended: end it, or wait until its lease has run out")
    if upto > max(last, purged):
        raise PurgeRefused(
            run, upto, f"its last event is number {max(last, purged)}: purge up to that at most"
        )


def end_of_purge(removed: Iterable[StreamHead], before: StreamHead = EMPTY_STREAM) -> StreamHead:
    """
    Return number and digest of the last purged event.

    Args:
        removed: Number and digest of the deleted events, of those from a table at least the last one.
        before: The end of the purge before.
    """
    end = before
    for one in sorted(removed):
        if one.sequence > end.sequence:
            # An event that could not be encoded is in no chain: the next one follows from the one before it.
            end = StreamHead(one.sequence, end.digest if one.digest == UNLINKED else one.digest)
    return end
