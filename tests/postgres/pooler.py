"""
PgBouncer, or a stand-in for it where it is not installed: PyPI has no build of it.

The stand-in does what matters to whoever connects through a pooler: real connections to a real server, a few
of them, lent for a transaction each, in turn, and never set back.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

import asyncpg
from typing_extensions import override

from poslife.testing.faults import _postgres_wire as wire

__all__ = ["POOLERS", "Mode", "pooled"]

Mode = Literal["transaction", "statement"]

POOLERS = ["stand-in", *(["pgbouncer"] if shutil.which("pgbouncer") else [])]
"""
What there is here.
"""

_DRIVERS_OWN = "_transport"
_TERMINATE, _BACKEND_KEY, _AUTHENTICATION, _PARAMETER = b"X", b"K", b"R", b"S"
_REFUSAL = "transaction blocks not allowed in statement pooling mode"


@asynccontextmanager
async def pooled(dsn: str, pooler: str, *, size: int = 3, mode: Mode = "transaction") -> AsyncGenerator[str]:
    """
    Return the DSN of the database of *dsn* through a pooler with *size* connections.
    """
    parts = urlsplit(dsn)
    through = _stand_in if pooler == "stand-in" else _pgbouncer
    async with through(parts, size, mode) as port:
        user, at, _ = parts.netloc.rpartition("@")
        yield urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{port}"))


_CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
server_round_robin = 1
"""


@asynccontextmanager
async def _pgbouncer(parts: SplitResult, size: int, mode: Mode) -> AsyncGenerator[int]:
    own_port = _free_port()
    with tempfile.TemporaryDirectory(prefix="poslife-pgbouncer-") as name:
        folder = Path(name)
        users, configuration = folder / "users", folder / "pgbouncer.ini"
        users.write_text(f'"{parts.username}" "{parts.password}"\n')
        configuration.write_text(
            _CONFIGURATION.format(
                host=parts.hostname, port=parts.port, own_port=own_port, users=users, mode=mode, size=size
            )
        )
        for path in (folder, users, configuration):
            path.chmod(0o755)
        # It refuses to run as root.
        user = "nobody" if os.geteuid() == 0 else None
        process = subprocess.Popen(
            ["pgbouncer", "-q", configuration], user=user, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        try:
            await _listens(own_port)
            yield own_port
        finally:
            process.kill()
            await asyncio.to_thread(process.wait)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _listens(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _stand_in(parts: SplitResult, size: int, mode: Mode) -> AsyncGenerator[int]:
    pool = _Pool(urlunsplit(parts), size)
    clients: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        clients.add(task)
        try:
            await _Client(pool, mode, reader, writer).run()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            clients.discard(task)

    await pool.fill()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port: int = server.sockets[0].getsockname()[1]
        yield port
    finally:
        server.close()
        for task in tuple(clients):
            task.cancel()
        if clients:
            await asyncio.wait(tuple(clients))
        pool.close()


class _Server(asyncio.Protocol):
    """
    A connection to the server, after the driver's login.
    """

    def __init__(self, driver: asyncpg.Connection) -> None:
        self._driver = driver
        self._messages = wire.MessageReader(from_client=False)
        self.client: _Client | None = None
        self.lost = False
        self.transport: asyncio.Transport = getattr(driver, _DRIVERS_OWN)
        self.transport.set_protocol(self)

    @override
    def data_received(self, data: bytes) -> None:
        for message in self._messages.feed(data):
            if self.client is not None:
                self.client.answered(message)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.client is not None:
            self.client.leave()

    def close(self) -> None:
        self.lost = True
        self._driver.terminate()


class _Pool:
    """
    A pool that lends the connection that was unused for longest.
    """

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._size = size
        self._free: asyncio.Queue[_Server] = asyncio.Queue()
        self._all: list[_Server] = []
        self.parameters: dict[str, str] = {}

    async def fill(self) -> None:
        for _ in range(self._size):
            self.take_back(await self._connected())

    async def _connected(self) -> _Server:
        driver = await asyncpg.connect(self._dsn)
        told = driver.get_settings()
        for name in ("server_version", "client_encoding", "standard_conforming_strings", "TimeZone"):
            self.parameters[name] = getattr(told, name)
        server = _Server(driver)
        self._all.append(server)
        return server

    async def lend(self, client: _Client) -> _Server:
        server = await self._free.get()
        if server.lost:
            server = await self._connected()
        server.client = client
        return server

    def take_back(self, server: _Server) -> None:
        server.client = None
        self._free.put_nowait(server)

    def close(self) -> None:
        for server in self._all:
            server.close()


class _Client:
    """
    A client of the pooler, with the connection it has at the moment.
    """

    def __init__(
        self, pool: _Pool, mode: Mode, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._pool = pool
        self._mode = mode
        self._reader = reader
        self._writer = writer
        self._server: _Server | None = None
        # ReadyForQuery messages that the server still owes.
        self._awaited = 0

    async def run(self) -> None:
        messages = wire.MessageReader(from_client=True)
        try:
            while data := await self._reader.read(1 << 16):
                for message in messages.feed(data):
                    if message.kind == _TERMINATE:
                        return
                    if message.asks_for_encryption:
                        self._writer.write(b"N")
                    elif message.kind:
                        await self._ask(message)
                    else:
                        self._let_in()
        finally:
            self.leave()

    def _let_in(self) -> None:
        self._tell(_AUTHENTICATION, struct.pack("!i", 0))
        for name, value in self._pool.parameters.items():
            self._tell(_PARAMETER, f"{name}\0{value}\0".encode())
        # A key made here, as PgBouncer does.
        self._tell(_BACKEND_KEY, os.urandom(8))
        self._tell(wire.READY, b"I")

    def _tell(self, kind: bytes, body: bytes) -> None:
        self._writer.write(kind + struct.pack("!i", len(body) + 4) + body)

    async def _ask(self, message: wire.Message) -> None:
        if self._server is None:
            self._server = await self._pool.lend(self)
        self._awaited += message.kind in wire.END_OF_A_STATEMENT
        self._server.transport.write(message.raw)

    def answered(self, message: wire.Message) -> None:
        """
        Pass on the server's answer, and give the connection back at the end of a transaction.
        """
        if message.kind != wire.READY:
            self._writer.write(message.raw)
            return
        self._awaited -= 1
        idle = message.body == b"I"
        if not idle and self._mode == "statement":
            self._tell(wire.ERROR, f"SFATAL\0VFATAL\0C08P01\0M{_REFUSAL}\0\0".encode())
            self.leave()
            return
        if idle and self._awaited == 0 and self._server is not None:
            server, self._server = self._server, None
            self._pool.take_back(server)
        self._writer.write(message.raw)

    def leave(self) -> None:
        """
        Close the connection, and the server's where a transaction is open, so that no other client gets it.
        """
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self._pool.take_back(server)
        self._writer.close()
