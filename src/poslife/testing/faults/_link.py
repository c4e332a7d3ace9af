"""
One connection through a proxy: the client's, and the proxy's own to the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import assert_never

from poslife.testing.faults._active_faults import ActiveFaults, Direction
from poslife.testing.faults._taps import Answer, Cut, Step, Tap

# The address of a server: host and port, or the path of a unix socket.
Address = tuple[str, int] | PurePath

_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class _End:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        connection = self.writer.get_extra_info("socket")
        # Closing with a linger time of 0 sends a reset.
        if connection is not None and connection.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Link:
    """
    A client's connection and the one to the server, with a tap between them.

    Attributes:
        swallowed: True once anything was swallowed: the connection cannot be continued.
    """

    def __init__(self, upstream: Address, *, faults: ActiveFaults, tap: Callable[[], Tap]) -> None:
        self._upstream = upstream
        self._faults = faults
        self._new_tap = tap
        self._ends: list[_End] = []
        self._closed = asyncio.Event()
        self._silent = False
        self.swallowed = False

    def reset(self) -> None:
        """
        Reset both connections.
        """
        self._closed.set()
        for end in self._ends:
            end.reset()

    async def run(self, connection: socket.socket) -> None:
        """
        Carry the bytes of *connection* to the server and back, until either side ends or `reset`.
        """
        client = _End(*await asyncio.open_connection(sock=connection))
        self._ends.append(client)
        try:
            if self._faults.swallows(Direction.REQUESTS):
                # In a black hole not even the connection reaches the server.
                self.swallowed = True
                await self._closed.wait()
                return
            try:
                server = _End(*await _dial(self._upstream))
            except OSError:
                return
            self._ends.append(server)
            tap = self._new_tap()
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
                # A half-closed connection: the other side may still answer.
                with contextlib.suppress(OSError):
                    target.writer.write_eof()
                return
            elif direction is Direction.REPLIES and self._faults.takes_reply():
                self.reset()
            else:
                await self._execute(tap(data), source, target)

    async def _arrives(self, direction: Direction) -> bool:
        await self._faults.hold_back(direction)
        lost = self._silent or self._faults.swallows(direction)
        self.swallowed |= lost
        return not lost

    async def _execute(self, steps: Iterator[Step], source: _End, target: _End) -> None:
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
                case _:
                    assert_never(step)
        with contextlib.suppress(OSError):
            target.writer.write(passed)
            await target.writer.drain()


async def _dial(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(address, PurePath):
        return await asyncio.open_unix_connection(str(address))
    return await asyncio.open_connection(*address)
