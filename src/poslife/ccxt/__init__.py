"""
Adapter for venues through ccxt.

`CcxtSource` is a `VenueSource` over the host's own ``ccxt.async_support`` client; `classify` is a
`SubmitClassifier` for the exceptions that client raises; `fill_from`, `order_seen_from` and `position_from`
convert ccxt's dictionaries. poslife never changes the client's settings and never sends an order.

Inside, all of it ours to change:

===============  ================================================================================
``_source``      `CcxtSource`: orders, fills and snapshots
``_history``     pages of fills over time, and whether a page is complete
``_client``      the typed edge to ccxt: the methods called, checks of its settings, its errors
``_orders``      a ccxt order as an `OrderSeen`
``_trades``      a ccxt trade as a `Fill`
``_positions``   a ccxt position as a `VenuePosition`; `key_for`
``_unreadable``  a row that could not be read, with the reason
``_fields``      one field of a ccxt dictionary: number, time, side, leg, client order id, cursor
``_venues``      `VENUE_RULES`: look-ups, limits and coverage, a file per venue (data)
``_classify``    refused or unknown, from an exception out of ``create_order``
``_sent``        was the order's request made, from the traceback
``_bodies``      the venue's error response within an exception's message
``_refusals``    venue codes and texts that prove a refusal (data)
``_codes``       both tables of each venue: refusals, and codes that leave an order in doubt (data)
===============  ================================================================================
"""

from __future__ import annotations

from poslife.errors import MissingExtra

try:
    import ccxt.async_support as _ccxt
except ModuleNotFoundError as _missing:
    if _missing.name != "ccxt":
        raise
    raise MissingExtra("ccxt", "ccxt") from _missing

from poslife.ccxt._classify import classify
from poslife.ccxt._orders import order_seen_from
from poslife.ccxt._positions import key_for, position_from
from poslife.ccxt._source import CcxtSource
from poslife.ccxt._trades import fill_from, fills_from
from poslife.ccxt._venues import (
    VENUE_RULES,
    ConditionalOrders,
    FeeFields,
    LookupMethod,
    TradeChannel,
    VenueRules,
)

__all__ = [
    "VENUE_RULES",
    "CcxtSource",
    "ConditionalOrders",
    "FeeFields",
    "LookupMethod",
    "TradeChannel",
    "VenueRules",
    "classify",
    "fill_from",
    "fills_from",
    "key_for",
    "order_seen_from",
    "position_from",
]

del _ccxt
