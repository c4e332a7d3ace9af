"""
The outcomes of an opening and of a closing. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from typing_extensions import TypeVar

from poslife._domain.orders import Order
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition

__all__ = [
    "Abandoned",
    "Closed",
    "ClosingOutcome",
    "InDoubt",
    "Opened",
    "OpeningOutcome",
    "Rejected",
    "Working",
]

PositionT = TypeVar("PositionT", bound=PendingPosition | PersistedPosition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """
    The position has had its first fill; the rest of the entry may still work.

    Attributes:
        position: The position.
    """

    position: PersistedPosition


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """
    The position's fills have reached zero.

    Attributes:
        position: The position.
    """

    position: ClosedPosition


@dataclass(frozen=True, slots=True, kw_only=True)
class Working(Generic[PositionT]):
    """
    The venue has taken the order, and it is not filled: give its fills to `apply_fills` as they come.

    Attributes:
        position: The position.
        order: The order.
    """

    position: PositionT
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Generic[PositionT]):
    """
    The venue has definitely refused the order, or has ended it without filling all of it.

    Attributes:
        position: The position.
        order: The order.
        reason: The venue's reason.
    """

    position: PositionT
    order: Order
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt(Generic[PositionT]):
    """
    The order may or may not exist; `recover` asks the venue.

    Attributes:
        position: The position.
        order: The order.
        reason: The reason for the doubt.
    """

    position: PositionT
    order: Order
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned(Generic[PositionT]):
    """
    No request was made.

    Attributes:
        position: The position.
        order: The order.
        reason: The reason why not.
    """

    position: PositionT
    order: Order
    reason: str


OpeningOutcome = (
    Opened
    | Working[PendingPosition]
    | Rejected[PendingPosition]
    | InDoubt[PendingPosition]
    | Abandoned[PendingPosition]
)
"""
For ``match`` with ``assert_never``.
"""

ClosingOutcome = (
    Closed
    | Working[PersistedPosition]
    | Rejected[PersistedPosition]
    | InDoubt[PersistedPosition]
    | Abandoned[PersistedPosition]
)
"""
For ``match`` with ``assert_never``.
"""
