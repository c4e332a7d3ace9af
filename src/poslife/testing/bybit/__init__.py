"""
A simulated Bybit on loopback, for tests and demonstrations, to which a real ccxt client connects.

- `SimulatedBybit` runs it in this process, ``python -m poslife.testing.bybit`` in its own process.
- `VenueControl` controls one in another process. Both are a `VenueHandle`: they show the venue's true state,
  and change it.
- Faults: `Refusal`, `LateRejection`, `LostResponse`, `ServerError`, `SlowAnswer`, `PartialFill`, `LateFill`,
  `LateVisibility`, `EmptyPositions`.
- `bybit_client` returns the real client, connected.

Needs the ``ccxt`` extra.

Inside, all of it ours to change:

=====================  ===================================================================================
``_venue_handle``      `VenueHandle`, the protocol
``_simulated_bybit``   `SimulatedBybit`, the handle in the venue's own process
``_control_client``    `VenueControl`, the handle in another process
``_control_server``    the HTTP routes that it calls
``_control_messages``  the commands that it sends
``_ccxt_client``       `bybit_client`
``_http_server``       signatures, faults of the transport, the log of requests
``_endpoints``         each endpoint: parameters, checks, result
``_requests``          `Endpoint`, `ReceivedRequest`
``_responses``         the rows of the responses
``_exchange``          one account on the exchange: what is accepted, margins, position mode
``_order_checks``      the venue's checks of a new order, and its return codes
``_matching``          how accepted orders fill, rest or end
``_account``           orders, executions and positions, true and visible
``_position_state``    the arithmetic of one position
``_orders``            `SimulatedOrder`, `SimulatedFill`, `SimulatedPosition`, and their enums
``_instruments``       `Instrument`, fees, margins, price band
``_faults``            the faults, and the board that assigns them to requests
=====================  ===================================================================================
"""

from __future__ import annotations

from poslife.errors import MissingExtra

try:
    import aiohttp as _aiohttp
except ModuleNotFoundError as _missing:
    if _missing.name != "aiohttp":
        raise
    raise MissingExtra("ccxt", "aiohttp") from _missing

from poslife.testing.bybit._ccxt_client import BybitClient, bybit_client
from poslife.testing.bybit._control_client import VenueControl
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
from poslife.testing.bybit._instruments import DEFAULT_INSTRUMENTS, Instrument
from poslife.testing.bybit._orders import (
    ExecutionKind,
    OrderStatus,
    OrderType,
    Side,
    SimulatedFill,
    SimulatedOrder,
    SimulatedPosition,
    TimeInForce,
)
from poslife.testing.bybit._requests import Endpoint, ReceivedRequest
from poslife.testing.bybit._simulated_bybit import SimulatedBybit
from poslife.testing.bybit._venue_handle import VenueHandle

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

del _aiohttp
