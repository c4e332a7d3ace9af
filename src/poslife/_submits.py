"""
What an exception out of a submit may mean. Pure.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from poslife._identifiers import OrderSide, Venue

__all__ = ["SubmitContext", "SubmitVerdict"]


class SubmitVerdict(enum.Enum):
    """
    What an exception out of a submit means.
    """

    REFUSED = "refused"
    """The venue has definitely not taken the order."""
    UNKNOWN = "unknown"
    """It may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitContext:
    """
    What a classifier may need to know of the submit.

    Attributes:
        venue: Where it went.
        side: Buy or sell.
        in_doubt_before: An earlier order of the position is in doubt; then even a lack of funds may be its
            doing.
    """

    venue: Venue
    side: OrderSide
    in_doubt_before: bool
