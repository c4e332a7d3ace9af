"""
Erasures and purges: the records of what was removed from a trail, by whom and why. Pure.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from poslife._domain.identifiers import EventId, RunId
from poslife._domain.text import clean_text
from poslife.errors import InvalidValue

__all__ = ["Erased", "Erasure", "EventCounts", "Purge", "require_why"]

_LONGEST_WHY: Final = 2000


class Erased(enum.Enum):
    """
    The part of an event that was erased.
    """

    PAYLOAD = "payload"
    """The payload of a host event."""
    EVIDENCE = "evidence"
    """The evidence of a life event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """
    An erased payload, or erased evidence.

    Attributes:
        event: The event, whose header and commitment are still stored.
        what: The part of it that was erased.
        by: The role or user that erased it.
        at: When.
        why: The reason given.
    """

    event: EventId
    what: Erased
    by: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """
    A purged beginning of a run's host events.

    Attributes:
        run: The run.
        upto: The number of the last purged event.
        digest: The digest of that event, from which the next one follows; 32 zero bytes where none of the
            purged events was in the digest chain.
        by: The role or user that purged them.
        at: When.
        why: The reason given.
    """

    run: RunId
    upto: int
    digest: bytes
    by: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCounts:
    """
    The numbers of events that a store holds.

    Attributes:
        life_events: Life events.
        host_events: Host events, without dead letters.
    """

    life_events: int
    host_events: int


def require_why(why: str) -> str:
    """
    Return the reason for a removal.

    Raises:
        InvalidValue: It is no text, is blank or too long, or holds a NUL or a lone surrogate.
    """
    given: object = why
    if not isinstance(given, str) or not given.strip() or clean_text(given, most=_LONGEST_WHY) != given:
        raise InvalidValue(
            "why", why, f"a reason of 1 to {_LONGEST_WHY} characters, without NUL and lone surrogates"
        )
    return given
