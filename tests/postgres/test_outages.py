"""
A server that is down, silent, wrong or restarted: a typed error in time, and the store works afterwards.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.testing.faults import Cut, Direction, FaultProxy, PostgresFaultProxy
from tests.postgres.support import commit_until_known, open_at_last, opened_store
from tests.postgres_roles import as_bot, set_up
from tests.postgres_server import LocalServer, psql


@pytest.mark.slow
async def test_a_server_restarted(postgres_server: LocalServer) -> None:
    """
    While the server is down each call raises an error; afterwards the same store works, with all its data.
    """
    await set_up(postgres_server.dsn())
    async with opened_store(postgres_server.dsn()) as store:
        story = await begin(store)
        held = await story.opened(store)
        close = story.close(held)
        await asyncio.to_thread(postgres_server.stop, "immediate")
        with pytest.raises(StorageUnavailable):
            await store.commit(close)
        with pytest.raises(StorageUnavailable):
            await store.ping()
        await asyncio.to_thread(postgres_server.start)
        committed = await commit_until_known(store, close)

        assert close.transitions[0].result(None) == committed.positions[0]


@pytest.mark.slow
@pytest.mark.parametrize("direction", [Direction.REQUESTS, Direction.REPLIES, Direction.BOTH], ids=str)
async def test_a_black_hole_does_not_hang(postgres_dsn: str, direction: Direction) -> None:
    """
    On a network that drops every packet each call gives up in time, opening and closing included.
    """
    async with (
        PostgresFaultProxy.for_dsn(as_bot(postgres_dsn)) as proxy,
        opened_store(proxy.dsn, connect_timeout=0.3, command_timeout=0.3) as store,
    ):
        story = await begin(store)
        claim = story.claim(story.pending())
        proxy.network.black_hole(direction)
        late = PostgresStore(proxy.dsn, connect_timeout=0.3)
        calls: list[Callable[[], Awaitable[object]]] = [store.ping, lambda: store.commit(claim), late.open]
        for call in calls:
            began = time.monotonic()
            with pytest.raises(StorageUnavailable):
                await call()

            assert time.monotonic() - began < 10
        began = time.monotonic()
        await store.aclose()

        assert time.monotonic() - began < 10
        proxy.network.heal()
        await open_at_last(store)
        await commit_until_known(store, claim)


@pytest.mark.slow
async def test_silence_while_opening(postgres_dsn: str) -> None:
    """
    Opening gives up in time wherever the server falls silent, and can be retried.
    """
    async with PostgresFaultProxy.for_dsn(as_bot(postgres_dsn)) as proxy:
        async with opened_store(proxy.dsn):
            statements = len(proxy.statements)
        for number in range(1, statements + 1):
            store = PostgresStore(proxy.dsn, connect_timeout=0.3)
            proxy.drop_reply(number, cut=Cut.SILENCE)
            with pytest.raises(StorageUnavailable):
                await store.open()
            proxy.disarm()
            await open_at_last(store)
            await store.ping()
            await store.aclose()


async def test_nobody_listens(postgres_dsn: str) -> None:
    """
    A refused connection is an unavailable store, at once.
    """
    host, port = urlsplit(postgres_dsn).hostname, urlsplit(postgres_dsn).port
    assert host is not None
    assert port is not None
    async with FaultProxy((host, port)) as proxy:
        proxy.refuse()
        parts = urlsplit(postgres_dsn)
        dsn = urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@{host}:{proxy.port}"))
        with pytest.raises(StorageUnavailable, match="ConnectionRefusedError"):
            await PostgresStore(dsn).open()


async def test_wrong_password(postgres_dsn: str) -> None:
    """
    The error says what to check, and shows no password.
    """
    parts = urlsplit(postgres_dsn)
    dsn = urlunsplit(parts._replace(netloc=f"postgres:wr0ng@{parts.hostname}:{parts.port}"))
    with pytest.raises(StorageUnavailable, match=r"28P01.*check user and password") as caught:
        await PostgresStore(dsn).open()

    assert "wr0ng" not in str(caught.value)


async def test_no_such_database(postgres_dsn: str) -> None:
    """
    The error names the database and says what to do.
    """
    dsn = urlunsplit(urlsplit(postgres_dsn)._replace(path="/nowhere"))
    with pytest.raises(StorageUnavailable, match=r"3D000.*nowhere.*create the database"):
        await PostgresStore(dsn).open()


async def test_a_read_only_server(postgres_dsn: str) -> None:
    """
    A read-only transaction is no refusal: the change is repeated on the next primary.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        claim = story.claim(story.pending())
        # As after a failover: every statement that writes is refused with 25006.
        psql(
            postgres_dsn,
            "CREATE FUNCTION poslife.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'cannot write' USING ERRCODE = '25006'; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON poslife.changes EXECUTE FUNCTION poslife.refuse()",
        )
        with pytest.raises(StorageUnavailable, match=r"25006.*standby"):
            await store.commit(claim)
        psql(postgres_dsn, "DROP TRIGGER refuse ON poslife.changes")

        assert not (await store.commit(claim)).repeated


@pytest.mark.slow
async def test_closing_does_not_wait_for_ever(postgres_dsn: str) -> None:
    """
    Closing waits for a call until the time-out, and terminates its connection then.
    """
    async with PostgresFaultProxy.for_dsn(as_bot(postgres_dsn)) as proxy:
        store = PostgresStore(proxy.dsn, connect_timeout=0.3)
        await open_at_last(store)
        trap = proxy.drop_reply(2, cut=Cut.SILENCE)
        waiting = asyncio.create_task(store.ping())
        await trap.wait()
        await store.aclose()

        with pytest.raises(StorageUnavailable):
            await waiting


@pytest.mark.slow
@pytest.mark.parametrize(
    "hidden, raised", [("asyncpg", "MissingExtra"), ("asyncpg.protocol", "ModuleNotFoundError")]
)
async def test_without_the_driver(hidden: str, raised: str) -> None:
    """
    A missing driver names the extra to install; a broken one is not taken for a missing one.
    """
    program = f"import sys; sys.modules[{hidden!r}] = None; import poslife.postgres"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()

    assert said.decode().splitlines()[-1].rpartition(":")[0].partition(":")[0].endswith(raised)
