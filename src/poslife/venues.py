"""
The questions to a `VenueSource` and its answers.
"""

from __future__ import annotations

from poslife._domain.orders import Trigger
from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
    UnreadableRow,
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
    "Trigger",
    "UnreadableRow",
    "VenuePosition",
]
