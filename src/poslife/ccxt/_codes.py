"""
Venue errors that decide more than ccxt's exception class. Data.

Some prove a refusal. The doubtful ones mean a duplicate (an earlier attempt may exist), a time-out at the
venue, or an order that was accepted for processing. Source: the venues' documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from poslife._domain.identifiers import Venue
from poslife.ccxt._refusals import (
    BINANCE,
    BINGX,
    BITGET,
    BYBIT,
    GATE,
    HYPERLIQUID,
    KUCOIN,
    OKX,
    Refusals,
)

__all__ = ["VENUE_CODES", "VenueCodes"]


_DOUBTS = ("duplicate", "already exist", "timeout", "timed out", "system error", "internal error")


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCodes:
    """
    The errors of one venue that decide regardless of ccxt's exception class. A doubt outweighs a refusal.

    Attributes:
        refusals: The errors that prove a refusal.
        doubts: The codes that leave an order in doubt.
        doubt_texts: Parts of messages that do, in lower case, for errors whose code says too little.
        envelopes: The codes that only say that the codes beside them decide.
    """

    refusals: Refusals
    doubts: frozenset[str]
    doubt_texts: tuple[str, ...] = _DOUBTS
    envelopes: frozenset[str] = frozenset()


_BINANCE = VenueCodes(
    refusals=BINANCE,
    doubts=frozenset(
        {
            "-1006",  # UNEXPECTED_RESP: execution status unknown
            "-1007",  # TIMEOUT: send status unknown, execution status unknown
            "-4082",  # number of orders of a batch
            "-4083",  # PLACE_BATCH_ORDERS_FAIL
            "-4111",  # the clientTranId is duplicated
            "-4115",  # DUPLICATED_CLIENT_TRAN_ID
            "-4116",  # DUPLICATED_CLIENT_ORDER_ID
            "-4117",  # STOP_ORDER_TRIGGERING: an order is on its way
            "-20132",  # the client algo id is duplicated
        }
    ),
    # Spot uses -2010 for every refusal, duplicates included, so the text decides.
    doubt_texts=(*_DOUBTS, "status unknown"),
)
_KUCOIN = VenueCodes(
    refusals=KUCOIN,
    doubts=frozenset(
        {
            "126033",  # duplicate order
            "126034",  # failed to create a take-profit or stop-loss order
            "126036",  # failed to create a margin order
            "126044",  # clientOid duplicate
            "408000",  # network time-out
        }
    ),
)

VENUE_CODES: Mapping[Venue, VenueCodes] = MappingProxyType(
    {
        Venue("binance"): _BINANCE,
        Venue("binanceusdm"): _BINANCE,
        Venue("binancecoinm"): _BINANCE,
        Venue("bybit"): VenueCodes(
            refusals=BYBIT,
            doubts=frozenset(
                {
                    "10014",  # request is duplicate
                    "10016",  # system error
                    "12141",  # duplicate clientOrderId
                    "30001",  # order_link_id is repeated
                    "110030",  # duplicate orderId
                    "110072",  # OrderLinkedID is duplicate
                    "140030",  # duplicate orderId
                    "170007",  # time-out waiting for response from backend server
                    "170035",  # submitted to the system for processing
                    "170141",  # duplicate clientOrderId
                    "170146",  # order creation time-out
                    "170147",  # order cancellation time-out
                    "170195",  # "your order may not be filled"
                    "170196",  # "your order may not be filled"
                }
            ),
        ),
        Venue("okx"): VenueCodes(
            refusals=OKX,
            doubts=frozenset(
                {
                    "50004",  # time-out, says nothing of success or failure
                    "51011",  # duplicated order id
                    "51016",  # duplicated client order id
                    "51111",  # number of orders of a batch
                }
            ),
            envelopes=frozenset({"1"}),
        ),
        Venue("bitget"): VenueCodes(
            refusals=BITGET,
            doubts=frozenset(
                {
                    "25000",  # system error
                    "25001",  # operation timed out
                    "25003",  # concurrent operation
                    "25212",  # duplicate clientOid
                    "40015",  # system is abnormal
                    "40306",  # number of orders of a batch
                    "40786",  # duplicate clientOid
                }
            ),
        ),
        Venue("gate"): VenueCodes(
            refusals=GATE,
            doubts=frozenset(
                {
                    "INTERNAL",
                    "ORDER_PENDING",
                    "REPEATED_CREATION",
                    "SERVER_ERROR",
                    "TOO_BUSY",
                }
            ),
        ),
        Venue("kucoin"): _KUCOIN,
        Venue("kucoinfutures"): _KUCOIN,
        Venue("bingx"): VenueCodes(
            refusals=BINGX,
            doubts=frozenset(
                {
                    "100410",  # the system is busy
                    "100500",  # the system is busy
                    "101481",  # duplicate
                    "101500",  # RPC time-out
                    "109201",  # the same order within a second
                    "109500",  # the system is busy
                    "110500",  # the order system is busy
                }
            ),
            doubt_texts=(*_DOUBTS, "repeated", "within 1 second"),
        ),
        Venue("hyperliquid"): VenueCodes(
            refusals=HYPERLIQUID, doubts=frozenset(), doubt_texts=(*_DOUBTS, "cloid", "already")
        ),
    }
)
"""
The venues whose refusals are recognised by their codes and texts.

At any other venue only what ccxt refuses before it sends anything, and ``InsufficientFunds``, are recognised.
"""
