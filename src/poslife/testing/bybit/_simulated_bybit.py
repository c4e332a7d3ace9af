"""
`SimulatedBybit`: the venue in the test's own process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self

from aiohttp import web

from poslife.testing.bybit._control_server import control_routes
from poslife.testing.bybit._exchange import Exchange
from poslife.testing.bybit._faults import Fault, FaultBoard, Injection
from poslife.testing.bybit._http_server import Credentials, HttpServer
from poslife.testing.bybit._instruments import DEFAULT_INSTRUMENTS, Instrument
from poslife.testing.bybit._order_checks import OrderTicket, Refused
from poslife.testing.bybit._orders import (
    ExecutionKind,
    OrderType,
    Side,
    SimulatedFill,
    SimulatedOrder,
    SimulatedPosition,
)
from poslife.testing.bybit._requests import Endpoint, ReceivedRequest

__all__ = ["SimulatedBybit"]

LOOPBACK = "127.0.0.1"


def utc_now() -> datetime:
    """
    Return the system's time, in UTC.
    """
    return datetime.now(UTC)


class SimulatedBybit:
    """
    A simulated Bybit on loopback, listening inside its ``async with`` block; a `VenueHandle`.

    It serves a part of the V5 REST API: USDT perpetuals of one unified account. Market orders fill
    completely at the mark price, limit orders rest unless they are marketable. Acknowledgements carry no
    fills.

    Args:
        instruments: The listed instruments.
        balance: The wallet balance in USDT.
        leverage: The leverage of every symbol at the start.
        hedged: Start in hedge mode (position indexes 1 and 2) instead of one-way mode (0).
        now: The venue's clock, to which `advance` adds. *Default*: the system's. Pass a frozen one for
            virtual time.
        port: 0 for any free one.
        api_key: The key that requests must be signed with.
        secret: The secret of *api_key*.
        seed: Makes order and execution ids repeatable.
    """

    def __init__(
        self,
        *,
        instruments: Iterable[Instrument] = DEFAULT_INSTRUMENTS,
        balance: Decimal = Decimal(100_000),
        leverage: Decimal = Decimal(10),
        hedged: bool = False,
        now: Callable[[], datetime] = utc_now,
        port: int = 0,
        api_key: str = "simulated",
        secret: str = "simulated",  # noqa: S107 - opens nothing but the simulation
        seed: int | None = None,
    ) -> None:
        self._clock = now
        self._offset = timedelta(0)
        self._port = port
        self._exchange = Exchange(
            instruments=instruments,
            balance=balance,
            leverage=leverage,
            hedged=hedged,
            now=self.now,
            seed=seed,
        )
        self._faults = FaultBoard()
        self._server = HttpServer(self._exchange, self._faults, Credentials(api_key, secret))
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """
        Start listening.
        """
        application = web.Application()
        application.add_routes(self._server.routes())
        application.add_routes(control_routes(self, self._server.wait_for_requests))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, self._port).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """
        Send delayed responses at once, and stop listening.
        """
        self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """
        The URL for clients.

        Raises:
            RuntimeError: The venue is not listening.
        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the venue is not listening: use it inside `async with`")
        return f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"

    @property
    def orders(self) -> Sequence[SimulatedOrder]:
        self._exchange.settle()
        return self._exchange.account.orders

    @property
    def fills(self) -> Sequence[SimulatedFill]:
        self._exchange.settle()
        return self._exchange.account.fills

    @property
    def requests(self) -> Sequence[ReceivedRequest]:
        return self._server.requests

    @property
    def injections(self) -> Sequence[Injection]:
        return self._faults.injections

    def now(self) -> datetime:
        return self._clock() + self._offset

    def order(self, identifier: str, /) -> SimulatedOrder:
        self._exchange.settle()
        return self._exchange.account.order(identifier)

    def position(self, symbol: str, position_index: int = 0, /) -> SimulatedPosition:
        self._exchange.settle()
        name = self._exchange.symbol(symbol)
        return self._exchange.account.position(name, position_index).view(name, position_index)

    def inject(self, fault: Fault, /, *, times: int | None = 1, symbol: str | None = None) -> Injection:
        name = self._exchange.symbol(symbol) if symbol is not None else None
        return self._faults.inject(fault, times=times, symbol=name)

    def withdraw(self, injection: Injection, /) -> None:
        self._faults.withdraw(injection.number)

    def advance(self, seconds: float, /) -> datetime:
        if not seconds >= 0:
            raise ValueError(f"seconds: expected at least 0, got {seconds!r}: time cannot run backwards")
        self._offset += timedelta(seconds=seconds)
        self._exchange.settle()
        return self.now()

    def set_mark_price(self, symbol: str, price: Decimal, /) -> None:
        self._exchange.set_mark_price(self._exchange.symbol(symbol), _positive("price", price))

    def fill(
        self, identifier: str, /, *, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> SimulatedOrder:
        return self._exchange.fill(
            identifier,
            quantity=None if quantity is None else _positive("quantity", quantity),
            price=None if price is None else _positive("price", price),
        )

    def reject(self, identifier: str, /, *, reason: str = "EC_NoImmediateQtyToFill") -> SimulatedOrder:
        return self._exchange.reject(identifier, reason=reason)

    def cancel(self, identifier: str, /) -> SimulatedOrder:
        try:
            return self._exchange.cancel(identifier)
        except Refused as refused:
            raise LookupError(f"order {identifier!r}: {refused.message}") from refused

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
        name = self._exchange.symbol(symbol)
        if position_index not in self._exchange.position_indexes(name):
            raise ValueError(
                f"position_index: expected one of {self._exchange.position_indexes(name)} for {name}, "
                f"got {position_index!r}"
            )
        ticket = OrderTicket(
            symbol=name,
            side=side,
            type=OrderType.MARKET,
            quantity=_positive("quantity", quantity),
            price=None if price is None else _positive("price", price),
            position_index=position_index,
        )
        return self._exchange.trade(ticket, kind)

    def settle_funding(self, symbol: str, rate: Decimal, /) -> Sequence[SimulatedFill]:
        return self._exchange.settle_funding(self._exchange.symbol(symbol), rate)

    async def wait_for_requests(self, endpoint: Endpoint, /, *, count: int = 1) -> Sequence[ReceivedRequest]:
        """
        Wait until there are *count* requests to *endpoint*, answered or not, and return them.
        """
        return await self._server.wait_for_requests(endpoint, count)


def _positive(field: str, number: Decimal) -> Decimal:
    if not (number.is_finite() and number > 0):
        raise ValueError(f"{field}: expected a positive number, got {number}")
    return number
