"""
poslife: know what a trading bot holds, and prove how it came to hold it.

`connect` makes a `PositionTracker`; its blocks, `opening` and `closing`, go around the bot's own order code.
A position is a `PendingPosition`, a `PersistedPosition` or a `ClosedPosition`.

The layers, top to bottom. A module imports from its own package and lower layers; a bar separates packages
that do not know each other::

    cli                                             the command `poslife`
    _connect                                        `connect`: from a URL to a tracker with all its parts
    testing | conformance                           for tests: clocks, faults, a Bybit; suites for adapters
    memory | sqlite | postgres | jsonl | ccxt       adapters: stores, a writer of files, a venue source
    _tracker | _sink | journal | storage | events   use cases; delivery of host events; all stores' SQL
    _runtime                                        the machine: clock, new ids, processes, forks
    protocols                                       the contracts of adapters
    _trail | venues                                 events as bytes: encoding, redaction, digests
    _domain                                         values and the rules that change them, without I/O
    errors | _version                               every exception, drawn as a tree

Where to look for::

    a value and its checks          _domain/positions, orders, fills, identifiers, events, venue_answers
    a transition table              _domain/position_status, _domain/orders
    a rule                          _domain/order_steps, fill_owner, booking, absence
    the commits around a request    _tracker/order_block; the same steps as plain calls: _tracker/steps
    a promise to adapters           protocols/_repository, _sink, _venue, _event_stores, _journal
    a transaction                   _commit of sqlite and postgres, memory/_store
    the way of a host event         _trail/host_events, _sink/intake, journal, _sink/lane, _sink/delivery
    a digest chain                  _trail/records, events
    an oddity of a venue            ccxt/_venues

The page "Architecture" of the documentation, docs/explanation/architecture.md, has the reasons.
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
from poslife._tracker.closing import Closing
from poslife._tracker.doubts import StillInDoubt
from poslife._tracker.opening import Opening
from poslife._tracker.recovery import Recovery
from poslife._tracker.steps import Steps
from poslife._tracker.timings import Timings
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
