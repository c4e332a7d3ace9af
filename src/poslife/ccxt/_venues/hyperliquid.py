"""
Hyperliquid.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import FeeFields, VenueRules

__all__ = ["HYPERLIQUID"]

HYPERLIQUID = VenueRules(
    conditional_together=True,
    trade_order_name="cloid",
    # The fee includes the builder's, which ccxt adds in the list; in the stream it takes every fee for USDC.
    trade_fees=FeeFields(amount=("fee",), currency="feeToken"),
    trade_position_before="startPosition",
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
    one_way=True,
)
