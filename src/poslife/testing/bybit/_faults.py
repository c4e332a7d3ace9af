"""
The faults that can be injected, and the board that assigns them to requests. Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from poslife.testing.bybit._matching import Handling
from poslife.testing.bybit._requests import Endpoint

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
    A response with a return code other than 0.

    Attributes:
        applied: True if the venue executes the request all the same, as it may on a system error (10016).
    """

    code: int = 110007
    message: str = "ab not enough for new order"
    applied: bool = False
    endpoint: Endpoint = Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRejection:
    """
    A rejection after the acknowledgement: *after* seconds of venue time, without a fill.
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
    A connection that closes without a response.

    Attributes:
        applied: True if the venue executes the request first.
    """

    applied: bool
    endpoint: Endpoint = Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError:
    """
    A gateway's error page with an HTTP status.

    Attributes:
        applied: True if the venue executes the request first.
    """

    status: int = 500
    applied: bool = False
    endpoint: Endpoint = Endpoint.CREATE_ORDER

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise ValueError(f"status: expected an HTTP error, 400 to 599, got {self.status!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowAnswer:
    """
    A response that takes *seconds* of real time, as the client's time-out does.

    Attributes:
        applied_first: True if the request is executed before the delay; otherwise after it, even if the
            client has disconnected.
    """

    seconds: float
    applied_first: bool = True
    endpoint: Endpoint = Endpoint.CREATE_ORDER

    def __post_init__(self) -> None:
        _not_negative("seconds", self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialFill:
    """
    A fill of only *ratio* of the order, rounded down to a step but at least one; the rest waits for `fill`.
    """

    ratio: Decimal = Decimal("0.5")

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1:
            raise ValueError(f"ratio: expected a number between 0 and 1, got {self.ratio!r}")

    @property
    def endpoint(self) -> Endpoint:
        """
        The request it applies to.
        """
        return Endpoint.CREATE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFill:
    """
    A fill that waits, after the acknowledgement, for `fill` or for *after* seconds of venue time.
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
    A fill that executions, order, position and wallet include only *seconds* of venue time later.
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
    A successful position list without rows; injected for a symbol, without that symbol's rows.
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
"""The faults by name."""

FaultT = TypeVar("FaultT", bound=Fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """
    A fault that is switched on.

    Attributes:
        times: The number of requests it still applies to; ``None`` until it is withdrawn.
        symbol: The symbol that a request must name; ``None`` for any request.
    """

    number: int
    fault: Fault
    times: int | None
    symbol: str | None

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"times: expected at least 1, or None until withdrawn, got {self.times!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFaults:
    """
    The faults of one request: at most one of each kind, or, of `EmptyPositions`, of each symbol.
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
        Return the fault of this kind, or ``None``.
        """
        for injection in self.injections:
            if isinstance(injection.fault, kind):
                return injection.fault
        return None

    def hides(self, symbol: str) -> bool:
        """
        Return whether the position list leaves *symbol* out.
        """
        return any(
            isinstance(injection.fault, EmptyPositions) and injection.symbol in (None, symbol)
            for injection in self.injections
        )

    def handling(self) -> Handling:
        """
        Return the effect of the faults on a new order.
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
        The faults that are switched on.
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
        Switch a fault off, if it is still on.
        """
        self._injections.pop(number, None)

    def draw(self, endpoint: Endpoint, symbol: str | None) -> DrawnFaults:
        """
        Return the faults of this request, of each kind the one switched on first, and count them as used.
        """
        drawn: dict[tuple[type[Fault], str | None], Injection] = {}
        for injection in self._injections.values():
            if _matches(injection, endpoint, symbol):
                # Several symbols can be left out of one position list, each by its own injection.
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
        raise ValueError(f"{field}: expected at least 0 seconds, got {seconds!r}")
