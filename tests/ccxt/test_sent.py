"""
The traceback says whether the order's request was made.

The exceptions come out of the real clients' own methods.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, cast

import ccxt.async_support as ccxt
import ccxt.pro
import pytest

from poslife.ccxt._sent import path_of
from tests.ccxt.offline import SYMBOLS, market, on_line

VENUES = (*SYMBOLS, "deribit", "mexc", "htx")


async def raised_by(call: Callable[[], Awaitable[object]]) -> BaseException:
    try:
        await call()
    except ccxt.BaseError as error:
        raised: BaseException = error
        return raised
    raise AssertionError("nothing was raised")


def refuse() -> None:
    raise ccxt.InvalidOrder("no")


def symbol_of(venue: str) -> str:
    return SYMBOLS.get(venue, SYMBOLS["bybit"])


@pytest.mark.parametrize("venue", VENUES)
async def test_refused_by_ccxt_before_it_is_sent(venue: str) -> None:
    """
    No frame of a request, and none with a response.
    """
    line = on_line(venue)

    path = path_of(
        await raised_by(lambda: line.client.create_order(symbol_of(venue), "limit", "buy", 0.0000001, 100))
    )

    assert [] == line.sent
    assert path.creates_order
    assert path.was_unsent
    assert not path.was_retried


@pytest.mark.parametrize("venue", ["bybit", "binance", "binanceusdm", "binancecoinm"])
async def test_refused_for_an_argument_that_is_missing(venue: str) -> None:
    """
    Other venues are sent the order without it, or ccxt fails with an error that is not its own.
    """
    line = on_line(venue)
    error = await raised_by(lambda: line.client.create_order(symbol_of(venue), "limit", "buy", 1))

    assert [] == line.sent
    assert isinstance(error, ccxt.ExchangeError)
    assert path_of(error).was_unsent


@pytest.mark.parametrize("venue", SYMBOLS)
async def test_refused_by_the_venue(venue: str) -> None:
    """
    The frames of the request are in the traceback.
    """
    line = on_line(venue)
    line.refuse({"code": "1", "label": "X", "status": "err", "response": "no", "retCode": 1, "msg": "no"})

    path = path_of(
        await raised_by(lambda: line.client.create_order(symbol_of(venue), "limit", "buy", 1, 100))
    )

    assert path.creates_order
    assert not path.was_unsent
    assert not path.was_parsed


async def test_refused_with_the_response_in_hand() -> None:
    """
    An error after the response, in a function that parses it or not, is no refusal before sending.
    """
    line = on_line("bybit")

    def parse_order(*_: object) -> object:
        raise ccxt.InvalidOrder("bybit amount of must be greater than minimum amount precision of 0.001")

    line.client.parse_order = parse_order
    line.answer({"retCode": 0, "retMsg": "OK", "result": {"orderId": "1"}})

    path = path_of(
        await raised_by(lambda: line.client.create_order(SYMBOLS["bybit"], "limit", "buy", 1, 100))
    )

    assert "request" not in path.calls
    assert not path.was_unsent


def test_refused_while_a_response_without_a_name_is_parsed() -> None:
    """
    Some methods pass the response straight to a parser: its name is in the traceback.
    """
    names: dict[str, Any] = {"__name__": "ccxt.async_support.somewhere", "refuse": refuse}
    exec("def parse_order(_):\n    refuse()", names)  # noqa: S102
    exec("def create_order():\n    parse_order({})", names)  # noqa: S102

    with pytest.raises(ccxt.InvalidOrder) as raised:
        names["create_order"]()
    path = path_of(raised.value)

    assert path.creates_order
    assert path.was_parsed
    assert not path.was_unsent


async def test_a_call_that_creates_something_else() -> None:
    """
    Only a method that creates an order is one.
    """
    line = on_line("bybit")

    path = path_of(await raised_by(lambda: line.client.create_deposit_address("BTC")))

    assert [] == line.sent
    assert not path.creates_order
    assert not path.was_unsent


async def test_an_error_out_of_a_socket_is_not_one_before_sending() -> None:
    """
    The response to an order over a websocket has no frame of a request: the method's name tells.
    """
    client: Any = ccxt.pro.binanceusdm({"apiKey": "key", "secret": "secret", "enableRateLimit": False})
    client.set_markets([market(client, SYMBOLS["binanceusdm"], "BTCUSDT")])

    async def watch(*_: object) -> object:
        raise ccxt.InvalidOrder("binanceusdm no")

    client.watch = watch
    path = path_of(
        await raised_by(
            lambda: client.create_order_ws(SYMBOLS["binanceusdm"], "limit", "buy", 1, 100, {"stream": "1"})
        )
    )

    assert "create_order_ws" == path.calls[0]
    assert not path.was_unsent


async def test_an_attempt_after_the_first() -> None:
    """
    With ``maxRetriesOnFailure`` ccxt sends again after a lost response, and raises what came last.
    """
    line = on_line("bybit", maxRetriesOnFailure=2)

    def lose(_: object) -> object:
        raise ccxt.RequestTimeout("bybit timed out")

    refusal: dict[str, object] = {"retCode": 110007, "retMsg": "ab not enough for new order", "result": {}}
    line.refuse(refusal)
    first = await raised_by(lambda: line.client.create_order(SYMBOLS["bybit"], "limit", "buy", 1, 100))
    line.answers.append(lose)
    line.refuse(refusal)
    second = await raised_by(lambda: line.client.create_order(SYMBOLS["bybit"], "limit", "buy", 1, 100))

    assert isinstance(second, ccxt.InsufficientFunds)
    assert not path_of(first).was_retried
    assert path_of(second).was_retried


@pytest.mark.parametrize("library", ["tenacity", "backoff.retries", "stamina"])
def test_a_library_that_retries(library: str) -> None:
    """
    An exception that came through a library of retries is of an attempt that may not be the first.
    """
    names: dict[str, Any] = {"__name__": library}
    exec("def again(call):\n    return call()", names)  # noqa: S102

    with pytest.raises(ccxt.InvalidOrder) as raised:
        names["again"](refuse)

    assert path_of(raised.value).was_retried


def create_methods() -> Iterator[tuple[str, ast.AsyncFunctionDef]]:
    """
    Yield ccxt's methods that create an order, of every venue.
    """
    for venue in ccxt.exchanges:
        methods = cast("Mapping[str, Callable[..., object]]", vars(getattr(ccxt, venue)))
        for name, method in methods.items():
            if name.startswith("create_") and "order" in name and inspect.iscoroutinefunction(method):
                (function,) = ast.parse(textwrap.dedent(inspect.getsource(method))).body
                assert isinstance(function, ast.AsyncFunctionDef)
                yield f"{venue}.{name}", function


def test_every_response_of_ccxt_is_kept_under_its_name() -> None:
    """
    In each method that may raise after a request, the response is in a local whose name says so.
    """
    unnamed: list[str] = []
    for name, function in create_methods():
        nodes = list(ast.walk(function))
        last_raise = max((node.lineno for node in nodes if isinstance(node, ast.Raise)), default=0)
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Await):
                request = ast.unparse(node.value.value).partition("(")[0]
                kept = ast.unparse(node.targets[0]).lower()
                sends = "Post" in request or (".create_" in request and "request" not in request)
                if sends and node.lineno < last_raise and not kept.endswith("response"):
                    unnamed.append(f"{name}: {kept} = {request}")

    assert [] == unnamed
