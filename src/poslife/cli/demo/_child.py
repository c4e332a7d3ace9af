"""
A bot as a process of its own: commands come on standard input, answers go to standard output, in lines.

``python -m poslife.cli.demo._child {poslife,old-way} STORE VENUE_URL ACCOUNT``
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import assert_never

from poslife import (
    Abandoned,
    Account,
    BatchingSink,
    Closed,
    ClosingOutcome,
    EventId,
    InDoubt,
    Opened,
    OpeningOutcome,
    OrderStatus,
    PersistedPosition,
    PositionTracker,
    Recovery,
    Rejected,
    Symbol,
    Timings,
    Working,
)
from poslife.ccxt import CcxtSource, classify
from poslife.cli.demo._bot import Bot, Synced
from poslife.cli.demo._messages import (
    Answer,
    Close,
    Command,
    Did,
    Emitted,
    Open,
    Protect,
    Stop,
    Sync,
    read,
    write,
)
from poslife.cli.demo._old_way import OldBot, OldEventLogger, OldRepository
from poslife.cli.demo._old_way_stores import open_old_store
from poslife.errors import DuplicatePosition, KeyInDoubt
from poslife.events import HostEvent
from poslife.protocols import EventSink
from poslife.testing.bybit import BybitClient, bybit_client

__all__ = ["CLIENT_TIMEOUT", "TIMINGS", "main"]

CLIENT_TIMEOUT = 2.0
RECEIVE_WINDOW = 1.0

TIMINGS = Timings(
    submit_window=1.0,
    http_timeout=CLIENT_TIMEOUT,
    receive_window=RECEIVE_WINDOW,
    lookup_interval=0.2,
    fills_within=2.0,
)
"""
Small, so that a proof of absence takes seconds. The client's time-out and receive window are as short.
"""

Carry = Callable[[Command], Awaitable[Did]]


def tell(message: Answer) -> None:
    """
    Say it at once: nothing of it waits in this process.
    """
    os.write(sys.stdout.fileno(), write(message))


class WitnessedSink:
    """
    An `EventSink` that says of every event that it was emitted, so that the demo knows even after a kill.
    """

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink

    def emit(self, event: HostEvent, /) -> EventId:
        """
        See `EventSink.emit`.
        """
        header = event.header
        about = "" if header.ref is None else str(header.ref)
        tell(Emitted(event=str(header.id), kind=header.type, about=about, run=str(header.run)))
        return self._sink.emit(event)

    async def flush(self, timeout: float | None = None, /) -> None:
        """
        See `EventSink.flush`.
        """
        await self._sink.flush(timeout)

    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        See `EventSink.aclose`.
        """
        await self._sink.aclose(deadline)


def tracker_at(place: str) -> PositionTracker:
    """
    A tracker over the store at *place*, a file or a DSN. `poslife.connect` does the same, with no witness.
    """
    if "://" in place:
        from poslife.postgres import PostgresStore

        postgres = PostgresStore(place)
        sink = WitnessedSink(BatchingSink(postgres))
        return PositionTracker(repository=postgres, sink=sink, classify=classify, timings=TIMINGS)
    from poslife.sqlite import SqliteStore

    sqlite = SqliteStore(place)
    sink = WitnessedSink(BatchingSink(sqlite))
    return PositionTracker(repository=sqlite, sink=sink, classify=classify, timings=TIMINGS)


@contextlib.asynccontextmanager
async def poslife_bot(place: str, exchange: BybitClient, account: Account) -> AsyncGenerator[Carry]:
    """
    The bot over poslife, as something that carries out commands.
    """
    async with tracker_at(place) as tracker:
        bot = Bot(tracker, exchange, CcxtSource(exchange, account=account))

        async def carry_out(command: Command) -> Did:
            match command:
                case Open():
                    return await _open(bot, command)
                case Protect():
                    order = await bot.protect(await bot.held(Symbol(command.symbol)), command.price)
                    return Did(
                        outcome="Protected",
                        told=f"take profit at the exchange: sell {order.quantity:f} at {command.price:f}",
                    )
                case Close():
                    return _came_of(await bot.close(await bot.held(Symbol(command.symbol))))
                case Sync():
                    return Did(outcome="Synced", told=_synced(await bot.sync()))
                case Stop():
                    return Did(outcome="Stopped", told="")

        tell(Did(outcome="Started", told=_recovered(await bot.start())))
        yield carry_out


