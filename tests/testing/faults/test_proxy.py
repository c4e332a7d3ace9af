"""
A proxy that fails on demand.
"""

from __future__ import annotations

import asyncio
import socket

import pytest

from poslife.testing.clock import ManualClock
from poslife.testing.faults import Direction, FaultProxy
from tests.testing.faults.echo import Echo, assert_silent, connected, say, standing


async def test_refused_connections_fail_at_once_and_the_port_stays() -> None:
    """
    While it refuses, open connections continue; afterwards the same port accepts again.
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
    Client and server both notice the reset, and a new connection works.
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
    The server gets no request and does not notice that the client is gone, until `heal`.
    """
    async with standing() as (proxy, echo):
        async with connected(proxy) as streams:
            await say(streams, b"before\n")
            proxy.black_hole()
            streams[1].write(b"into the void\n")
            await assert_silent(streams)
        leaving = asyncio.ensure_future(echo.left.wait())
        noticed, _ = await asyncio.wait({leaving}, timeout=0.05)

        assert not noticed
        assert echo.heard == [b"before\n"]

        proxy.heal()
        await leaving

        assert echo.heard == [b"before\n"]


async def test_new_connections_in_a_black_hole_open_nothing_at_the_server() -> None:
    """
    They are accepted and get nothing; `heal` resets them.
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
    The server executes the request, and its answer never arrives.
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
    Data from the server is not affected.
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
    A request that its client gave up on still reaches the server, after the stall.
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
    The request was executed, its answer is lost with the connection, and the next is answered.
    """
    async with standing() as (proxy, echo):
        proxy.drop_next_reply()
        async with connected(proxy) as streams:
            with pytest.raises(ConnectionResetError):
                await say(streams, b"do it\n")
        async with connected(proxy) as streams:
            assert await say(streams, b"again\n") == b"again\n"

        assert echo.heard == [b"do it\n", b"again\n"]


async def test_there_is_no_port_outside_the_block() -> None:
    """
    A proxy that is not listening has no port.
    """
    async with FaultProxy(("127.0.0.1", 1)) as proxy:
        assert proxy.port > 0
    with pytest.raises(RuntimeError, match="async with"):
        _ = proxy.port


async def test_leaving_the_block_ends_what_is_open() -> None:
    """
    No connection outlives the block, with any fault switched on.
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


async def test_an_address_that_is_not_local_is_refused() -> None:
    """
    The error is the system's, and the proxy does not listen.
    """
    proxy = FaultProxy(("127.0.0.1", 1), host="192.0.2.1")
    with pytest.raises(OSError, match="assign requested address"):
        await proxy.__aenter__()
    with pytest.raises(RuntimeError, match="async with"):
        _ = proxy.port

    # Nothing was opened, so there is nothing to close.
    await proxy.__aexit__(None, None, None)


async def test_a_client_that_has_left_again_is_not_counted() -> None:
    """
    The socket was ready for a connection that is gone when it is accepted.
    """
    async with standing() as (proxy, _):
        with socket.socket() as nothing_waits:
            nothing_waits.bind(("127.0.0.1", 0))
            nothing_waits.listen()
            nothing_waits.setblocking(False)
            proxy._accept_one(nothing_waits)  # pyright: ignore[reportPrivateUsage]

        assert (0, 0) == (proxy.accepted, proxy.open_links)
