"""
What an exception of a ccxt client says about an order that was being submitted.

A definitive refusal is on a list; everything else leaves the order in doubt, a bare ``ExchangeError`` too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import ccxt.async_support as errors

from poslife._identifiers import Venue
from poslife._submits import SubmitContext, SubmitVerdict

__all__ = ["classify"]

_REFUSALS = (
    errors.InsufficientFunds,
    errors.AuthenticationError,
    errors.PermissionDenied,
    errors.BadSymbol,
    errors.BadRequest,
    errors.ArgumentsRequired,
    errors.NotSupported,
    errors.OperationRejected,
    errors.InvalidOrder,
)

# Inside the classes above, and no refusals: they speak of an order that may exist.
_NO_REFUSALS = (errors.DuplicateOrderId, errors.OrderNotFound, errors.OrderNotCached)

# Raised before any request is made, whatever the venue.
_LOCAL = (errors.ArgumentsRequired, errors.NotSupported, errors.BadSymbol)

# Codes that arrive as a refusal's class and are none: a duplicate (an earlier attempt may exist), a time-out
# at
# the venue, an order handed on. From the venues' documentation.
_DOUBTFUL_CODES: Mapping[Venue, frozenset[str]] = MappingProxyType(
    {
        Venue("binance"): frozenset({"-1006", "-1007", "-4116"}),
        Venue("binanceusdm"): frozenset({"-1006", "-1007", "-4116"}),
        Venue("binancecoinm"): frozenset({"-1006", "-1007", "-4116"}),
        Venue("bybit"): frozenset(
            {"10014", "10016", "12141", "110030", "110072", "170035", "170141", "170146"}
        ),
        Venue("okx"): frozenset({"51011", "51016"}),
        Venue("bitget"): frozenset({"40015"}),
        Venue("kucoin"): frozenset({"126033", "126044", "408000"}),
        Venue("kucoinfutures"): frozenset({"126033", "126044", "408000"}),
    }
)

_CODE = re.compile(r'"(?:retCode|code|sCode|label)"\s*:\s*"?(-?\w+)"?')


def classify(error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
    """
    Tell a definitive refusal from everything else; a `SubmitClassifier`.

    A refusal is an exception of a listed class, with no code that says otherwise. For a venue without a table
    of
    codes only what ccxt raises before any request, and ``InsufficientFunds``, is one. A lack of funds is none
    while an
    earlier order is in doubt: that order may have taken them.
    """
    if not isinstance(error, _REFUSALS) or isinstance(error, _NO_REFUSALS):
        return SubmitVerdict.UNKNOWN
    if isinstance(error, errors.InsufficientFunds) and context.in_doubt_before:
        return SubmitVerdict.UNKNOWN
    doubtful = _DOUBTFUL_CODES.get(context.venue)
    if doubtful is None:
        certain = isinstance(error, (*_LOCAL, errors.InsufficientFunds))
        return SubmitVerdict.REFUSED if certain else SubmitVerdict.UNKNOWN
    if doubtful.intersection(_CODE.findall(str(error))):
        return SubmitVerdict.UNKNOWN
    return SubmitVerdict.REFUSED
