"""
One of each fault, with no field at its default.
"""

from __future__ import annotations

from decimal import Decimal

from poslife.testing.bybit import (
    EmptyPositions,
    Endpoint,
    Fault,
    LateFill,
    LateRejection,
    LateVisibility,
    LostResponse,
    PartialFill,
    Refusal,
    ServerError,
    SlowAnswer,
)

EVERY_FAULT: tuple[Fault, ...] = (
    Refusal(code=10016, message="x", applied=True, endpoint=Endpoint.POSITIONS),
    LateRejection(after=1.5, reason="EC_Others"),
    LostResponse(applied=False, endpoint=Endpoint.EXECUTIONS),
    ServerError(status=502, applied=True, endpoint=Endpoint.OPEN_ORDERS),
    SlowAnswer(seconds=0.5, applied_first=False, endpoint=Endpoint.CANCEL_ORDER),
    PartialFill(ratio=Decimal("0.25")),
    LateFill(after=2.5),
    LateVisibility(seconds=7),
    EmptyPositions(),
)
