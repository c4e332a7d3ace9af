"""
A bot as a process of its own: commands come on standard input, answers go to standard output, in lines.

``python -m examples.demo.child {poslife,old-way} STORE VENUE_URL ACCOUNT FOLDER``
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

from examples.demo.messages import Did, Stop, read, write
from examples.demo.new_bot import Carry, poslife_bot
from examples.demo.old_bot import old_bot
from examples.demo.place import words_in
from examples.demo.wiring import CLIENT_TIMEOUT, RECEIVE_WINDOW
from examples.demo.words import Began, Pen, WordFile
from poslife import Account
from poslife.testing.bybit import BybitClient, bybit_client

__all__ = ["main"]


def answer(did: Did) -> None:
    """
    Say it at once: nothing of it waits in this process.
    """
    os.write(sys.stdout.fileno(), write(did))


def bot_of(
    kind: str, place: str, exchange: BybitClient, account: Account, folder: Path
) -> contextlib.AbstractAsyncContextManager[tuple[Did, Carry]]:
    """
    The bot of a kind.
    """
    before = WordFile(words_in(folder, kind))
    before.read_on()
    pen = Pen(before.path)
    pen.say(Began())
    if kind == "poslife":
        return poslife_bot(place, folder, pen, exchange, account)
    # Its events have no names of their own: they are numbered on from life to life.
    return old_bot(place, before.accepted + 1, pen, exchange)


async def serve(kind: str, place: str, venue: str, account: Account, folder: Path) -> None:
    """
    Carry out what standard input says, until it says to stop, or ends.
    """
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(sys.stdin.fileno(), "rb", 0, closefd=False)
    )
    options = {"recvWindow": int(RECEIVE_WINDOW * 1000)}
    async with bybit_client(venue, timeout=int(CLIENT_TIMEOUT * 1000), options=options) as exchange:
        await exchange.load_markets()
        async with bot_of(kind, place, exchange, account, folder) as (ready, carry_out):
            answer(ready)
            while line := await lines.readline():
                command = read(line)
                assert not isinstance(command, Did)  # that is ours to say
                answer(await carry_out(command))
                if isinstance(command, Stop):
                    break


def main() -> None:
    """
    Be a bot.
    """
    kind, place, venue, account, folder = sys.argv[1:]
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
    )
    asyncio.run(serve(kind, place, venue, Account(account), Path(folder)))


if __name__ == "__main__":
    main()
