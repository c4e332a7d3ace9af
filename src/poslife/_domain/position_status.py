"""
The statuses of a position, and the table of transitions between them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from poslife._domain.identifiers import PositionRef
from poslife.errors import IllegalTransition

__all__ = ["POSITION_TRANSITIONS", "PositionStatus", "require_transition"]


class PositionStatus(enum.Enum):
    """
    The status of a position.
    """

    PENDING = "pending"
    """Intended, without a fill. It holds its key."""
    ENDED = "ended"
    """All entry orders ended without a fill. Its key is free; a late fill still opens it."""
    OPEN = "open"
    """It has had a fill and holds a quantity."""
    CLOSING = "closing"
    """One exit owns it."""
    CLOSED = "closed"
    """Its fills sum to zero. Final."""


POSITION_TRANSITIONS: Mapping[PositionStatus, frozenset[PositionStatus]] = MappingProxyType(
    {
        PositionStatus.PENDING: frozenset({PositionStatus.OPEN, PositionStatus.ENDED}),
        PositionStatus.ENDED: frozenset({PositionStatus.OPEN, PositionStatus.PENDING}),
        PositionStatus.OPEN: frozenset({PositionStatus.CLOSING, PositionStatus.CLOSED}),
        PositionStatus.CLOSING: frozenset({PositionStatus.OPEN, PositionStatus.CLOSED}),
        PositionStatus.CLOSED: frozenset[PositionStatus](),
    }
)
"""
The statuses a position may change to, by its status.

``ENDED`` changes back to ``PENDING`` when an order believed gone is seen at the venue.
"""


def require_transition(ref: PositionRef, current: PositionStatus, wanted: PositionStatus) -> None:
    """
    Require that `POSITION_TRANSITIONS` has the change from *current* to *wanted*, or that they are the same.

    Raises:
        IllegalTransition: It has not; names both statuses and the allowed ones.
    """
    allowed = POSITION_TRANSITIONS[current]
    if wanted is not current and wanted not in allowed:
        raise IllegalTransition(
            f"position {ref}", current.value, wanted.value, sorted(status.value for status in allowed)
        )