async def _open(bot: Bot, command: Open) -> Did:
    try:
        return _came_of(await bot.open(Symbol(command.symbol), command.quantity))
    except DuplicatePosition as error:
        waits = ", and its order may exist" if isinstance(error, KeyInDoubt) else ""
        return Did(outcome=type(error).__name__, told=f"no order is sent: a position holds the key{waits}")


def _came_of(outcome: OpeningOutcome | ClosingOutcome) -> Did:
    match outcome:
        case Opened(position=position):
            works = any(order.status is OrderStatus.WORKING for order in position.orders)
            told = f"{_held(position)}{', the rest of the order still works' if works else ''}"
        case Closed(position=position):
            told = f"position {position.id}: in at {position.entry_price:f}, out at {position.exit_price:f}"
        case Working():
            told = "the exchange has taken the order"
        case Rejected() | InDoubt() | Abandoned():
            told = outcome.reason
        case _:
            assert_never(outcome)
    return Did(outcome=type(outcome).__name__, told=told)


def _synced(synced: Synced) -> str:
    found = [_held(position) for position in synced.filled if isinstance(position, PersistedPosition)]
    return "; ".join(found) or _recovered(synced.recovery)


def _recovered(recovery: Recovery) -> str:
    told: list[str] = []
    for position in recovery.settled:
        if isinstance(position, PersistedPosition):
            told.append(f"its order is found at the exchange: {_held(position)}")
        else:
            told.append(f"its order is proven absent, and {position.orders[-1].status.value}")
    told += [
        f"{doubt.position.key.symbol} stays in doubt: {doubt.reasons[0]}" for doubt in recovery.still_in_doubt
    ]
    return "; ".join(told) or "nothing is in doubt"


def _held(position: PersistedPosition) -> str:
    return (
        f"position {position.id} holds {position.quantity:f} of {position.requested_quantity:f} "
        f"at {position.entry_price:f}"
    )


@contextlib.asynccontextmanager
async def old_bot(place: str, exchange: BybitClient, _: Account) -> AsyncGenerator[Carry]:
    """
    The bot as it was, as something that carries out commands.
    """
    async with open_old_store(place) as store:

        def witness(number: str, kind: str, position: object) -> None:
            tell(Emitted(event=number, kind=kind, about="" if position is None else str(position)))

        events = OldEventLogger(store, witness)
        bot = OldBot(exchange, OldRepository(store), events)
        worker = asyncio.create_task(events.event_worker())

        async def carry_out(command: Command) -> Did:
            match command:
                case Open(symbol=symbol):
                    opened = await bot.open(symbol, command.quantity)
                    held = bot.positions[symbol]
                    told = f"in memory: id={held.id!r}, quantity {held.quantity:f}"
                    return Did(outcome="None" if opened is None else "Position", told=told)
                case Protect(symbol=symbol):
                    return Did(
                        outcome=str(await bot.protect(symbol, command.price)),
                        told="take profit at the exchange",
                    )
                case Close(symbol=symbol):
                    return Did(
                        outcome=str(await bot.close(symbol)), told="gone from memory, its row is closed"
                    )
                case Sync():
                    phantoms = [f"{one.symbol.partition('/')[0]}, id={one.id!r}" for one in await bot.sync()]
                    told = f"closed as phantom: {'; '.join(phantoms)}" if phantoms else "nothing to do"
                    return Did(outcome="Synced", told=told)
                case Stop():
                    return Did(outcome="Stopped", told="")

        await bot.start()
        tell(Did(outcome="Started", told=f"it knows of {', '.join(bot.positions) or 'no position'}"))
        try:
            yield carry_out
        finally:
            events.shutdown = True
            await worker


async def serve(kind: str, place: str, venue: str, account: Account) -> None:
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
        start = poslife_bot if kind == "poslife" else old_bot
        async with start(place, exchange, account) as carry_out:
            while line := await lines.readline():
                command = read(line)
                assert not isinstance(command, Did | Emitted)  # those are ours to say
                tell(await carry_out(command))
                if isinstance(command, Stop):
                    break


def main() -> None:
    """
    Be a bot.
    """
    kind, place, venue, account = sys.argv[1:]
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
    )
    asyncio.run(serve(kind, place, venue, Account(account)))


if __name__ == "__main__":
    main()
