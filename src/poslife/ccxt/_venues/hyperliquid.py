"""
Hyperliquid.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import LEG_WORDS, VenueRules

__all__ = ["HYPERLIQUID"]

HYPERLIQUID = VenueRules(
    trade_order_name="cloid",
    # Trade ids are not unique.
    trade_id_parts=("id", "order", "timestamp"),
    # Only the last 10,000 fills are kept, however old.
    trades_window=timedelta(days=1),
    trades_span=timedelta(days=1),
    trades_limit=2000,
    trades_of_all=True,
    positions_cover=MappingProxyType({"swap": True, "settle": "USDC"}),
    # Builder-deployed exchanges (HIP-3) must be requested one by one.
    positions_beyond="hip3",
    leg_fields=("type",),
    legs=LEG_WORDS,
)
