"""
poslife: know what a trading bot holds, and prove how it came to hold it.

Start with `connect`, which gives a `PositionTracker`; its blocks are `PositionTracker.opening` and `closing`.
Positions are `PendingPosition`, `PersistedPosition` or `ClosedPosition`; what goes wrong is in
`poslife.errors`. To bring a store, a sink or a venue of your own, implement a protocol of `poslife.protocols`
and run its suite in `poslife.conformance`. Stores: `poslife.sqlite`, `poslife.postgres`, `poslife.memory`;
venues: `poslife.ccxt`. For tests: `poslife.testing`.
"""

from __future__ import annotations

from poslife._connect import connect
from poslife._domain.causation import acting_as, causing
from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.event_envelopes import Severity
from poslife._domain.fills import Fee, Fill, StoredFill
from poslife._domain.identifiers import (
    Account,
    ClientOrderId,
    EventId,
    Leg,
    MarginMode,
    OrderSide,
    PositionId,
    PositionKey,
    PositionRef,
    RunId,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.outcomes import (
    Abandoned,
    Closed,
    ClosingOutcome,
    InDoubt,
    Opened,
    OpeningOutcome,
    Rejected,
    Working,
)
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import (
    ClosedPosition,
    Confidence,
    LivePosition,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._domain.protection import Protection
from poslife._sink import (
    BatchingSink,
    FurtherWriter,
    Overflow,
    SinkHealth,
    SinkState,
    SinkStats,
    WriterHealth,
    WriterStats,
)
from poslife._sink.folding import FoldingSink, FoldingStats
from poslife._tracker.apply_fills import FillsApplied
from poslife._tracker.blocks import Closing, Opening
from poslife._tracker.committing import Timings
from poslife._tracker.recovery import Recovery, StillInDoubt
from poslife._tracker.steps import Steps
from poslife._tracker.tracker import PositionTracker
from poslife._trail.redaction import KeyRedaction, Redaction, redact_keys, redact_secrets
from poslife._version import __version__

__all__ = [
    "CLIENT_ORDER_IDS",
    "Abandoned",
    "Account",
    "BatchingSink",
    "ClientOrderId",
    "ClientOrderIdFormat",
    "CloseReason",
    "Closed",
    "ClosedPosition",
    "Closing",
    "ClosingOutcome",
    "Confidence",
    "EventId",
    "Fee",
    "Fill",
    "FillsApplied",
    "FoldingSink",
    "FoldingStats",
    "FurtherWriter",
    "InDoubt",
    "KeyRedaction",
    "Leg",
    "LivePosition",
    "MarginMode",
    "Opened",
    "Opening",
    "OpeningOutcome",
    "Order",
    "OrderPurpose",
    "OrderSide",
    "OrderStatus",
    "Origin",
    "Overflow",
    "PendingPosition",
    "PersistedPosition",
    "Position",
    "PositionId",
    "PositionKey",
    "PositionRef",
    "PositionStatus",
    "PositionTracker",
    "Protection",
    "Recovery",
    "Redaction",
    "Rejected",
    "RunId",
    "Severity",
    "Side",
    "SinkHealth",
    "SinkState",
    "SinkStats",
    "Steps",
    "StillInDoubt",
    "StoredFill",
    "Symbol",
    "Timings",
    "TradeId",
    "Venue",
    "VenueOrderId",
    "Working",
    "WriterHealth",
    "WriterStats",
    "__version__",
    "acting_as",
    "causing",
    "connect",
    "redact_keys",
    "redact_secrets",
]
