"""
Classification of exceptions that came out of a submit through ccxt.

Only proof makes a refusal: the order was not sent, or the venue's own error says that it was not taken.
Everything else, a bare ``ExchangeError`` included, leaves the order in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from types import FrameType
from typing import cast

from ccxt.base import errors

from poslife._domain.venue_answers import SubmitContext, SubmitVerdict
from poslife.ccxt._bodies import ErrorBody, read_body
from poslife.ccxt._codes import VENUE_CODES, VenueCodes
from poslife.ccxt._sent import RequestPath, is_http_exchange, path_of

__all__ = ["classify"]

# Classes about an order which may exist.
_NOT_REFUSALS = (errors.DuplicateOrderId, errors.OrderNotFound, errors.OrderNotCached)

# Failures by class that are still refusals where the venue's code says so: ccxt files some codes under them.
_FAILURES_WITH_REFUSALS = (errors.InvalidNonce, errors.RateLimitExceeded)

_FUNDS = ("insufficient", "not enough", "balance")

# The class of an exception about several attempts, of which only the last is known.
_RETRY = re.compile(r"retr(y|ies)", re.IGNORECASE)

# A longer chain of exceptions proves nothing.
_MOST_EXCEPTIONS = 32


def classify(error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
    """
    Return whether *error* proves that the venue refused the order; a `SubmitClassifier`.

    An exception of ccxt proves it if one of these holds:

    - ccxt raised it in the call that creates the order, and its traceback shows that no request was made.
    - The venue's response has a code, or a text, that the venue gives to refusals only. ccxt's class does not
      matter then, a bare ``ExchangeError`` included.
    - It is ``InsufficientFunds`` and names no code, or the venue is one whose codes are not known.

    It does not, whatever else holds, in each of these cases:

    - Another call than the one that creates the order was wrapped with it, or ccxt was already parsing the
      response.
    - The response has a code or a text of a duplicate, a time-out or an internal error, or several statuses,
      or it names an order.
    - It is about a lack of funds, and an earlier order is in doubt: that order may have taken the funds.
    - The request was an attempt after the first: the first may have arrived.

    An exception that is not ccxt's is classified by the one that it was raised from, or in whose handler it
    was raised; an exception group by its members, each of which must prove a refusal. An exception that was
    being handled within the submit is an earlier attempt: the order is refused only if that proves it too.
    """
    return SubmitVerdict.REFUSED if _Chain(context).proves(error, frozenset()) else SubmitVerdict.UNKNOWN


class _Chain:
    """
    An exception with those that it was raised from, or while they were handled.
    """

    def __init__(self, context: SubmitContext) -> None:
        self._context = context
        self._seen: set[int] = set()

    def proves(self, error: BaseException, above: AbstractSet[FrameType]) -> bool:
        """
        Return whether *error* and all before it prove a refusal; *above* are the frames it passed through.
        """
        if not isinstance(error, Exception) or id(error) in self._seen or len(self._seen) == _MOST_EXCEPTIONS:
            return False
        self._seen.add(id(error))
        path = path_of(error)
        within = above | set(path.frames)
        if path.was_retried or _RETRY.search(type(error).__name__):
            return False
        if not all(self.proves(before, within) for before in _before(error, within)):
            return False
        if isinstance(error, BaseExceptionGroup):
            members = cast("BaseExceptionGroup[BaseException]", error).exceptions
            return all(self.proves(member, within) for member in members)
        if isinstance(error, errors.BaseError):
            return _is_refusal(error, path, self._context) or (
                _says_nothing(error, self._context) and _wraps(error, path)
            )
        return _wraps(error, path)


def _before(error: BaseException, within: AbstractSet[FrameType]) -> list[BaseException]:
    """
    Return what *error* was raised from, and what was being handled within the submit when it was raised.

    An exception that was being handled around the submit, caught in a frame outside *within*, is not of it.
    """
    before = [] if error.__cause__ is None else [error.__cause__]
    handled = error.__context__
    if handled is not None and handled is not error.__cause__ and _was_caught_in(handled, within):
        before.append(handled)
    return before


def _was_caught_in(error: BaseException, frames: AbstractSet[FrameType]) -> bool:
    if error.__traceback__ is None:
        return True
    frame = error.__traceback__.tb_frame
    # ccxt's synchronous client reads an error response while it handles the HTTP error: one attempt.
    return frame in frames and not is_http_exchange(frame)


def _wraps(error: BaseException, path: RequestPath) -> bool:
    """
    Return whether *error* only replaces another exception, and says nothing of its own of the request.
    """
    if path.calls or isinstance(error, OSError):
        return False
    if error.__cause__ is not None:
        return True
    handled = error.__context__
    return (
        handled is not None
        and not error.__suppress_context__
        and handled.__traceback__ is not None
        and bool(path.frames)
        and handled.__traceback__.tb_frame is path.frames[-1]
    )


def _says_nothing(error: errors.BaseError, context: SubmitContext) -> bool:
    codes = VENUE_CODES.get(context.venue)
    return (
        isinstance(error, errors.ExchangeError)
        and not isinstance(error, _NOT_REFUSALS)
        and read_body(str(error)) is None
        and not (codes and _has_any(codes.doubt_texts, (str(error).lower(),)))
    )


def _is_refusal(error: errors.BaseError, path: RequestPath, context: SubmitContext) -> bool:
    if path.calls and (not path.creates_order or path.was_parsed):
        return False
    if path.was_unsent:
        return (
            isinstance(error, errors.ExchangeError)
            and not isinstance(error, _NOT_REFUSALS)
            and read_body(str(error)) is None
        )
    body = read_body(str(error))
    if body is not None and not body.is_of_one_order:
        return False
    codes = VENUE_CODES.get(context.venue)
    lacks_funds = isinstance(error, errors.InsufficientFunds)
    refused = lacks_funds if codes is None else _is_refusal_by(codes, error, body)
    if codes is not None:
        lacks_funds = lacks_funds or _is_about_funds(codes, error, body)
    return refused and not (lacks_funds and context.in_doubt_before)


def _is_refusal_by(codes: VenueCodes, error: errors.BaseError, body: ErrorBody | None) -> bool:
    if isinstance(error, errors.DuplicateOrderId) or not _may_be_refusal(error):
        return False
    texts = (str(error).lower(),) if body is None else body.texts
    found = frozenset[str]() if body is None else body.codes - codes.envelopes
    if found & codes.doubts or _has_any(codes.doubt_texts, (str(error).lower(),)):
        return False
    if found and found <= codes.refusals.codes:
        return not isinstance(error, _NOT_REFUSALS)
    if _has_any(codes.refusals.texts, texts):
        return True
    return body is None and isinstance(error, errors.InsufficientFunds)


def _may_be_refusal(error: errors.BaseError) -> bool:
    """
    Return whether *error* is no failure of the way to the venue or at the venue.
    """
    return isinstance(error, (errors.ExchangeError, *_FAILURES_WITH_REFUSALS)) or (
        type(error) is errors.OperationFailed
    )


def _is_about_funds(codes: VenueCodes, error: errors.BaseError, body: ErrorBody | None) -> bool:
    found = frozenset[str]() if body is None else body.codes
    return bool(found & codes.refusals.funds) or _has_any(_FUNDS, (str(error).lower(),))


def _has_any(parts: tuple[str, ...], texts: tuple[str, ...]) -> bool:
    return any(part in text for part in parts for text in texts)
