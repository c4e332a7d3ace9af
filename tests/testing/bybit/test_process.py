"""
The simulated venue as a process of its own, driven over its control endpoint.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from poslife.testing.bybit import (
    EmptyPositions,
    Endpoint,
    ExecutionKind,
    LateFill,
    LateRejection,
    LateVisibility,
    LostResponse,
    OrderStatus,
    PartialFill,
    Refusal,
    ServerError,
    Side,
    SlowAnswer,
    VenueControl,
    VenueHandle,
    bybit_client,
)
from poslife.testing.bybit.__main__ import main
from poslife.testing.bybit._control_messages import Inject
from tests.testing.bybit.simulated import DBR, simulated

XRP = "XRP/USDT:USDT"

pytestmark = pytest.mark.slow


@contextmanager
def venue_process(*arguments: str) -> Generator[tuple[VenueControl, subprocess.Popen[str]]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "poslife.testing.bybit", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield VenueControl(process.stdout.readline().strip()), process
        finally:
            process.stdin.close()
            process.wait(10)


def is_a_handle(venue: VenueHandle) -> VenueHandle:
    return venue


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueControl]:
    with venue_process() as (control, _):
        yield control


async def test_the_truth_comes_over_whole(venue: VenueControl) -> None:
    """
    Orders, fills, positions and requests arrive as the values they are in the venue's own process.
    """
    async with bybit_client(venue.url) as client:
        await client.create_order(DBR, "market", "buy", 1000, params={"clientOrderId": "t1"})
    order, position = venue.order("t1"), venue.position(DBR)
    [fill] = [fill for fill in venue.fills if fill.order_link_id == "t1"]

    assert (Side.BUY, OrderStatus.FILLED, Decimal("0.02625")) == (order.side, order.status, order.price)
    assert (Decimal("0.025"), Decimal("0.01375")) == (fill.price, fill.fee)
    assert timedelta(0) == order.created_at.utcoffset()
    assert (Decimal(1000), Side.BUY) == (position.size, position.side)
    [request] = [r for r in venue.requests if r.parameters.get("orderLinkId") == "t1"]
    assert Endpoint.CREATE_ORDER is request.endpoint
    assert order in venue.orders


async def test_faults_and_commands_from_another_process(venue: VenueControl) -> None:
    """
    Every verb of the handle works from another process.
    """
    async with bybit_client(venue.url) as client:
        venue.inject(LostResponse(applied=True), symbol=XRP)
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await client.create_order(XRP, "market", "buy", 1000, params={"clientOrderId": "c1"})
        venue.inject(LateFill(), times=3)
        for name in ("c2", "c3", "c4"):
            await client.create_order("ETH/USDT:USDT", "market", "buy", 1, params={"clientOrderId": name})

    assert OrderStatus.FILLED is venue.order("c1").status
    assert OrderStatus.REJECTED is venue.reject("c2").status
    assert OrderStatus.CANCELLED is venue.cancel("c3").status
    filled = venue.fill("c4", quantity=Decimal("0.3"), price=Decimal(2999))
    assert Decimal("0.3") == filled.filled_quantity
    [payment] = venue.settle_funding("ETH/USDT:USDT", Decimal("0.0001"))
    assert ExecutionKind.FUNDING is payment.kind
    fill = venue.trade("ETHUSDT", Side.SELL, Decimal("0.3"), kind=ExecutionKind.LIQUIDATION)
    assert ExecutionKind.LIQUIDATION is fill.kind
    assert None is venue.position("ETHUSDT").side
    before = venue.now()
    assert venue.advance(3600) - before >= timedelta(hours=1)
    venue.set_mark_price(XRP, Decimal("0.6"))
    assert Decimal("0.6") == venue.trade(XRP, Side.SELL, Decimal(1000)).price


def test_every_fault_travels(venue: VenueControl) -> None:
    """
    Whatever is injected from outside is what the venue has switched on, until it is withdrawn.
    """
    faults = (
        Refusal(code=10016, message="x", applied=True, endpoint=Endpoint.POSITIONS),
        LateRejection(after=1.5, reason="EC_Others"),
        LostResponse(applied=False),
        ServerError(status=502, applied=True),
        SlowAnswer(seconds=0.5, applied_first=False),
        PartialFill(ratio=Decimal("0.25")),
        LateFill(after=None),
        LateVisibility(seconds=7),
        EmptyPositions(),
    )
    injected = [venue.inject(fault, times=None, symbol="LTCUSDT") for fault in faults]

    assert list(faults) == [injection.fault for injection in injected]
    assert injected == venue.injections
    for injection in injected:
        venue.withdraw(injection)
    assert [] == venue.injections


def test_errors_come_over(venue: VenueControl) -> None:
    """
    What the handle raises in its own process it raises here.
    """
    impossible: tuple[tuple[Callable[[], object], type[Exception], str], ...] = (
        (lambda: venue.order("none"), LookupError, "no order 'none'"),
        (lambda: venue.position("NONE"), LookupError, "does not list"),
        (lambda: venue.fill("none"), LookupError, "no order"),
        (lambda: venue.advance(-1), ValueError, "backwards"),
        (lambda: venue.inject(Refusal(), times=0), ValueError, "times"),
        (lambda: Inject(kind="Earthquake", fault={}).decoded(), ValueError, "kind: expected one of Refusal"),
        (
            lambda: venue.wait_for_requests(Endpoint.CANCEL_ORDER, count=99, timeout=0.01),
            TimeoutError,
            "order/cancel",
        ),
    )
    for act, error, message in impossible:
        with pytest.raises(error, match=message):
            act()


def test_requests_can_be_waited_for() -> None:
    """
    A test waits for a request to arrive and kills the bot before its answer; the order stays.
    """
    with venue_process() as (venue, _):
        venue.inject(SlowAnswer(seconds=60))
        with subprocess.Popen([sys.executable, "-c", PLACE, venue.url]) as bot:
            [request] = venue.wait_for_requests(Endpoint.CREATE_ORDER)
            bot.kill()

        assert "killed" == request.parameters["orderLinkId"]
        assert OrderStatus.FILLED is venue.order("killed").status


PLACE = """
import asyncio, sys
from poslife.testing.bybit import bybit_client
async def main():
    async with bybit_client(sys.argv[1]) as client:
        await client.create_order("APT/USDT:USDT", "market", "buy", 1, params={"clientOrderId": "killed"})
