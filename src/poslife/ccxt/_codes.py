"""
Venue error codes that ccxt maps to a refusal's class although the order may exist. Data.

They mean a duplicate (an earlier attempt may exist), a time-out at the venue, or an order that was accepted
for processing. Source: the venues' documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from poslife._domain.identifiers import Venue

__all__ = ["VENUE_CODES", "VenueCodes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCodes:
    """
    The errors of one venue that leave an order in doubt, regardless of ccxt's exception class.

    Attributes:
        codes: The venue's codes.
        texts: Parts of its messages, in lower case, for errors whose code ccxt leaves out.
    """

    codes: frozenset[str]
    texts: tuple[str, ...] = ()


_BINANCE = VenueCodes(
    codes=frozenset(
        {
            "-1006",  # UNEXPECTED_RESP: execution status unknown
            "-1007",  # TIMEOUT: send status unknown, execution status unknown
            "-4115",  # DUPLICATED_CLIENT_TRAN_ID
            "-4116",  # DUPLICATED_CLIENT_ORDER_ID
            "-20132",  # the client algo id is duplicated
        }
    ),
    # Spot uses -2010 for every refusal, duplicates included, so the text decides.
    texts=("duplicate order", "status unknown"),
)
_KUCOIN = VenueCodes(
    codes=frozenset(
        {
            "126033",  # duplicate order
            "126044",  # clientOid duplicate
            "408000",  # network time-out
        }
    ),
    texts=("duplicate",),
)

VENUE_CODES: Mapping[Venue, VenueCodes] = MappingProxyType(
    {
        Venue("binance"): _BINANCE,
        Venue("binanceusdm"): _BINANCE,
        Venue("binancecoinm"): _BINANCE,
        Venue("bybit"): VenueCodes(
            codes=frozenset(
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
                }
            )
        ),
        Venue("okx"): VenueCodes(
            codes=frozenset(
                {
                    "50004",  # time-out, says nothing of success or failure
                    "51011",  # duplicated order id
                    "51016",  # duplicated client order id
                }
            )
        ),
        Venue("bitget"): VenueCodes(
            codes=frozenset(
                {
                    "40015",  # system is abnormal
                    "40786",  # duplicate clientOid
                }
            ),
            texts=("duplicate",),
        ),
        Venue("gate"): VenueCodes(
            codes=frozenset(
                {
                    "REPEATED_CREATION",
                    "SERVER_ERROR",
                    "TOO_BUSY",
                }
            ),
            texts=("duplicate",),
        ),
        Venue("kucoin"): _KUCOIN,
        Venue("kucoinfutures"): _KUCOIN,
    }
)
"""
The venues whose refusals are recognised by class and code.

At any other venue only ccxt's own refusals and ``InsufficientFunds`` are recognised.
"""
