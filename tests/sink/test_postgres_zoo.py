"""
The sink over a real PostgreSQL, under real faults: nothing lost, nothing twice, and the bot never notices.

Each outage is brought about while the bot trades, lasts until the sink tells of it as it should, and is
healed. Afterwards the database is read, and every event is there once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from poslife import BatchingSink, SinkState
from poslife.errors import FlushTimeout
from poslife.journal import FileJournal
from poslife.postgres import PostgresStore
from poslife.testing.faults import Direction, is_commit
from tests.postgres.support import session
from tests.postgres_roles import as_bot, set_up
from tests.postgres_server import LocalServer
from tests.sink.postgres_scene import Scene, found_in, scene
from tests.sink.small_disk import fill, mounted
from tests.sink.zoo import TradingBot, reaches

pytestmark = pytest.mark.slow

HELD, WAITING = SinkState.HELD, SinkState.WAITING

Outage = Callable[[Scene], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def refused(there: Scene) -> AsyncGenerator[None]:
    there.proxy.network.refuse()
    there.proxy.network.reset_all()
    yield
    there.proxy.network.heal()


def black_hole(direction: Direction) -> Outage:
    @asynccontextmanager
    async def outage(there: Scene) -> AsyncGenerator[None]:
        there.proxy.network.black_hole(direction)
        yield
        there.proxy.network.heal()

    return outage


@asynccontextmanager
async def stalled(there: Scene) -> AsyncGenerator[None]:
    there.proxy.network.stall()
    yield
    there.proxy.network.heal()


@asynccontextmanager
async def without_partitions(there: Scene) -> AsyncGenerator[None]:
    async with session(there.dsn) as other:
        rows = await other.fetch(
            "SELECT c.oid::regclass::text, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i "
            "JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'poslife.run_events'::regclass"
        )
    await there.does(*(f"ALTER TABLE poslife.run_events DETACH PARTITION {row[0]}" for row in rows))
    yield
    await there.does(*(f"ALTER TABLE poslife.run_events ATTACH PARTITION {row[0]} {row[1]}" for row in rows))


@asynccontextmanager
async def locked(there: Scene) -> AsyncGenerator[None]:
    async with session(there.dsn) as other, other.transaction():
        await other.execute("LOCK TABLE poslife.run_events IN ACCESS EXCLUSIVE MODE")
        yield


def changed(before: str, after: str, *, terminated: bool = False) -> Outage:
    """
    A change to the database, and its undoing.
    """

    @asynccontextmanager
    async def outage(there: Scene) -> AsyncGenerator[None]:
        await there.does(before.format(role=there.role))
        if terminated:
            await there.does(terminating(there.role))
        yield
        await there.does(after.format(role=there.role))

    return outage


def trigger(body: str) -> Outage:
    """
    What an operator can do to a table, and what stands for a server that fails in this way.
    """
    return changed(
        f"CREATE FUNCTION public.fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"
        "CREATE TRIGGER fails BEFORE INSERT ON poslife.run_events FOR EACH STATEMENT "
        "EXECUTE FUNCTION public.fails()",
        "DROP FUNCTION public.fails() CASCADE",
    )


def terminating(role: str) -> str:
    return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"


def table(change: str, back: str) -> Outage:
    return changed(f"ALTER TABLE poslife.{change}", f"ALTER TABLE poslife.{back}")


OUTAGES = [
    pytest.param(refused, WAITING, "ConnectionRefused", id="refused"),
    pytest.param(black_hole(Direction.REQUESTS), WAITING, "", id="requests swallowed"),
    pytest.param(black_hole(Direction.REPLIES), WAITING, "", id="replies swallowed"),
    pytest.param(black_hole(Direction.BOTH), WAITING, "", id="black hole"),
    pytest.param(stalled, WAITING, "", id="stalled, and delivered late"),
    pytest.param(
        changed("ALTER ROLE {role} NOLOGIN", "ALTER ROLE {role} LOGIN", terminated=True),
        HELD,
        "28000",
        id="terminated and let in no more",
    ),
    pytest.param(
        changed("ALTER ROLE {role} PASSWORD 'new'", "ALTER ROLE {role} PASSWORD 'secret'", terminated=True),
        HELD,
        "28P01",
        id="another password",
    ),
    pytest.param(
        changed(
            "ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT 9", terminated=True
        ),
        WAITING,
        "53300",
        id="too many connections",
    ),
    pytest.param(locked, WAITING, "55P03", id="lock time-out"),
    pytest.param(trigger("PERFORM pg_sleep(5); RETURN NULL;"), WAITING, "57014", id="statement time-out"),
    pytest.param(
        trigger("RAISE 'could not extend file' USING ERRCODE = '53100';"),
        HELD,
        "53100",
        id="disk full, as a trigger reports it",
    ),
    pytest.param(
        table("run_events RENAME TO gone", "gone RENAME TO run_events"), HELD, "42P01", id="missing table"
    ),
    pytest.param(
        table("run_events RENAME payload TO gone", "run_events RENAME gone TO payload"),
        HELD,
        "42703",
        id="missing column",
    ),
    pytest.param(without_partitions, HELD, "23514", id="missing partition"),
    pytest.param(
        changed("ALTER SCHEMA poslife RENAME TO gone", "ALTER SCHEMA gone RENAME TO poslife"),
        HELD,
        "",
        id="missing schema",
    ),
    pytest.param(
        changed(
            "REVOKE INSERT ON poslife.run_events FROM poslife_bot",
            "GRANT INSERT ON poslife.run_events TO poslife_bot",
        ),
        HELD,
        "42501",
        id="revoked permission",
    ),
]


@pytest.mark.parametrize("outage, state, reason", OUTAGES)
async def test_an_outage_costs_nothing(
    outage: Outage, state: SinkState, reason: str, postgres_dsn: str, tmp_path: Path
) -> None:
    """
    The sink tells what is wrong, the alarm too, trading goes on, and afterwards every event is there once
    (incident 48).
    """
    async with scene(postgres_dsn, tmp_path) as there, outage(there):
        await reaches(there.sink, state, reason)
        await there.bot.emits(100)

    assert 0 == there.sink.stats().dead_lettered
    assert state in [health.writers[0].state for health in there.alarms]


# ---------------------------------------------------------------------------------------- faults of a moment


async def reset_now_and_then(there: Scene) -> None:
    await asyncio.sleep(0.03)
    there.proxy.network.reset_all()


async def terminate_now_and_then(there: Scene) -> None:
    await asyncio.sleep(0.03)
    await there.does(terminating(there.role))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(reset_now_and_then, id="reset in the middle"),
        pytest.param(terminate_now_and_then, id="terminated"),
    ],
)
async def test_connections_that_die_again_and_again_cost_nothing(
    fault: Callable[[Scene], Awaitable[None]], postgres_dsn: str, tmp_path: Path
) -> None:
    """
    Whether a batch was stored before its connection died does not matter: it is there once.
    """
    async with scene(postgres_dsn, tmp_path) as there:
        before = there.proxy.network.accepted
        for _ in range(15):
            await fault(there)

    assert 0 == there.sink.stats().dead_lettered
    assert there.proxy.network.accepted > before


def stores_events(sql: str) -> bool:
    """
    Whether a statement ends with events stored: a COPY by itself, or the end of a transaction.
    """
    return is_commit(sql) or (sql.startswith("COPY") and "run_events" in sql) or "COMMIT" in sql


@pytest.mark.parametrize("every", [1, 3, 7])
async def test_a_commit_whose_reply_is_lost_is_stored_once(
    every: int, postgres_dsn: str, tmp_path: Path
) -> None:
    """
    It was stored, the sink cannot know, and repeating it stores nothing twice.
    """
    async with scene(postgres_dsn, tmp_path) as there, asyncio.timeout(60):
        lost = there.proxy.drop_reply(every, matching=stores_events, repeating=every > 1)
        await lost.wait()
        await there.bot.emits(1500)
        there.proxy.disarm()

    assert 0 == there.sink.stats().dead_lettered
    assert there.sink.stats().store.failures > 0


async def test_replies_lost_whenever_events_are_written_cost_nothing(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """
    Each batch loses its reply and each probe keeps it, so good events are suspects: what was stored after
    all is not kept a second time.
    """
    async with scene(postgres_dsn, tmp_path, misjudged=True) as there, asyncio.timeout(60):
        lost = there.proxy.drop_reply(2, matching=stores_events, repeating=True)
        await lost.wait()
        await there.bot.emits(1500)
        there.proxy.disarm()


async def test_a_slow_network_costs_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    """
    Each piece of data 20 ms late: a backlog grows while it lasts, and is gone afterwards.
    """
    async with scene(postgres_dsn, tmp_path) as there:
        there.proxy.network.delay(0.02)
        await there.bot.emits(1500)
        there.proxy.network.heal()

    assert (0, 0) == (there.sink.stats().dead_lettered, there.sink.stats().store.failures)


# ----------------------------------------------------------------------------------------- a server that dies


async def migrated(server: LocalServer) -> str:
    await set_up(server.dsn())
    return server.dsn()


async def test_a_crash_and_a_restart_cost_nothing(postgres_server: LocalServer, tmp_path: Path) -> None:
    """
    A database killed in the middle of a write and started again.
    """
    async with scene(await migrated(postgres_server), tmp_path) as there:
        await asyncio.to_thread(postgres_server.stop, "immediate")
        await reaches(there.sink, WAITING)
        await there.bot.emits(100)
        await asyncio.to_thread(postgres_server.start)

    assert 0 == there.sink.stats().dead_lettered


async def test_a_server_that_becomes_read_only_costs_nothing(
    postgres_server: LocalServer, tmp_path: Path
) -> None:
    """
    Restarted as a standby it takes connections and reads, and no event until it is promoted.
    """
    async with scene(await migrated(postgres_server), tmp_path) as there:
        await asyncio.to_thread(postgres_server.stop)
        await asyncio.to_thread(postgres_server.demote)
        await asyncio.to_thread(postgres_server.start)
        await reaches(there.sink, HELD, "read-only")
        await there.bot.emits(100)
        await there.does("SELECT pg_promote()")

    assert 0 == there.sink.stats().dead_lettered


async def test_a_failover_to_a_standby_costs_nothing(postgres_server: LocalServer, tmp_path: Path) -> None:
    """
    The primary dies, the address leads to its standby, which is read-only until it is promoted.

    The standby is synchronous: with one that lags, PostgreSQL itself loses what it had confirmed.
    """
    dsn = await migrated(postgres_server)
    standby = await asyncio.to_thread(postgres_server.follow)
    try:
        async with scene(dsn, tmp_path) as there:
            await asyncio.to_thread(postgres_server.stop, "immediate")
            await reaches(there.sink, WAITING)
            there.proxy.network.upstream = ("127.0.0.1", standby.port)
            await reaches(there.sink, HELD, "read-only")
            await there.bot.emits(100)
            there.dsn = standby.dsn
            await there.does("SELECT pg_promote()")
            await asyncio.to_thread(postgres_server.start)
    finally:
        await asyncio.to_thread(standby.stop)

    assert 0 == there.sink.stats().dead_lettered


async def test_a_full_disk_costs_nothing(postgres_server: LocalServer, tmp_path: Path) -> None:
    """
    A real one, under the table's files: all is stored when there is room again.
    """
    dsn = await migrated(postgres_server)
    disk = postgres_server.folder("small_disk")
    with mounted(disk, 8):
        place = disk / "place"
        place.mkdir(mode=0o777)
        postgres_server.hand_over(place)
        async with session(dsn) as owner:
            await owner.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
            await owner.execute("GRANT CREATE ON TABLESPACE small TO public")
            await _move(owner, "small")
        async with scene(dsn, tmp_path) as there:
            await asyncio.to_thread(fill, disk / "filler")
            await reaches(there.sink, HELD, "53100")
            await there.bot.emits(100)
            alarming = [health.writers[0] for health in there.alarms if health.writers[0].state is HELD]
            (disk / "filler").unlink()
        async with session(dsn) as owner:
            await _move(owner, "pg_default")
            await owner.execute("DROP TABLESPACE small")

    assert 0 == there.sink.stats().dead_lettered
    assert "make room" in (alarming[0].reason or "")


async def _move(owner: asyncpg.Connection, place: str) -> None:
    names = await owner.fetch(
        "SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND starts_with(relname, 'run_events')"
    )
    for name in names:
        await owner.execute(f"ALTER TABLE {name[0]} SET TABLESPACE {place}")


# ------------------------------------------------------------------------------------------ a host's own pool


async def test_a_pool_that_its_host_closes_holds_the_stream_for_the_next_start(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """
    Nothing can be written any more, so it says so; the next process stores what waits.
    """
    pool = await asyncpg.create_pool(as_bot(postgres_dsn), min_size=1, max_size=2)
    store = PostgresStore.borrowing(pool, command_timeout=0.5)
    await store.open()
    sink = BatchingSink(store, journal=FileJournal(tmp_path), batch=100, linger=0.01)
    async with TradingBot(sink) as bot:
        await bot.emits(100)
        await pool.close()
        await reaches(sink, HELD, "pool")
        await bot.emits(100)
    with pytest.raises(FlushTimeout):
        await sink.aclose(0.1)
    before = sink.stats()
    await store.aclose()
    store = PostgresStore(as_bot(postgres_dsn))
    await store.open()
    bot.sink = BatchingSink(store, journal=FileJournal(tmp_path))
    await bot.sink.flush(10)
    await bot.sink.aclose(10)
    await store.aclose()
    stats = bot.sink.stats()
    found = await found_in(postgres_dsn)

    assert len(bot.emitted) == before.committed + before.backlog
    assert before.backlog == stats.recovered == stats.committed
    assert len(bot.emitted) == len(found) == len({one.id for one in found})
    assert {one.id for one in found} == bot.emitted.keys()
