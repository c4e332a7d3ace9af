"""
Each condition of a real server leads to the right result for a batch: refused, held, locked or unknown.

A trigger can raise any SQLSTATE, through the real server and the real driver; what can be brought about as it
happens to bots is brought about so.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from poslife._domain.identifiers import event_id_at
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import new_ref
from poslife.errors import (
    RepositoryError,
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
)
from poslife.postgres import PostgresStore
from poslife.testing.faults import PostgresFaultProxy
from tests.postgres.support import as_role, count, opened_store, records, role_in, session, writing
from tests.postgres.test_error_table import EXPECTED, IN_DOUBT
from tests.postgres.test_event_writer import ways
from tests.postgres_roles import set_up
from tests.postgres_server import LocalServer, psql

POISON = "bot.poison"


def raising(code: str, *, when: str = f"NEW.type = '{POISON}'") -> str:
    return f"""
        CREATE FUNCTION poslife.fails() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {when} THEN RAISE 'said a trigger' USING ERRCODE = '{code}'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER fails BEFORE INSERT ON poslife.run_events
            FOR EACH ROW EXECUTE FUNCTION poslife.fails()
    """


HEALED = "DROP FUNCTION poslife.fails() CASCADE"


@pytest.mark.parametrize("code", [*EXPECTED, "22P03", "54011", "54023"])
async def test_each_sqlstate_by_a_trigger(postgres_dsn: str, code: str) -> None:
    """
    Each SQLSTATE raises its error, with the row where it is refused; afterwards the same events are stored
    once, and the table is asked first only where they may be stored.
    """
    expected = {
        **EXPECTED,
        # The line that a COPY names is the row.
        "P0001": StorageRejected,
        "P0004": StorageRejected,
        # An operator's unique index: no event is stored, so it is no repetition.
        "23505": StorageRejected,
        "22P03": StorageNotReady,
        "54011": StorageUnavailable,
        "54023": StorageUnavailable,
    }[code]
    batch = records(5)
    batch[3] = replace(batch[3], header=replace(batch[3].header, type=POISON))
    psql(postgres_dsn, raising(code))
    async with writing(postgres_dsn) as (proxy, store):
        with pytest.raises(RepositoryError, match=code) as caught:
            await store.write(batch)

        assert expected is type(caught.value)
        if isinstance(caught.value, StorageRejected):
            assert 3 == caught.value.row
        assert 1 == count(postgres_dsn, "run_events")
        psql(postgres_dsn, HEALED)
        proxy.forget()
        await store.write(batch)

        in_doubt = code in {*IN_DOUBT, "XX000", "99999"}
        assert [*(["asks"] if in_doubt else []), "writes"] == ways(proxy)
    assert 6 == count(postgres_dsn, "run_events")


async def test_a_triggers_word_is_about_its_row_in_doubt_too(postgres_dsn: str) -> None:
    """
    After a restart a trigger's error still names the row in the batch, though earlier rows are stored.
    """
    psql(postgres_dsn, raising("P0001"))
    batch = records(5)
    batch[3] = replace(batch[3], header=replace(batch[3].header, type=POISON))
    for stored in (0, 2):
        async with opened_store(postgres_dsn) as store:
            await store.write(batch[:stored])
        async with opened_store(postgres_dsn) as store:
            with pytest.raises(StorageRejected, match="said a trigger") as caught:
                await store.write(batch)

            assert 3 == caught.value.row
    psql(postgres_dsn, HEALED)
    async with opened_store(postgres_dsn) as store:
        await store.write(batch)

    assert 5 == count(postgres_dsn, "run_events")


@pytest.mark.parametrize(
    "damage, code",
    [
        (
            "DROP VIEW poslife.event_log; ALTER TABLE poslife.run_events ALTER COLUMN type TYPE varchar(10)",
            "22001",
        ),
        ("ALTER TABLE poslife.run_events ADD CONSTRAINT mine CHECK (type <> 'bot.poison.of.all')", "mine"),
        ("ALTER TABLE poslife.run_events ALTER COLUMN ref SET NOT NULL", "23502"),
    ],
    ids=["varchar", "check", "not null"],
)
@pytest.mark.parametrize("clear", [True, False], ids=["clear", "in doubt"])
async def test_a_refused_row(postgres_dsn: str, damage: str, code: str, *, clear: bool) -> None:
    """
    The COPY names the refused row; nothing of its batch is stored, and the other events are stored right
    after it.
    """
    batch = records(4)
    about = replace(batch[0].header, ref=new_ref(SystemClock()))
    good = [replace(one, header=replace(about, id=one.header.id)) for one in batch]
    bad = replace(
        good[2],
        payload=b'{"secret":42.5}',
        header=replace(good[2].header, type="bot.poison.of.all", ref=None),
    )
    async with opened_store(postgres_dsn) as store:
        if clear:
            await store.write(good[:1])
        psql(postgres_dsn, damage)
        with pytest.raises(StorageRejected, match=code) as caught:
            await store.write([good[1], bad, good[3]])

        assert 1 == caught.value.row
        assert "42.5" not in str(caught.value)
        await store.write([good[1], good[3]])
    assert (3 if clear else 2) == count(postgres_dsn, "run_events")


async def test_a_unique_index_of_somebody_elses_is_a_refusal(postgres_dsn: str) -> None:
    """
    A violation of an operator's unique index is a refusal, not a repetition of an event.
    """
    psql(postgres_dsn, "CREATE UNIQUE INDEX mine ON poslife.run_events_default (type)")
    old = records(2)
    both = [
        replace(one, header=replace(one.header, id=event_id_at(datetime(2020, 5, 5, tzinfo=UTC), number)))
        for number, one in enumerate(old)
    ]
    async with opened_store(postgres_dsn) as store:
        await store.write(both[:1])
        for _ in range(2):
            with pytest.raises(StorageRejected) as caught:
                await store.write(both)

            assert "mine" == caught.value.constraint
        await store.write(both[:1])

    assert 1 == count(postgres_dsn, "run_events")


async def test_a_column_of_another_type_holds_the_stream_and_heals(postgres_dsn: str) -> None:
    """
    A changed column type holds the stream until the column is as it was, and refuses no event.
    """
    async with writing(postgres_dsn) as (_, store):
        psql(
            postgres_dsn,
            "DROP VIEW poslife.event_log; ALTER TABLE poslife.run_events ALTER COLUMN sequence TYPE integer",
        )
        for _ in range(2):
            with pytest.raises(StorageNotReady, match="type was changed"):
                await store.write(records(3))
        psql(postgres_dsn, "ALTER TABLE poslife.run_events ALTER COLUMN sequence TYPE bigint")
        await store.write(records(3))

    assert 4 == count(postgres_dsn, "run_events")


RIGHTS = (
    "GRANT INSERT ON poslife.run_events TO poslife_bot",
    "REVOKE INSERT ON poslife.run_events FROM poslife_bot",
)
LOGIN = "ALTER ROLE {role} LOGIN", "ALTER ROLE {role} NOLOGIN"
PASSWORD = "ALTER ROLE {role} PASSWORD 'secret'", "ALTER ROLE {role} PASSWORD 'other'"
CONNECTIONS = "ALTER ROLE {role} CONNECTION LIMIT -1", "ALTER ROLE {role} CONNECTION LIMIT 0"
USAGE = (
    "GRANT USAGE ON SCHEMA poslife TO poslife_bot",
    "REVOKE USAGE ON SCHEMA poslife FROM poslife_bot",
)
ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"


@pytest.mark.parametrize(
    "change, expected, code",
    [
        (RIGHTS, StorageNotReady, "42501"),
        (USAGE, StorageNotReady, "42501"),
        (LOGIN, StorageNotReady, "28000"),
        (PASSWORD, StorageNotReady, "28P01"),
        (CONNECTIONS, StorageUnavailable, "53300"),
    ],
    ids=["right revoked", "schema revoked", "no login", "password", "too many connections"],
)
async def test_a_role_that_may_no_longer(
    postgres_dsn: str, change: tuple[str, str], expected: type[StorageUnavailable], code: str
) -> None:
    """
    A missing right is reported by write and probe; after it is granted again all events are stored.
    """
    with role_in(postgres_dsn, "poslife_bot") as role:
        right, wrong = (one.format(role=role) for one in change)
        async with opened_store(as_role(postgres_dsn, role), as_given=True) as store:
            await store.write(records(1, first=100))
            psql(postgres_dsn, wrong)
            if change in {LOGIN, PASSWORD, CONNECTIONS}:
                psql(postgres_dsn, ENDED.format(role=role))
                with pytest.raises(StorageUnavailable):
                    await _until_heard_of(store)
            for act in (store.write(records(3)), store.probe()):
                with pytest.raises(StorageUnavailable, match=code) as caught:
                    await act

                assert expected is type(caught.value)
            psql(postgres_dsn, right)
            await store.write(records(3))

    assert 4 == count(postgres_dsn, "run_events")


async def _until_heard_of(store: PostgresStore) -> None:
    """
    Wait until the driver has seen the end of a connection.
    """
    async with asyncio.timeout(60):
        while True:
            await store.probe()


async def test_a_database_that_is_gone_holds_the_stream(postgres_dsn: str) -> None:
    """
    Events wait for the restore of a database that was dropped.
    """
    server, _, name = postgres_dsn.rpartition("/")
    async with writing(postgres_dsn) as (_, store):
        psql(f"{server}/postgres", f'DROP DATABASE "{name}" WITH (FORCE)')
        with pytest.raises(StorageUnavailable):
            await _until_heard_of(store)
        with pytest.raises(StorageNotReady, match="3D000"):
            await store.write(records(1))


@pytest.mark.slow
async def test_a_statement_that_takes_too_long_is_unknown_and_repeated(postgres_dsn: str) -> None:
    """
    A statement's time-out is an unknown result, reported by the server before the client gives up.
    """
    psql(
        postgres_dsn,
        "CREATE FUNCTION poslife.nap() RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(9) IS NULL'",
    )
    async with writing(postgres_dsn, command_timeout=0.5) as (_, store):
        psql(
            postgres_dsn,
            f"ALTER TABLE poslife.run_events ADD CONSTRAINT nap CHECK (type <> '{POISON}' OR poslife.nap())",
        )
        bad = records(1)
        bad = [replace(bad[0], header=replace(bad[0].header, type=POISON))]
        with pytest.raises(StorageUnavailable, match="57014") as caught:
            await store.write(bad)

        assert StorageUnavailable is type(caught.value)
        await store.probe()
        psql(postgres_dsn, "ALTER TABLE poslife.run_events DROP CONSTRAINT nap")
        await store.write(bad)
    assert 2 == count(postgres_dsn, "run_events")


async def test_a_terminated_backend_is_in_doubt(postgres_dsn: str) -> None:
    """
    A backend terminated within a batch leaves it in doubt: the table is asked, and each event is stored once.
    """
    ends_itself = """
        CREATE FUNCTION poslife.ends() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
        CREATE TRIGGER ends BEFORE INSERT ON poslife.run_events FOR EACH ROW EXECUTE FUNCTION poslife.ends()
    """
    async with writing(postgres_dsn) as (proxy, store):
        psql(postgres_dsn, ends_itself)
        with pytest.raises(StorageUnavailable) as caught:
            await store.write(records(3))

        assert StorageUnavailable is type(caught.value)
        psql(postgres_dsn, "DROP FUNCTION poslife.ends() CASCADE")
        await store.write(records(3))

        assert ["writes", "asks", "writes"] == ways(proxy)
    assert 4 == count(postgres_dsn, "run_events")


@pytest.mark.slow
async def test_a_crash_and_a_restart(postgres_server: LocalServer) -> None:
    """
    While the server is down and while it recovers the result is unknown; then each event is stored once.
    """
    dsn = postgres_server.dsn()
    await set_up(dsn)
    batch = records(3)
    async with writing(dsn) as (_, store):
        await store.write(batch[:1])
        postgres_server.stop("immediate")
        for act in (store.write(batch), store.probe()):
            with pytest.raises(StorageUnavailable) as caught:
                await act

            assert StorageUnavailable is type(caught.value)
        postgres_server.start()
        await store.probe()
        await store.write(batch)

    assert 4 == count(dsn, "run_events")


async def test_a_cancelled_write_is_in_doubt(postgres_dsn: str) -> None:
    """
    A cancelled write may have been stored, so the table is asked before the next one.
    """
    batch = records(3)
    async with writing(postgres_dsn) as (proxy, store), session(postgres_dsn) as other:
        async with other.transaction():
            await other.execute("LOCK TABLE poslife.run_events IN ACCESS EXCLUSIVE MODE")
            write = asyncio.create_task(store.write(batch))
            await _waits_for_a_lock(other)
            write.cancel()
            with pytest.raises(asyncio.CancelledError):
                await write
        await store.write(batch)

        assert ["writes", "asks"] == ways(proxy)[:2]
    assert 4 == count(postgres_dsn, "run_events")


async def _waits_for_a_lock(other: asyncpg.Connection) -> None:
    async with asyncio.timeout(60):
        while True:
            if await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                return
            await asyncio.sleep(0.01)


async def test_two_that_write_the_same_events_at_once(postgres_dsn: str) -> None:
    """
    A writer of the same events that has not committed is a lock; afterwards nothing is stored twice.
    """
    batch = records(3)
    async with writing(postgres_dsn, lock_timeout=0.2) as (_, store), session(postgres_dsn) as other:
        async with other.transaction():
            await other.execute(
                "INSERT INTO poslife.run_events (event_id, type, schema, severity, occurred_at, recorded_at, "
                "run, actor, sequence, format, payload, salt, commitment, digest) "
                "VALUES ($1, 'a', 2, 'info', now(), now(), $1, 'strategy', 1, 1, '{}', "
                "decode(repeat('00', 16), 'hex'), sha256(''), sha256(''))",
                batch[1].header.id,
            )
            with pytest.raises(StorageBusy):
                await store.write(batch)
        await store.write(batch)

    assert 4 == count(postgres_dsn, "run_events")


async def test_one_that_is_committed_between_the_question_and_the_copy(postgres_dsn: str) -> None:
    """
    A COPY that meets an event stored meanwhile is undone, and the others are stored in their order.
    """
    batch = records(4)
    async with (
        PostgresFaultProxy.for_dsn(postgres_dsn) as proxy,
        opened_store(proxy.dsn) as store,
        session(postgres_dsn) as other,
    ):
        async with other.transaction():
            await other.execute(
                "INSERT INTO poslife.run_events (event_id, type, schema, severity, occurred_at, recorded_at, "
                "run, actor, sequence, format, payload, salt, commitment, digest) "
                "VALUES ($1, 'a', 2, 'info', now(), now(), $1, 'strategy', 1, 1, '{}', "
                "decode(repeat('00', 16), 'hex'), sha256(''), sha256(''))",
                batch[1].header.id,
            )
            write = asyncio.create_task(store.write(batch))
            await _waits_for_a_lock(other)
        await write

        assert ["asks", "writes", "asks", "writes"] == ways(proxy)
    stored = psql(postgres_dsn, "SELECT event_id FROM poslife.run_events ORDER BY tableoid, ctid").split()

    assert [str(batch[place].header.id) for place in (1, 0, 2, 3)] == [one for one in stored if one]


async def test_nothing_is_inherited_from_the_role(postgres_dsn: str) -> None:
    """
    Durability, time-outs and isolation do not depend on the role, and an idle connection is not closed.
    """
    role = f"hasty_{postgres_dsn.rpartition('/')[2]}"
    settings = {
        "synchronous_commit": "off",
        "default_transaction_read_only": "on",
        "default_transaction_isolation": "serializable",
        "statement_timeout": "1s",
        "lock_timeout": "1ms",
        "idle_session_timeout": "50ms",
        "search_path": "nowhere",
    }
    if int(psql(postgres_dsn, "SHOW server_version_num")) >= 170000:
        settings["transaction_timeout"] = "5s"
    psql(postgres_dsn, f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'secret'")
    try:
        async with opened_store(postgres_dsn) as store:
            await store.ping()
        psql(
            postgres_dsn,
            ";".join(f"ALTER ROLE {role} SET {name} = '{value}'" for name, value in settings.items()),
        )
        psql(
            postgres_dsn,
            "CREATE TABLE public.seen AS SELECT name, setting FROM pg_settings WHERE false;"
            "CREATE FUNCTION poslife.sees() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "INSERT INTO public.seen SELECT name, setting FROM pg_catalog.pg_settings UNION ALL "
            "VALUES ('isolation', current_setting('transaction_isolation')); RETURN NULL; END $$;"
            "CREATE TRIGGER sees AFTER INSERT ON poslife.run_events "
            "FOR EACH STATEMENT EXECUTE FUNCTION poslife.sees()",
        )
        async with (
            PostgresFaultProxy.for_dsn(as_role(postgres_dsn, role)) as proxy,
            opened_store(proxy.dsn, command_timeout=10, lock_timeout=3, as_given=True) as store,
        ):
            await store.write(records(1))
            sessions = proxy.network.accepted
            await asyncio.sleep(0.2)  # longer than the role lets a session be idle
            await store.write(records(1, first=10))

            assert sessions == proxy.network.accepted
        rows = psql(postgres_dsn, "SELECT DISTINCT name || '=' || setting FROM public.seen").splitlines()
    finally:
        psql(postgres_dsn, f"DROP OWNED BY {role}; DROP ROLE {role}")

    seen = {name: value for name, _, value in (row.partition("=") for row in rows)}
    assert {
        "synchronous_commit": "on",
        "isolation": "read committed",
        "transaction_read_only": "off",
        "idle_session_timeout": "0",
        "lock_timeout": "3000",
        "statement_timeout": "8000",
        "tcp_user_timeout": "10000",
    }.items() <= seen.items()
    assert "0" == seen.get("transaction_timeout", "0")
