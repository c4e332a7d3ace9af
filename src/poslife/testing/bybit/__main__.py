"""
The simulated Bybit as a process: ``python -m poslife.testing.bybit --port 0``.

The first line of output is its URL. It runs until SIGTERM, SIGINT or the end of its standard input, so that
it ends with the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from poslife.testing.bybit._simulated_bybit import SimulatedBybit

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """
    Serve until a signal or the end of standard input.
    """
    parser = argparse.ArgumentParser(
        prog="python -m poslife.testing.bybit", description="A simulated Bybit on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, for any free port")
    parser.add_argument(
        "--balance", type=_decimal, default=Decimal(100_000), help="the wallet balance in USDT"
    )
    parser.add_argument("--leverage", type=_decimal, default=Decimal(10), help="the leverage of every symbol")
    parser.add_argument("--hedged", action="store_true", help="hedge mode instead of one-way mode")
    parser.add_argument("--ignore-stdin", action="store_true", help="keep running when standard input closes")
    options = parser.parse_args(arguments)
    asyncio.run(
        _serve(
            SimulatedBybit(
                port=options.port, balance=options.balance, leverage=options.leverage, hedged=options.hedged
            ),
            watch_stdin=not options.ignore_stdin,
        )
    )


async def _serve(venue: SimulatedBybit, *, watch_stdin: bool) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop(*_: object) -> None:
        loop.call_soon_threadsafe(stopped.set)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    async with venue:
        print(venue.url, flush=True)  # noqa: T201 - the caller reads it
        if watch_stdin:
            threading.Thread(target=_call_at_end_of_stdin, args=(stop,), daemon=True).start()
        await stopped.wait()


def _call_at_end_of_stdin(stop: Callable[[], None]) -> None:
    # os.read does not take the lock of sys.stdin, for which the interpreter would wait at exit.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop()


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


if __name__ == "__main__":
    main()
