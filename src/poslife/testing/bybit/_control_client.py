"""
The client of the control endpoint: a `VenueHandle` for a venue in another process.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

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
from poslife.testing.bybit._faults import Fault, Injection
from poslife.testing.bybit._orders import (
    ExecutionKind,
    Side,
    SimulatedFill,
    SimulatedOrder,
    SimulatedPosition,
)
from poslife.testing.bybit._requests import Endpoint, ReceivedRequest

__all__ = ["VenueControl"]

TIMEOUT = 10.0
MARGIN = 5.0

ResultT = TypeVar("ResultT")


class VenueControl:
    """
    A simulated venue in another process; a `VenueHandle`.

    Every call blocks until the venue has answered. In the venue's own process use `SimulatedBybit`: this
    client would block the event loop that has to answer it.

    Args:
        url: The URL that ``python -m poslife.testing.bybit`` prints.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # The standard library's plain connection, because it ignores the environment's proxies.
        self._host = urlsplit(url).netloc

    @property
    def url(self) -> str:
        return self._url

    @property
    def orders(self) -> Sequence[SimulatedOrder]:
        return self._get("orders", list[SimulatedOrder])

    @property
    def fills(self) -> Sequence[SimulatedFill]:
        return self._get("fills", list[SimulatedFill])

    @property
    def requests(self) -> Sequence[ReceivedRequest]:
        return self._get("requests", list[ReceivedRequest])

    @property
    def injections(self) -> Sequence[Injection]:
        return [message.decoded() for message in self._get("injections", list[Injected])]

    def now(self) -> datetime:
        return self._get("now", datetime)

    def order(self, identifier: str, /) -> SimulatedOrder:
        return self._get("order", SimulatedOrder, identifier=identifier)

    def position(self, symbol: str, position_index: int = 0, /) -> SimulatedPosition:
        return self._get("position", SimulatedPosition, symbol=symbol, position_index=str(position_index))

    def inject(self, fault: Fault, /, *, times: int | None = 1, symbol: str | None = None) -> Injection:
        return self._command(Inject.of(fault, times, symbol), Injected).decoded()

    def withdraw(self, injection: Injection, /) -> None:
        self._command(Withdraw(number=injection.number), type(None))

    def advance(self, seconds: float, /) -> datetime:
        return self._command(Advance(seconds=seconds), datetime)

    def set_mark_price(self, symbol: str, price: Decimal, /) -> None:
        self._command(SetMarkPrice(symbol=symbol, price=price), type(None))

    def fill(
        self, identifier: str, /, *, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> SimulatedOrder:
        return self._command(Fill(identifier=identifier, quantity=quantity, price=price), SimulatedOrder)

    def reject(self, identifier: str, /, *, reason: str = "EC_NoImmediateQtyToFill") -> SimulatedOrder:
        return self._command(Reject(identifier=identifier, reason=reason), SimulatedOrder)

    def cancel(self, identifier: str, /) -> SimulatedOrder:
        return self._command(Cancel(identifier=identifier), SimulatedOrder)

    def trade(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal,
        /,
        *,
        kind: ExecutionKind = ExecutionKind.TRADE,
        price: Decimal | None = None,
        position_index: int = 0,
    ) -> SimulatedFill:
        command = Trade(
            symbol=symbol, side=side, quantity=quantity, kind=kind, price=price, position_index=position_index
        )
        return self._command(command, SimulatedFill)

    def settle_funding(self, symbol: str, rate: Decimal, /) -> Sequence[SimulatedFill]:
        return self._command(SettleFunding(symbol=symbol, rate=rate), list[SimulatedFill])

    def wait_for_requests(
        self, endpoint: Endpoint, /, *, count: int = 1, timeout: float = TIMEOUT
    ) -> Sequence[ReceivedRequest]:
        """
        Wait until there are *count* requests to *endpoint*, answered or not, and return them.

        Raises:
            TimeoutError: They did not come within *timeout* seconds.
        """
        query = {"endpoint": endpoint.value, "count": str(count), "timeout": str(timeout)}
        path = f"/_control/wait?{urlencode(query)}"
        return self._send("GET", path, None, list[ReceivedRequest], timeout=timeout)

    def _get(self, name: str, result: type[ResultT], **query: str) -> ResultT:
        return self._send("GET", f"/_control/{name}?{urlencode(query)}", None, result)

    def _command(self, command: Command, result: type[ResultT]) -> ResultT:
        return self._send("POST", "/_control/command", msgspec.json.encode(command), result)

    def _send(
        self, method: str, path: str, body: bytes | None, result: type[ResultT], *, timeout: float = TIMEOUT
    ) -> ResultT:
        connection = HTTPConnection(self._host, timeout=timeout + MARGIN)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise _error(response.status, answer)
        return msgspec.json.decode(answer, type=result)


def _error(status: int, body: bytes) -> Exception:
    kinds: dict[int, type[Exception]] = {400: ValueError, 404: LookupError, 408: TimeoutError}
    return kinds.get(status, RuntimeError)(body.decode(errors="replace"))
