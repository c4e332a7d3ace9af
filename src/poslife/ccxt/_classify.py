"""
Classification of exceptions that came out of a submit through ccxt.

Only a listed class proves a refusal; everything else, a bare ``ExchangeError`` included, leaves the order in
doubt.
"""

from __future__ import annotations

import re
import traceback

from ccxt.base import errors

from poslife._domain.venue_answers import SubmitContext, SubmitVerdict
from poslife.ccxt._codes import VENUE_CODES, VenueCodes

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

# Subclasses of the above that are about an order which may exist.
_NOT_REFUSALS = (errors.DuplicateOrderId, errors.OrderNotFound, errors.OrderNotCached)

# ccxt raises these before any request, at every venue.
_RAISED_LOCALLY = (errors.ArgumentsRequired, errors.NotSupported, errors.BadSymbol)

_PARSERS = frozenset({"parse_order", "parse_orders", "parse_trade", "parse_trades", "safe_order"})

_CODE = re.compile(r'"(?:ret_?[cC]ode|code|err_code|sCode|label)"\s*:\s*"?(-?\w+)"?')


def classify(error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
    """
    Return whether *error* proves that the venue refused the order; a `SubmitClassifier`.

    It does only if all of this holds:

    - Its class is on the list of refusals, and no code in its message is one of the venue's doubtful codes.
    - It was raised by the call that creates the order. Another call wrapped with it (setting a leverage,
      fetching a price) says nothing about the order.
    - It was not raised while ccxt parsed the venue's response: then the order was sent.
    - For a venue without a table of codes, it is an exception that ccxt raises before any request, or
      ``InsufficientFunds``.
    - If it is ``InsufficientFunds``, no earlier order is in doubt: that order may have taken the funds.
    """
    if not isinstance(error, _REFUSALS) or isinstance(error, _NOT_REFUSALS):
        return SubmitVerdict.UNKNOWN
    if isinstance(error, errors.InsufficientFunds) and context.in_doubt_before:
        return SubmitVerdict.UNKNOWN
    calls = _ccxt_calls(error)
    if calls and not (_creates_order(calls[0]) and _PARSERS.isdisjoint(calls)):
        return SubmitVerdict.UNKNOWN
    codes = VENUE_CODES.get(context.venue)
    if codes is None:
        local = isinstance(error, _RAISED_LOCALLY) and not _came_from_venue(error, calls)
        certain = local or isinstance(error, errors.InsufficientFunds)
        return SubmitVerdict.REFUSED if certain else SubmitVerdict.UNKNOWN
    return SubmitVerdict.UNKNOWN if _is_doubtful(str(error), codes) else SubmitVerdict.REFUSED


def _is_doubtful(message: str, codes: VenueCodes) -> bool:
    lowered = message.lower()
    return not codes.codes.isdisjoint(_CODE.findall(message)) or any(text in lowered for text in codes.texts)


def _ccxt_calls(error: BaseException) -> list[str]:
    """
    Return the names of ccxt's functions in the traceback, the one that the host called first.
    """
    return [
        frame.f_code.co_name
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == "ccxt"
    ]


def _creates_order(call: str) -> bool:
    return call.startswith("create_") and "order" in call


def _came_from_venue(error: BaseException, calls: list[str]) -> bool:
    return "fetch" in calls or "handle_errors" in calls or "{" in str(error)
