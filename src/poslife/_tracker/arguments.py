"""
Checks of what a host passes to the tracker, for hosts that do not type-check.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final

from poslife._domain.checks import require_count, require_instance, require_member, require_position_ref
from poslife._domain.decimals import require_positive
from poslife._domain.event_envelopes import Actor
from poslife._domain.identifiers import PositionKey, Side
from poslife._domain.orders import OrderPurpose, Trigger
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition
from poslife._domain.protection import Protection
from poslife._domain.venue_answers import OrderSeen
from poslife.errors import InvalidValue

__all__ = ["require_arguments", "require_optional_arguments"]


def _instance(kind: type) -> Callable[[str, object], object]:
    return lambda name, value: require_instance(name, value, kind)


def _member(kind: type[enum.Enum]) -> Callable[[str, object], object]:
    return lambda name, value: require_member(name, value, kind)


def _known(name: str, value: object) -> None:
    if not isinstance(value, PendingPosition | PersistedPosition | ClosedPosition):
        raise InvalidValue(name, value, "a position")


_CHECKS: Final[Mapping[str, Callable[[str, object], object]]] = {
    "actor": _member(Actor),
    "known": _known,
    "key": _instance(PositionKey),
    "ordinal": require_count,
    "price": require_positive,
    "protection": _instance(Protection),
    "purpose": _member(OrderPurpose),
    "quantity": require_positive,
    "ref": require_position_ref,
    "side": _member(Side),
    "sight": _instance(OrderSeen),
    "trigger": _instance(Trigger),
}


def require_arguments(**given: object) -> None:
    """
    Require each argument to be of the type that its name has in every public call.

    Raises:
        InvalidValue: One is not; names the argument.
    """
    for name, value in given.items():
        _CHECKS[name](name, value)


def require_optional_arguments(**given: object) -> None:
    """
    Require each argument to be ``None`` or what `require_arguments` takes.

    Raises:
        InvalidValue: One is not; names the argument.
    """
    for name, value in given.items():
        if value is not None:
            _CHECKS[name](name, value)
