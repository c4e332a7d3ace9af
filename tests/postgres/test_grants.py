"""
``grants.sql`` gives a bot and a reader what they need, and no more.
"""

from __future__ import annotations

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import SchemaMismatch
from poslife.postgres import PostgresStore
from poslife.postgres._schema import needed_features
from poslife.protocols import DeadLetter
from tests.postgres.support import a_record, as_role, opened_store, records, role_in
from tests.postgres.test_schema import GRANTED_BY
from tests.postgres_roles import GRANTS, as_reader
from tests.postgres_server import psql
from tests.tampering import tamper_postgres

# Tables and columns, sequences, views and functions with the rights of a role; partitions have none.
RIGHTS = """
SELECT c.relname, a.privilege_type, ''
FROM pg_class AS c, aclexplode(c.relacl) AS a
WHERE c.relnamespace = 'poslife'::regnamespace AND a.grantee = '{role}'::regrole
UNION ALL
SELECT c.relname, a.privilege_type, ' ' || t.attname
FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid, aclexplode(t.attacl) AS a
WHERE c.relnamespace = 'poslife'::regnamespace AND a.grantee = '{role}'::regrole
UNION ALL
SELECT p.proname || '()', a.privilege_type, ''
FROM pg_proc AS p, aclexplode(p.proacl) AS a
WHERE p.pronamespace = 'poslife'::regnamespace AND a.grantee = '{role}'::regrole
"""

OBJECTS = """
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'poslife'::regnamespace AND NOT c.relispartition
  AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
UNION ALL
SELECT p.proname || '()' FROM pg_proc AS p
WHERE p.pronamespace = 'poslife'::regnamespace AND p.prorettype <> 'trigger'::regtype
"""

# The sequence of an identity column needs no right.
WITHOUT_RIGHTS = {"fills_number_seq"}


def rights(dsn: str, role: str) -> set[tuple[str, str]]:
    """
    Return the rights of a role: table and right, with the column where it is for one alone.
    """
    rows = [line.split("|") for line in psql(dsn, RIGHTS.format(role=role)).splitlines()]
    return {(table, right + column) for table, right, column in rows}


def test_every_object_of_the_schema_has_its_entry(postgres_dsn: str) -> None:
    """
    No table, sequence, view or function is forgotten: a bot or a reader has a right to each.
    """
    objects = set(psql(postgres_dsn, OBJECTS).split())
    granted = {name for role in ("poslife_bot", "poslife_reader") for name, _ in rights(postgres_dsn, role)}

    assert objects - WITHOUT_RIGHTS == granted
    assert WITHOUT_RIGHTS <= objects


def test_a_bot_is_granted_what_the_check_at_start_requires(postgres_dsn: str) -> None:
    """
    The rights of ``poslife_bot`` are those that a store looks for when it opens, no more and no less.
    """
    required = {
        (feature["relation"], feature["what"].removeprefix("right to "))
        for feature in needed_features()
        if feature["what"].startswith("right to ")
    }

    assert required == rights(postgres_dsn, "poslife_bot")


def test_a_reader_is_granted_to_read_everything(postgres_dsn: str) -> None:
    """
    ``poslife_reader`` reads each table and view, and can do nothing else.
    """
    readable = {name for name, right in rights(postgres_dsn, "poslife_reader") if right == "SELECT"}
    kinds = {right for _, right in rights(postgres_dsn, "poslife_reader")}
    tables = set(psql(postgres_dsn, OBJECTS).split()) - {"position_ids", *WITHOUT_RIGHTS}
    for table in readable:
        psql(as_reader(postgres_dsn), f"SELECT count(*) FROM poslife.{table}")

    assert kinds <= {"SELECT", "EXECUTE"}
    assert {table for table in tables if not table.endswith("()")} == readable
    with pytest.raises(RuntimeError, match="permission denied for table runs"):
        psql(as_reader(postgres_dsn), "DELETE FROM poslife.runs")


WITNESS = """
CREATE TABLE public.used (name text, what text, UNIQUE (name, what));
GRANT SELECT, INSERT ON public.used TO PUBLIC;
CREATE FUNCTION public.uses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.used VALUES (TG_ARGV[0], TG_ARGV[1]) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
"""


async def test_every_right_to_write_is_used(postgres_dsn: str) -> None:
    """
    One position's life, a run, a batch and a dead letter use each right to insert and to update.

    A right to read is not observable; the suites run with these rights alone.
    """
    granted = {
        (table, right)
        for table, right in rights(postgres_dsn, "poslife_bot")
        if right.startswith(("INSERT", "UPDATE"))
    }
    triggers = [
        f"CREATE TRIGGER used_{number} AFTER {right.replace('UPDATE ', 'UPDATE OF ')} ON poslife.{table} "
        f"FOR EACH ROW EXECUTE FUNCTION public.uses('{table}', '{right}')"
        for number, (table, right) in enumerate(sorted(granted))
    ]
    psql(postgres_dsn, f"{WITNESS} {';'.join(triggers)}")
    record = a_record()
    # As after a restore on this server: the bot begins an epoch.
    tamper_postgres(postgres_dsn, "UPDATE poslife.epochs SET system_identifier = 1")
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        await story.closed(store)
        await store.commit(story.unclaimed("of nobody"))
        await store.renew_run(story.run, 60.0)
        await store.end_run(story.run)
        await store.write(records(2))
        await store.bury(DeadLetter(record=record, reason="refused", attempts=2))
        await store.replay(record.header.id)
    used = {tuple(line.split("|")) for line in psql(postgres_dsn, "SELECT * FROM public.used").splitlines()}

    assert granted == used
    assert "t" == psql(postgres_dsn, "SELECT is_called FROM poslife.position_ids").strip()


def test_grants_can_be_repeated_and_take_back_what_is_too_much(postgres_dsn: str) -> None:
    """
    Run again, they restore exactly their rights.
    """
    before = rights(postgres_dsn, "poslife_bot"), rights(postgres_dsn, "poslife_reader")
    psql(
        postgres_dsn,
        "GRANT ALL ON ALL TABLES IN SCHEMA poslife TO poslife_bot, poslife_reader;"
        "GRANT UPDATE (payload) ON poslife.run_events TO poslife_bot;"
        "GRANT ALL ON SEQUENCE poslife.position_ids TO poslife_reader;"
        "REVOKE INSERT ON poslife.orders FROM poslife_bot",
    )
    psql(postgres_dsn, GRANTS)

    assert before == (rights(postgres_dsn, "poslife_bot"), rights(postgres_dsn, "poslife_reader"))


async def test_a_role_without_rights_is_told_where_to_get_them(postgres_dsn: str) -> None:
    """
    Each missing right is named, and the file that gives them.
    """
    with role_in(postgres_dsn, "poslife_reader") as name, pytest.raises(SchemaMismatch) as caught:
        await PostgresStore(as_role(postgres_dsn, name)).open()

    assert "orders: right to INSERT is not granted; it should be granted" in caught.value.differences
    assert GRANTED_BY.format(role=name) == caught.value.differences[-1]
