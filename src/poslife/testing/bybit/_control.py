"""
The control endpoint: ``/_control/`` on the venue's own port, for tests in another process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

import msgspec

from poslife.testing.bybit._handle import VenueHandle
from poslife.testing.bybit._messages import (
    Advance,
    Cancel,
    Command,
    Fill,
    Inject,
    Injected,
    Reject,
    SetMarkPrice,
    SettleFunding,
    Trade,
    Withdraw,
)
from poslife.testing.bybit._values import Endpoint, ReceivedRequest
from poslife.testing.bybit._web import web

__all__ = ["control_routes"]

Wait = Callable[[Endpoint, int], Awaitable[Sequence[ReceivedRequest]]]
Reading = Callable[[web.Request], object]


def control_routes(venue: VenueHandle, wait: Wait) -> list[web.RouteDef]:
    """
    The routes by which another process asks and changes *venue*.
    """
    readings: dict[str, Reading] = {
        "now": lambda _: venue.now(),
        "orders": lambda _: venue.orders,
        "fills": lambda _: venue.fills,
        "requests": lambda _: venue.requests,
        "injections": lambda _: [Injected.of(injection) for injection in venue.injections],
        "order": lambda request: venue.order(request.query["identifier"]),
        "position": lambda request: venue.position(
            request.query["symbol"], int(request.query["position_index"])
        ),
    }

    async def command(request: web.Request) -> web.Response:
        body = await request.read()
        return _answer(lambda: execute(venue, msgspec.json.decode(body, type=Command)))

    async def wait_for(request: web.Request) -> web.Response:
        endpoint, count = Endpoint(request.query["endpoint"]), int(request.query["count"])
        try:
            async with asyncio.timeout(float(request.query["timeout"])):
                found = await wait(endpoint, count)
        except TimeoutError:
            return web.Response(status=408, text=f"no {count} requests to {endpoint.value} in time")
        return _answer(lambda: found)

    return [
        web.post("/_control/command", command),
        web.get("/_control/wait", wait_for),
        *(web.get(f"/_control/{name}", _handler(reading)) for name, reading in readings.items()),
    ]


def execute(venue: VenueHandle, command: Command) -> object:  # noqa: C901 - one case for each verb
    """
    Do what *command* says.
    """
    match command:
        case Inject():
            injection = venue.inject(command.decoded(), times=command.times, symbol=command.symbol)
            return Injected.of(injection)
        case Withdraw():
            for injection in venue.injections:
                if injection.number == command.number:
                    venue.withdraw(injection)
            return None
        case Advance():
            return venue.advance(command.seconds)
        case SetMarkPrice():
            venue.set_mark_price(command.symbol, command.price)
            return None
        case Fill():
            return venue.fill(command.identifier, quantity=command.quantity, price=command.price)
        case Reject():
            return venue.reject(command.identifier, reason=command.reason)
        case Cancel():
            return venue.cancel(command.identifier)
        case Trade():
            return venue.trade(
                command.symbol,
                command.side,
                command.quantity,
                kind=command.kind,
                price=command.price,
                position_index=command.position_index,
            )
        case SettleFunding():
            return venue.settle_funding(command.symbol, command.rate)
        case _:
            assert_never(command)


def _handler(reading: Reading) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return _answer(lambda: reading(request))

    return handle


def _answer(work: Callable[[], object]) -> web.Response:
    try:
        body = msgspec.json.encode(work())
    except LookupError as error:
        return web.Response(status=404, text=str(error.args[0]))
    except ValueError as error:
        return web.Response(status=400, text=str(error))
    return web.Response(body=body, content_type="application/json")
