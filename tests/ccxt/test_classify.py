"""
A definitive refusal is on a list; everything else leaves the order in doubt.

The exceptions are made by the real clients out of the venues' own answers.
"""

from __future__ import annotations

import json
from typing import Any

import ccxt.async_support as ccxt
import pytest

from poslife import OrderSide, Venue
from poslife.ccxt import classify
from poslife.protocols import SubmitContext, SubmitVerdict

REFUSED, UNKNOWN = SubmitVerdict.REFUSED, SubmitVerdict.UNKNOWN


def context(venue: str, *, in_doubt_before: bool = False) -> SubmitContext:
    return SubmitContext(venue=Venue(venue), side=OrderSide.BUY, in_doubt_before=in_doubt_before)


def raised_by(venue: str, answer: dict[str, Any], *, status: int = 200) -> Exception:
    """
    What the client raises for an answer of the venue.
    """
    client = getattr(ccxt, venue)()
    body = json.dumps(answer, separators=(",", ":"))
    try:
        client.handle_errors(status, "", "https://venue/order", "POST", {}, body, answer, {}, "")
        client.handle_http_status_code(status, "", "https://venue/order", "POST", body)
    except ccxt.BaseError as error:
        raised: Exception = error
        return raised
    raise AssertionError(f"{venue} takes {answer} for no error")


def bybit(code: int, message: str = "no") -> tuple[str, dict[str, Any], int]:
    return "bybit", {"retCode": code, "retMsg": message, "result": {}}, 200


def binance(code: int, message: str = "no") -> tuple[str, dict[str, Any], int]:
    return "binance", {"code": code, "msg": message}, 400


def okx(code: int) -> tuple[str, dict[str, Any], int]:
    return "okx", {"code": "1", "msg": "", "data": [{"sCode": str(code), "sMsg": "no"}]}, 200


def kucoin(code: int) -> tuple[str, dict[str, Any], int]:
    return "kucoin", {"code": str(code), "msg": "no"}, 200


def bitget(code: int) -> tuple[str, dict[str, Any], int]:
    return "bitget", {"code": str(code), "msg": "no"}, 200


CASES = {
    "bybit: no funds": (bybit(110007), REFUSED),
    "bybit: bad parameter": (bybit(10001), REFUSED),
    "bybit: key not valid": (bybit(10003), REFUSED),
    "bybit: no permission": (bybit(10005), REFUSED),
    "bybit: order limit": (bybit(110017), REFUSED),
    "bybit: system error": (bybit(10016), UNKNOWN),
    "bybit: duplicate request": (bybit(10014), UNKNOWN),
    "bybit: duplicate order link id": (bybit(110072), UNKNOWN),
    "bybit: duplicate order id": (bybit(110030), UNKNOWN),
    "bybit: duplicate client id on spot": (bybit(170141), UNKNOWN),
    "bybit: creation time-out": (bybit(170146), UNKNOWN),
    "bybit: submitted to the system": (bybit(170035), UNKNOWN),
    "bybit: server time-out": (bybit(170007), UNKNOWN),
    "bybit: order does not exist": (bybit(110001), UNKNOWN),
    "bybit: too many requests": (bybit(10006), UNKNOWN),
    "bybit: a code nobody knows": (bybit(999999), UNKNOWN),
    "binance: no funds": (
        binance(-2010, "Account has insufficient balance for requested action."),
        REFUSED,
    ),
    "binance: execution status unknown": (binance(-1006), UNKNOWN),
    "binance: time-out, status unknown": (binance(-1007), UNKNOWN),
    "binance: duplicate client order id": (binance(-4116), UNKNOWN),
    "okx: no funds": (okx(51008), REFUSED),
    "okx: duplicate client order id": (okx(51016), UNKNOWN),
    "okx: duplicate order id": (okx(51011), UNKNOWN),
    "bitget: system error": (bitget(40015), UNKNOWN),
    "kucoin: network time-out": (kucoin(408000), UNKNOWN),
    "kucoin: duplicate client order id": (kucoin(126044), UNKNOWN),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_venues_answer_means(case: str) -> None:
    """
    By class, and by the venue's own code where that says otherwise (feature 39).
    """
    (venue, answer, status), expected = CASES[case]
    error = raised_by(venue, answer, status=status)

    assert expected is classify(error, context(venue)), repr(error)


@pytest.mark.parametrize(
    "error",
    [
        ccxt.RequestTimeout("bybit POST"),
        ccxt.NetworkError("bybit POST"),
        ccxt.ExchangeNotAvailable("bybit POST"),
        ccxt.ExchangeError("bybit {}"),
        ccxt.OrderNotFound("bybit {}"),
        ccxt.DuplicateOrderId("bybit {}"),
        ValueError("not ccxt's at all"),
    ],
    ids=repr,
)
def test_everything_else_is_in_doubt(error: Exception) -> None:
    """
    A time-out is not a rejection, and neither is an error that says nothing.
    """
    assert UNKNOWN is classify(error, context("bybit"))


@pytest.mark.parametrize(
    "error", [ccxt.ArgumentsRequired("x"), ccxt.BadSymbol("x"), ccxt.NotSupported("x")], ids=repr
)
def test_what_is_raised_before_any_request_is_a_refusal_everywhere(error: Exception) -> None:
    """
    Nothing was sent, whatever the venue.
    """
    assert REFUSED is classify(error, context("bybit"))
    assert REFUSED is classify(error, context("a venue without a table"))


def test_a_venue_without_a_table() -> None:
    """
    Its codes are not known, so its classes prove little: only a lack of funds refuses.
    """
    assert REFUSED is classify(ccxt.InsufficientFunds("x"), context("woo"))
    assert UNKNOWN is classify(ccxt.InvalidOrder("x"), context("woo"))
    assert UNKNOWN is classify(ccxt.BadRequest("x"), context("woo"))


def test_a_lack_of_funds_while_an_earlier_order_is_in_doubt() -> None:
    """
    The order in doubt may be what has taken them.
    """
    error = ccxt.InsufficientFunds("x")

    assert REFUSED is classify(error, context("bybit"))
    assert UNKNOWN is classify(error, context("bybit", in_doubt_before=True))
