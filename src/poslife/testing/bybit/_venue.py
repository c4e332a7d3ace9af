"""
The simulated Bybit in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self

from poslife.testing.bybit._admission import OrderTicket, Refused
from poslife.testing.bybit._control import control_routes
from poslife.testing.bybit._exchange import Exchange
from poslife.testing.bybit._faults import Fault, FaultBoard, Injection
from poslife.testing.bybit._http import Credentials, Front
from poslife.testing.bybit._values import (
    DEFAULT_INSTRUMENTS,
    Endpoint,
    ExecutionKind,
    Instrument,
    OrderType,
    ReceivedRequest,
    Side,
    SimulatedFill,
    SimulatedOrder,
    SimulatedPosition,
)
from poslife.testing.bybit._web import web

__all__ = ["SimulatedBybit"]

LOOPBACK = "127.0.0.1"


def utc_now() -> datetime:
    """
    The system's time.
    """
    return datetime.now(UTC)


class SimulatedBybit:
    """
    A Bybit of its own, on loopback, for as long as the block lasts.

    It serves a part of the V5 REST interface: USDT perpetuals of one unified account. Market orders fill
    whole at the mark price, limit orders rest unless they are marketable. Acknowledgements carry no fills.
    See `VenueHandle` for what a test can ask and change; use it inside ``async with`` only.

    Args:
        instruments: What is listed.
        balance: The wallet in USDT.
        leverage: Of every symbol at the start.
        hedged: Whether symbols start in hedge mode (position index 1 and 2) instead of one-way mode (0).
        now: The venue's clock, to which `advance` adds; the system's by default. Pass a frozen one for
            virtual time.
        port: 0 for any free one.
        api_key: The key that requests must be signed with, and its *secret*.
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
        self._front = Front(self._exchange, self._faults, Credentials(api_key, secret))
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """
        Listen.
        """
        application = web.Application()
        application.add_routes(self._front.routes())
        application.add_routes(control_routes(self, self._front.wait_for_requests))
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
        Stop listening; answers that are being delayed are let go.
        """
        self._front.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """
        Where clients connect to.

        Raises:
            RuntimeError: It does not listen.
        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the venue does not listen: use it inside `async with`")
        return f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"

    @property
    def orders(self) -> Sequence[SimulatedOrder]:
        """
        Every order ever accepted, as it truly stands, oldest first.
        """
        self._exchange.settle()
        return self._exchange.ledger.orders

    @property
    def fills(self) -> Sequence[SimulatedFill]:
        """
        Every execution, visible or not, oldest first.
        """
        self._exchange.settle()
        return self._exchange.ledger.fills

    @property
    def requests(self) -> Sequence[ReceivedRequest]:
        """
        Every request received, answered or not, oldest first.
        """
        return self._front.requests

    @property
    def injections(self) -> Sequence[Injection]:
        """
        The faults that are switched on.
        """
        return self._faults.injections

    def now(self) -> datetime:
        """
        Venue time.
        """
        return self._clock() + self._offset

    def order(self, identifier: str, /) -> SimulatedOrder:
        """
        One order as it truly stands.
        """
        self._exchange.settle()
        return self._exchange.ledger.order(identifier)

    def position(self, symbol: str, position_index: int = 0, /) -> SimulatedPosition:
        """
        One position as it truly is, flat or not.
        """
        self._exchange.settle()
        name = self._exchange.symbol(symbol)
        return self._exchange.ledger.holding(name, position_index).seen(name, position_index)

    def inject(self, fault: Fault, /, *, times: int | None = 1, symbol: str | None = None) -> Injection:
        """
        Switch *fault* on for the next *times* requests it applies to, or until withdrawn for ``None``.
        """
        name = self._exchange.symbol(symbol) if symbol is not None else None
        return self._faults.inject(fault, times=times, symbol=name)

    def withdraw(self, injection: Injection, /) -> None:
        """
        Switch a fault off, whether or not it has met a request.
        """
        self._faults.withdraw(injection.number)

    def advance(self, seconds: float, /) -> datetime:
        """
        Move venue time on and do what has become due.
        """
        if not seconds >= 0:
            raise ValueError(f"seconds: time does not run backwards: {seconds!r}")
        self._offset += timedelta(seconds=seconds)
        self._exchange.settle()
        return self.now()

    def set_mark_price(self, symbol: str, price: Decimal, /) -> None:
        """
        Move the mark price; resting limit orders that it reaches fill.
        """
        self._exchange.set_mark_price(self._exchange.symbol(symbol), _positive("price", price))

    def fill(
        self, identifier: str, /, *, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> SimulatedOrder:
        """
        Fill an open order: all that is open of it, or *quantity*.
        """
        return self._exchange.fill(
            identifier,
            quantity=None if quantity is None else _positive("quantity", quantity),
            price=None if price is None else _positive("price", price),
        )

    def reject(self, identifier: str, /, *, reason: str = "EC_NoImmediateQtyToFill") -> SimulatedOrder:
        """
        Reject an open order after its acknowledgement.
        """
        return self._exchange.reject(identifier, reason=reason)

    def cancel(self, identifier: str, /) -> SimulatedOrder:
        """
        Cancel an open order without a request.
        """
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
        """
        Execute what no request asked for: a trade by hand, a liquidation, a deleveraging.
        """
        name = self._exchange.symbol(symbol)
        if position_index not in self._exchange.position_indexes(name):
            raise ValueError(
                f"position_index: {name} has {self._exchange.position_indexes(name)}, not {position_index!r}"
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
        """
        Charge longs and pay shorts *rate* of their value.
        """
        return self._exchange.settle_funding(self._exchange.symbol(symbol), rate)

    async def wait_for_requests(self, endpoint: Endpoint, /, *, count: int = 1) -> Sequence[ReceivedRequest]:
        """
        Return the requests to *endpoint* as soon as there are *count* of them, answered or not.
        """
        return await self._front.wait_for_requests(endpoint, count)


def _positive(field: str, number: Decimal) -> Decimal:
    if not (number.is_finite() and number > 0):
        raise ValueError(f"{field}: a positive number, not {number}")
    return number
