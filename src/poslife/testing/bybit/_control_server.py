"""
The server of the control endpoint: ``/_control/`` on the venue's own port, for tests in another process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

import msgspec
from aiohttp import web

from poslife.testing.bybit._control_messages import (
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
from poslife.testing.bybit._requests import Endpoint, ReceivedRequest
from poslife.testing.bybit._venue_handle import VenueHandle

__all__ = ["control_routes"]

Wait = Callable[[Endpoint, int], Awaitable[Sequence[ReceivedRequest]]]
Query = Callable[[web.Request], object]


def control_routes(venue: VenueHandle, wait: Wait) -> list[web.RouteDef]:
    """
    Return the routes by which another process reads and changes *venue*.
    """
    queries: dict[str, Query] = {
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
        return _respond(lambda: execute(venue, msgspec.json.decode(body, type=Command)))

    async def wait_for(request: web.Request) -> web.Response:
        endpoint, count = Endpoint(request.query["endpoint"]), int(request.query["count"])
        try:
            async with asyncio.timeout(float(request.query["timeout"])):
                found = await wait(endpoint, count)
        except TimeoutError:
            return web.Response(
                status=408, text=f"timed out waiting for {count} requests to {endpoint.value}"
            )
        return _respond(lambda: found)

    return [
        web.post("/_control/command", command),
        web.get("/_control/wait", wait_for),
        *(web.get(f"/_control/{name}", _handler(query)) for name, query in queries.items()),
    ]


def execute(venue: VenueHandle, command: Command) -> object:  # noqa: C901 - one case for each command
    """
    Execute *command* and return its result.
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


def _handler(query: Query) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return _respond(lambda: query(request))

    return handle


def _respond(work: Callable[[], object]) -> web.Response:
    try:
        body = msgspec.json.encode(work())
    except LookupError as error:
        return web.Response(status=404, text=str(error.args[0]))
    except (ValueError, msgspec.DecodeError) as error:
        return web.Response(status=400, text=str(error))
    return web.Response(body=body, content_type="application/json")
