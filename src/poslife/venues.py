"""
For whoever writes a `VenueSource`: what is asked of a venue, and what it answers.
"""

from __future__ import annotations

from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
    VenuePosition,
)

__all__ = [
    "FillPage",
    "FillQuery",
    "OrderNotSeen",
    "OrderQuery",
    "OrderSeen",
    "Snapshot",
    "SnapshotScope",
    "VenuePosition",
]
