"""
A TCP proxy on loopback that fails on demand.
"""

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType
from typing import Protocol, Self

# What a proxy may stand in front of: host and port, or the path of a unix socket.
Address = tuple[str, int] | PurePath

_CHUNK = 65536


class Direction(enum.Flag):
    """
    Which way the bytes go that a fault meets.
    """

    REQUESTS = enum.auto()
    """From the client to the server."""
    REPLIES = enum.auto()
    """From the server to the client."""
    BOTH = REQUESTS | REPLIES


class Cut(enum.Enum):
    """
    How a connection fails.
    """

    RESET = enum.auto()
    """Both ends learn of it at once: the client by a TCP reset."""
    SILENCE = enum.auto()
    """Nobody learns of it: from here on nothing arrives any more, in either direction."""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Bytes the proxy itself sends back to the client, in the server's stead.
    """

    data: bytes


# What a tap makes of the bytes it is shown: pass these on, answer them, or let the connection fail.
Step = bytes | Answer | Cut


class Tap(Protocol):
    """
    What reads along on one connection, and may bend it.

    The proxy carries each step out before it asks for the next, and asks for no more after a `Cut`.
    """

    def requested(self, data: bytes, /) -> Iterator[Step]:
        """
        Say what becomes of *data* from the client.
        """
        ...

    def replied(self, data: bytes, /) -> Iterator[Step]:
        """
        Say what becomes of *data* from the server.
        """
        ...


class _PassThrough:
    def requested(self, data: bytes, /) -> Iterator[Step]:
        yield data

    def replied(self, data: bytes, /) -> Iterator[Step]:
        yield data


class FaultProxy:
    """
    Stands between a client and a server on loopback, and fails as told.

    Inside its ``async with`` block it listens on *host* and a `port` of its own. Every fault is switched on
    by a plain call, on connections that exist and on those to come, and lasts until `heal`. Faults combine:
    an outage is `refuse` and `reset_all`.

    When the server itself cannot be reached, the client is accepted and then reset.

    Args:
        upstream: The server: host and port, or the path of a unix socket.
        tap: Called once for each connection; what it returns reads along.
        host: The address to listen on.
        sleep: How `delay` waits.
    """

    def __init__(
        self,
        upstream: Address,
        *,
        tap: Callable[[], Tap] = _PassThrough,
        host: str = "127.0.0.1",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.upstream = upstream
        self.host = host
        self._tap = tap
        self._sleep = sleep
        self._anchor: socket.socket | None = None
        self._listening: socket.socket | None = None
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._failures: list[BaseException] = []
        self._accepted = 0
        self._swallowed = Direction(0)
        self._stalled = Direction(0)
        self._moving = asyncio.Event()
        self._moving.set()
        self._delayed = Direction(0)
        self._delay = 0.0
        self._reply_to_drop = False

    async def __aenter__(self) -> Self:
        # It is bound and never listens: so the port stays ours while connections are refused.
        self._anchor = _bound_socket(self.host, 0)
        self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        self.reset_all()
        links = tuple(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None
        if self._failures:
            raise BaseExceptionGroup("the proxy itself failed", self._failures)

    @property
    def port(self) -> int:
        """
        The port it listens on, the same through every `refuse` and `accept`.
        """
        if self._anchor is None:
            raise RuntimeError("the proxy has a port only inside its 'async with' block")
        port: int = self._anchor.getsockname()[1]
        return port

    @property
    def accepted(self) -> int:
        """
        How many connections were accepted so far.
        """
        return self._accepted

    @property
    def open_links(self) -> int:
        """
        How many connections are held at the moment.
        """
        return len(self._links)

    def refuse(self) -> None:
        """
        Refuse new connections, as a server that is down does; those that exist go on.
        """
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def accept(self) -> None:
        """
        Take connections again after `refuse`.
        """
        if self._listening is None:
            self._listening = _bound_socket(self.host, self.port)
            self._listening.listen()
            asyncio.get_running_loop().add_reader(self._listening, self._take_one, self._listening)

    def reset_all(self) -> None:
        """
        Reset every connection that exists; new ones are taken as before.
        """
        for link in self._links.values():
            link.reset()

    def black_hole(self, direction: Direction = Direction.BOTH) -> None:
        """
        Swallow what is sent, the end of a connection included.

        The other side notices nothing: a server keeps the transactions and locks of a client long gone.
        A connection that lost something this way is never whole again: `heal` resets it.
        """
        self._swallowed |= direction

    def stall(self, direction: Direction = Direction.BOTH) -> None:
        """
        Hold back what is sent until `heal`, and deliver it then, even if the sender has given up meanwhile.

        So a request that its client believes lost arrives late.
        """
        self._stalled |= direction
        self._moving.clear()

    def delay(self, seconds: float, direction: Direction = Direction.BOTH) -> None:
        """
        Hold each piece of data back for *seconds*, in order.
        """
        self._delay = seconds
        self._delayed = direction

    def drop_next_reply(self) -> None:
        """
        Let a request reach the server, and reset its connection when the server begins to answer.

        It happens once, to whichever connection is answered next.
        """
        self._reply_to_drop = True

    def heal(self) -> None:
        """
        Switch every fault off.
        """
        self._delay, self._delayed = 0.0, Direction(0)
        self._swallowed = self._stalled = Direction(0)
        self._reply_to_drop = False
        self._moving.set()
        for link in self._links.values():
            if link.swallowed:
                link.reset()
        self.accept()

    def _take_one(self, listening: socket.socket) -> None:
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            # The client has left again meanwhile.
            return
        connection.setblocking(False)
        self._accepted += 1
        link = _Link(self)
        task = asyncio.get_running_loop().create_task(link.run(connection))
        self._links[task] = link
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._links[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)

    def new_tap(self) -> Tap:
        return self._tap()

    def swallows(self, direction: Direction) -> bool:
        return bool(direction & self._swallowed)

    def drops_this_reply(self) -> bool:
        drops, self._reply_to_drop = self._reply_to_drop, False
        return drops

    async def hold_back(self, direction: Direction) -> None:
        if direction & self._delayed:
            await self._sleep(self._delay)
        while direction & self._stalled:
            await self._moving.wait()


@dataclass(frozen=True, slots=True)
class _End:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        connection = self.writer.get_extra_info("socket")
        # A close that lingers for no time at all is a reset.
        if connection is not None and connection.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class _Link:
    """
    One connection of a client, and the proxy's own to the server for it.
    """

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._ends: list[_End] = []
        self._closed = asyncio.Event()
        self._silent = False
        self.swallowed = False

    def reset(self) -> None:
        self._closed.set()
        for end in self._ends:
            end.reset()

    async def run(self, connection: socket.socket) -> None:
        client = _End(*await asyncio.open_connection(sock=connection))
        self._ends.append(client)
        try:
            if self._proxy.swallows(Direction.REQUESTS):
                # What never arrives opens nothing at the server.
                self.swallowed = True
                await self._closed.wait()
                return
            try:
                server = _End(*await _dial(self._proxy.upstream))
            except OSError:
                return
            self._ends.append(server)
            tap = self._proxy.new_tap()
            await asyncio.gather(
                self._pump(client, server, Direction.REQUESTS, tap.requested),
                self._pump(server, client, Direction.REPLIES, tap.replied),
            )
        finally:
            self.reset()
            for end in self._ends:
                with contextlib.suppress(OSError):
                    await end.writer.wait_closed()

    async def _pump(
        self, source: _End, target: _End, direction: Direction, tap: Callable[[bytes], Iterator[Step]]
    ) -> None:
        while not self._closed.is_set():
            try:
                data = await source.reader.read(_CHUNK)
            except OSError:
                data = None
            if self._closed.is_set():
                return
            if not await self._arrives(direction):
                if not data:
                    await self._closed.wait()
                continue
            if data is None:
                self.reset()
            elif not data:
                # One side has said all it had to say; the other may still answer.
                with contextlib.suppress(OSError):
                    target.writer.write_eof()
                return
            elif direction is Direction.REPLIES and self._proxy.drops_this_reply():
                self.reset()
            else:
                await self._take_steps(tap(data), source, target)

    async def _arrives(self, direction: Direction) -> bool:
        await self._proxy.hold_back(direction)
        lost = self._silent or self._proxy.swallows(direction)
        self.swallowed |= lost
        return not lost

    async def _take_steps(self, steps: Iterator[Step], source: _End, target: _End) -> None:
        passed = bytearray()
        for step in steps:
            match step:
                case bytes():
                    passed += step
                case Answer():
                    source.writer.write(step.data)
                case Cut.RESET:
                    self.reset()
                    return
                case Cut.SILENCE:
                    self._silent = self.swallowed = True
                    break
        with contextlib.suppress(OSError):
            target.writer.write(passed)
            await target.writer.drain()


async def _dial(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(address, PurePath):
        return await asyncio.open_unix_connection(str(address))
    return await asyncio.open_connection(*address)


def _bound_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Two sockets of ours share the port: the one that listens, and the one that keeps it.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.setblocking(False)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
