"""
What an exception of a ccxt client says about an order that was being submitted.

A definitive refusal is on a list; everything else leaves the order in doubt, a bare ``ExchangeError`` too.
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

# Inside the classes above, and no refusals: they speak of an order that may exist.
_NO_REFUSALS = (errors.DuplicateOrderId, errors.OrderNotFound, errors.OrderNotCached)

# Raised before any request is made, whatever the venue.
_LOCAL = (errors.ArgumentsRequired, errors.NotSupported, errors.BadSymbol)

_READS_AN_ANSWER = frozenset({"parse_order", "parse_orders", "parse_trade", "parse_trades", "safe_order"})

_CODE = re.compile(r'"(?:ret_?[cC]ode|code|err_code|sCode|label)"\s*:\s*"?(-?\w+)"?')


def classify(error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
    """
    Tell a definitive refusal from everything else; a `SubmitClassifier`.

    A refusal is an exception of a listed class, out of the call that makes the order, with no code that says
    otherwise. Out of another call that was wrapped with it (a leverage that could not be set, a price that
    could not be fetched) it says nothing about the order, nor does one that was raised while the venue's
    answer was read. For a venue without a table of codes only what ccxt raises before any request, and
    ``InsufficientFunds``, is one. A lack of funds is none while an earlier order is in doubt: that order may
    have taken them.
    """
    if not isinstance(error, _REFUSALS) or isinstance(error, _NO_REFUSALS):
        return SubmitVerdict.UNKNOWN
    if isinstance(error, errors.InsufficientFunds) and context.in_doubt_before:
        return SubmitVerdict.UNKNOWN
    calls = _calls(error)
    if calls and not (_makes_an_order(calls[0]) and not _was_answered(calls)):
        return SubmitVerdict.UNKNOWN
    codes = VENUE_CODES.get(context.venue)
    if codes is None:
        local = isinstance(error, _LOCAL) and not _came_from_venue(error, calls)
        certain = local or isinstance(error, errors.InsufficientFunds)
        return SubmitVerdict.REFUSED if certain else SubmitVerdict.UNKNOWN
    return SubmitVerdict.UNKNOWN if _is_doubtful(str(error), codes) else SubmitVerdict.REFUSED


def _is_doubtful(said: str, codes: VenueCodes) -> bool:
    lowered = said.lower()
    return not codes.codes.isdisjoint(_CODE.findall(said)) or any(text in lowered for text in codes.texts)


def _calls(error: BaseException) -> list[str]:
    """
    The functions of ccxt that it came through, from the one the host called to the one that raised.
    """
    return [
        frame.f_code.co_name
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == "ccxt"
    ]


def _makes_an_order(call: str) -> bool:
    return call.startswith("create_") and "order" in call


def _was_answered(calls: list[str]) -> bool:
    """
    Whether it was raised while an answer was read: then there is one, and the order was sent.
    """
    return not _READS_AN_ANSWER.isdisjoint(calls)


def _came_from_venue(error: BaseException, calls: list[str]) -> bool:
    return "fetch" in calls or "handle_errors" in calls or "{" in str(error)
