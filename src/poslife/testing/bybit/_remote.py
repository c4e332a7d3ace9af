"""
The client of the control endpoint: the venue in another process, with the same verbs.
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

from poslife.testing.bybit._faults import Fault, Injection
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
from poslife.testing.bybit._values import (
    Endpoint,
    ExecutionKind,
    ReceivedRequest,
    Side,
    SimulatedFill,
    SimulatedOrder,
    SimulatedPosition,
)

__all__ = ["VenueControl"]

TIMEOUT = 10.0
MARGIN = 5.0

ResultT = TypeVar("ResultT")


class VenueControl:
    """
    A simulated venue in another process, with the verbs of `VenueHandle`.

    Every call blocks until the venue has answered. In the process of the venue itself use `SimulatedBybit`:
    this client would wait for the event loop it blocks.

    Args:
        url: What ``python -m poslife.testing.bybit`` prints.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # Straight to the venue: no proxy of the environment gets in between.
        self._host = urlsplit(url).netloc

    @property
    def url(self) -> str:
        """
        Where clients connect to.
        """
        return self._url

    @property
    def orders(self) -> Sequence[SimulatedOrder]:
        """
        Every order ever accepted, as it truly stands, oldest first.
        """
        return self._get("orders", list[SimulatedOrder])

    @property
    def fills(self) -> Sequence[SimulatedFill]:
        """
        Every execution, visible or not, oldest first.
        """
        return self._get("fills", list[SimulatedFill])

    @property
    def requests(self) -> Sequence[ReceivedRequest]:
        """
        Every request received, answered or not, oldest first.
        """
        return self._get("requests", list[ReceivedRequest])

    @property
    def injections(self) -> Sequence[Injection]:
        """
        The faults that are switched on.
        """
        return [message.decoded() for message in self._get("injections", list[Injected])]

    def now(self) -> datetime:
        """
        Venue time.
        """
        return self._get("now", datetime)

    def order(self, identifier: str, /) -> SimulatedOrder:
        """
        One order as it truly stands.
        """
        return self._get("order", SimulatedOrder, identifier=identifier)

    def position(self, symbol: str, position_index: int = 0, /) -> SimulatedPosition:
        """
        One position as it truly is, flat or not.
        """
        return self._get("position", SimulatedPosition, symbol=symbol, position_index=str(position_index))

    def inject(self, fault: Fault, /, *, times: int | None = 1, symbol: str | None = None) -> Injection:
        """
        Switch *fault* on for the next *times* requests it applies to, or until withdrawn for ``None``.
        """
        return self._command(Inject.of(fault, times, symbol), Injected).decoded()

    def withdraw(self, injection: Injection, /) -> None:
        """
        Switch a fault off, whether or not it has met a request.
        """
        self._command(Withdraw(number=injection.number), type(None))

    def advance(self, seconds: float, /) -> datetime:
        """
        Move venue time on and do what has become due.
        """
        return self._command(Advance(seconds=seconds), datetime)

    def set_mark_price(self, symbol: str, price: Decimal, /) -> None:
        """
        Move the mark price; resting limit orders that it reaches fill.
        """
        self._command(SetMarkPrice(symbol=symbol, price=price), type(None))

    def fill(
        self, identifier: str, /, *, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> SimulatedOrder:
        """
        Fill an open order: all that is open of it, or *quantity*.
        """
        return self._command(Fill(identifier=identifier, quantity=quantity, price=price), SimulatedOrder)

    def reject(self, identifier: str, /, *, reason: str = "EC_NoImmediateQtyToFill") -> SimulatedOrder:
        """
        Reject an open order after its acknowledgement.
        """
        return self._command(Reject(identifier=identifier, reason=reason), SimulatedOrder)

    def cancel(self, identifier: str, /) -> SimulatedOrder:
        """
        Cancel an open order without a request.
        """
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
        """
        Execute what no request asked for: a trade by hand, a liquidation, a deleveraging.
        """
        command = Trade(
            symbol=symbol, side=side, quantity=quantity, kind=kind, price=price, position_index=position_index
        )
        return self._command(command, SimulatedFill)

    def settle_funding(self, symbol: str, rate: Decimal, /) -> Sequence[SimulatedFill]:
        """
        Charge longs and pay shorts *rate* of their value.
        """
        return self._command(SettleFunding(symbol=symbol, rate=rate), list[SimulatedFill])

    def wait_for_requests(
        self, endpoint: Endpoint, /, *, count: int = 1, timeout: float = TIMEOUT
    ) -> Sequence[ReceivedRequest]:
        """
        Return the requests to *endpoint* as soon as there are *count* of them, answered or not.

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
