"""
What can be made to go wrong, and for which requests. Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from poslife.testing.bybit._admission import Handling
from poslife.testing.bybit._values import Endpoint

__all__ = [
    "FAULTS",
    "DrawnFaults",
    "EmptyPositions",
    "Fault",
    "FaultBoard",
    "Injection",
    "LateFill",
    "LateRejection",
    "LateVisibility",
    "LostResponse",
    "PartialFill",
    "Refusal",
    "ServerError",
    "SlowAnswer",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """
    The venue answers with a return code.

    Attributes:
        applied: Whether it carried the request out all the same, as it may have after a system error (10016).
    """

    code: int = 110007
    message: str = "ab not enough for new order"
    applied: bool = False
    endpoint: Endpoint = Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRejection:
    """
    The order is acknowledged, then rejected without a fill, *after* seconds of venue time.
    """

    after: float = 0.0
    reason: str = "EC_NoImmediateQtyToFill"

    def __post_init__(self) -> None:
        _not_negative("after", self.after)

    @property
    def endpoint(self) -> Endpoint:
        """
        The request it applies to.
        """
        return Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class LostResponse:
    """
    The connection closes without an answer.

    Attributes:
        applied: Whether the venue carried the request out first.
    """

    applied: bool
    endpoint: Endpoint = Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError:
    """
    A gateway answers with an HTTP status and a page.

    Attributes:
        applied: Whether the venue carried the request out first.
    """

    status: int = 500
    applied: bool = False
    endpoint: Endpoint = Endpoint.CREATE_ORDER

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise ValueError(f"status: an HTTP error is 400 to 599, not {self.status!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowAnswer:
    """
    The answer takes *seconds* of real time: the client's time-out runs in real time too.

    Attributes:
        applied_first: The request is carried out before the wait; otherwise after it, even if the client has
            gone.
    """

    seconds: float
    applied_first: bool = True
    endpoint: Endpoint = Endpoint.CREATE_ORDER

    def __post_init__(self) -> None:
        _not_negative("seconds", self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialFill:
    """
    Only *ratio* of the order fills, rounded down to a step but at least one; the rest waits for `fill`.
    """

    ratio: Decimal = Decimal("0.5")

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1:
            raise ValueError(f"ratio: between 0 and 1, not {self.ratio!r}")

    @property
    def endpoint(self) -> Endpoint:
        """
        The request it applies to.
        """
        return Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFill:
    """
    The order is acknowledged and waits: for `fill`, or until *after* seconds of venue time.
    """

    after: float | None = None

    def __post_init__(self) -> None:
        _not_negative("after", self.after or 0.0)

    @property
    def endpoint(self) -> Endpoint:
        """
        The request it applies to.
        """
        return Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class LateVisibility:
    """
    The order fills, and executions, order, position and wallet show it *seconds* of venue time later.
    """

    seconds: float = 4.0

    def __post_init__(self) -> None:
        _not_negative("seconds", self.seconds)

    @property
    def endpoint(self) -> Endpoint:
        """
        The request it applies to.
        """
        return Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyPositions:
    """
    The position list answers successfully and shows nothing; limited to a symbol, it leaves that symbol out.
    """

    @property
    def endpoint(self) -> Endpoint:
        """
        The request it applies to.
        """
        return Endpoint.POSITIONS


Fault: TypeAlias = (
    Refusal
    | LateRejection
    | LostResponse
    | ServerError
    | SlowAnswer
    | PartialFill
    | LateFill
    | LateVisibility
    | EmptyPositions
)
"""Anything that can be injected."""

FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            Refusal,
            LateRejection,
            LostResponse,
            ServerError,
            SlowAnswer,
            PartialFill,
            LateFill,
            LateVisibility,
            EmptyPositions,
        )
    }
)
"""Every fault by its name."""

FaultT = TypeVar("FaultT", bound=Fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """
    A fault that is switched on.

    Attributes:
        times: How many more requests it meets; ``None`` until it is withdrawn.
        symbol: Only requests that name this symbol; ``None`` for all.
    """

    number: int
    fault: Fault
    times: int | None
    symbol: str | None

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"times: at least 1, or None until withdrawn, not {self.times!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFaults:
    """
    The faults that one request meets: at most one of each kind, but for the symbols that are left out.
    """

    injections: tuple[Injection, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """
        Their names.
        """
        return tuple(type(injection.fault).__name__ for injection in self.injections)

    def find(self, kind: type[FaultT]) -> FaultT | None:
        """
        The fault of this kind.
        """
        for injection in self.injections:
            if isinstance(injection.fault, kind):
                return injection.fault
        return None

    def hides(self, symbol: str) -> bool:
        """
        Whether the position list leaves *symbol* out.
        """
        return any(
            isinstance(injection.fault, EmptyPositions) and injection.symbol in (None, symbol)
            for injection in self.injections
        )

    def handling(self) -> Handling:
        """
        How an order that meets them is treated.
        """
        rejection, late = self.find(LateRejection), self.find(LateFill)
        partial, hidden = self.find(PartialFill), self.find(LateVisibility)
        return Handling(
            fill_ratio=partial.ratio if partial is not None else None,
            hold=late is not None,
            fill_after=timedelta(seconds=late.after) if late is not None and late.after is not None else None,
            reject_reason=rejection.reason if rejection is not None else None,
            reject_after=timedelta(seconds=rejection.after if rejection is not None else 0.0),
            show_after=timedelta(seconds=hidden.seconds if hidden is not None else 0.0),
        )


class FaultBoard:
    """
    The faults that are switched on, in the order they were.
    """

    def __init__(self) -> None:
        self._injections: dict[int, Injection] = {}
        self._numbers = itertools.count(1)

    @property
    def injections(self) -> Sequence[Injection]:
        """
        What is switched on now.
        """
        return tuple(self._injections.values())

    def inject(self, fault: Fault, *, times: int | None, symbol: str | None) -> Injection:
        """
        Switch *fault* on.
        """
        injection = Injection(number=next(self._numbers), fault=fault, times=times, symbol=symbol)
        self._injections[injection.number] = injection
        return injection

    def withdraw(self, number: int) -> None:
        """
        Switch a fault off; one that has met all its requests is off already.
        """
        self._injections.pop(number, None)

    def draw(self, endpoint: Endpoint, symbol: str | None) -> DrawnFaults:
        """
        The faults the next request meets: of each kind the one switched on first. They are used up by it.
        """
        drawn: dict[tuple[type[Fault], str | None], Injection] = {}
        for injection in self._injections.values():
            if _matches(injection, endpoint, symbol):
                # Each symbol that is to be left out of a position list is a fault of its own.
                distinct = injection.symbol if isinstance(injection.fault, EmptyPositions) else None
                drawn.setdefault((type(injection.fault), distinct), injection)
        for injection in drawn.values():
            self._use(injection)
        return DrawnFaults(injections=tuple(drawn.values()))

    def _use(self, injection: Injection) -> None:
        if injection.times is None:
            return
        if injection.times == 1:
            del self._injections[injection.number]
        else:
            self._injections[injection.number] = replace(injection, times=injection.times - 1)


def _matches(injection: Injection, endpoint: Endpoint, symbol: str | None) -> bool:
    if injection.fault.endpoint is not endpoint:
        return False
    if isinstance(injection.fault, EmptyPositions) and symbol is None:
        return True
    return injection.symbol in (None, symbol)


def _not_negative(field: str, seconds: float) -> None:
    if not seconds >= 0:
        raise ValueError(f"{field}: seconds from 0 on, not {seconds!r}")