asyncio.run(main())
"""


@pytest.mark.parametrize("way", ["stdin", "SIGTERM", "SIGINT"])
def test_it_ends_when_told(way: str) -> None:
    """
    It ends in good order when its standard input closes and on a signal, and has complained of nothing.
    """
    ignored = [] if way == "stdin" else ["--ignore-stdin"]
    with venue_process("--balance", "50", "--hedged", "--leverage", "5", *ignored) as (control, process):
        assert control.url.startswith("http://127.0.0.1:")
        assert () == tuple(control.orders)
        if way == "stdin":
            assert process.stdin is not None
            process.stdin.write("what is said is not heard")
            process.stdin.close()
        else:
            os.kill(process.pid, signal.Signals[way])
        assert 0 == process.wait(10)
        assert process.stderr is not None
        assert "" == process.stderr.read()


async def test_both_are_handles(venue: VenueControl) -> None:
    """
    What holds the venue here and what holds it from outside are exchangeable.
    """
    async with simulated() as (here, _):
        for handle in (is_a_handle(here), is_a_handle(venue)):
            assert handle.url.startswith("http://127.0.0.1:")


def test_what_cannot_be_understood_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A balance that is no number ends the program with a word on it.
    """
    with pytest.raises(SystemExit):
        main(["--balance", "much"])

    assert "expected a number, got 'much'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "missing,told",
    [
        pytest.param("aiohttp", "aiohttp is not installed: pip install 'poslife[ccxt]'", id="aiohttp"),
        pytest.param("ccxt", "ccxt is not installed: pip install 'poslife[ccxt]'", id="ccxt"),
        # Of an installed library: not about the extra.
        pytest.param("multidict", "multidict", id="needed-by-aiohttp"),
        pytest.param("certifi", "certifi", id="needed-by-ccxt"),
    ],
)
def test_a_missing_library_is_named(missing: str, told: str) -> None:
    """
    Without the extra, the ImportError says what to install; any other absence stays what it is.
    """
    script = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
try:
    from poslife.testing.bybit import bybit_client
    bybit_client("http://127.0.0.1:1")
except ImportError as error:
    print(error)
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert told == output.stdout.strip()
