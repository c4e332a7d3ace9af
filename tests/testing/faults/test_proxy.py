from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Self

import pytest

from poslife.testing.clock import ManualClock
from poslife.testing.faults import Direction, FaultProxy, Tap

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """
    A server that answers each line with itself, and remembers what it heard and who left.
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
    Nothing comes, not even an end, though everybody had his turns.
    """
    arriving = asyncio.ensure_future(streams[0].read(1))
    done, _ = await asyncio.wait({arriving}, timeout=0.05)
    arriving.cancel()
    await asyncio.wait({arriving})

    assert not done


async def test_it_passes_both_ways_when_nothing_is_switched_on() -> None:
    """
    Without a fault the proxy is not noticed, the end of a connection included.
    """
    async with standing() as (proxy, echo):
        async with connected(proxy) as streams:
            answer = await say(streams, b"hello\n")
            streams[1].write_eof()
            end = await streams[0].read()

        assert (answer, end) == (b"hello\n", b"")
        assert echo.heard == [b"hello\n"]
        assert proxy.accepted == 1


async def test_it_stands_before_unix_sockets_too() -> None:
    """
    The upstream may be the path of a unix socket.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "socket")
        async with Echo().at(path), FaultProxy(path) as proxy, connected(proxy) as streams:
            answer = await say(streams, b"hello\n")

    assert answer == b"hello\n"


async def test_refused_connections_fail_at_once_and_the_port_stays() -> None:
    """
    While it refuses, connecting fails and open connections go on; afterwards the same port answers again.
    """
    async with standing() as (proxy, _):
        port = proxy.port
        async with connected(proxy) as streams:
            proxy.refuse()
            proxy.refuse()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(proxy.host, port)

            assert await say(streams, b"still here\n") == b"still here\n"

        proxy.accept()
        async with connected(proxy) as streams:
            assert await say(streams, b"again\n") == b"again\n"
        assert proxy.port == port


async def test_reset_all_ends_every_connection() -> None:
    """
    Client and server both learn of a reset, and a new connection works.
    """
    async with standing() as (proxy, echo):
        async with connected(proxy) as streams:
            await say(streams, b"hello\n")
            proxy.reset_all()
            with pytest.raises(ConnectionResetError):
                await streams[0].readline()
            await echo.left.wait()

        async with connected(proxy) as streams:
            assert await say(streams, b"again\n") == b"again\n"


async def test_a_black_hole_swallows_requests_and_the_end_of_the_client() -> None:
    """
    The server neither hears a request nor notices that the client has gone, until all is healed.
    """
    async with standing() as (proxy, echo):
        async with connected(proxy) as streams:
            await say(streams, b"before\n")
            proxy.black_hole()
            streams[1].write(b"into the void\n")
            await assert_silent(streams)
        assert echo.heard == [b"before\n"]
        assert not echo.left.is_set()

        proxy.heal()
        await echo.left.wait()

        assert echo.heard == [b"before\n"]


async def test_new_connections_in_a_black_hole_open_nothing_at_the_server() -> None:
    """
    They are taken and told nothing; healing resets them.
    """
    async with standing() as (proxy, echo):
        proxy.black_hole()
        async with connected(proxy) as streams:
            streams[1].write(b"into the void\n")
            await assert_silent(streams)

            assert echo.heard == []

            proxy.heal()
            with pytest.raises(ConnectionResetError):
                await streams[0].readline()


async def test_a_black_hole_for_replies_lets_requests_through() -> None:
    """
    The server does what it was asked, and its answer never comes.
    """
    async with standing() as (proxy, echo):
        proxy.black_hole(Direction.REPLIES)
        async with connected(proxy) as streams:
            streams[1].write(b"do it\n")
            await echo.hearing.wait()
            await assert_silent(streams)

        assert echo.heard == [b"do it\n"]
        proxy.heal()


async def test_a_black_hole_for_requests_still_brings_replies() -> None:
    """
    Direction is meant: what comes from the server is not touched.
    """
    async with standing() as (proxy, echo):
        async with connected(proxy) as streams:
            await say(streams, b"before\n")
            proxy.black_hole(Direction.REQUESTS)
            await assert_silent(streams)
            streams[1].write(b"into the void\n")
            await assert_silent(streams)

        assert echo.heard == [b"before\n"]
        proxy.heal()


async def test_what_was_stalled_arrives_late() -> None:
    """
    A request that its client gave up on reaches the server all the same, once the stall is over.
    """
    async with standing() as (proxy, echo):
        async with connected(proxy) as streams:
            await say(streams, b"before\n")
            proxy.stall(Direction.REQUESTS)
            streams[1].write(b"late\n")
            await assert_silent(streams)

        assert echo.heard == [b"before\n"]

        proxy.heal()
        await echo.left.wait()

        assert echo.heard == [b"before\n", b"late\n"]


async def test_delay_holds_each_piece_back() -> None:
    """
    A reply comes only after its time has passed.
    """
    async with Echo().at() as echo:
        clock = ManualClock()
        async with FaultProxy(echo.address, sleep=clock.sleep) as proxy, connected(proxy) as streams:
            proxy.delay(5, Direction.REPLIES)
            streams[1].write(b"slow\n")
            await clock.wait_for_sleepers()
            await assert_silent(streams)
            clock.advance(5)

            assert await streams[0].readline() == b"slow\n"


async def test_dropping_a_reply_resets_after_the_server_has_acted() -> None:
    """
    The request was heard, its answer is lost with the connection, and the next request is answered.
    """
    async with standing() as (proxy, echo):
        proxy.drop_next_reply()
        async with connected(proxy) as streams:
            with pytest.raises(ConnectionResetError):
                await say(streams, b"do it\n")
        async with connected(proxy) as streams:
            assert await say(streams, b"again\n") == b"again\n"

        assert echo.heard == [b"do it\n", b"again\n"]


async def test_a_server_that_is_down_looks_like_a_reset() -> None:
    """
    The proxy takes a connection before it knows that it cannot pass it on.
    """
    with socket.socket() as nobody:
        # Bound and not listening: nobody is there, and nobody else can be.
        nobody.bind(("127.0.0.1", 0))
        upstream = ("127.0.0.1", nobody.getsockname()[1])
        async with FaultProxy(upstream) as proxy, connected(proxy) as streams:
            with pytest.raises(ConnectionResetError):
                await streams[0].readline()


async def test_there_is_no_port_outside_the_block() -> None:
    """
    A proxy that does not listen has no port to tell.
    """
    async with FaultProxy(("127.0.0.1", 1)) as proxy:
        assert proxy.port > 0
    with pytest.raises(RuntimeError, match="async with"):
        _ = proxy.port


async def test_leaving_the_block_ends_what_is_open() -> None:
    """
    Nothing of a proxy outlives it, whatever fault is on.
    """
    async with Echo().at() as echo:
        async with FaultProxy(echo.address) as proxy:
            async with connected(proxy) as streams:
                await say(streams, b"hello\n")
                proxy.stall()
                streams[1].write(b"never\n")
            proxy.black_hole()

            assert proxy.open_links == 1

        await echo.left.wait()

        assert proxy.open_links == 0
        assert echo.heard == [b"hello\n"]


async def test_a_failing_tap_is_told() -> None:
    """
    An error in what reads along is raised at the end of the proxy, not swallowed with the connection.
    """
    async with Echo().at() as echo:

        def broken() -> Tap:
            raise NotImplementedError

        with pytest.RaisesGroup(NotImplementedError):
            async with FaultProxy(echo.address, tap=broken) as proxy, connected(proxy) as streams:
                with pytest.raises(ConnectionResetError):
                    await streams[0].readline()
