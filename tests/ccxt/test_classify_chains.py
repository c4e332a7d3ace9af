"""
An exception that a host's wrapper raises is classified by the exceptions before it.

They come out of the real clients' own ``create_order``, within a coroutine as a host passes it to `submit`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import ccxt as ccxt_sync
import ccxt.async_support as ccxt
import pytest
import requests

from poslife import OrderSide, Venue
from poslife._connect import classify_by_origin
from poslife.ccxt import classify
from poslife.protocols import SubmitContext, SubmitVerdict
from tests.ccxt.offline import SYMBOLS, Line, Request, market, on_line

REFUSED, UNKNOWN = SubmitVerdict.REFUSED, SubmitVerdict.UNKNOWN
CONTEXT = SubmitContext(venue=Venue("bybit"), side=OrderSide.BUY, in_doubt_before=False)
REFUSAL: Mapping[str, object] = {"retCode": 110007, "retMsg": "ab not enough for new order", "result": {}}
DOUBT: Mapping[str, object] = {"retCode": 10016, "retMsg": "System error.", "result": {}}

Place = Callable[[], Awaitable[object]]


class OrderFailed(Exception):
    """
    An exception of a host's own wrapper.
    """


class Refused(ccxt.ExchangeError):  # type: ignore[misc]
    """
    A host's own exception that is one of ccxt's.
    """


class RetriesExhausted(Exception):
    """
    An exception about several attempts.
    """


def lost(_: Request) -> object:
    raise ccxt.RequestTimeout("bybit POST timed out")


def answering(*answers: object) -> tuple[Line, Place]:
    line = on_line("bybit")
    for answer in answers:
        if answer == "lost":
            line.answers.append(lost)
        else:
            line.refuse(cast("Mapping[str, object]", answer))

    async def create() -> object:
        return await line.client.create_order(SYMBOLS["bybit"], "limit", "buy", 1, 100)

    return line, create


async def verdict_on(place: Place) -> SubmitVerdict:
    """
    Return the verdict on the exception out of *place*, with the traceback that `submit` sees.
    """
    try:
        await place()
    except Exception as error:  # noqa: BLE001
        verdicts = {classify(error, CONTEXT), classify_by_origin(error, CONTEXT)}
    else:
        raise AssertionError("nothing was raised")
    (verdict,) = verdicts
    return verdict


@pytest.mark.parametrize("answer, verdict", [(REFUSAL, REFUSED), (DOUBT, UNKNOWN), ("lost", UNKNOWN)])
@pytest.mark.parametrize("kind", [OrderFailed, Refused])
async def test_raised_from_an_exception_of_ccxt(
    answer: object, verdict: SubmitVerdict, kind: type[Exception]
) -> None:
    """
    The exception that it was raised from decides.
    """
    _, create = answering(answer)

    async def place() -> None:
        try:
            await create()
        except ccxt.BaseError as error:
            raise kind("the order failed") from error

    assert verdict is await verdict_on(place)


@pytest.mark.parametrize("answer, verdict", [(REFUSAL, REFUSED), (DOUBT, UNKNOWN), ("lost", UNKNOWN)])
async def test_raised_while_an_exception_of_ccxt_was_handled(answer: object, verdict: SubmitVerdict) -> None:
    """
    The exception that was being handled decides.
    """
    _, create = answering(answer)

    async def place() -> None:
        try:
            await create()
        except ccxt.BaseError:
            raise OrderFailed  # noqa: B904

    assert verdict is await verdict_on(place)


async def test_raised_from_none() -> None:
    """
    The host said that the exception before it is not its reason.
    """
    _, create = answering(REFUSAL)

    async def place() -> None:
        try:
            await create()
        except ccxt.BaseError:
            raise OrderFailed from None

    assert UNKNOWN is await verdict_on(place)


async def test_raised_by_a_call_within_the_handler() -> None:
    """
    Another call that failed meanwhile is no wrapper; it may have sent something itself.
    """
    _, create = answering(REFUSAL)

    async def send_elsewhere() -> None:
        await asyncio.sleep(0)
        raise OrderFailed

    async def place() -> None:
        try:
            await create()
        except ccxt.BaseError:
            await send_elsewhere()

    assert UNKNOWN is await verdict_on(place)


@pytest.mark.parametrize(
    "kind", [TimeoutError, ConnectionResetError, RetriesExhausted, ccxt.NetworkError, ccxt.DuplicateOrderId]
)
async def test_an_exception_that_says_more_than_a_wrapper(kind: type[Exception]) -> None:
    """
    A failure of the network, or one about several attempts, is in doubt whatever it was raised from.
    """
    _, create = answering(REFUSAL)

    async def place() -> None:
        try:
            await create()
        except ccxt.BaseError as error:
            raise kind from error

    assert UNKNOWN is await verdict_on(place)


@pytest.mark.parametrize("message", ["Duplicate order", 'bybit {"retCode":10016}', "a wrapped TIMEOUT"])
async def test_a_wrapper_of_ccxts_classes_that_speaks_of_a_doubt(message: str) -> None:
    """
    Its own message counts beside that of the exception it was raised from.
    """
    _, create = answering(REFUSAL)

    async def place() -> None:
        try:
            await create()
        except ccxt.BaseError as error:
            raise ccxt.InvalidOrder(message) from error

    assert UNKNOWN is await verdict_on(place)


async def test_an_exception_out_of_ccxt_is_no_wrapper() -> None:
    """
    A second attempt that was accepted, and whose response was not understood, is not refused by the first.
    """
    line, create = answering(REFUSAL)
    line.answer({"retCode": 0, "retMsg": "OK", "result": {"orderId": "1"}})

    async def place() -> None:
        with pytest.raises(ccxt.BaseError) as refusal:
            await create()

        def parse_order(*_: object) -> object:
            raise OrderFailed from refusal.value

        line.client.parse_order = parse_order
        await create()

    assert UNKNOWN is await verdict_on(place)


async def test_a_second_attempt_of_ccxts_own() -> None:
    """
    ccxt's ``maxRetriesOnFailure`` forgets the exception of the first attempt.
    """
    line, create = answering("lost", REFUSAL)
    line.client.options["maxRetriesOnFailure"] = 2

    assert UNKNOWN is await verdict_on(create)
    assert [] == line.answers


@pytest.mark.parametrize(
    "answers, verdict",
    [
        (("lost", REFUSAL), UNKNOWN),
        ((DOUBT, REFUSAL), UNKNOWN),
        ((REFUSAL, REFUSAL), REFUSED),
        ((REFUSAL, "lost"), UNKNOWN),
        (("lost", REFUSAL, REFUSAL), UNKNOWN),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_wrapper_that_tries_again(
    answers: tuple[object, ...], verdict: SubmitVerdict, *, wrapped: bool
) -> None:
    """
    The order is refused only if every attempt was: a lost one may hold the position.
    """
    line, create = answering(*answers)

    async def attempt(left: int) -> object:
        try:
            return await create()
        except ccxt.BaseError as error:
            if left:
                return await attempt(left - 1)
            if wrapped:
                raise OrderFailed from error
            raise

    assert verdict is await verdict_on(lambda: attempt(len(answers) - 1))
    assert [] == line.answers


async def as_coroutine(call: Place) -> object:
    return await call()


async def in_task(call: Place) -> object:
    return await asyncio.create_task(as_coroutine(call))


async def in_time(call: Place) -> object:
    return await asyncio.wait_for(as_coroutine(call), 10)


async def gathered(call: Place) -> object:
    return await asyncio.gather(as_coroutine(call))


async def shielded(call: Place) -> object:
    return await asyncio.shield(as_coroutine(call))


@pytest.mark.parametrize("send", [in_task, in_time, gathered, shielded])
async def test_a_second_attempt_in_a_task_of_its_own(send: Callable[[Place], Awaitable[object]]) -> None:
    """
    Its exception is chained to the first one where the task is awaited.
    """
    _, create = answering("lost", REFUSAL)

    async def place() -> object:
        try:
            return await create()
        except ccxt.NetworkError:
            return await send(create)

    assert UNKNOWN is await verdict_on(place)


async def test_an_earlier_exception_without_a_traceback() -> None:
    """
    It cannot be said where it was handled: it counts as an attempt, which was lost.
    """
    _, create = answering(REFUSAL)

    async def place() -> None:
        try:
            await create()
        except ccxt.BaseError as error:
            error.__context__ = ccxt.RequestTimeout("lost")
            raise

    assert UNKNOWN is await verdict_on(place)


async def test_a_submit_within_the_handling_of_an_earlier_exception() -> None:
    """
    A bot that places an order while it handles the failure of another call: that call is not the order's.
    """
    _, create = answering(REFUSAL)

    async def submit() -> SubmitVerdict:
        return await verdict_on(create)

    _, fetch = answering("lost")
    verdicts: list[SubmitVerdict] = []
    try:
        await fetch()
    except ccxt.RequestTimeout:
        verdicts.append(await submit())

    assert [REFUSED] == verdicts


async def test_the_synchronous_client_in_a_thread() -> None:
    """
    It reads an error response while it handles the HTTP error: that error is of the same attempt.
    """
    client: Any = ccxt_sync.gate({"apiKey": "key", "secret": "secret", "enableRateLimit": False})
    client.options.update(unifiedAccount=False)
    client.set_markets([market(client, SYMBOLS["gate"], "BTC_USDT")])
    response: Any = requests.Response()
    response.status_code = 400
    response._content = b'{"label":"ORDER_POC_IMMEDIATE","message":"would match"}'

    def request(*_: object, **__: object) -> object:
        return response

    client.session.request = request

    with pytest.raises(ccxt_sync.InvalidOrder) as refused:
        await asyncio.to_thread(client.create_order, SYMBOLS["gate"], "limit", "buy", 1, 100)

    context = SubmitContext(venue=Venue("gate"), side=OrderSide.BUY, in_doubt_before=False)
    assert isinstance(refused.value.__context__, requests.HTTPError)
    assert REFUSED is classify(refused.value, context)


@pytest.mark.parametrize(
    "answers, verdict",
    [((REFUSAL,), REFUSED), ((REFUSAL, REFUSAL), REFUSED), ((REFUSAL, DOUBT), UNKNOWN)],
)
async def test_an_exception_group(answers: tuple[object, ...], verdict: SubmitVerdict) -> None:
    """
    A group is a refusal only if each of its members is.
    """
    errors: list[Exception] = []
    for answer in answers:
        _, create = answering(answer)
        with pytest.raises(ccxt.BaseError) as raised:
            await create()
        errors.append(raised.value)

    async def place() -> None:
        raise ExceptionGroup("orders", [ExceptionGroup("one", errors[:1]), *errors[1:]])

    assert verdict is await verdict_on(place)


async def test_a_task_group() -> None:
    """
    The group that an asyncio.TaskGroup raises is read too.
    """
    _, create = answering(REFUSAL)

    async def place() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(as_coroutine(create))

    assert REFUSED is await verdict_on(place)


async def test_a_chain_without_an_end() -> None:
    """
    A chain that is too long, or runs in a circle, proves nothing, and is not followed for ever.
    """
    _, create = answering(REFUSAL)
    with pytest.raises(ccxt.BaseError) as raised:
        await create()
    chain: Exception = raised.value
    for _ in range(40):
        longer = OrderFailed()
        longer.__cause__ = chain
        chain = longer
    circle = OrderFailed()
    circle.__cause__ = OrderFailed()
    circle.__cause__.__cause__ = circle

    assert UNKNOWN is classify(chain, CONTEXT)
    assert UNKNOWN is classify(circle, CONTEXT)
    assert UNKNOWN is classify(OrderFailed(), CONTEXT)
    assert UNKNOWN is classify(KeyboardInterrupt(), CONTEXT)
