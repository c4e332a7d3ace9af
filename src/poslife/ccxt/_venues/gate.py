"""
Gate.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import LEG_WORDS, ConditionalOrders, VenueRules

__all__ = ["GATE"]

GATE = VenueRules(
    # A price order is found by its id alone; ccxt has no list of both open and ended ones.
    conditional=ConditionalOrders(
        lookups=("fetch_open_orders",),
        id_lookups=("fetch_order",),
        filtered=False,
        made_fields=("trade_id",),
    ),
    # A client order id is found until a minute after its order has ended.
    lookup_window=timedelta(seconds=50),
    trade_order_name="text",
    # Signed, and above the trade's size where it closed a part of the position. Not in the stream.
    trade_closed="close_size",
    trade_sequence="trade_id",
    trades_window=timedelta(days=30),
    trades_span=timedelta(days=30),
    trades_limit=1000,
    positions_extra=MappingProxyType({"settle": "usdt", "holding": True}),
    positions_cover=MappingProxyType({"swap": True, "linear": True, "settle": "USDT"}),
    positions_limit=100,
    leg_fields=("mode",),
    legs=LEG_WORDS,
)
