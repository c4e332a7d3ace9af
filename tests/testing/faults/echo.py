"""
A server that answers each line with itself, and a proxy in front of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Self

from poslife.testing.faults import FaultProxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """
    A server that answers each line with itself, and records lines and disconnects.
    """

    def __init__(self) -> None:
        self.address = ("127.0.0.1", 0)
        self.heard: list[bytes] = []
        self.left = asyncio.Event()
        self.hearing = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def at(self, path: Path | None = None) -> AsyncGenerator[Self]:
        if path is None:
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.address = ("127.0.0.1", server.sockets[0].getsockname()[1])
        else:
            server = await asyncio.start_unix_server(self._accept, path)
        try:
            yield self
        finally:
            server.close()
            if self._serving:
                await asyncio.wait(self._serving)
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self.heard.append(line)
                self.hearing.set()
                writer.write(line)
        self.left.set()
        writer.close()


@contextlib.asynccontextmanager
async def standing() -> AsyncGenerator[tuple[FaultProxy, Echo]]:
    async with Echo().at() as echo, FaultProxy(echo.address) as proxy:
        yield proxy, echo


@contextlib.asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncGenerator[Streams]:
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def say(streams: Streams, line: bytes) -> bytes:
    reader, writer = streams
    writer.write(line)
    return await reader.readline()


async def assert_silent(streams: Streams) -> None:
    """
    Assert that nothing arrives, not even the end of the connection.
    """
    arriving = asyncio.ensure_future(streams[0].read(1))
    done, _ = await asyncio.wait({arriving}, timeout=0.05)
    arriving.cancel()
    await asyncio.wait({arriving})

    assert not done
