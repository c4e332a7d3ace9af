"""
One connection through a proxy.
"""

from __future__ import annotations

import socket
import struct
import tempfile
from pathlib import Path

import pytest

from poslife.testing.faults import FaultProxy, Tap
from tests.testing.faults.echo import Echo, connected, say, standing


async def test_it_passes_both_ways_when_nothing_is_switched_on() -> None:
    """
    Without a fault the proxy passes everything, including the end of a connection.
    """
    async with standing() as (proxy, echo):
        async with connected(proxy) as streams:
            answer = await say(streams, b"hello\n")
            streams[1].write_eof()
            end = await streams[0].read()

        assert (answer, end) == (b"hello\n", b"")
        assert echo.heard == [b"hello\n"]
        assert proxy.accepted == 1


async def test_the_server_may_listen_on_a_unix_socket() -> None:
    """
    The upstream is then the path of the socket.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "socket")
        async with Echo().at(path), FaultProxy(path) as proxy, connected(proxy) as streams:
            answer = await say(streams, b"hello\n")

    assert answer == b"hello\n"


async def test_a_server_that_is_down_looks_like_a_reset() -> None:
    """
    The proxy accepts a connection before it knows that the server is down.
    """
    with socket.socket() as silent:
        # Bound and not listening: no server is there, and no other can bind it.
        silent.bind(("127.0.0.1", 0))
        upstream = ("127.0.0.1", silent.getsockname()[1])
        async with FaultProxy(upstream) as proxy, connected(proxy) as streams:
            with pytest.raises(ConnectionResetError):
                await streams[0].readline()


async def test_the_error_of_a_tap_is_raised() -> None:
    """
    It is raised at the end of the proxy's block, not lost with the connection.
    """
    async with Echo().at() as echo:

        def broken() -> Tap:
            raise NotImplementedError

        with pytest.RaisesGroup(NotImplementedError):
            async with FaultProxy(echo.address, tap=broken) as proxy, connected(proxy) as streams:
                with pytest.raises(ConnectionResetError):
                    await streams[0].readline()


async def test_a_reset_of_the_client_is_passed_on() -> None:
    """
    The server notices that the client is gone.
    """
    async with standing() as (proxy, echo):
        async with connected(proxy) as streams:
            await say(streams, b"hello\n")
            connection = streams[1].get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            streams[1].transport.abort()
            await echo.left.wait()

        assert [b"hello\n"] == echo.heard
