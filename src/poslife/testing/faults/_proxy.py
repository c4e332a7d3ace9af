"""
A TCP proxy on loopback that fails on demand.
"""

# Why our own: PyPI's TCP fault proxies (faulty, the clients of the Toxiproxy daemon) fail at random or by
# time; this one fails at the bytes that a tap chooses, such as the reply to a COMMIT.

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from poslife.testing.faults._active_faults import ActiveFaults, Direction
from poslife.testing.faults._link import Address, Link
from poslife.testing.faults._taps import PassThrough, Tap


class FaultProxy:
    """
    A proxy between a client and a server on loopback.

    Inside its ``async with`` block it listens on *host* and a free `port`. Each fault is switched on by a
    call, for existing and new connections, and lasts until `heal`. Faults combine: an outage is `refuse` and
    `reset_all`.

    If the server cannot be reached, the client's connection is accepted and then reset.

    Args:
        upstream: The server: host and port, or the path of a unix socket.
        tap: Called once for each connection; returns the tap that reads it.
        host: The address to listen on.
        sleep: Waits for `delay`.
    """

    def __init__(
        self,
        upstream: Address,
        *,
        tap: Callable[[], Tap] = PassThrough,
        host: str = "127.0.0.1",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.upstream = upstream
        self.host = host
        self._tap = tap
        self._faults = ActiveFaults(sleep)
        self._anchor: socket.socket | None = None
        self._listening: socket.socket | None = None
        self._links: dict[asyncio.Task[None], Link] = {}
        self._failures: list[BaseException] = []
        self._accepted = 0

    async def __aenter__(self) -> Self:
        # Bound but never listening: it reserves the port while connections are refused.
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
            raise RuntimeError("the proxy has no port outside its `async with` block")
        port: int = self._anchor.getsockname()[1]
        return port

    @property
    def accepted(self) -> int:
        """
        The number of connections accepted so far.
        """
        return self._accepted

    @property
    def open_links(self) -> int:
        """
        The number of open connections.
        """
        return len(self._links)

    def refuse(self) -> None:
        """
        Refuse new connections, as a server that is down does; existing ones continue.
        """
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def accept(self) -> None:
        """
        Accept connections again after `refuse`.
        """
        if self._listening is None:
            self._listening = _bound_socket(self.host, self.port)
            self._listening.listen()
            asyncio.get_running_loop().add_reader(self._listening, self._accept_one, self._listening)

    def reset_all(self) -> None:
        """
        Reset every existing connection; new ones are accepted as before.
        """
        for link in self._links.values():
            link.reset()

    def black_hole(self, direction: Direction = Direction.BOTH) -> None:
        """
        Swallow everything that is sent, the end of a connection included.

        The other side notices nothing: a server keeps the transactions and locks of a client that is gone.
        `heal` resets every connection that lost something.
        """
        self._faults.swallow(direction)

    def stall(self, direction: Direction = Direction.BOTH) -> None:
        """
        Hold everything that is sent back until `heal`, then deliver it, even if the sender has given up.

        A request that its client believes lost then arrives late.
        """
        self._faults.stall(direction)

    def delay(self, seconds: float, direction: Direction = Direction.BOTH) -> None:
        """
        Hold each piece of data back for *seconds*, in order.
        """
        self._faults.delay(seconds, direction)

    def drop_next_reply(self) -> None:
        """
        Let a request reach the server, and reset its connection when the server begins to answer.

        It happens once, to the connection that is answered next.
        """
        self._faults.drop_next_reply()

    def heal(self) -> None:
        """
        Switch every fault off.
        """
        self._faults.clear()
        for link in self._links.values():
            if link.swallowed:
                link.reset()
        self.accept()

    def _accept_one(self, listening: socket.socket) -> None:
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            # The client has disconnected meanwhile.
            return
        connection.setblocking(False)
        self._accepted += 1
        link = Link(self.upstream, faults=self._faults, tap=self._tap)
        task = asyncio.get_running_loop().create_task(link.run(connection))
        self._links[task] = link
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._links[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)


def _bound_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Two sockets share the port: the listening one, and the one that reserves it.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.setblocking(False)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
