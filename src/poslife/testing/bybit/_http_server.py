"""
The venue's HTTP server: signatures, faults of the transport, the log of requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web

from poslife.testing.bybit._endpoints import execute_request
from poslife.testing.bybit._exchange import Exchange
from poslife.testing.bybit._faults import (
    DrawnFaults,
    FaultBoard,
    LostResponse,
    ServerError,
    SlowAnswer,
)
from poslife.testing.bybit._order_checks import Refused
from poslife.testing.bybit._requests import Endpoint, ReceivedRequest
from poslife.testing.bybit._responses import Json, envelope

__all__ = ["Credentials", "HttpServer"]

GATEWAY_PAGE: Final = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Credentials:
    """
    The API key of the account, and its secret.
    """

    def __init__(self, api_key: str, secret: str) -> None:
        self.api_key = api_key
        self._secret = secret.encode()

    def check(self, headers: Mapping[str, str], payload: str) -> None:
        """
        Check the key and the signature of *payload*, the raw query or body.

        Raises:
            Refused: With the venue's code.
        """
        if headers.get("X-BAPI-API-KEY") != self.api_key:
            raise Refused(10003, "API key is invalid.")
        signed = "".join(
            (
                headers.get("X-BAPI-TIMESTAMP", ""),
                self.api_key,
                headers.get("X-BAPI-RECV-WINDOW", ""),
                payload,
            )
        )
        expected = hmac.new(self._secret, signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, headers.get("X-BAPI-SIGN", "")):
            raise Refused(10004, "error sign! please check your signature generation algorithm.")


class HttpServer:
    """
    Answers the HTTP requests to an exchange.
    """

    def __init__(self, exchange: Exchange, faults: FaultBoard, credentials: Credentials) -> None:
        self._exchange = exchange
        self._faults = faults
        self._credentials = credentials
        self._requests: list[ReceivedRequest] = []
        self._arrival = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def requests(self) -> Sequence[ReceivedRequest]:
        """
        Every request received, oldest first.
        """
        return tuple(self._requests)

    def routes(self) -> list[web.RouteDef]:
        """
        Return a route for each endpoint.
        """
        return [
            web.route(
                "POST" if endpoint.is_write else "GET", f"/v5/{endpoint.value}", self._handler(endpoint)
            )
            for endpoint in Endpoint
        ]

    async def wait_for_requests(self, endpoint: Endpoint, count: int) -> Sequence[ReceivedRequest]:
        """
        Wait until there are *count* requests to *endpoint*, and return them.
        """
        while True:
            found = [request for request in self._requests if request.endpoint is endpoint]
            if len(found) >= count:
                return found
            self._arrival.clear()
            await self._arrival.wait()

    def close(self) -> None:
        """
        Send every delayed response at once.
        """
        self._closing.set()

    def _handler(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, endpoint)

        return handle

    async def _answer(self, request: web.Request, endpoint: Endpoint) -> web.StreamResponse:
        payload = await request.text() if endpoint.is_write else request.raw_path.partition("?")[2]
        parameters = _body(payload) if endpoint.is_write else dict(request.query)
        drawn = self._faults.draw(endpoint, parameters.get("symbol") or None)
        self._log(endpoint, parameters, drawn)
        lost, error, slow = drawn.find(LostResponse), drawn.find(ServerError), drawn.find(SlowAnswer)
        if slow is not None and not slow.applied_first:
            await self._delay(slow.seconds)
        body: Json = None
        if (lost is None or lost.applied) and (error is None or error.applied):
            body = self._execute(request, endpoint, payload, parameters, drawn)
        if slow is not None and slow.applied_first:
            await self._delay(slow.seconds)
        if lost is not None and request.transport is not None:
            request.transport.abort()
        if error is not None:
            page = GATEWAY_PAGE.format(error.status)
            return web.Response(status=error.status, text=page, content_type="text/html")
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    def _execute(
        self,
        request: web.Request,
        endpoint: Endpoint,
        payload: str,
        parameters: Mapping[str, str],
        drawn: DrawnFaults,
    ) -> Json:
        try:
            if endpoint.is_private:
                self._credentials.check(request.headers, payload)
            result = execute_request(self._exchange, endpoint, parameters, drawn)
        except Refused as refused:
            return envelope({}, at=self._exchange.now(), code=refused.code, message=refused.message)
        return envelope(result, at=self._exchange.now())

    def _log(self, endpoint: Endpoint, parameters: Mapping[str, str], drawn: DrawnFaults) -> None:
        self._requests.append(
            ReceivedRequest(
                number=len(self._requests) + 1,
                at=self._exchange.now(),
                endpoint=endpoint,
                parameters=parameters,
                faults=drawn.names,
            )
        )
        self._arrival.set()

    async def _delay(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()


def _body(payload: str) -> dict[str, str]:
    try:
        decoded = msgspec.json.decode(payload, type=dict[str, object])
    except msgspec.DecodeError:
        return {}
    return {field: _as_text(value) for field, value in decoded.items() if value is not None}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
