"""
Rules of each venue: how an order is found by its client order id, and what the responses cover. Data.

Time windows are slightly shorter than the venue's own, because a request takes time to arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from poslife._domain.identifiers import Venue
from poslife.ccxt._venues.binance import BINANCE, BINANCECOINM
from poslife.ccxt._venues.bingx import BINGX
from poslife.ccxt._venues.bitget import BITGET
from poslife.ccxt._venues.bybit import BYBIT
from poslife.ccxt._venues.gate import GATE
from poslife.ccxt._venues.hyperliquid import HYPERLIQUID
from poslife.ccxt._venues.kucoin import KUCOIN
from poslife.ccxt._venues.okx import OKX
from poslife.ccxt._venues.rules import ConditionalOrders, FeeFields, LookupMethod, TradeChannel, VenueRules
from poslife.errors import UnknownVenueFormat

__all__ = [
    "VENUE_RULES",
    "ConditionalOrders",
    "FeeFields",
    "LookupMethod",
    "TradeChannel",
    "VenueRules",
    "rules_of",
]

VENUE_RULES: Mapping[Venue, VenueRules] = MappingProxyType(
    {
        Venue("binance"): BINANCE,
        Venue("binanceusdm"): BINANCE,
        Venue("binancecoinm"): BINANCECOINM,
        Venue("bybit"): BYBIT,
        Venue("okx"): OKX,
        Venue("gate"): GATE,
        Venue("bitget"): BITGET,
        Venue("hyperliquid"): HYPERLIQUID,
        Venue("bingx"): BINGX,
        Venue("kucoin"): KUCOIN,
        Venue("kucoinfutures"): KUCOIN,
    }
)
"""
The supported venues.

HTX, Deribit, krakenfutures and mexc are not supported: through ccxt an order there cannot be found by its
client order id, or not even be sent with one. BingX returns the fills of linear contracts without an id and
a side, so they cannot be read, and the filled quantity of an order there is not known from them.
"""

_UNSUPPORTED: Mapping[Venue, str] = MappingProxyType(
    {
        Venue("htx"): "ccxt drops a client order id that is not an integer",
        Venue("deribit"): "ccxt sends the client order id as `label`, and finds no order by it",
        Venue("krakenfutures"): "ccxt finds no order by its client order id",
        Venue("mexc"): "ccxt finds no order by its client order id",
    }
)


def rules_of(venue: Venue, rules: VenueRules | None = None) -> VenueRules:
    """
    Return *rules* if given, else those in `VENUE_RULES`.

    Raises:
        UnknownVenueFormat: There are none.
    """
    known = VENUE_RULES.get(venue) if rules is None else rules
    if known is None:
        reason = f" ({_UNSUPPORTED[venue]})" if venue in _UNSUPPORTED else ""
        raise UnknownVenueFormat(
            venue, VENUE_RULES, missing=f"way to ask through ccxt{reason}", give="rules=VenueRules(…)"
        )
    return known
