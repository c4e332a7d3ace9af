"""
A definitive refusal is on a list; everything else leaves the order in doubt.

The exceptions come out of the real clients' own ``create_order``, which is given the venues' answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ccxt.async_support as ccxt
import pytest

from poslife import OrderSide, Venue
from poslife._connect import classify_by_origin
from poslife.ccxt import classify
from poslife.protocols import SubmitContext, SubmitVerdict
from tests.ccxt.offline import SYMBOLS, Line, on_line

REFUSED, UNKNOWN = SubmitVerdict.REFUSED, SubmitVerdict.UNKNOWN


def context(venue: str, *, in_doubt_before: bool = False) -> SubmitContext:
    return SubmitContext(venue=Venue(venue), side=OrderSide.BUY, in_doubt_before=in_doubt_before)


async def failure_of(line: Line, *, symbol: str | None = None) -> BaseException:
    """
    Return the exception that the client's `create_order` raises.
    """
    try:
        await line.client.create_order(
            SYMBOLS.get(line.client.id, SYMBOLS["bybit"]) if symbol is None else symbol,
            "limit",
            "buy",
            1,
            100,
            params={"clientOrderId": "0x" + "ab" * 16 if line.client.id == "hyperliquid" else "a1"},
        )
    except ccxt.BaseError as error:
        raised: BaseException = error
        return raised
    raise AssertionError("the order was accepted")


def bybit(code: int, message: str = "said so") -> dict[str, Any]:
    return {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": 1}


def okx(code: str) -> dict[str, Any]:
    row = {"clOrdId": "a1", "ordId": "", "sCode": code, "sMsg": "said so", "tag": ""}
    return {"code": "1", "msg": "All operations failed", "data": [row]}


def plain(code: object, message: str = "said so") -> dict[str, Any]:
    return {"code": code, "msg": message}


def deribit(code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"message": message, "code": code}, "usIn": 1, "usOut": 2}


def gate(label: str, message: str = "said so") -> dict[str, Any]:
    return {"label": label, "message": message}


ANSWERS = [
    # Bybit: a refusal by its class …
    ("bybit", bybit(110007, "ab not enough for new order"), ccxt.InsufficientFunds, REFUSED),
    ("bybit", bybit(110004), ccxt.InsufficientFunds, REFUSED),
    ("bybit", bybit(110012), ccxt.InsufficientFunds, REFUSED),
    ("bybit", bybit(110017), ccxt.InvalidOrder, REFUSED),
    ("bybit", bybit(110094), ccxt.InvalidOrder, REFUSED),
    ("bybit", bybit(10001), ccxt.BadRequest, REFUSED),
    ("bybit", bybit(10003), ccxt.AuthenticationError, REFUSED),
    ("bybit", bybit(10005), ccxt.PermissionDenied, REFUSED),
    # … unless its code is a doubtful one,
    ("bybit", bybit(10014), ccxt.BadRequest, UNKNOWN),
    ("bybit", bybit(12141), ccxt.BadRequest, UNKNOWN),
    ("bybit", bybit(30001), ccxt.BadRequest, UNKNOWN),
    ("bybit", bybit(110030), ccxt.InvalidOrder, UNKNOWN),
    ("bybit", bybit(110072), ccxt.InvalidOrder, UNKNOWN),
    ("bybit", bybit(140030), ccxt.InvalidOrder, UNKNOWN),
    ("bybit", bybit(170035), ccxt.BadRequest, UNKNOWN),
    ("bybit", bybit(170141), ccxt.InvalidOrder, UNKNOWN),
    ("bybit", bybit(170146), ccxt.InvalidOrder, UNKNOWN),
    # … and no other class is a refusal.
    ("bybit", bybit(10016, "System error. Please try again later."), ccxt.ExchangeError, UNKNOWN),
    ("bybit", bybit(10006), ccxt.RateLimitExceeded, UNKNOWN),
    ("bybit", bybit(170007), ccxt.RequestTimeout, UNKNOWN),
    ("bybit", bybit(110001), ccxt.OrderNotFound, UNKNOWN),
    ("bybit", bybit(987654), ccxt.ExchangeError, UNKNOWN),
    ("binance", plain(-2019, "Margin is insufficient."), ccxt.InsufficientFunds, REFUSED),
    ("binance", plain(-2022, "ReduceOnly Order is rejected."), ccxt.InvalidOrder, REFUSED),
    ("binance", plain(-4164), ccxt.InvalidOrder, REFUSED),
    ("binance", plain(-1111), ccxt.BadRequest, REFUSED),
    ("binance", plain(-2015), ccxt.AuthenticationError, REFUSED),
    ("binance", plain(-4116, "ClientOrderId is duplicated."), ccxt.InvalidOrder, UNKNOWN),
    ("binance", plain(-4115), ccxt.BadRequest, UNKNOWN),
    ("binance", plain(-20132), ccxt.BadRequest, UNKNOWN),
    ("binance", plain(-1006), ccxt.OperationFailed, UNKNOWN),
    ("binance", plain(-1007), ccxt.RequestTimeout, UNKNOWN),
    ("binance", plain(-1000), ccxt.OperationFailed, UNKNOWN),
    ("binance", plain(-1001), ccxt.OperationFailed, UNKNOWN),
    ("binance", plain(-1008), ccxt.OperationFailed, UNKNOWN),
    ("binance", plain(-2013), ccxt.OrderNotFound, UNKNOWN),
    ("binance", plain(-987), ccxt.ExchangeError, UNKNOWN),
    ("okx", okx("51008"), ccxt.InsufficientFunds, REFUSED),
    ("okx", okx("51000"), ccxt.BadRequest, REFUSED),
    ("okx", okx("51020"), ccxt.InvalidOrder, REFUSED),
    ("okx", okx("51011"), ccxt.InvalidOrder, UNKNOWN),
    ("okx", okx("51016"), ccxt.InvalidOrder, UNKNOWN),
    ("okx", okx("50004"), ccxt.RequestTimeout, UNKNOWN),
    ("okx", okx("50026"), ccxt.ExchangeNotAvailable, UNKNOWN),
    ("okx", okx("51603"), ccxt.OrderNotFound, UNKNOWN),
    ("okx", okx("98765"), ccxt.ExchangeError, UNKNOWN),
    ("bitget", plain("40762"), ccxt.InsufficientFunds, REFUSED),
    ("bitget", plain("45110", "less than the minimum amount 5 USDT"), ccxt.InvalidOrder, REFUSED),
    ("bitget", plain("40017"), ccxt.BadRequest, REFUSED),
    ("bitget", plain("40015", "System is abnormal"), ccxt.ExchangeError, UNKNOWN),
    ("bitget", plain("40786", "Duplicate clientOid"), ccxt.ExchangeError, UNKNOWN),
    ("bitget", plain("40109"), ccxt.OrderNotFound, UNKNOWN),
    ("kucoin", plain("300003"), ccxt.InsufficientFunds, REFUSED),
    ("kucoin", plain("200004"), ccxt.InsufficientFunds, REFUSED),
    ("kucoin", plain("300012"), ccxt.InvalidOrder, REFUSED),
    ("kucoin", plain("408000", "Network timeout, please try again later"), ccxt.BadRequest, UNKNOWN),
    ("kucoin", plain("126033"), ccxt.InvalidOrder, UNKNOWN),
    ("kucoin", plain("126044"), ccxt.InvalidOrder, UNKNOWN),
    ("kucoin", plain("100001"), ccxt.OrderNotFound, UNKNOWN),
    ("kucoin", plain("987654"), ccxt.ExchangeError, UNKNOWN),
    ("gate", gate("BALANCE_NOT_ENOUGH"), ccxt.InsufficientFunds, REFUSED),
    ("gate", gate("INVALID_PARAM_VALUE"), ccxt.BadRequest, REFUSED),
    ("gate", gate("INVALID_PRECISION"), ccxt.InvalidOrder, REFUSED),
    ("gate", gate("REPEATED_CREATION"), ccxt.InvalidOrder, UNKNOWN),
    ("gate", gate("SERVER_ERROR"), ccxt.ExchangeNotAvailable, UNKNOWN),
    ("gate", gate("TOO_BUSY"), ccxt.ExchangeNotAvailable, UNKNOWN),
    ("gate", gate("NOT_SEEN_BEFORE"), ccxt.ExchangeError, UNKNOWN),
    ("bingx", plain(101204, "Insufficient margin"), ccxt.InsufficientFunds, REFUSED),
    ("bingx", plain(109400), ccxt.BadRequest, REFUSED),
    ("bingx", plain(100001), ccxt.AuthenticationError, REFUSED),
    ("bingx", plain(101481), ccxt.DuplicateOrderId, UNKNOWN),
    # Without a table, a lack of funds alone.
    ("deribit", deribit(10009, "not_enough_funds"), ccxt.InsufficientFunds, REFUSED),
    ("deribit", deribit(10004, "order_not_found"), ccxt.OrderNotFound, UNKNOWN),
    ("deribit", deribit(10005, "already_closed"), ccxt.InvalidOrder, UNKNOWN),
    ("deribit", deribit(13009, "unauthorized"), ccxt.AuthenticationError, UNKNOWN),
]


@pytest.mark.parametrize(
    "venue, body, kind, verdict",
    [pytest.param(*case, id=f"{number}-{case[0]}") for number, case in enumerate(ANSWERS)],
)
async def test_what_a_venues_answer_means(
    venue: str, body: Mapping[str, object], kind: type[Exception], verdict: SubmitVerdict
) -> None:
    """
    The venue's own code decides, and the class where the venue's codes are not known (feature 39).
    """
    line = on_line(venue)
    line.refuse(body)

    error = await failure_of(line)

    assert kind is type(error)
    assert verdict is classify(error, context(venue))
    assert verdict is classify_by_origin(error, context(venue))


@pytest.mark.parametrize(
    "code, message, verdict",
    [
        (-2010, "Account has insufficient balance for requested action.", REFUSED),
        (-2010, "Duplicate order sent.", UNKNOWN),
        (-1006, "An unexpected response was received. Execution status unknown.", UNKNOWN),
        (-1007, "Send status unknown; execution status unknown.", UNKNOWN),
    ],
)
@pytest.mark.parametrize("host", ["api.binance.com/api/v3/order", "eapi.binance.com/eapi/v1/order"])
async def test_binance_says_the_same_elsewhere(
    code: int, message: str, verdict: SubmitVerdict, host: str
) -> None:
    """
    On spot and options too: a duplicate has a refusal's code there, a time-out the class ExchangeError.
    """
    line = on_line("binance")
    line.refuse(plain(code, message), url=f"https://{host}")

    assert verdict is classify(await failure_of(line), context("binance"))


async def test_a_lack_of_funds_while_an_earlier_order_is_in_doubt() -> None:
    """
    The order in doubt may have taken the funds.
    """
    line = on_line("bybit")
    line.refuse(bybit(110007))
    error = await failure_of(line)

    assert REFUSED is classify(error, context("bybit"))
    assert UNKNOWN is classify(error, context("bybit", in_doubt_before=True))


def test_a_venue_without_a_table() -> None:
    """
    Its codes are unknown, so its classes prove little: only a lack of funds counts as a refusal.
    """
    assert REFUSED is classify(ccxt.InsufficientFunds("x"), context("woo"))
    assert UNKNOWN is classify(ccxt.InsufficientFunds("x"), context("woo", in_doubt_before=True))
    assert UNKNOWN is classify(ccxt.InvalidOrder("x"), context("woo"))
    assert UNKNOWN is classify(ccxt.BadRequest("x"), context("woo"))
    assert UNKNOWN is classify(ccxt.BadSymbol('woo {"code":-1}'), context("woo"))


@pytest.mark.parametrize("venue", ["bybit", "a venue without a table"])
@pytest.mark.parametrize(
    "error",
    [
        ccxt.ArgumentsRequired("x"),
        ccxt.BadSymbol("x"),
        ccxt.NotSupported("x"),
        ccxt.InvalidOrder("x"),
        ccxt.AuthenticationError("x"),
    ],
    ids=repr,
)
def test_a_class_alone_proves_nothing(error: Exception, venue: str) -> None:
    """
    A host's wrapper can raise any class, before or after the order was sent.
    """
    assert UNKNOWN is classify(error, context(venue))


async def test_a_clients_own_refusal_is_a_refusal_everywhere() -> None:
    """
    An exception that ccxt raises before any request is a refusal, whatever the venue.
    """
    for venue in (*SYMBOLS, "deribit"):
        line = on_line(venue)

        error = await failure_of(line, symbol="NOT/THERE:THERE")

        assert isinstance(error, ccxt.BadSymbol)
        assert REFUSED is classify(error, context(venue))
        assert REFUSED is classify_by_origin(error, context(venue))
        assert [] == line.sent


@pytest.mark.parametrize("venue", [*SYMBOLS, "deribit", "mexc", "htx"])
async def test_an_amount_below_the_precision_is_a_refusal_everywhere(venue: str) -> None:
    """
    ccxt refuses it before anything is sent, as huojichuanqi/ds #12 tells of OKX.
    """
    line = on_line(venue)

    with pytest.raises(ccxt.InvalidOrder) as refused:
        await line.client.create_order(SYMBOLS.get(venue, SYMBOLS["bybit"]), "limit", "buy", 0.0000001, 100)

    assert [] == line.sent
    assert REFUSED is classify(refused.value, context(venue))


async def test_a_venues_bad_symbol_is_no_local_one() -> None:
    """
    For a venue without a table of codes BadSymbol counts only when no request was made.
    """
    line = on_line("deribit")
    line.client.exceptions["7"] = ccxt.BadSymbol
    line.refuse(deribit(7, "no"))

    error = await failure_of(line)

    assert isinstance(error, ccxt.BadSymbol)
    assert UNKNOWN is classify(error, context("deribit"))


async def test_an_error_with_a_response_in_its_message_is_no_local_one() -> None:
    """
    Whatever the traceback shows, a response in the message came from the venue.
    """
    line = on_line("deribit")

    def amount_to_precision(*_: object) -> object:
        raise ccxt.InvalidOrder('deribit {"error":{"code":-1}}')

    line.client.amount_to_precision = amount_to_precision

    assert UNKNOWN is classify(await failure_of(line), context("deribit"))


async def test_an_answer_that_cannot_be_read_is_no_refusal() -> None:
    """
    ArgumentsRequired raised while the response is parsed: the order was sent, and accepted.
    """
    line = on_line("bybit")

    def safe_market(*_: object) -> object:
        raise ccxt.ArgumentsRequired("bybit safeMarket() requires a fourth argument to disambiguate")

    line.client.safe_market = safe_market
    line.answer(bybit(0))

    assert UNKNOWN is classify(await failure_of(line), context("bybit"))


async def test_another_call_that_was_wrapped_says_nothing_of_the_order() -> None:
    """
    It may be refused before the order was sent, or after it was accepted.
    """
    line = on_line("bybit")
    line.answer({"retCode": 0, "retMsg": "OK", "result": {"orderId": "1", "orderLinkId": "a1"}})
    line.refuse(bybit(110043, "leverage not modified"))

    async def place() -> object:
        order = await line.client.create_order(SYMBOLS["bybit"], "limit", "buy", 1, 100)
        await line.client.set_leverage(5, SYMBOLS["bybit"])
        return order

    with pytest.raises(ccxt.BadRequest) as caught:
        await place()

    assert UNKNOWN is classify(caught.value, context("bybit"))


@pytest.mark.parametrize(
    "error",
    [
        ccxt.NetworkError("x"),
        ccxt.RequestTimeout("x"),
        ccxt.ExchangeNotAvailable("x"),
        ccxt.ExchangeError("x"),
        ccxt.BadResponse("x"),
        ccxt.InvalidNonce("x"),
        ccxt.DuplicateOrderId("x"),
        ccxt.OrderNotFound("x"),
        ccxt.OrderNotCached("x"),
        TimeoutError(),
        KeyError("x"),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_everything_else_is_in_doubt(error: Exception) -> None:
    """
    Time-outs, bare exchange errors, duplicates, and every exception that is not ccxt's.
    """
    assert UNKNOWN is classify(error, context("bybit"))
    assert UNKNOWN is classify_by_origin(error, context("bybit"))
