"""
A bot in a process of its own: commands come on standard input, answers go to standard output, in lines.

``python -m examples.demo.process LIFE``, where LIFE is a `Life` as JSON. It ends when standard input does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from examples.demo.bot_driver import CLIENT_TIMEOUT, RECEIVE_WINDOW, driving_the_bot
from examples.demo.driver import Command, Driver, Life
from examples.demo.old_way_driver import driving_the_old_way
from examples.demo.witness import Witness
from poslife.testing.bybit import bybit_client


def main() -> None:
    life = msgspec.json.decode(sys.argv[1], type=Life)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
    )
    asyncio.run(_serve(life))


async def _serve(life: Life) -> None:
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), os.fdopen(sys.stdin.fileno(), "rb", 0, closefd=False)
    )
    options = {"recvWindow": int(RECEIVE_WINDOW * 1000)}
    async with bybit_client(life.venue, timeout=int(CLIENT_TIMEOUT * 1000), options=options) as exchange:
        await exchange.load_markets()
        witness = Witness(life.witness)
        running: AbstractAsyncContextManager[Driver] = (
            driving_the_bot(life, witness, exchange)
            if life.bot == "poslife"
            else driving_the_old_way(life, witness, exchange)
        )
        async with running as driver:
            _answer("Started")
            while line := await commands.readline():
                command = msgspec.json.decode(line, type=Command)
                method: Callable[..., Awaitable[str]] = getattr(driver, command.name)
                _answer(await method(*command.arguments))


def _answer(outcome: str) -> None:
    # Nothing of it waits in this process.
    os.write(sys.stdout.fileno(), f"{outcome}\n".encode())


if __name__ == "__main__":
    main()
