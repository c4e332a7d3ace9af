"""
BingX.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import LEG_WORDS, FeeFields, TradeChannel, VenueRules

__all__ = ["BINGX"]

BINGX = VenueRules(
    conditional_together=True,
    trade_order_name="clientOrderID",
    # ccxt takes the absolute value.
    trade_fees=FeeFields(amount=("commission", "n"), paid_below_zero=True),
    # The private stream.
    channels=(TradeChannel(marks=("x", "S"), order_name="c", leg_fields=("ps",)),),
    trades_order_parameter="orderId",
    trades_window=timedelta(days=29),
    trades_span=timedelta(days=29),
    trades_limit=512,
    positions_extra=MappingProxyType({"subType": "linear"}),
    positions_cover=MappingProxyType({"swap": True, "linear": True}),
    leg_fields=("positionSide",),
    legs=LEG_WORDS,
    hedge_fields=("onlyOnePosition",),
    hedge_words=frozenset({"false"}),
)
