"""
The steps of a tap.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from poslife.testing.faults import Answer, Cut, FaultProxy, Step
from tests.testing.faults.echo import Echo, assert_silent, connected, say


class Gatekeeper:
    """
    A tap that answers ``who`` itself, and cuts the connection at ``reset`` and ``silence``.
    """

    def requested(self, data: bytes, /) -> Iterator[Step]:
        for line in data.splitlines(keepends=True):
            match line:
                case b"who\n":
                    yield Answer(b"the proxy\n")
                case b"reset\n":
                    yield Cut.RESET
                case b"silence\n":
                    yield Cut.SILENCE
                case _:
                    yield line

    def replied(self, data: bytes, /) -> Iterator[Step]:
        yield data.upper()


async def test_a_tap_passes_changes_and_answers() -> None:
    """
    The server never gets what the tap answers itself.
    """
    async with Echo().at() as echo, FaultProxy(echo.address, tap=Gatekeeper) as proxy:
        async with connected(proxy) as streams:
            answers = [await say(streams, line) for line in (b"hello\n", b"who\n")]

        assert [b"HELLO\n", b"the proxy\n"] == answers
        assert [b"hello\n"] == echo.heard


async def test_a_reset_is_noticed_by_both_ends() -> None:
    """
    Nothing of the same piece of data passes.
    """
    async with Echo().at() as echo, FaultProxy(echo.address, tap=Gatekeeper) as proxy:
        async with connected(proxy) as streams:
            with pytest.raises(ConnectionResetError):
                await say(streams, b"hello\nreset\nmore\n")
        await echo.left.wait()

        assert [] == echo.heard


async def test_silence_is_noticed_by_neither_end() -> None:
    """
    Data that the tap passed before still arrives; from then on nothing does, in either direction.
    """
    async with Echo().at() as echo, FaultProxy(echo.address, tap=Gatekeeper) as proxy:
        async with connected(proxy) as streams:
            streams[1].write(b"hello\nsilence\nmore\n")
            await echo.hearing.wait()
            await assert_silent(streams)
            streams[1].write(b"again\n")
            await assert_silent(streams)

        assert [b"hello\n"] == echo.heard
        assert not echo.left.is_set()

        proxy.heal()
        await echo.left.wait()
