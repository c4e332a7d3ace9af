"""
Bitget.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from poslife.ccxt._venues.rules import LEG_WORDS, ConditionalOrders, FeeFields, TradeChannel, VenueRules

__all__ = ["BITGET"]

BITGET = VenueRules(
    # `fetch_order` does not know plan orders.
    conditional=ConditionalOrders(
        lookups=("fetch_open_orders", "fetch_canceled_and_closed_orders"), made_fields=("executeOrderId",)
    ),
    lookup_parameter="clientOid",
    trade_order_name="clientOid",
    channels=(
        # The unified account. ccxt negates its fees in the list, and takes the absolute value in the stream.
        TradeChannel(
            marks=("execId",), fees=FeeFields(amount=("fee",), currency="feeCoin", rows="feeDetail")
        ),
        # The classic account's contracts. In the stream ccxt takes absolute values, and the time of change.
        TradeChannel(
            marks=("posMode",),
            fees=FeeFields(amount=("totalFee",), currency="feeCoin", rows="feeDetail", paid_below_zero=True),
            time="cTime",
        ),
    ),
    trade_sequence="tradeId",
    trades_order_parameter="orderId",
    trades_window=timedelta(days=89),
    trades_span=timedelta(days=6, hours=23),
    trades_limit=100,
    positions_extra=MappingProxyType({"productType": "USDT-FUTURES"}),
    positions_cover=MappingProxyType({"contract": True, "linear": True, "settle": "USDT"}),
    leg_fields=("holdSide", "posSide"),
    legs=LEG_WORDS,
    hedge_fields=("posMode", "holdMode"),
    hedge_words=frozenset({"hedge_mode"}),
    close_in_position_side=True,
)
