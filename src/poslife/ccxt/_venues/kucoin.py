"""
KuCoin futures.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import LEG_WORDS, ConditionalOrders, TradeChannel, VenueRules

__all__ = ["KUCOIN"]

KUCOIN = VenueRules(
    # Only stop orders that wait are listed.
    conditional=ConditionalOrders(lookups=("fetch_open_orders",), filtered=False),
    lookup_parameter="clientOid",
    # ccxt takes `createdAt`, the time at which the list's row was made.
    trade_time="tradeTime",
    # The private stream.
    channels=(TradeChannel(marks=("matchSize",), order_name="clientOid", time="ts"),),
    trades_order_parameter="orderId",
    trades_window=timedelta(days=7),
    trades_span=timedelta(hours=23),
    trades_limit=1000,
    positions_cover=MappingProxyType({"contract": True}),
    leg_fields=("positionSide",),
    legs=LEG_WORDS,
)
