"""
The faults: in the events, in the connection, and in the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from typing_extensions import override

from poslife.testing.faults import Cut, FaultProxy, PostgresFaultProxy, Step, Tap, is_commit
from poslife.testing.faults._postgres_dsn import redirect_dsn, upstream_of
from tests.postgres_server import LocalServer

__all__ = ["EVENTS", "FAULTS", "RATE", "Fault"]

EVENTS: Final = 5000
RATE: Final = 2500
MARKER: Final = "toxic-7f3a91"


class _Toxic:
    """
    A tap that resets the connection when the marker is sent.
    """

    def __init__(self) -> None:
        self._tail = b""

    def requested(self, data: bytes, /) -> Iterator[Step]:
        seen = self._tail + data
        self._tail = seen[-len(MARKER) :]
        yield Cut.RESET if MARKER.encode() in seen else data

    def replied(self, data: bytes, /) -> Iterator[Step]:
        yield data


class Fault:
    """
    No fault; each subclass changes one thing.
    """

    name = "none"
    rate: float = RATE
    pause = 0.5
    """The seconds between the last event and the shutdown, in which the usual way empties its queue."""
    refused_type = False

    def event(self, number: int) -> tuple[str, Mapping[str, object]]:
        """
        Return the type and the payload of an event.
        """
        return "tick", {"number": number, "symbol": "DBR/USDT:USDT", "price": "0.02761", "note": "x" * 150}

    @asynccontextmanager
    async def proxied(self, dsn: str) -> AsyncGenerator[str]:
        """
        Yield *dsn* redirected to the proxy.
        """
        async with PostgresFaultProxy.for_dsn(dsn) as proxy:
            self.arm(proxy)
            yield proxy.dsn

    def arm(self, proxy: PostgresFaultProxy) -> None:
        """
        Set the proxy's traps.
        """

    async def meanwhile(self, server: LocalServer) -> None:
        """
        Act on the server while events are emitted.
        """


class NotANumber(Fault):
    """
    A price that JSON cannot represent.
    """

    name = "NaN in one payload"

    @override
    def event(self, number: int) -> tuple[str, Mapping[str, object]]:
        kind, payload = super().event(number)
        return kind, {**payload, "price": float("nan")} if number == EVENTS // 2 else payload


class Refused(Fault):
    """
    A row that a trigger refuses.
    """

    name = "one row the database refuses"
    refused_type = True

    @override
    def event(self, number: int) -> tuple[str, Mapping[str, object]]:
        kind, payload = super().event(number)
        return "poison" if number == EVENTS // 2 else kind, payload


class ToxicRow(Fault):
    """
    A row that resets the connection, and so looks like an outage.
    """

    name = "one row that resets the connection"

    @override
    def event(self, number: int) -> tuple[str, Mapping[str, object]]:
        kind, payload = super().event(number)
        return kind, {**payload, "note": MARKER} if number == EVENTS // 2 else payload

    @override
    @asynccontextmanager
    async def proxied(self, dsn: str) -> AsyncGenerator[str]:
        def tap() -> Tap:
            return _Toxic()

        async with FaultProxy(upstream_of(dsn), tap=tap) as proxy:
            yield redirect_dsn(dsn, proxy.host, proxy.port)


class Burst(Fault):
    """
    All events at once, and then the shutdown.
    """

    name = "burst, then shutdown"
    rate = float("inf")
    pause = 0.05


class Crash(Fault):
    """
    A crash of the server, which restarts.
    """

    name = "database crash, restart after 0.5 s"

    @override
    async def meanwhile(self, server: LocalServer) -> None:
        await asyncio.sleep(1)
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.start)


class ReplyLost(Fault):
    """
    Commits whose reply is lost.
    """

    name = "every 7th reply to a commit lost"

    @override
    def arm(self, proxy: PostgresFaultProxy) -> None:
        # A COPY, and a statement of the usual way, is its own transaction.
        proxy.drop_reply(7, matching=_stores_events, repeating=True)


def _stores_events(sql: str) -> bool:
    return is_commit(sql) or "COMMIT" in sql or "INTO public.events" in sql or sql.startswith("COPY")


FAULTS: Final = (Fault, NotANumber, Refused, ToxicRow, Burst, Crash, ReplyLost)
