"""
A simulated Bybit on loopback, for tests and demonstrations, that a real ccxt client connects to.

- `SimulatedBybit` runs it in this process, ``python -m poslife.testing.bybit`` in one of its own.
- `VenueControl` drives the one in another process; both are a `VenueHandle`: the truth, and the means to
  change it.
- Faults: `Refusal`, `LateRejection`, `LostResponse`, `ServerError`, `SlowAnswer`, `PartialFill`, `LateFill`,
  `LateVisibility`, `EmptyPositions`.
- `bybit_client` is the real client, connected.

Needs the ``ccxt`` extra.
"""

from __future__ import annotations

from poslife.testing.bybit._client import BybitClient, bybit_client
from poslife.testing.bybit._faults import (
    EmptyPositions,
    Fault,
    Injection,
    LateFill,
    LateRejection,
    LateVisibility,
    LostResponse,
    PartialFill,
    Refusal,
    ServerError,
    SlowAnswer,
)
from poslife.testing.bybit._handle import VenueHandle
from poslife.testing.bybit._remote import VenueControl
from poslife.testing.bybit._values import (
    DEFAULT_INSTRUMENTS,
    Endpoint,
    ExecutionKind,
    Instrument,
    OrderStatus,
    OrderType,
    ReceivedRequest,
    Side,
    SimulatedFill,
    SimulatedOrder,
    SimulatedPosition,
    TimeInForce,
)
from poslife.testing.bybit._venue import SimulatedBybit

__all__ = [
    "DEFAULT_INSTRUMENTS",
    "BybitClient",
    "EmptyPositions",
    "Endpoint",
    "ExecutionKind",
    "Fault",
    "Injection",
    "Instrument",
    "LateFill",
    "LateRejection",
    "LateVisibility",
    "LostResponse",
    "OrderStatus",
    "OrderType",
    "PartialFill",
    "ReceivedRequest",
    "Refusal",
    "ServerError",
    "Side",
    "SimulatedBybit",
    "SimulatedFill",
    "SimulatedOrder",
    "SimulatedPosition",
    "SlowAnswer",
    "TimeInForce",
    "VenueControl",
    "VenueHandle",
    "bybit_client",
]
