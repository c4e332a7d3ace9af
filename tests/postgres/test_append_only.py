"""
The database refuses to change stored events: to a bot for want of a right, to the owner by a trigger.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import SchemaMismatch
from poslife.postgres import PostgresStore
from tests.postgres.support import count, opened_store, records
from tests.postgres_roles import as_bot
from tests.postgres_server import psql
from tests.tampering import tamper_postgres

MONTH = f"run_events_{datetime.now(UTC):%Y_%m}"
TABLES = {"life_events": "body = '{}'", "run_events": "payload = '{}'", MONTH: "payload = '{}'"}
ATTEMPTS = [
    *(f"UPDATE poslife.{table} SET {change}" for table, change in TABLES.items()),
    *(f"DELETE FROM poslife.{table}" for table in TABLES),
    *(f"TRUNCATE poslife.{table}" for table in TABLES),
    "TRUNCATE poslife.run_events_default",
    "TRUNCATE poslife.positions CASCADE",
]
LIFTED = "SET poslife.append_only = 'off'; "


@pytest.fixture
async def stored(postgres_dsn: str) -> AsyncGenerator[str]:
    """
    A database with life events and host events, the DSN of its owner, and after the test the same events.
    """
    async with opened_store(postgres_dsn) as store:
        await (await begin(store)).opened(store)
        await store.write(records(3))
    before = _events(postgres_dsn)
    yield postgres_dsn

    assert before == _events(postgres_dsn)


def _events(dsn: str) -> str:
    tables = ("life_events", "run_events")
    found = psql(dsn, " UNION ALL ".join(f"SELECT e::text FROM poslife.{table} AS e" for table in tables))

    assert 3 < len(found.splitlines())
    return found


GUARDED = """
SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE t.tgfoid = 'poslife.append_only'::regproc
UNION ALL
SELECT c.oid::regclass, '' FROM pg_class AS c
WHERE c.relnamespace = 'poslife'::regnamespace AND c.relkind IN ('r', 'p')
"""
# Rows that change, and those of fills and changes, of which life events tell.
CHANGING = {
    "positions",
    "orders",
    "fills",
    "changes",
    "runs",
    "dead_letters",
    "settings",
    "poslife_migrations",
}


def test_each_table_of_records_is_guarded(postgres_dsn: str) -> None:
    """
    Every table but those whose rows change has both triggers, partitions too (feature 117).
    """
    triggers: dict[str, set[str]] = {}
    for line in psql(postgres_dsn, GUARDED).splitlines():
        table, _, trigger = line.removeprefix("poslife.").partition("|")
        triggers.setdefault(table, set()).add(trigger)

    for table, names in triggers.items():
        assert ({""} if table in CHANGING else {"", "append_only", "append_only_truncate"}) == names, table


@pytest.mark.parametrize("statement", ATTEMPTS)
async def test_a_bot_cannot_change_events(stored: str, statement: str) -> None:
    """
    A bot's role has no right to it, whatever it sets (feature 117).
    """
    for attempt in (statement, LIFTED + statement):
        with pytest.raises(RuntimeError, match="permission denied for table"):
            psql(as_bot(stored), attempt)


@pytest.mark.parametrize("statement", ATTEMPTS)
async def test_a_bot_with_too_many_rights_cannot_change_events_either(stored: str, statement: str) -> None:
    """
    A right that was granted too generously meets the trigger, whatever is set (feature 117).
    """
    psql(stored, "GRANT ALL ON ALL TABLES IN SCHEMA poslife TO poslife_bot")
    for attempt in (statement, LIFTED + statement):
        with pytest.raises(RuntimeError, match=r"append-only, so (UPDATE|DELETE|TRUNCATE) of"):
            psql(as_bot(stored), attempt)


@pytest.mark.parametrize("statement", ATTEMPTS)
async def test_the_owner_cannot_change_events(stored: str, statement: str) -> None:
    """
    The owner is refused too, with the calls that may (feature 117).
    """
    with pytest.raises(RuntimeError, match=r"events are append-only.*\n.*HINT:.*erase\(\).*purge\(\)"):
        psql(stored, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE poslife.life_events DISABLE TRIGGER append_only",
        "ALTER TABLE poslife.run_events DISABLE TRIGGER ALL",
        f"ALTER TABLE poslife.run_events DETACH PARTITION poslife.{MONTH}",
        "DROP TRIGGER append_only ON poslife.life_events",
        "DROP TABLE poslife.life_events",
        "CREATE OR REPLACE FUNCTION poslife.append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "SET session_replication_role = replica",
    ],
)
async def test_a_bot_cannot_remove_the_trigger(stored: str, statement: str) -> None:
    """
    A bot's role can neither disable, drop nor replace it (feature 117).
    """
    with pytest.raises(RuntimeError, match=r"must be owner of|permission denied"):
        psql(as_bot(stored), statement)


async def test_a_partition_made_later_is_guarded(postgres_dsn: str) -> None:
    """
    Rows move from the default partition to one that is made later, and neither can be changed there.
    """
    psql(postgres_dsn, f"DROP TABLE poslife.{MONTH}")
    async with opened_store(postgres_dsn) as store:
        await store.write(records(3))

        assert 3 == count(postgres_dsn, "run_events_default")
    async with opened_store(postgres_dsn, as_given=True):
        pass
    for attempt in ("DELETE FROM", "TRUNCATE"):
        with pytest.raises(RuntimeError, match="events are append-only"):
            psql(postgres_dsn, f"{attempt} poslife.{MONTH}")

    assert 3 == count(postgres_dsn, MONTH)


async def test_the_owner_passes_by_the_setting_in_one_transaction(postgres_dsn: str) -> None:
    """
    A transaction with the setting changes, deletes and truncates; the next one is refused again.
    """
    async with opened_store(postgres_dsn) as store:
        await store.write(records(3))
    tamper_postgres(postgres_dsn, "UPDATE poslife.run_events SET payload = '{}' WHERE sequence = 1")
    tamper_postgres(postgres_dsn, "DELETE FROM poslife.run_events WHERE sequence = 2")

    assert 2 == count(postgres_dsn, "run_events")
    assert 1 == count(postgres_dsn, "run_events", "payload = '{}'")
    tamper_postgres(postgres_dsn, "TRUNCATE poslife.run_events")

    assert 0 == count(postgres_dsn, "run_events")
    with pytest.raises(RuntimeError, match="events are append-only"):
        psql(
            postgres_dsn,
            "BEGIN; SET LOCAL poslife.append_only = 'off'; COMMIT; TRUNCATE poslife.run_events",
        )


DISABLED = {
    "ALTER TABLE poslife.life_events DISABLE TRIGGER append_only": "life_events: trigger append_only is ",
    "ALTER TABLE poslife.run_events DISABLE TRIGGER ALL": "run_events: trigger append_only is ",
    f"ALTER TABLE poslife.{MONTH} DISABLE TRIGGER append_only_truncate": (
        f"run_events: append_only on its partitions is missing or disabled on {MONTH}; it should be enabled"
    ),
    "ALTER DATABASE {name} SET poslife.append_only = 'off'": "life_events: trigger append_only is ",
}


@pytest.mark.parametrize("statement", DISABLED)
async def test_an_owner_who_switches_it_off_is_found_at_the_next_open(
    postgres_dsn: str, statement: str
) -> None:
    """
    An owner can disable a trigger; no bot opens the database then (feature 117).
    """
    psql(postgres_dsn, statement.format(name=postgres_dsn.rpartition("/")[2]))
    with pytest.raises(SchemaMismatch) as caught:
        await PostgresStore(as_bot(postgres_dsn)).open()

    assert any(line.startswith(DISABLED[statement]) for line in caught.value.differences)
