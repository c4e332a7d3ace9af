"""
OKX.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import LEG_WORDS, ConditionalOrders, FeeFields, VenueRules

__all__ = ["OKX"]

OKX = VenueRules(
    conditional=ConditionalOrders(made_fields=("ordId",)),
    # Canceled orders without a fill are returned for two hours.
    lookup_window=timedelta(minutes=115),
    trade_order_name="clOrdId",
    # The stream's `fee` is of the whole order; ccxt takes `fillFee` there, with the venue's sign.
    trade_fees=FeeFields(amount=("fillFee", "fee"), paid_below_zero=True),
    # ccxt takes the list's `ts`, the time at which the row was made.
    trade_time="fillTime",
    trade_sequence="billId",
    trades_order_parameter="ordId",
    trades_window=timedelta(days=89),
    trades_span=timedelta(days=89),
    trades_limit=100,
    positions_cover=MappingProxyType({"contract": True, "option": False}),
    leg_fields=("posSide",),
    legs=LEG_WORDS,
)
