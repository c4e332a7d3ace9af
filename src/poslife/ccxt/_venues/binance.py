"""
Binance: USDT-margined futures, and coin-margined ones.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import LEG_WORDS, ConditionalOrders, TradeChannel, VenueRules

__all__ = ["BINANCE", "BINANCECOINM"]

BINANCE = VenueRules(
    conditional=ConditionalOrders(made_fields=("actualOrderId",)),
    # Canceled and expired orders without a fill are returned for three days.
    lookup_window=timedelta(hours=71),
    # The private stream: futures and spot.
    channels=(TradeChannel(marks=("x", "S"), order_name="c", leg_fields=("ps",)),),
    trade_sequence="id",
    trades_order_parameter="orderId",
    trades_window=timedelta(days=179),
    trades_span=timedelta(days=6, hours=23),
    trades_limit=1000,
    positions_extra=MappingProxyType({"subType": "linear"}),
    positions_cover=MappingProxyType({"contract": True, "linear": True, "option": False}),
    leg_fields=("positionSide",),
    legs=LEG_WORDS,
)
BINANCECOINM = replace(
    BINANCE,
    positions_extra=MappingProxyType({"subType": "inverse"}),
    positions_cover=MappingProxyType({"contract": True, "inverse": True, "option": False}),
)
