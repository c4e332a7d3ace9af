"""
OKX.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import LEG_WORDS, VenueRules

__all__ = ["OKX"]

OKX = VenueRules(
    # Canceled orders without a fill are returned for two hours.
    lookup_window=timedelta(minutes=115),
    trade_order_name="clOrdId",
    trade_sequence="billId",
    trades_order_parameter="ordId",
    trades_window=timedelta(days=89),
    trades_span=timedelta(days=89),
    trades_limit=100,
    positions_cover=MappingProxyType({"contract": True, "option": False}),
    leg_fields=("posSide",),
    legs=LEG_WORDS,
)
