"""
The way of a request through ccxt, read from an exception's traceback.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

__all__ = ["RequestPath", "is_http_exchange", "path_of"]

_REQUESTS = frozenset({"request", "fetch2", "fetch", "watch", "handle_errors", "handle_http_status_code"})
_PARSERS = frozenset({"parse_order", "parse_orders", "parse_trade", "parse_trades", "safe_order"})
_RETRIES = frozenset(
    {"aiohttp_retry", "aioretry", "asyncretry", "backoff", "retry", "retrying", "stamina", "tenacity"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPath:
    """
    The path by which an exception came out of a submit.

    Attributes:
        frames: The frames of its traceback, outermost first.
        calls: The names of ccxt's functions among them, the one that the host called first.
        creates_order: True if the host called the method that creates an order.
        was_parsed: True if the response was being parsed: the order was sent.
        was_unsent: True if ccxt had not made the order's request yet.
        was_retried: True if an earlier attempt of the request failed, or may have.
    """

    frames: Sequence[FrameType]
    calls: Sequence[str]
    creates_order: bool
    was_parsed: bool
    was_unsent: bool
    was_retried: bool


def path_of(error: BaseException) -> RequestPath:
    """
    Return the path of *error*.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if _package_of(frame) == "ccxt"]
    calls = [frame.f_code.co_name for frame in own]
    creates = bool(calls) and calls[0].startswith("create_") and "order" in calls[0]
    parsed = not _PARSERS.isdisjoint(calls)
    answered = any(_has_response(frame) for frame in own)
    over_http = creates and not any(call.endswith("_ws") for call in calls)
    return RequestPath(
        frames=frames,
        calls=calls,
        creates_order=creates,
        was_parsed=parsed,
        was_unsent=over_http and not parsed and not answered and _REQUESTS.isdisjoint(calls),
        was_retried=any(_package_of(frame) in _RETRIES for frame in frames)
        or any(_is_second_attempt(frame) for frame in own),
    )


def is_http_exchange(frame: FrameType) -> bool:
    """
    Return whether *frame* is ccxt's function that sends one HTTP request and reads its response.
    """
    return frame.f_code.co_name == "fetch" and _package_of(frame) == "ccxt"


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def _has_response(frame: FrameType) -> bool:
    """
    Return whether *frame* holds the response to a request: ccxt's methods keep it in a local of that name.
    """
    return any(
        name.lower().endswith("response") and value is not None for name, value in frame.f_locals.items()
    )


def _is_second_attempt(frame: FrameType) -> bool:
    """
    Return whether *frame* is ccxt's own loop of attempts (``maxRetriesOnFailure``) beyond the first.
    """
    attempt = frame.f_locals.get("i") if frame.f_code.co_name == "fetch2" else 0
    return not isinstance(attempt, int) or attempt > 0
