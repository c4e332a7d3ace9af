"""
The sink over an encrypted connection to a real PostgreSQL: a wrong certificate holds it, and costs nothing.

The server that the tests bring along was built without TLS. So another speaks it in its stead, as poolers and
load balancers do, with certificates made for the occasion; what is behind is the real one.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import trustme

from poslife import BatchingSink, SinkHealth, SinkState
from poslife.errors import StorageNotReady
from poslife.journal import FileJournal
from poslife.postgres import PostgresStore
from tests.postgres_roles import as_bot
from tests.sink.postgres_scene import found_in
from tests.sink.zoo import TradingBot, assert_all_there, reaches

pytestmark = pytest.mark.slow

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class TlsFront:
    """
    Speaks TLS with clients, and passes on what they say in the clear.

    Attributes:
        context: The certificate to show from now on; ``None`` for a server that has no TLS.
        port: Where.
    """

    def __init__(self, upstream: tuple[str, int], context: ssl.SSLContext | None) -> None:
        self._upstream = upstream
        self.context = context
        self.port = 0
        self._served: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        try:
            # Who does not trust us hangs up amid the handshake.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._link(reader, writer)
        finally:
            self._served.discard(task)
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(len(_SSL_REQUEST))
        if first == _SSL_REQUEST:
            writer.write(b"N" if self.context is None else b"S")
            if self.context is not None:
                await writer.start_tls(self.context)
            first = b""
        behind, ahead = await asyncio.open_connection(*self._upstream)
        try:
            ahead.write(first)
            await asyncio.gather(_pump(reader, ahead), _pump(behind, writer))
        finally:
            ahead.transport.abort()

    async def cut(self) -> None:
        """
        End every connection there is.
        """
        tasks = tuple(self._served)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
    raise ConnectionResetError


@dataclass(frozen=True, kw_only=True)
class Scene:
    """
    Attributes:
        dsn: Leads to the database, through the front, in the strictest way.
        front: It.
        authority: Whom the client trusts.
    """

    dsn: str
    front: TlsFront
    authority: trustme.CA


def shown(authority: trustme.CA, host: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.issue_cert(host).private_key_and_cert_chain_pem.tempfile() as path:
        context.load_cert_chain(path)
    return context


@asynccontextmanager
async def encrypted(dsn: str, folder: Path) -> AsyncGenerator[Scene]:
    authority = trustme.CA()
    trusted = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    parts = urlsplit(dsn)
    assert parts.hostname is not None
    assert parts.port is not None
    front = TlsFront((parts.hostname, parts.port), shown(authority))
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    front.port = server.sockets[0].getsockname()[1]
    through = parts._replace(
        netloc=f"{parts.username}:{parts.password}@127.0.0.1:{front.port}",
        query=f"sslmode=verify-full&sslrootcert={trusted}",
    )
    try:
        yield Scene(dsn=urlunsplit(through), front=front, authority=authority)
    finally:
        server.close()
        await front.cut()


Wrong = Callable[[trustme.CA], ssl.SSLContext | None]


def of_another_authority(_: trustme.CA) -> ssl.SSLContext:
    return shown(trustme.CA())


def of_another_host(authority: trustme.CA) -> ssl.SSLContext:
    return shown(authority, "db.example")


def none_at_all(_: trustme.CA) -> None:
    return None


WRONG = [
    pytest.param(of_another_authority, "CERTIFICATE_VERIFY_FAILED", id="another authority"),
    pytest.param(of_another_host, "CERTIFICATE_VERIFY_FAILED", id="another host"),
    pytest.param(none_at_all, "rejected SSL upgrade", id="no TLS at all"),
]


@pytest.mark.parametrize("wrong, reason", WRONG)
async def test_a_wrong_certificate_holds_the_stream_and_costs_nothing(
    wrong: Wrong, reason: str, postgres_dsn: str, tmp_path: Path
) -> None:
    """
    The sink says what is wrong and sounds the alarm; put right, every event is there once, in order.
    """
    alarms: list[SinkHealth] = []
    async with encrypted(as_bot(postgres_dsn), tmp_path) as there:
        store = PostgresStore(there.dsn, connect_timeout=5, command_timeout=5)
        await store.open()
        sink = BatchingSink(
            store, journal=FileJournal(tmp_path / "journal"), batch=100, linger=0.01, alarm=alarms.append
        )
        async with TradingBot(sink) as bot:
            await bot.emits(100)
            there.front.context = wrong(there.authority)
            await there.front.cut()
            await reaches(sink, SinkState.HELD, reason)
            await bot.emits(100)
            there.front.context = shown(there.authority)
        await sink.aclose(15)
        await store.aclose()

    assert_all_there(bot, await found_in(postgres_dsn))
    assert 0 == sink.stats().dead_lettered
    assert any(one.writers[0].state is SinkState.HELD for one in alarms)


@pytest.mark.parametrize("wrong, reason", WRONG)
async def test_a_store_is_not_opened_over_it(
    wrong: Wrong, reason: str, postgres_dsn: str, tmp_path: Path
) -> None:
    """
    A person must put it right, and the address is valid.
    """
    async with encrypted(as_bot(postgres_dsn), tmp_path) as there:
        there.front.context = wrong(there.authority)
        store = PostgresStore(there.dsn)
        with pytest.raises(StorageNotReady, match=reason):
            await store.open()


async def test_a_server_without_tls_is_not_spoken_to_in_the_clear(postgres_dsn: str) -> None:
    """
    Where the address asks for TLS, of the real server itself.
    """
    store = PostgresStore(f"{postgres_dsn}?sslmode=require")
    with pytest.raises(StorageNotReady, match="the DSN asks for TLS and the server has none"):
        await store.open()
