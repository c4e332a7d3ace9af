"""
Venues through ccxt: the host's own client is asked, and what it raises is told apart.

`CcxtSource` is a `VenueSource` over a ``ccxt.async_support`` client; `classify` is a `SubmitClassifier`;
`fill_from` and its like turn ccxt's dictionaries into ours. The client's settings are never changed, and
poslife never sends an order.
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
from poslife.ccxt._venues import VENUE_RULES, LookupMethod, VenueRules

__all__ = [
    "VENUE_RULES",
    "CcxtSource",
    "LookupMethod",
    "VenueRules",
    "classify",
    "fill_from",
    "fills_from",
    "key_for",
    "order_seen_from",
    "position_from",
]

del _ccxt
